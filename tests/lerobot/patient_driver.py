"""Imported, it makes LeRobot's drivers patient with buses that are programs.

The drivers wait some 50 ms for each answer, and a program on a busy machine may need longer. So they wait much longer,
except at a port that will never answer: a test writes it into the file that IMPATIENT_AT names. Dynamixel's driver
asks for bytes without a pause, and so keeps a core from the program that shall answer; here it pauses.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

try:
    import dynamixel_sdk
except ImportError:  # an environment for Feetech arms alone, as the benchmark of the loops uses
    dynamixel_sdk = None
from lerobot.motors.feetech import feetech

PATIENCE_MS = 1500.0
PAUSE_S = 0.0005
IMPATIENT_AT = Path(os.environ["IMPATIENT_AT"])
feetech_timeout = feetech.patch_setPacketTimeout


def wait_longer(port: Any) -> None:
    if port.port_name not in IMPATIENT_AT.read_text().split():
        port.packet_timeout += PATIENCE_MS


def patient_feetech(self: Any, packet_length: int) -> None:
    feetech_timeout(self, packet_length)
    wait_longer(self)


feetech.patch_setPacketTimeout = patient_feetech
if dynamixel_sdk is not None:
    dynamixel_timeout = dynamixel_sdk.PortHandler.setPacketTimeout
    dynamixel_read = dynamixel_sdk.PortHandler.readPort

    def patient_dynamixel(self: Any, packet_length: int) -> None:
        dynamixel_timeout(self, packet_length)
        wait_longer(self)

    def pausing_read(self: Any, length: int) -> bytes:
        found: bytes = dynamixel_read(self, length)
        if length and not found:
            time.sleep(PAUSE_S)
        return found

    dynamixel_sdk.PortHandler.setPacketTimeout = patient_dynamixel
    dynamixel_sdk.PortHandler.readPort = pausing_read
