"""Imported, it makes LeRobot's driver patient with a bus that is a program.

The driver waits 50 ms for each answer, and a program on a busy machine may need longer. So the driver waits much
longer, except at a port that will never answer: a test writes it into the file that IMPATIENT_AT names.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from lerobot.motors.feetech import feetech

PATIENCE_MS = 1500.0
IMPATIENT_AT = Path(os.environ["IMPATIENT_AT"])
driver_timeout = feetech.patch_setPacketTimeout


def patient_timeout(self: Any, packet_length: int) -> None:
    driver_timeout(self, packet_length)
    if self.port_name not in IMPATIENT_AT.read_text().split():
        self.packet_timeout += PATIENCE_MS


feetech.patch_setPacketTimeout = patient_timeout
