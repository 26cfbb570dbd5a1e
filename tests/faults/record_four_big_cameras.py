"""Scenario: four cameras of 1920x1080 and a disk that is too slow for them. `... FOLDER [SECONDS]`, a line on stdin.

Says `idle`; after a line it records, while the writer takes so many seconds a frame (0.5), until frames had to be
dropped; says `dropped`; two seconds later it writes as quickly as it can, ends the take, and says its manifest.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from robotdata.capture import clock
from robotdata.capture.config import parse_config
from robotdata.capture.devices import DeviceContext, Picture
from robotdata.capture.options import Options
from robotdata.capture.registry import Registry
from robotdata.rig.machine import Machine
from robotdata.rig.protocol import as_command
from robotdata.rig.rig import Rig
from robotdata.spool import TakeWriter

CAMERAS = ("front", "top", "left", "right")
SIZE = {"width": 1920, "height": 1080}


class NoisyCamera:
    """Pictures that do not compress: what is waiting for the disk grows quickly."""

    def __init__(self, context: DeviceContext, options: Options) -> None:
        chance = np.random.default_rng(context.camera_index)
        self._picture = chance.integers(0, 255, (context.height, context.width, 3), dtype=np.uint8)

    def connect(self) -> None:
        pass

    def read(self) -> Picture:
        time.sleep(0.1)
        return Picture(clock.monotonic_ns(), rgb=self._picture)

    def disconnect(self) -> None:
        pass


def until(true: Any, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise TimeoutError("it never came true")
        time.sleep(0.02)


def main(home: Path, slowness: float = 0.5) -> None:
    registry = Registry()
    registry.add("camera", "noisy", NoisyCamera)
    config = parse_config(
        {
            "rig": {"name": "big", "fps": 10},
            "robot": {"kind": "sim"},
            "teleoperator": {"kind": "autopilot"},
            "cameras": {name: {"kind": "noisy", "fps": 10, **SIZE} for name in CAMERAS},
        },
        "test",
    )
    slow, add_frame = [slowness], TakeWriter.add_frame

    def slowly(self: TakeWriter, *frame: Any) -> None:
        time.sleep(slow[0])
        add_frame(self, *frame)

    TakeWriter.add_frame = slowly  # type: ignore[method-assign]
    machine = Machine(Rig(config, home / "spool", registry=registry))
    machine.start()
    until(lambda: machine.state == "idle")
    sys.stdout.write("idle\n")
    sys.stdout.flush()
    sys.stdin.readline()
    machine.execute(as_command("record", task="bench"))
    until(lambda: machine.take is not None and sum(machine.take.dropped.values()) > 0)
    sys.stdout.write("dropped\n")
    sys.stdout.flush()
    time.sleep(2)
    take = machine.take
    slow[0] = 0.0
    machine.execute(as_command("stop"))
    until(lambda: not machine.saving)
    assert take is not None and take.manifest is not None
    sys.stdout.write(json.dumps(take.manifest) + "\n")
    machine.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(float, sys.argv[2:]))
