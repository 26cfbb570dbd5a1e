"""The forms that a page makes of LeRobot's types: their keys, defaults and help are those of LeRobot's classes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.lerobot.conftest import ROOT
from tests.station.conftest import station_at


@pytest.fixture(scope="module")
def offered(lerobot: Path, environment: dict[str, str]) -> dict[str, Any]:
    command = [lerobot, "-m", "robotdata.devices.lerobot", "--json"]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def fields(offered: dict[str, Any], role: str, type_name: str) -> dict[str, dict[str, Any]]:
    (kind,) = [each for each in offered["kinds"] if (each["role"], each["type"]) == (role, type_name)]
    return {field["key"]: field for field in kind["fields"]}


def test_an_arm_has_its_port_its_name_and_what_happens_at_the_end(offered: dict[str, Any]) -> None:
    arm = fields(offered, "robot", "so101_follower")
    assert (arm["port"]["kind"], arm["port"]["required"]) == ("port", True)
    assert (arm["id"]["kind"], arm["use_degrees"]["kind"], arm["use_degrees"]["default"]) == ("text", "flag", True)
    assert "relative positional target" in arm["max_relative_target"]["help"]
    assert arm["on_end"]["choices"] == ["hold", "release", "rest"] and "disable_torque_on_disconnect" not in arm
    assert "cameras" not in arm


def test_each_of_two_arms_has_fields_of_its_own(offered: dict[str, Any]) -> None:
    two = fields(offered, "robot", "bi_so_follower")
    assert two["on_end"]["choices"] == ["hold", "release", "rest"]
    for side in ("left_arm_config", "right_arm_config"):
        arm = {field["key"]: field for field in two[side]["fields"]}
        assert (arm["port"]["kind"], arm["port"]["required"]) == ("port", True)
        assert arm["use_degrees"]["default"] is True and not {"cameras", "disable_torque_on_disconnect"} & set(arm)


def test_a_camera_has_choices_and_not_the_keys_of_robotdata(offered: dict[str, Any]) -> None:
    camera = fields(offered, "camera", "opencv")
    assert camera["color_mode"]["choices"] == ["rgb", "bgr"]
    assert camera["rotation"]["default"] in camera["rotation"]["choices"]
    assert "video file" in camera["index_or_path"]["help"] and not {"width", "height", "fps"} & set(camera)


def test_what_cannot_be_imported_is_listed_with_its_reason(offered: dict[str, Any]) -> None:
    assert "broken_arm_sdk" in offered["failed"]["lerobot_robot_broken"]


DECODE = """
import json, sys
from robotdata.devices.lerobot.library import load
for kind in json.load(sys.stdin):
    library = load(kind["role"], "test")
    values = {field["key"]: field["default"] for field in kind["fields"] if field["default"] is not None}
    values |= {field["key"]: "x" for field in kind["fields"] if field["required"]}
    for ours in ("on_end", "approach_speed", "feedback"):
        values.pop(ours, None)
    try:
        library.decode(library.types[kind["type"]], values)
    except Exception as error:
        print(kind["type"], error)
"""


def test_lerobot_accepts_every_default(offered: dict[str, Any], lerobot: Path, environment: dict[str, str]) -> None:
    simple = [
        kind
        for kind in offered["kinds"]
        if all(field["kind"] == "port" for field in kind["fields"] if field["required"])
    ]
    assert len(simple) > 15
    command = [lerobot, "-c", DECODE]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, input=json.dumps(simple))
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


CHOSEN_BY_TYPE = """
import dataclasses
from lerobot.cameras import CameraConfig
from lerobot.robots import RobotConfig
from robotdata.capture.options import Options
from robotdata.devices.lerobot.configs import read_settings

@RobotConfig.register_subclass("one_eye")
@dataclasses.dataclass
class OneEye(RobotConfig):
    eye: CameraConfig | None = None
    other: CameraConfig = None

import lerobot.cameras.opencv
table = {"type": "opencv", "index_or_path": 0}
config = read_settings("robot", Options({"type": "one_eye", "eye": table, "other": table}, "robot")).config
print(config.eye.index_or_path, config.other.index_or_path)
"""


def test_a_table_whose_class_is_chosen_by_its_type_is_left_to_lerobot(
    lerobot: Path, environment: dict[str, str]
) -> None:
    command = [lerobot, "-c", CHOSEN_BY_TYPE]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "0 0\n"), done.stderr


async def test_a_station_offers_the_types_of_another_interpreter(
    tmp_path: Path, lerobot: Path, environment: dict[str, str]
) -> None:
    async with station_at(tmp_path) as station:
        station.environment |= environment
        await station.start()
        kinds = await station.web.get("kinds", python=str(lerobot))
        found = await station.web.get("find_cameras", python=str(lerobot))
        refused = await station.web.refusal("find_cameras", python="/nowhere/python")
    table = {"kind": "lerobot", "type": "looped", "index_or_path": "/films/one.mp4"}
    film = {"name": "Film", "about": "/films/one.mp4", "table": table, "depth": False}
    assert film in found["cameras"] and refused["code"] == "bad_python"
    types = {(kind["role"], kind["type"]) for kind in kinds["kinds"]}
    assert {("robot", "so101_follower"), ("teleoperator", "so101_leader"), ("camera", "opencv")} <= types
    assert kinds["lerobot"].startswith("0.") and ("robot", "") in types
    assert "broken_arm_sdk" in kinds["failed"]["lerobot_robot_broken"]
