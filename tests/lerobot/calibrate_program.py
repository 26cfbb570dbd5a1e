"""`python -m robotdata.devices.lerobot.calibrate` as it is, but patient with the bus, as `rig_program.py` is."""

from __future__ import annotations

import sys

import rig_program  # noqa: F401  makes the driver patient

from robotdata.devices.lerobot.calibrate import main

if __name__ == "__main__":
    sys.exit(main())
