"""`python -m robotdata.devices.lerobot.calibrate` as it is, but patient with the bus."""

from __future__ import annotations

import sys

import patient_driver  # noqa: F401

from robotdata.devices.lerobot.calibrate import main

if __name__ == "__main__":
    sys.exit(main())
