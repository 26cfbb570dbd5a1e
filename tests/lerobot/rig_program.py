"""`python -m robotdata.rig` as it is, but patient with the bus: run by the Python of LeRobot's environment.

The driver waits 50 ms for each answer, and a bus that is a program on a busy machine may need longer. So the driver
waits much longer, except at a port that will never answer: a test writes it into the file that IMPATIENT_AT names.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from lerobot.motors.feetech import feetech

from robotdata.rig.process import main

PATIENCE_MS = 1500.0
IMPATIENT_AT = Path(os.environ["IMPATIENT_AT"])
driver_timeout = feetech.patch_setPacketTimeout


def patient_timeout(self: Any, packet_length: int) -> None:
    driver_timeout(self, packet_length)
    if self.port_name not in IMPATIENT_AT.read_text().split():
        self.packet_timeout += PATIENCE_MS


feetech.patch_setPacketTimeout = patient_timeout

if __name__ == "__main__":
    sys.exit(main())
