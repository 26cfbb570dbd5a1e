"""A phone as a camera, in the rig: its frames reach a take with times of the rig's clock, and their end is noticed."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robotdata.capture import clock
from robotdata.capture.browser_camera import TAKEN_S, Delay
from robotdata.capture.config import parse_config
from robotdata.capture.errors import ConfigError
from robotdata.capture.inputs import InputError, Sender
from robotdata.rig import watch
from robotdata.rig.browser_inputs import pack_picture, unpack_picture
from robotdata.rig.machine import Machine
from robotdata.rig.messages import ProtocolError
from robotdata.rig.protocol import CommandRefused, as_command
from robotdata.rig.rig import Rig
from robotdata.rig.status import Reporter
from robotdata.spool import Take
from robotdata.video.jpeg import encode_jpeg
from tests.rig.conftest import until
from tests.support.rig_link import Web, linked, soon

KEY = "observation.images.phone"
WIDTH, HEIGHT = 64, 48
PHONE, OTHER = Sender("tab-1", "olga"), Sender("tab-2", "paul")


def picture(number: int, width: int = WIDTH) -> bytes:
    pixels = np.random.default_rng(number).integers(0, 255, (HEIGHT, width, 3), np.uint8)
    return encode_jpeg(pixels)


class Bench:
    """A machine with a simulated arm and a phone as its camera."""

    def __init__(self, spool: Path, **camera: Any) -> None:
        phone = {"kind": "browser", "width": WIDTH, "height": HEIGHT, "fps": 30, **camera}
        values = {
            "rig": {"name": "bench", "fps": 30},
            "robot": {"kind": "sim"},
            "teleoperator": {"kind": "autopilot"},
            "cameras": {"phone": phone},
        }
        self.machine = Machine(Rig(parse_config(values, "rig.toml"), spool))
        self.numbers = itertools.count(1)

    def say(self, sender: Sender = PHONE, **body: Any) -> dict[str, Any]:
        return self.machine.rig.inputs.offer(KEY, sender, {"seq": next(self.numbers), **body})

    def send_until(self, true: Any) -> None:
        """Frame after frame, each answered, as the page does it."""
        newest: list[float] = [self.say()["clock"]]

        def step() -> bool:
            jpeg = picture(next(self.numbers))
            newest.append(self.say(jpeg=jpeg, age_s=0.01, echo=newest[-1], held_s=0.0)["clock"])
            return bool(true())

        until(step)

    @property
    def state(self) -> str:
        return self.machine.rig.cameras[0].health.state(clock.monotonic_ns())


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """A bench whose rig does not wait long for the first frame of a phone that nobody holds."""
    monkeypatch.setattr(watch, "FIRST_FRAMES_S", 0.1)
    bench = Bench(tmp_path / "spool")
    bench.machine.start()
    until(lambda: bench.machine.state == "idle")
    yield bench
    bench.machine.stop()


def test_frames_reach_a_take_and_are_counted(bench: Bench) -> None:
    bench.send_until(lambda: bench.state == "ok")
    bench.machine.execute(as_command("record"))
    before_ns = clock.monotonic_ns()
    bench.send_until(lambda: bench.machine.take is not None and bench.machine.take.ticks > 10)
    take = bench.machine.take
    assert take is not None
    bench.machine.execute(as_command("stop"))
    until(lambda: not bench.machine.saving)
    with Take.open(bench.machine.rig.spool / take.id) as recorded:
        count = recorded.manifest["cameras_frames"][KEY]
        times = recorded.column(f"{KEY}/captured_ns")
    assert count > 5
    assert (np.diff(times) >= 0).all() and times[-1] > before_ns
    assert times[-1] < clock.monotonic_ns()


def test_the_camera_is_missing_until_a_page_sends_and_lost_when_it_stops(bench: Bench) -> None:
    with pytest.raises(CommandRefused, match="open /camera/bench/phone/ on one"):
        until(lambda: bench.machine.rig.cameras[0].health.failed)
        bench.machine.execute(as_command("record"))
    bench.send_until(lambda: bench.state == "ok")
    bench.machine.execute(as_command("record"))
    bench.send_until(lambda: bench.machine.take is not None and bench.machine.take.ticks > 3)
    until(lambda: bench.machine.take is None)
    assert "Camera phone stopped during recording" in (bench.machine.message or "")
    bench.send_until(lambda: bench.state == "ok")


def test_one_page_is_the_camera_until_it_goes(bench: Bench) -> None:
    assert bench.say(jpeg=picture(1))["state"] == "sending"
    answer = bench.say(OTHER, jpeg=picture(2))
    assert (answer["state"], answer["by"]) == ("taken", "olga")
    assert bench.say(bye=True)["state"] == "free"
    assert bench.say(OTHER, jpeg=picture(3))["state"] == "sending"
    began = clock.monotonic()
    until(lambda: bench.say(jpeg=picture(4))["state"] == "sending")
    assert clock.monotonic() - began > TAKEN_S - 0.5, "it lost its place to another page at once"


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"jpeg": b"no JPEG"}, "not a valid JPEG"),
    ({"jpeg": picture(1, 32)}, "a frame has 32x48 pixels, want 64x48: reload the page"),
    ({"jpeg": "text"}, "must be a JPEG"),
    ({"seq": -1}, "seq is -1"),
    ({"jpeg": picture(1), "age_s": float("nan")}, "age_s is nan"),
    ({"jpeg": picture(1), "echo": "now"}, "echo is 'now'"),
    ({"jpeg": picture(1), "held_s": True}, "held_s is True"),
]


def test_it_names_what_is_wrong_with_a_frame(bench: Bench) -> None:
    for body, what in WRONG:
        with pytest.raises(InputError, match=what):
            bench.say(**body)
    assert bench.machine.rig.cameras[0].health.frames == 0


def test_the_delay_is_half_the_quickest_trip_and_what_a_frame_took_longer() -> None:
    delay = Delay()
    assert delay.of(10.0, None, 0.0) == 0
    assert delay.of(10.020, 10.0, 0.0) == pytest.approx(0.010)
    assert delay.of(10.420, 10.3, 0.1) == pytest.approx(0.010)
    assert delay.of(10.600, 10.5, 0.0) == pytest.approx(0.090)
    assert delay.of(11.0, 12.0, 0.0) == pytest.approx(0.010), "an answer that was never given"
    assert delay.of(90.0, 10.0, 0.0) == pytest.approx(0.010), "an answer of long ago"


def test_the_rig_says_which_cameras_are_browsers_and_refuses_depth(bench: Bench, tmp_path: Path) -> None:
    assert Reporter(bench.machine).hello()["rig"]["inputs"] == {"cameras": [KEY]}
    with pytest.raises(ConfigError, match=r"cameras\.phone\.depth: is true, but a browser sends colour"):
        Bench(tmp_path / "other", depth=True)


async def test_pictures_come_over_the_link(bench: Bench) -> None:
    web = Web()
    async with linked(bench, web):  # type: ignore[arg-type]
        await soon(lambda: web.of("status"))
        said = {"type": "input", "device": KEY, "from": {"id": "tab", "name": "olga"}, "body": {"seq": 1}}
        assert web.socket is not None
        await web.socket.send(pack_picture(said, picture(1)))
        await soon(lambda: web.of("heard"))
        assert web.of("heard")[0]["body"]["state"] == "sending"
        await web.socket.send(pack_picture(said, picture(1)[:100]))
        await soon(lambda: len(web.of("heard")) == 2)
        assert web.of("heard")[1]["body"]["state"] == "invalid"
        await web.socket.send(b"\x00\x01\xff\xff{}")
        await soon(lambda: len(web.of("hello")) == 2)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00\x01",
        b"\x00\x02\x00\x00",
        b"\x00\x01\x00\x09{}",
        b"\x00\x01\x00\x02{}",
        pack_picture({"type": "frame", "odd": "x" * 2048}, b""),
    ],
)
def test_it_refuses_what_is_no_picture(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        unpack_picture(data)
