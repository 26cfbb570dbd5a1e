"""LeRobot's real pipelines between an SO-101 leader and follower: units, a hand for joints, and a step that fails.

They need torch, which LeRobot's environment for datasets has; its drivers come from the other environment.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robotdata.spool import Take
from tests.lerobot.conftest import HERE, ROOT, ArmRig, Reader
from tests.support import lerobot_forks
from tests.support.feetech_arm import JOINTS
from tests.support.rig_link import soon

HAND = ["hand.x", "hand.y", "hand.open"]
PAN, LIFT, OPEN = 0, 1, 5
POSE = [2400, 1700, 2300, 1900, 2100, 1500]


@pytest.fixture(scope="session")
def with_torch(environment: dict[str, str]) -> dict[str, str]:
    """The environment of the drivers' Python, with the packages of the one that has torch."""
    venv = Path(os.environ.get("ROBOTDATA_NEWEST_VENV") or ROOT / ".venv-lerobot-datasets")
    packages = sorted(venv.glob("lib/python3.12/site-packages/torch"))
    if not packages:
        pytest.skip(f"no torch at {venv}: `sh bench/interop_env.sh newest` makes it where there is Python 3.12")
    path = [str(ROOT), str(HERE / "plugins"), str(packages[0].parent)]
    return environment | {"PYTHONPATH": os.pathsep.join(path)}


@pytest.fixture
def arms(tmp_path: Path, lerobot: Path, with_torch: dict[str, str]) -> Iterator[ArmRig]:
    """An SO-101 rig whose processors a test chooses."""
    made = ArmRig(tmp_path, lerobot, with_torch)
    yield made
    made.close()


@pytest.fixture(scope="module")
def torch_reader(
    lerobot: Path, with_torch: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Reader]:
    made = Reader(lerobot, with_torch | {"HF_LEROBOT_CALIBRATION": str(tmp_path_factory.mktemp("calibrations"))})
    yield made
    made.process.kill()
    made.process.communicate()


def step(at: str, name: str, **keys: Any) -> dict[str, Any]:
    return {"kind": "lerobot", "at": at, "make": f"arm_steps:{name}", **keys}


def hand_steps(rig: ArmRig) -> list[dict[str, Any]]:
    """LeRobot's own way to record a hand: kinematics at the leader, inverse kinematics at the follower."""
    return [
        step("teleoperator", "JointsToHand"),
        step("robot", "HandToJoints", broken=str(rig.folder / "broken")),
        step("observation", "ObserveHand"),
    ]


async def test_a_unit_of_the_robot_is_not_that_of_the_dataset(arms: ArmRig) -> None:
    arms.processors = [step("robot", "Scale", joint="shoulder_pan.pos", factor=0.5)]
    async with arms.running():
        await arms.until("idle")
        arms.leader.move(POSE)
        middle = (POSE[PAN] + 2000) // 2
        await soon(lambda: abs(arms.follower.pose()[PAN] - middle) <= 2)
        take = await arms.record(5)
        await arms.do("stop")
        await arms.kept(take)
    with Take.open(arms.spool / take) as opened:
        requested, sent = opened.column("action/requested")[-1], opened.column("action")[-1]
        assert opened.manifest["features"]["action"]["names"] == [f"{joint}.pos" for joint in JOINTS]
    assert requested[PAN] == pytest.approx((POSE[PAN] - 2000) * 360 / 4095, abs=0.1)
    assert sent[PAN] == pytest.approx(requested[PAN] / 2, abs=0.01) and np.allclose(sent[1:], requested[1:])


async def test_a_hand_is_recorded_while_joints_are_sent(arms: ArmRig) -> None:
    arms.processors = hand_steps(arms)
    async with arms.running():
        await arms.until("idle")
        arms.leader.move(POSE)
        await soon(lambda: all(abs(arms.follower.pose()[n] - POSE[n]) <= 2 for n in (PAN, LIFT, OPEN)))
        take = await arms.record(5)
        await arms.do("stop")
        manifest = await arms.kept(take)
    features = manifest["features"]
    joints = [f"{joint}.pos" for joint in JOINTS]
    assert manifest["recorded_action"] == "requested"
    assert features["action"]["names"] == HAND and features["observation.state"]["names"] == [*joints, *HAND]
    with Take.open(arms.spool / take) as opened:
        action, state = opened.column("action")[-1], opened.column("observation.state")[-1]
        sent = opened.column("observation.sent")[-1]
    degrees = [(POSE[n] - 2000) * 360 / 4095 for n in (PAN, LIFT)]
    assert action.tolist() == pytest.approx([*(each / 10 for each in degrees), 2.5], abs=0.02)
    assert state[-3:].tolist() == pytest.approx(action.tolist(), abs=0.02)
    assert [sent[n] for n in (PAN, LIFT, OPEN)] == pytest.approx((10 * action).tolist(), abs=0.1)
    assert arms.follower.pose()[2] != POSE[2], "a joint that is not a part of the hand does not follow"


