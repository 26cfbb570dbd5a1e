from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from robotdata.capture.config import parse_config, read_config
from robotdata.capture.devices import DeviceContext
from robotdata.capture.errors import ConfigError, UnknownDevice
from robotdata.capture.options import Options
from robotdata.capture.registry import Registry

TOML = """
[rig]
name = "so101"
fps = 25
[robot]
kind = "sim"
[teleoperator]
kind = "autopilot"
seed = 3
[cameras.front]
kind = "sim"
width = 320
height = 240
fps = 15
barcode = true
"""


def test_it_reads_a_rig(tmp_path: Path) -> None:
    (tmp_path / "so101.toml").write_text(TOML)
    rig = read_config(tmp_path / "so101.toml")
    assert (rig.name, rig.fps, rig.robot.kind) == ("so101", 25, "sim")
    camera = rig.cameras[0]
    assert (camera.key, camera.width, camera.height, camera.fps) == ("observation.images.front", 320, 240, 15)


@pytest.mark.parametrize(
    ("text", "fps"),
    [("12.5", 12.5), ("30.0", 30), ("29.97", 30000 / 1001), ('"30000/1001"', 30000 / 1001), ('"15/2"', 7.5)],
)
def test_it_reads_a_rate_exactly(tmp_path: Path, text: str, fps: float) -> None:
    (tmp_path / "x.toml").write_text(TOML.replace("fps = 25", f"fps = {text}", 1))
    rig = read_config(tmp_path / "x.toml")
    assert rig.fps == fps
    assert type(rig.fps) is type(fps)


def test_it_has_a_rig_where_there_is_no_file() -> None:
    rig = read_config(None)
    assert [camera.name for camera in rig.cameras] == ["front", "top", "wrist"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("fps = 25", "fps = 0", "x.toml: rig.fps: is 0, want a number from 1 to 240"),
        ("fps = 25", "fps = nan", "rig.fps: is nan"),
        ("fps = 25", 'fps = "30/0"', "rig.fps: is '30/0'"),
        ("fps = 25", 'fps = "fast"', "rig.fps: is 'fast'"),
        ("fps = 25", "fps = true", "rig.fps: is True"),
        ("fps = 25", "fsp = 25", "rig.fsp: unknown key; did you mean 'fps'"),
        ('name = "so101"', 'name = "a b/<b>"', "rig.name: is 'a b/<b>', want 1 to 48 letters"),
        ('name = "so101"', "", "rig.name: is missing"),
        ("width = 320", "width = 321", "cameras.front.width: is 321, want an even number"),
        ("width = 320", "width = 16", "from 32"),
        ("cameras.front", "cameras.'../x'", "want a name of 1 to 48 letters"),
        ('kind = "autopilot"', "", "teleoperator.kind: is missing"),
        ("[robot]", "[robto]", "robot.kind: is missing"),
        ("[rig]", "[rig", "not valid TOML"),
    ],
)
def test_it_names_the_key_and_what_it_wants(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = tmp_path / "x.toml"
    path.write_text(TOML.replace(old, new, 1))
    with pytest.raises(ConfigError) as wrong:
        read_config(path)
    assert said in str(wrong.value)


def test_it_says_that_a_file_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.toml: cannot be read"):
        read_config(tmp_path / "nowhere.toml")


def build(values: dict[str, Any]) -> Any:
    rig = parse_config({"rig": {"name": "x"}, "robot": values, "teleoperator": {"kind": "autopilot"}}, "x.toml")
    return Registry().robot(rig.robot.kind, DeviceContext("x", 30), rig.robot.options)


def test_it_knows_which_kinds_there_are() -> None:
    with pytest.raises(UnknownDevice, match=r"unknown robot kind 'atlas'; known: gymnasium, lerobot, sim"):
        build({"kind": "atlas"})


def test_it_refuses_a_key_that_the_device_does_not_know() -> None:
    with pytest.raises(ConfigError, match=r"robot\.speed: unknown key"):
        build({"kind": "sim", "speed": 3})


def test_it_takes_the_kinds_of_installed_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    class Entry:
        name, value = "robot.atlas", "atlas:make"

        def load(self) -> Any:
            return lambda context, options: f"no robot at {options.text('port')}"

    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [Entry()])
    with pytest.raises(ConfigError, match="creates a str, which is not a robot"):
        build({"kind": "atlas", "port": "/dev/tty0"})
    with pytest.raises(UnknownDevice, match="known: atlas, gymnasium, lerobot, sim"):
        build({"kind": "hal"})


@pytest.mark.parametrize("url", ["gopher://x/y", "concat:/etc/passwd|/x", "tcp://1.2.3.4:5", "pipe:0"])
def test_it_opens_only_known_schemes(url: str) -> None:
    cameras = {"front": {"kind": "pyav", "url": url}}
    values = {"rig": {"name": "x"}, "robot": {"kind": "sim"}, "teleoperator": {"kind": "autopilot"}}
    camera = parse_config({**values, "cameras": cameras}, "x.toml").cameras[0]
    with pytest.raises(ConfigError, match=r"cameras\.front\.url: has scheme"):
        Registry().camera(camera.kind, DeviceContext("x", 30, width=64, height=48), camera.options)


def test_what_is_left_of_a_table_comes_as_plain_values() -> None:
    values = {"kind": "arm", "port": "/dev/x", "limits": {"pan": [1, 2.5]}, "names": ["a"]}
    options = Options(values, "rig.toml: robot")
    assert options.text("kind") == "arm"
    left = options.remaining()
    assert left == {"port": "/dev/x", "limits": {"pan": [1, 2.5]}, "names": ["a"]}
    left["limits"]["pan"].append(3)
    assert values["limits"] == {"pan": [1, 2.5]}
    options.refuse_unknown_keys()
    assert options.remaining() == {}
