"""The forms' keys of robotdata's own kinds are those that the drivers read."""

from __future__ import annotations

from typing import Any

import pytest

from robotdata.capture.config import parse_config
from robotdata.capture.devices import ROBOT_FEATURES, DeviceContext
from robotdata.capture.errors import ConfigError
from robotdata.capture.options import Options
from robotdata.capture.playback import SPEED as REPLAY_SPEED
from robotdata.capture.registry import BUILT_IN as DRIVERS
from robotdata.capture.rest import SPEED
from robotdata.rig.process import registry
from robotdata.station.built_in import BUILT_IN, PIXEL_FORMATS, ROBOT_FIELDS, with_common
from robotdata.station.protocol import DeviceKind, Field
from robotdata.video.v4l2_formats import NAMES

OF_ALL_CAMERAS = {"width", "height", "fps", "rotate", "depth", "depth_min", "depth_max", "shift", "use_log"}
"""What `capture.config` reads of every camera before its driver gets the rest."""
OF_ALL = {"camera": OF_ALL_CAMERAS, "robot": {field["key"] for field in ROBOT_FIELDS}, "teleoperator": set()}


def test_every_kind_that_needs_no_package_is_offered() -> None:
    assert {(each["role"], each["kind"]) for each in BUILT_IN} == {
        *((role, kind) for role, kinds in DRIVERS.items() for kind in kinds),
        *((role, "replay") for role in DRIVERS),
    }
    assert ("any", *NAMES) == PIXEL_FORMATS


def context_of_a_device() -> DeviceContext:
    """What a driver is told, a teleoperator also of the robot."""
    joints = {"dtype": "float32", "shape": [1], "names": ["a.pos"]}
    shared = {ROBOT_FEATURES: {"action": joints, "observation.state": joints}}
    return DeviceContext("bench", 30.0, name="front", width=64, height=64, camera_fps=30.0, shared=shared)


def keys_that_are_read(kind: DeviceKind) -> set[str]:
    """What the driver names in the error of a key that it does not know; None of it touches a device."""
    needed: dict[str, dict[str, Any]] = {"pyav": {"url": "/film.mp4"}, "browser": {"low": -1, "high": 1}}
    values = needed.get(kind["kind"], {}) if kind["role"] != "camera" or kind["kind"] == "pyav" else {}
    context = context_of_a_device()
    options = Options({**values, "zzzzzzzz": 1}, "rig.toml: table")
    with pytest.raises(ConfigError) as caught:
        getattr(registry(), kind["role"])(kind["kind"], context, options)
    return set(caught.value.problem.partition("known: ")[2].split(", "))


@pytest.mark.parametrize("kind", [each for each in BUILT_IN if each["kind"] != "replay"], ids=lambda each: each["kind"])
def test_a_form_has_the_keys_that_the_driver_reads(kind: DeviceKind) -> None:
    keys = {field["key"] for field in kind["fields"]} - OF_ALL[kind["role"]]
    assert keys == keys_that_are_read(kind) - {""}


@pytest.mark.parametrize("kind", BUILT_IN, ids=lambda each: f"{each['role']} {each['kind']}")
def test_a_rig_file_with_every_default_is_right(kind: DeviceKind) -> None:
    table: dict[str, Any] = {"kind": kind["kind"]}
    table |= {field["key"]: field["default"] for field in kind["fields"] if field["default"] is not None}
    table |= {"on_end": "rest", "rest": {"a.pos": 1}} if kind["role"] == "robot" else {}  # a pose has no default
    table |= {"low": -1, "high": 1} if kind["kind"] == "browser" and kind["role"] == "teleoperator" else {}
    tables: dict[str, Any] = {"robot": {"kind": "sim"}, "teleoperator": {"kind": "autopilot"}, "cameras": {}}
    tables |= {"cameras": {"front": table}} if kind["role"] == "camera" else {kind["role"]: table}
    parse_config({"rig": {"name": "bench"}} | tables, "bench.toml")
    if kind["kind"] not in ("pyav", "replay"):
        own = {key: table[key] for key in table if key not in {*OF_ALL[kind["role"]], "kind"}}
        getattr(registry(), kind["role"])(
            kind["kind"],
            context_of_a_device(),
            Options(own, "bench.toml: table"),
        )


def test_the_keys_of_every_robot_are_those_that_the_rig_file_has() -> None:
    """What the robot's driver is not given, with the values that count where the file says nothing."""
    keys = {field["key"]: field for field in ROBOT_FIELDS}
    said = {"on_end": "rest", "reset": "rest", "rest": {"elbow.pos": 90}}
    said |= {key: 5 for key, field in keys.items() if field["kind"] == "number"}
    for action in keys["action"]["choices"]:
        table = {"kind": "sim", **said, "action": action}
        assert table.keys() == {"kind", *keys}
        config = parse_config({"rig": {"name": "bench"}, "robot": table, "teleoperator": {"kind": "autopilot"}}, "x")
        assert config.robot.options.names() == [] and config.recorded_action == action
        assert config.rest is not None
        assert (config.rest.speed, config.approach_speed, config.replay_speed) == (5, 5, 5)
    assert (keys["rest_speed"]["default"], keys["replay_speed"]["default"]) == (SPEED, REPLAY_SPEED)
    assert keys["rest"]["kind"] == "pose"


def test_a_driver_s_own_choice_of_a_common_key_stays() -> None:
    own: Field = {"key": "on_end", "kind": "choice", "required": False, "default": "hold", "help": ""}
    fields = with_common("robot", [own | {"choices": ["hold", "rest"]}])
    assert [field["choices"] for field in fields if field["key"] == "on_end"] == [["hold", "rest"]]
    assert {field["key"] for field in fields} == OF_ALL["robot"]
    assert with_common("teleoperator", [own]) == [own]