async def test_a_step_that_fails_is_named_and_the_robot_is_stopped(arms: ArmRig) -> None:
    arms.processors = hand_steps(arms)
    async with arms.running():
        await arms.until("idle")
        take = await arms.record(5)
        (arms.folder / "broken").touch()
        await soon(lambda: arms.status["state"] == "error")
        error = arms.status["error"]
        assert (await arms.kept(take))["end_reason"] == "robot_lost"
        await soon(lambda: arms.follower.torque() == [0] * 6)
        (arms.folder / "broken").unlink()
        await arms.do("clear_error")
        await arms.until("idle")
    assert error["device"] == "robot"
    assert "processor[2] (lerobot) has raised ValueError: no solution" in error["reason"]
    assert "Traceback" in arms.log.read_text(), "for whoever wrote the step"


@pytest.mark.parametrize(
    ("processors", "words"),
    [
        ([step("robot", "HandToJoint")], ["processor[1].make", "has no attribute 'HandToJoint'"]),
        ([step("robot", "Scale", jiont="a")], ["processor[1].make", "jiont"]),
        ([step("robot", "dict")], ["processor[1].make", "has no attribute 'dict'"]),
        ([step("teleoperator", "JointsToHand")], ["gives hand.x, hand.y, hand.open; the robot takes shoulder_pan.pos"]),
        ([step("robot", "JointsToHand")], ["gives hand.x, hand.y, hand.open, and not shoulder_pan.pos"]),
        ([step("hand", "Scale")], ["processor[1].at: is 'hand', want one of teleoperator, robot, observation"]),
        ([{"kind": "magic", "at": "robot"}], ["processor", "'magic'"]),
        (
            [{"kind": "lerobot", "at": "robot", "make": "builtins:dict"}],
            ["makes a dict, want a processor step of LeRobot's"],
        ),
    ],
)
def test_processors_that_do_not_fit_are_refused(
    torch_reader: Reader, processors: list[dict[str, Any]], words: list[str]
) -> None:
    problem = torch_reader.problem(processor=processors)
    assert problem and "\n" not in problem
    for each in words:
        assert each in problem, problem


def test_sent_actions_of_other_names_than_the_requested_are_refused(torch_reader: Reader) -> None:
    steps = [step("teleoperator", "JointsToHand"), step("robot", "HandToJoints")]
    robot = {"kind": "lerobot", "type": "so101_follower", "port": "/dev/ttyACM0"}
    assert torch_reader.problem(processor=steps, robot=robot) == ""
    refused = torch_reader.problem(processor=steps, robot=robot | {"action": "sent"})
    assert 'so101.toml: robot.action: is "sent", but' in refused


def test_a_game_pad_that_gives_no_joints_is_used_with_a_processor(torch_reader: Reader) -> None:
    pad = {"kind": "lerobot", "type": "gamepad"}
    assert "gamepad" in torch_reader.problem(teleoperator=pad)
    problem = torch_reader.problem(teleoperator=pad, processor=[step("teleoperator", "Scale", joint="delta_x")])
    assert "delta_x, delta_y, delta_z" in problem and "the robot takes shoulder_pan.pos" in problem


def test_without_torch_it_says_so(reader: Reader) -> None:
    assert "they need torch" in reader.problem(processor=[step("robot", "Scale")])


def test_a_check_reads_through_the_processors(arms: ArmRig) -> None:
    arms.processors = hand_steps(arms)
    arms.write()
    environment = arms.environment | {"IMPATIENT_AT": str(arms.impatient)}
    command = [arms.python, HERE / "rig_program.py", arms.file, "--check"]
    done = lerobot_forks.run_driver(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=200)
    assert '"robot", "ok": true' in done.stdout and '"teleoperator", "ok": true' in done.stdout, done.stdout
