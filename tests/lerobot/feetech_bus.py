"""An arm of Feetech STS3215 servos on a half-duplex bus, as a serial port: a program, so that it answers in time.

    python tests/lerobot/feetech_bus.py 1 2 3 4 5 6

It prints the path of its port (a pseudo-terminal), then obeys one JSON command a line on stdin and prints one JSON
answer a line: {"do": "put", "servo": 3, "address": 3, "value": 1234, "size": 2}. It ends with its stdin.

The protocol is Feetech's SCS/STS protocol: `FF FF id length instruction parameters checksum`, answered by
`FF FF id length error parameters checksum`.
"""

from __future__ import annotations

import json
import os
import pty
import select
import sys
import tty
from collections.abc import Callable, Iterator
from typing import Any

PING, READ, WRITE, REG_WRITE, ACTION, SYNC_READ, SYNC_WRITE = 1, 2, 3, 4, 5, 0x82, 0x83
BROADCAST = 0xFE
HEADER = b"\xff\xff"
MODEL, MIN_LIMIT, MAX_LIMIT, TORQUE, GOAL, POSITION = 3, 9, 11, 40, 42, 56
STS3215 = 777
SPEED = 60
"""Steps of 4096 per turn that a powered servo moves towards its goal at each reading of its position."""


def checksum(body: bytes) -> int:
    return ~sum(body) & 0xFF


class Servo:
    """The memory of one servo: addresses as in LeRobot's `STS_SMS_SERIES_CONTROL_TABLE`."""

    def __init__(self) -> None:
        self.memory = bytearray(128)
        self.memory[0:2] = bytes([3, 10])  # firmware
        self.error = 0  # the error byte of its answers
        self.held: bytes = b""  # a write that waits for ACTION
        self.ever_powered = False
        self.speed = SPEED
        self.put(MODEL, STS3215, 2)
        self.put(MIN_LIMIT, 0, 2)
        self.put(MAX_LIMIT, 4095, 2)
        self.put(POSITION, 2048, 2)
        self.put(GOAL, 2048, 2)

    def put(self, address: int, value: int, size: int) -> None:
        self.memory[address : address + size] = value.to_bytes(size, "little")

    def get(self, address: int, size: int) -> int:
        return int.from_bytes(self.memory[address : address + size], "little")

    def read(self, address: int, size: int) -> bytes:
        if address <= POSITION < address + size and self.memory[TORQUE]:
            now, goal = self.get(POSITION, 2), self.get(GOAL, 2)
            self.put(POSITION, now + max(-self.speed, min(self.speed, goal - now)), 2)
        return bytes(self.memory[address : address + size])

    def write(self, data: bytes) -> None:
        """Write `data`, an address and the bytes for it and those after it."""
        address, values = data[0], data[1:]
        if address == TORQUE and values[0] and not self.memory[TORQUE]:
            self.ever_powered = True
            self.put(GOAL, self.get(POSITION, 2), 2)  # it holds its place until it gets a goal
        self.memory[address : address + len(values)] = values


class Bus:
    """The servos, what the cable does to their answers, and the port."""

    def __init__(self, ids: list[int]) -> None:
        self.servos = {each: Servo() for each in ids}
        self.present = set(ids)  # those whose cable is plugged in
        self.master, self.slave = pty.openpty()
        tty.setraw(self.slave)
        tty.setraw(self.master)
        self.silent = False  # the power supply is off: the USB adapter is there, and nobody answers
        self.garbled = False
        self.plugged = True
        self._data = b""

    @property
    def port(self) -> str:
        return os.ttyname(self.slave)

    def unplug(self) -> None:
        """Pull out the USB plug: whoever has the port open gets EIO, and its node is gone."""
        self.plugged = False
        os.close(self.master)
        os.close(self.slave)

    def hear(self) -> None:
        """Take what was written to the port, and answer each whole packet."""
        self._data += os.read(self.master, 4096)
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
                    self.servos[parameters[at]].write(bytes([address]) + parameters[at + 1 : at + 1 + size])
        else:
            for each in sorted(self.present) if target == BROADCAST else self.present & {target}:
                payload = self._one(self.servos[each], instruction, parameters)
                if target != BROADCAST or instruction == PING:
                    self._answer(each, payload)

    def _one(self, servo: Servo, instruction: int, parameters: bytes) -> bytes:
        """Let one servo execute an instruction; return the parameters of its answer."""
        if instruction == READ:
            return servo.read(parameters[0], parameters[1])
        if instruction == WRITE:
            servo.write(parameters)
        elif instruction == REG_WRITE:
            servo.held = parameters
        elif instruction == ACTION and servo.held:
            servo.write(servo.held)
            servo.held = b""
        return b""

    def _answer(self, servo: int, payload: bytes) -> None:
        body = bytes([servo, len(payload) + 2, self.servos[servo].error]) + payload
        packet = HEADER + body + bytes([checksum(body)])
        if self.garbled:
            packet = b"\x00\xfe" + packet[:-1] + bytes([packet[-1] ^ 0x5A])
        os.write(self.master, packet)

    # -- commands of a test

    def put(self, servo: int, address: int, value: int, size: int) -> None:
        self.servos[servo].put(address, value, size)

    def get(self, servo: int, address: int, size: int) -> int:
        return self.servos[servo].get(address, size)

    def powered(self) -> list[int]:
        """The servos that ever got torque."""
        return [each for each, servo in self.servos.items() if servo.ever_powered]

    def error(self, servo: int, byte: int) -> None:
        self.servos[servo].error = byte

    def jam(self) -> None:
        """No servo moves any more, whatever its goal."""
        for servo in self.servos.values():
            servo.speed = 0

    def remove(self, servo: int) -> None:
        self.present.remove(servo)

    def cable(self, silent: bool = False, garbled: bool = False) -> None:
        self.silent, self.garbled = silent, garbled


def main(ids: list[int]) -> None:
    bus = Bus(ids)
    commands: dict[str, Callable[..., Any]] = {
        name: getattr(bus, name) for name in ("put", "get", "powered", "error", "jam", "remove", "cable", "unplug")
    }
    sys.stdout.write(bus.port + "\n")
    sys.stdout.flush()
    while True:
        heard, _, _ = select.select([sys.stdin, *([bus.master] if bus.plugged else [])], [], [])
        if bus.master in heard:
            bus.hear()
        if sys.stdin in heard:
            line = sys.stdin.readline()
            if not line:
                return
            command = json.loads(line)
            answer = commands[command.pop("do")](**command)
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main([int(each) for each in sys.argv[1:]])
