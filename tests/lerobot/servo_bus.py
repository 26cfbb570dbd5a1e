"""What the fake buses of servos share: the servos' memory, the port, the commands of a test, and the program.

A bus is a program, so that it answers in time. It prints the path of its port (a pseudo-terminal), then obeys one JSON
command a line on stdin and prints one JSON answer a line: {"do": "put", "servo": 3, "address": 3, "value": 1234,
"size": 2}. It ends with its stdin.
"""

from __future__ import annotations

import json
import os
import pty
import select
import sys
import time
import tty
from collections.abc import Callable, Mapping
from typing import Any

SPEED = 60
"""Steps of 4096 per turn that a powered servo moves towards its goal at each reading of its position."""


class Servo:
    """The memory of one servo. A family of servos says at which addresses it has what, and how wide positions are."""

    TORQUE = GOAL = POSITION = WIDTH = BYTES = 0

    def __init__(self) -> None:
        self.memory = bytearray(self.BYTES)
        self.error = 0  # the error byte of its answers
        self.held: bytes = b""  # a write that waits for ACTION
        self.ever_powered = False
        self.speed = SPEED
        self.put(self.POSITION, 2048, self.WIDTH)
        self.put(self.GOAL, 2048, self.WIDTH)

    def put(self, address: int, value: int, size: int) -> None:
        self.memory[address : address + size] = value.to_bytes(size, "little")

    def get(self, address: int, size: int) -> int:
        return int.from_bytes(self.memory[address : address + size], "little")

    def read(self, address: int, size: int) -> bytes:
        if address <= self.POSITION < address + size and self.memory[self.TORQUE]:
            now, goal = self.get(self.POSITION, self.WIDTH), self.get(self.GOAL, self.WIDTH)
            self.put(self.POSITION, now + max(-self.speed, min(self.speed, goal - now)), self.WIDTH)
        return bytes(self.memory[address : address + size])

    def write(self, address: int, values: bytes) -> None:
        if address == self.TORQUE and values[0] and not self.memory[self.TORQUE]:
            self.ever_powered = True
            self.put(self.GOAL, self.get(self.POSITION, self.WIDTH), self.WIDTH)  # it holds its place until it gets one
        self.memory[address : address + len(values)] = values


class Bus:
    """The servos, what the cable does to their answers, and the port. A family's `_heard` answers what it hears."""

    def __init__(self, servos: Mapping[int, Servo]) -> None:
        self.servos = dict(servos)
        self.present = set(servos)  # those whose cable is plugged in
        self.master, self.slave = pty.openpty()
        tty.setraw(self.slave)
        tty.setraw(self.master)
        self.silent = False  # the power supply is off: the USB adapter is there, and nobody answers
        self.garbled = False
        self.slow_s = 0.0
        self.plugged = True
        self._data = b""

    @property
    def port(self) -> str:
        return os.ttyname(self.slave)

    def hear(self) -> None:
        """Take what was written to the port, and answer each whole packet."""
        self._data += os.read(self.master, 4096)
        time.sleep(self.slow_s)
        self._heard()

    def _heard(self) -> None:
        """Take whole packets out of `_data` and obey them."""
        raise NotImplementedError

    def _send(self, packet: bytes) -> None:
        if self.garbled:
            packet = b"\x00\xfe" + packet[:-1] + bytes([packet[-1] ^ 0x5A])
        os.write(self.master, packet)

    # -- commands of a test

    def unplug(self) -> None:
        """Pull out the USB plug: whoever has the port open gets EIO, and its node is gone."""
        self.plugged = False
        os.close(self.master)
        os.close(self.slave)

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

    def cable(self, silent: bool = False, garbled: bool = False, slow_s: float = 0.0) -> None:
        self.silent, self.garbled, self.slow_s = silent, garbled, slow_s


def serve(bus: Bus) -> None:
    """Answer at the port and obey stdin until that ends."""
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
