"""`python -m robotdata.rig` as it is, but patient with the bus: run by the Python of LeRobot's environment."""

from __future__ import annotations

import sys

import patient_driver  # noqa: F401

from robotdata.rig.process import main

if __name__ == "__main__":
    sys.exit(main())
