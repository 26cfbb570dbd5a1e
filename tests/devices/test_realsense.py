"""A RealSense without LeRobot, on a stand-in for librealsense: colour and depth of one camera are two of the rig."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robotdata.capture.config import parse_config
from robotdata.capture.errors import ConfigError
from robotdata.capture.millimetres import in_millimetres
from robotdata.devices import find_cameras
from robotdata.rig.rig import Rig
from robotdata.spool import Take
from robotdata.station.built_in import WITH_PACKAGES
from robotdata.video.depth.packets import depth_of_packet
from robotdata.video.jpeg import decode_jpeg
from tests.rig.conftest import Bench, until

STAND_IN = Path(__file__).parent.parent / "lerobot" / "plugins"
COLOUR, DEPTH = "observation.images.front", "observation.images.front_depth"
CAMERA: dict[str, Any] = {"kind": "realsense", "serial": "0123456789", "width": 64, "height": 48, "fps": 30}
BOTH = {"front": CAMERA, "front_depth": CAMERA | {"depth": True, "depth_max": 4.0}}


def config(cameras: dict[str, Any]) -> Any:
    tables = {"rig": {"name": "bench", "fps": 30}, "robot": {"kind": "sim"}, "teleoperator": {"kind": "autopilot"}}
    return parse_config({**tables, "cameras": cameras}, "bench.toml")


@pytest.fixture
def camera(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder that says what the camera does."""
    monkeypatch.syspath_prepend(str(STAND_IN))
    monkeypatch.setenv("REALSENSE_AT", str(tmp_path))
    sys.modules.pop("pyrealsense2", None)
    yield tmp_path
    sys.modules.pop("pyrealsense2", None)


@pytest.fixture
def make_bench(camera: Path) -> Iterator[Callable[[dict[str, Any]], Bench]]:
    made: list[Bench] = []

    def make(cameras: dict[str, Any]) -> Bench:
        made.append(Bench(camera / "spool", config(cameras)))
        return made[-1]

    yield make
    for bench in made:
        bench.machine.stop()


def record(bench: Bench) -> tuple[dict[int, int], dict[int, int]]:
    """By capture time, the shades and the depths in millimetres of a take."""
    until(lambda: not bench.machine.devices.missing_cameras())
    bench.do("record")
    bench.ticks(30)
    bench.do("stop")
    bench.idle()
    with Take.open(bench.spool / bench.ended()[-1]["id"]) as opened:
        colour, depth = opened.camera(COLOUR), opened.camera(DEPTH)
        shades = {int(colour.captured_ns[n]): round(decode_jpeg(colour.packet(n)).mean()) for n in range(colour.count)}
        depths = {int(depth.captured_ns[n]): int(depth_of_packet(depth.packet(n))[0, 0]) for n in range(depth.count)}
    return shades, depths


def test_colour_and_depth_are_of_the_same_moments(make_bench: Any, camera: Path) -> None:
    shades, depths = record(make_bench(BOTH))
    together = sorted(set(shades) & set(depths))
    assert len(together) > 5 and all(abs((depths[at] - 1000) % 200 - shades[at]) <= 2 for at in together)
    numbers = [depths[at] for at in sorted(depths)]
    assert all(after > before for before, after in zip(numbers, numbers[1:], strict=False)), "each frame once"
    assert (camera / "started").read_text().split("\n")[0] == "color depth"


def test_another_unit_of_depth_becomes_millimetres(make_bench: Any, camera: Path) -> None:
    (camera / "unit").write_text("0.0001")
    _, depths = record(make_bench(BOTH))
    assert depths and all(depth in range(100, 200) for depth in depths.values())


def test_a_camera_that_is_pulled_out_comes_back_with_both(make_bench: Any, camera: Path) -> None:
    bench = make_bench(BOTH)
    record(bench)
    (camera / "unplugged").touch()
    until(lambda: len(bench.machine.devices.missing_cameras()) == 2)
    until(lambda: any("check its cable" in each.reason for each in bench.machine.devices.missing_cameras()))
    (camera / "unplugged").unlink()
    until(lambda: not bench.machine.devices.missing_cameras())
    record(bench)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, "cameras.b: reads the colour of a camera that another table reads too"),
        ({"depth": True, "width": 320}, "cameras.b: has another size or rate"),
        ({"depth": True, "color": 1}, "cameras.b.color"),
    ],
)
def test_tables_that_are_wrong_are_refused(camera: Path, change: dict[str, Any], words: str) -> None:
    Rig(config({"a": CAMERA, "b": CAMERA | {"depth": True}}), camera / "spool")
    with pytest.raises(ConfigError) as refused:
        Rig(config({"a": CAMERA, "b": CAMERA | change}), camera / "spool")
    assert words in str(refused.value)


def test_a_missing_package_is_named_with_its_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyrealsense2", None)
    with pytest.raises(ConfigError, match="pip install pyrealsense2"):
        Rig(config({"front": CAMERA}), tmp_path / "spool")


def test_its_form_has_the_keys_that_the_driver_reads(camera: Path) -> None:
    (kind,) = [each for each in WITH_PACKAGES if each["kind"] == "realsense"]
    table = {field["key"]: field["default"] for field in kind["fields"] if field["default"] is not None}
    Rig(config({"front": {"kind": "realsense", "serial": "0123456789", **table, "depth": True}}), camera / "spool")
    assert [field["key"] for field in kind["fields"] if field["required"]] == ["serial"]


def test_millimetres_beyond_16_bits_are_not_measured() -> None:
    depth = np.array([[[0], [1000], [65535]]], np.uint16)
    assert in_millimetres(depth, 0.1).ravel().tolist() == [0, 100, 6554]
    assert in_millimetres(depth, 1.5).ravel().tolist() == [0, 1500, 0]


def find(capfd: pytest.CaptureFixture[str]) -> Any:
    """What the program that looks for cameras writes; it keeps standard output for that, and this process's back."""
    output, errors = os.dup(1), os.dup(2)
    try:
        find_cameras.main()
    finally:
        os.dup2(output, 1)
        os.dup2(errors, 2)
        os.close(output)
        os.close(errors)
    return json.loads(capfd.readouterr().out)


def test_it_is_found_by_its_serial_number(camera: Path, capfd: pytest.CaptureFixture[str]) -> None:
    found = find(capfd)
    table = {"kind": "realsense", "serial": CAMERA["serial"]}
    about = {"name": "Intel RealSense D435", "about": "serial 0123456789"}
    assert found["cameras"] == [about | {"table": table, "depth": True}]
    (camera / "unplugged").touch()
    assert find(capfd)["cameras"] == []


def test_a_driver_that_does_not_load_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pyrealsense2.py").write_text("raise OSError('librealsense2.so is missing')")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "pyrealsense2", raising=False)
    found = find(capfd)
    assert found["cameras"] == [] and "librealsense2.so is missing" in found["failed"]["pyrealsense2"]
