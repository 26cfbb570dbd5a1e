"""Which types of devices there are, and what a rig file may say of them."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robotdata.spool import Take
from tests.lerobot.conftest import ROOT, ArmRig, Reader
from tests.support.feetech_arm import JOINTS
from tests.support.rig_link import soon

BROKEN = "ModuleNotFoundError: No module named 'broken_arm_sdk'"


def test_every_type_is_listed_and_what_cannot_be_imported_with_its_reason(
    lerobot: Path, environment: dict[str, str]
) -> None:
    program = [lerobot, "-m", "robotdata.devices.lerobot"]
    done = subprocess.run(program, env=environment, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = dict(line.split(": ", 1) for line in done.stdout.splitlines() if not line.startswith("cannot"))
    types = {role: names.split(", ") for role, names in lines.items()}
    assert {"so100_follower", "so101_follower", "koch_follower", "lekiwi", "openarm_follower"} <= set(types["robot"])
    assert {"so101_leader", "gamepad", "reversed_leader"} <= set(types["teleoperator"])
    assert {"opencv", "intelrealsense", "looped"} <= set(types["camera"])
    assert done.stdout.splitlines()[-1] == f"cannot be imported: lerobot_robot_broken: {BROKEN}"


def test_it_needs_no_django(lerobot: Path, environment: dict[str, str]) -> None:
    code = "import importlib.util, robotdata.devices.lerobot.robot; print(importlib.util.find_spec('django'))"
    done = subprocess.run([lerobot, "-c", code], env=environment, cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "None\n", done.stderr


def test_an_old_lerobot_is_refused_with_the_command_that_replaces_it(
    tmp_path: Path, lerobot: Path, environment: dict[str, str]
) -> None:
    (tmp_path / "lerobot-0.4.4.dist-info").mkdir()
    (tmp_path / "lerobot-0.4.4.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: lerobot\nVersion: 0.4.4\n")
    old = environment | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{environment['PYTHONPATH']}"}
    done = subprocess.run(
        [lerobot, "-m", "robotdata.devices.lerobot"], env=old, cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert "version 0.4.4 is installed" in done.stderr
    assert f"{lerobot} -m pip install --upgrade 'lerobot[feetech]>=0.6'" in done.stderr


FOLLOWER = {"kind": "lerobot", "type": "so101_follower", "port": "/dev/ttyACM0", "id": "mine"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"type": "so101_folower"},
            [
                "type: is 'so101_folower'",
                "did you mean 'so101_follower'?",
                "koch_f",
                f"lerobot_robot_broken cannot be imported: {BROKEN}",
            ],
        ),
        ({"type": None}, ["robot.type: is missing", "known: bi_openarm_follower"]),
        ({"prot": "/dev/x"}, ["robot.prot: unknown key; did you mean 'port'?"]),
        ({"port": None}, ["robot.port: is missing; so101_follower needs it"]),
        ({"use_degrees": "perhaps"}, ["robot.use_degrees: Couldn't parse 'perhaps' into a bool"]),
        ({"on_end": "fall"}, ["robot.on_end: is 'fall', want one of hold, release"]),
        ({"on_end": "hold", "disable_torque_on_disconnect": True}, ["robot.on_end: is set, and disable_torque"]),
        (
            {"type": "openarm_follower"},
            ["openarm_follower cannot be used: a package is missing", "'lerobot[damiao]>=0.6'"],
        ),
    ],
)
def test_a_robot_that_its_file_describes_wrongly_is_refused(
    reader: Reader, change: dict[str, Any], words: list[str]
) -> None:
    table = {key: value for key, value in (FOLLOWER | change).items() if value is not None}
    problem = reader.problem(robot=table)
    assert problem.startswith("so101.toml: robot") and "\n" not in problem
    for each in words:
        assert each in problem


def test_a_robot_takes_lerobots_own_keys(reader: Reader) -> None:
    assert reader.problem(robot=FOLLOWER | {"max_relative_target": {"gripper": 5}, "use_degrees": False}) == ""
    arms = {f"{side}_arm_config": {"port": f"/dev/{side}"} for side in ("left", "right")}
    two = {"kind": "lerobot", "type": "bi_so_follower", "id": "two", "on_end": "hold", **arms}
    leader = {key: value for key, value in two.items() if key != "on_end"} | {"type": "bi_so_leader"}
    assert reader.problem(robot=two, teleoperator=leader) == ""


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"type": "openarm_leader", "port": "can0"}, "openarm_leader cannot be used: a package is missing"),
        ({"type": "keyboard"}, "teleoperator.type: is 'keyboard', which does not say what its action_features are"),
        ({"type": "gamepad"}, "teleoperator.type: is 'gamepad', whose actions are"),
        ({"type": "so101_leader", "port": "/dev/a", "on_end": "hold"}, "on_end: is set, but LeRobot leaves no choice"),
    ],
)
def test_a_teleoperator_that_cannot_drive_an_arm_is_refused(reader: Reader, table: dict[str, Any], words: str) -> None:
    assert words in reader.problem(teleoperator={"kind": "lerobot", **table})


def test_a_keyboard_without_a_display_is_refused(lerobot: Path, environment: dict[str, str]) -> None:
    code = (
        "from robotdata.capture.devices import DeviceContext\n"
        "from robotdata.capture.options import Options\n"
        "from robotdata.capture.errors import DeviceError\n"
        "from robotdata.devices.lerobot.teleoperator import make_teleoperator\n"
        "options = Options({'type': 'keyboard_rover'}, 'rig.toml: teleoperator')\n"
        "keys = make_teleoperator(DeviceContext('so101', 30), options)\n"
        "try: keys.connect()\n"
        "except DeviceError as error: print(error)\n"
        "keys.disconnect()"
    )
    shown = {name: value for name, value in environment.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    done = subprocess.run([lerobot, "-c", code], env=shown, cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.startswith("it needs a display: start the rig in a desktop session"), done.stderr


def test_a_leader_with_other_joints_than_the_robots_is_refused_with_both_lists(reader: Reader) -> None:
    arms = {f"{side}_arm_config": {"port": f"/dev/{side}"} for side in ("left", "right")}
    problem = reader.problem(teleoperator={"kind": "lerobot", "type": "bi_so_leader", **arms})
    theirs = [f"{side}_{joint}.pos" for side in ("left", "right") for joint in JOINTS]
    assert f"gives {', '.join(theirs)};" in problem
    assert f"takes {', '.join(f'{joint}.pos' for joint in JOINTS)}." in problem


@pytest.mark.parametrize("by_file", [False, True])
def test_the_rig_process_says_it_and_ends(rig: ArmRig, by_file: bool) -> None:
    """`by_file`: another Python starts the rig, whose file names LeRobot's."""
    rig.robot["type"] = "atlas"
    rig.write()
    if by_file:
        rig.file.write_text(rig.file.read_text().replace("[rig]", f'[rig]\npython = "{rig.python}"'))
    program = [sys.executable if by_file else rig.python, "-m", "robotdata.rig", rig.file, "--spool", rig.spool]
    done = subprocess.run(program, env=rig.environment, cwd=rig.folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "rig: so101.toml: robot.type: is 'atlas', which LeRobot 0.6.1 does not know" in done.stderr


async def test_a_leader_with_another_order_of_joints_moves_the_same_joints(rig: ArmRig) -> None:
    rig.teleoperator["type"] = "reversed_leader"
    pose = [2500, 1600, 2300, 1800, 2100, 1500]
    async with rig.running():
        await rig.until("idle")
        rig.leader.move(pose)
        await soon(lambda: np.abs(np.subtract(rig.follower.pose(), pose)).max() <= 1)
        take = await rig.record(5)
        await rig.do("stop")
        await rig.kept(take)
    with Take.open(rig.spool / take) as opened:
        assert opened.manifest["features"]["action"]["names"] == [f"{joint}.pos" for joint in JOINTS]
        assert np.abs(opened.column("action") - opened.column("observation.state")).max() < 0.2


def test_the_rig_file_of_the_docs_is_one_that_the_rig_reads(reader: Reader) -> None:
    text = (ROOT / "docs/devices.md").read_text()
    block = text.split("```toml\n", 1)[1].split("```", 1)[0]
    tables = tomllib.loads(block)
    assert tables["robot"]["type"] == "so101_follower" and tables["teleoperator"]["type"] == "so101_leader"
    assert reader.problem(**tables) == ""
