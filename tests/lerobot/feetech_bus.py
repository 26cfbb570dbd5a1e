"""An arm of Feetech STS3215 servos on a half-duplex bus, as a serial port: a program (`servo_bus`).

    python tests/lerobot/feetech_bus.py 1 2 3 4 5 6

The protocol is Feetech's SCS/STS protocol: `FF FF id length instruction parameters checksum`, answered by
`FF FF id length error parameters checksum`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import servo_bus

PING, READ, WRITE, REG_WRITE, ACTION, SYNC_READ, SYNC_WRITE = 1, 2, 3, 4, 5, 0x82, 0x83
BROADCAST = 0xFE
HEADER = b"\xff\xff"
MODEL, MIN_LIMIT, MAX_LIMIT = 3, 9, 11
STS3215 = 777


def checksum(body: bytes) -> int:
    return ~sum(body) & 0xFF


class Servo(servo_bus.Servo):
    """Addresses as in LeRobot's `STS_SMS_SERIES_CONTROL_TABLE`."""

    TORQUE, GOAL, POSITION, WIDTH, BYTES = 40, 42, 56, 2, 128

    def __init__(self) -> None:
        super().__init__()
        self.memory[0:2] = bytes([3, 10])  # firmware
        self.put(MODEL, STS3215, 2)
        self.put(MIN_LIMIT, 0, 2)
        self.put(MAX_LIMIT, 4095, 2)


class Bus(servo_bus.Bus):
    """Feetech's packets."""

    def _heard(self) -> None:
        for packet in self._packets():
            if not self.silent and checksum(packet[2:-1]) == packet[-1]:
                self._obey(packet[2], packet[4], packet[5:-1])

    def _packets(self) -> Iterator[bytes]:
        while (at := self._data.find(HEADER)) >= 0:
            self._data = self._data[at:]
            if len(self._data) < 4 or len(self._data) < 4 + self._data[3]:
                return
            size = 4 + self._data[3]
            packet, self._data = self._data[:size], self._data[size:]
            yield packet
        self._data = self._data[-1:] if self._data.endswith(HEADER[:1]) else b""

    def _obey(self, target: int, instruction: int, parameters: bytes) -> None:
        if instruction == SYNC_READ:
            address, size = parameters[:2]
            for each in parameters[2:]:
                if each in self.present:
                    self._answer(each, self.servos[each].read(address, size))
        elif instruction == SYNC_WRITE:
            address, size = parameters[:2]
            for at in range(2, len(parameters), size + 1):
                if parameters[at] in self.present:
                    self.servos[parameters[at]].write(address, parameters[at + 1 : at + 1 + size])
        else:
            for each in sorted(self.present) if target == BROADCAST else self.present & {target}:
                payload = self._one(self.servos[each], instruction, parameters)
                if target != BROADCAST or instruction == PING:
                    self._answer(each, payload)

    def _one(self, servo: servo_bus.Servo, instruction: int, parameters: bytes) -> bytes:
        """Let one servo execute an instruction; return the parameters of its answer."""
        if instruction == READ:
            return servo.read(parameters[0], parameters[1])
        if instruction == WRITE:
            servo.write(parameters[0], parameters[1:])
        elif instruction == REG_WRITE:
            servo.held = parameters
        elif instruction == ACTION and servo.held:
            servo.write(servo.held[0], servo.held[1:])
            servo.held = b""
        return b""

    def _answer(self, servo: int, payload: bytes) -> None:
        body = bytes([servo, len(payload) + 2, self.servos[servo].error]) + payload
        self._send(HEADER + body + bytes([checksum(body)]))


if __name__ == "__main__":
    servo_bus.serve(Bus({int(each): Servo() for each in sys.argv[1:]}))
