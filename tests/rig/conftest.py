"""A simulated rig without real time's weight: small pictures, one or two cameras, ticked by the loop."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from robotdata.capture.config import parse_config
from robotdata.rig.machine import Machine
from robotdata.rig.protocol import as_command
from robotdata.rig.rig import Rig

FRONT, TOP = "observation.images.front", "observation.images.top"
DEPTH = {"kind": "sim", "barcode": True, "sync": "tick", "depth": True, "depth_max": 4}


def config(camera: dict[str, Any] | None = None, robot: dict[str, Any] | None = None, fps: int = 60) -> Any:
    small = {"width": 288, "height": 64}
    front = {**small, **(camera or {"kind": "sim", "barcode": True, "sync": "tick"})}
    return parse_config(
        {
            "rig": {"name": "bench", "fps": fps},
            "robot": {"kind": "sim", **(robot or {})},
            "teleoperator": {"kind": "autopilot"},
            "cameras": {"front": front, "top": {**small, "kind": "sim", "barcode": True, "sync": "tick"}},
        },
        "test",
    )


def until(true: Callable[[], Any], seconds: float = 60.0) -> None:
    """Wait for something to come true; fails where it does not."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.005)


class Bench:
    """A machine on a simulated rig, with what it said."""

    def __init__(self, spool: Path, rig_config: Any) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.machine = Machine(Rig(rig_config, spool))
        self.spool = spool
        self.machine.on_take = lambda event, manifest: self.events.append((event, dict(manifest)))
        self.machine.start()
        until(lambda: self.machine.state != "connecting")

    def do(self, name: str, **args: Any) -> None:
        self.machine.execute(as_command(name, **args))

    def ticks(self, count: int) -> None:
        """Wait until the running take has so many ticks."""
        until(lambda: self.machine.take is not None and self.machine.take.ticks >= count)

    def idle(self) -> None:
        until(lambda: self.machine.state == "idle" and not self.machine.saving)

    def ended(self) -> list[dict[str, Any]]:
        """The manifests of the takes that have ended."""
        return [manifest for event, manifest in self.events if event != "started"]


@pytest.fixture
def make_bench(tmp_path: Path) -> Iterator[Callable[..., Bench]]:
    made: list[Bench] = []

    def make(**wanted: Any) -> Bench:
        made.append(Bench(tmp_path / "spool", config(**wanted)))
        return made[-1]

    yield make
    for bench in made:
        bench.machine.stop()


@pytest.fixture
def bench(make_bench: Callable[..., Bench]) -> Bench:
    return make_bench()
