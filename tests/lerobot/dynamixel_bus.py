"""An arm of Dynamixel X servos on a half-duplex bus, as a serial port: a program (`servo_bus`).

    python tests/lerobot/dynamixel_bus.py 1:1060 2:1060 3:1200          (id:model number)

The protocol is Dynamixel's protocol 2.0: `FF FF FD 00 id length instruction parameters crc`, answered by the same with
instruction 55, an error byte and parameters. Length and crc have two bytes, low one first. `FF FF FD` within a packet
is followed by one more FD ("stuffing").
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import servo_bus

PING, READ, WRITE, REG_WRITE, ACTION, REBOOT, STATUS, SYNC_READ, SYNC_WRITE = 1, 2, 3, 4, 5, 8, 0x55, 0x82, 0x83
BROADCAST = 0xFE
HEADER = b"\xff\xff\xfd\x00"
MARK = HEADER[:3]
BAD_INSTRUCTION, BAD_ACCESS = 2, 7
FIRMWARE = 46
MODEL, VERSION, HOMING, MAX_LIMIT, MIN_LIMIT = 0, 6, 20, 48, 52
EEPROM_END = 64
"""Addresses below are permanent memory, which a servo under torque does not change."""


def crc16(data: bytes) -> int:
    """CRC-16 with polynomial 8005, from 0, as protocol 2.0 has it."""
    crc = 0
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x8005 if crc & 0x8000 else crc << 1) & 0xFFFF
    return crc


def number(data: bytes) -> int:
    return int.from_bytes(data, "little")


class Servo(servo_bus.Servo):
    """Addresses as in LeRobot's `X_SERIES_CONTROL_TABLE`."""

    TORQUE, GOAL, POSITION, WIDTH, BYTES = 64, 116, 132, 4, 256

    def __init__(self, model: int) -> None:
        super().__init__()
        self.put(MODEL, model, 2)
        self.put(VERSION, FIRMWARE, 1)
        self.put(MIN_LIMIT, 0, 4)
        self.put(MAX_LIMIT, 4095, 4)

    def may_write(self, address: int) -> bool:
        return address >= EEPROM_END or not self.memory[self.TORQUE]

    def reboot(self) -> None:
        """Start again: without torque, and without the fault that switched it off."""
        self.memory[self.TORQUE] = self.error = 0


class Bus(servo_bus.Bus):
    """Packets of protocol 2.0."""

    servos: dict[int, Servo]  # type: ignore[assignment]

    def _heard(self) -> None:
        for packet in self._packets():
            if not self.silent and crc16(packet[:-2]) == number(packet[-2:]):
                body = packet[7:-2].replace(MARK + b"\xfd", MARK)
                self._obey(packet[4], body[0], body[1:])

    def _packets(self) -> Iterator[bytes]:
        while (at := self._data.find(HEADER)) >= 0:
            self._data = self._data[at:]
            size = 7 + number(self._data[5:7])
            if len(self._data) < max(size, 10):
                return
            packet, self._data = self._data[:size], self._data[size:]
            yield packet
        self._data = self._data[-3:]  # they may be the beginning of a header

    def _obey(self, target: int, instruction: int, parameters: bytes) -> None:
        if instruction in (SYNC_READ, SYNC_WRITE):
            address, size = number(parameters[:2]), number(parameters[2:4])
            self._obey_all(instruction, address, size, parameters[4:])
            return
        for each in sorted(self.present) if target == BROADCAST else self.present & {target}:
            error, payload = self._one(self.servos[each], instruction, parameters)
            if target != BROADCAST or instruction == PING:
                self._answer(each, payload, error)

    def _obey_all(self, instruction: int, address: int, size: int, rest: bytes) -> None:
        """Read the same of many servos, which answer in turn, or write to many, which do not answer."""
        step = 1 if instruction == SYNC_READ else size + 1
        for at in range(0, len(rest), step):
            each = rest[at]
            if each not in self.present:
                continue
            if instruction == SYNC_READ:
                self._answer(each, self.servos[each].read(address, size))
            elif self.servos[each].may_write(address):
                self.servos[each].write(address, rest[at + 1 : at + step])

    def _one(self, servo: Servo, instruction: int, parameters: bytes) -> tuple[int, bytes]:
        """Let one servo execute an instruction; return the error and the parameters of its answer."""
        if instruction == PING:
            return 0, servo.read(MODEL, 2) + servo.read(VERSION, 1)
        if instruction == READ:
            return 0, servo.read(number(parameters[:2]), number(parameters[2:4]))
        if instruction == REBOOT:
            servo.reboot()
            return 0, b""
        if instruction not in (WRITE, REG_WRITE, ACTION):
            return BAD_INSTRUCTION, b""
        order = servo.held if instruction == ACTION else parameters
        servo.held = parameters if instruction == REG_WRITE else b""
        if order and not servo.may_write(number(order[:2])):
            return BAD_ACCESS, b""
        if order and instruction != REG_WRITE:
            servo.write(number(order[:2]), order[2:])
        return 0, b""

    def _answer(self, servo: int, payload: bytes, error: int = 0) -> None:
        body = bytes([STATUS, error | self.servos[servo].error]) + payload
        body = body.replace(MARK, MARK + b"\xfd")
        packet = HEADER + bytes([servo]) + (len(body) + 2).to_bytes(2, "little") + body
        self._send(packet + crc16(packet).to_bytes(2, "little"))


if __name__ == "__main__":
    pairs = [tuple(map(int, each.split(":"))) for each in sys.argv[1:]]
    servo_bus.serve(Bus({servo: Servo(model) for servo, model in pairs}))
