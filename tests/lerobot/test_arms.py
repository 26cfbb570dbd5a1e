"""An SO-101 pair, from its rig file to a dataset that LeRobot loads."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from robotdata.dataset import DatasetSpec, commit_episodes, verify_dataset
from robotdata.export import encode_camera, new_episode, plan_take
from robotdata.spool import Take
from robotdata.video.barcode import read
from robotdata.video.codecs import EncodeSettings
from robotdata.video.jpeg import decode_jpeg
from tests.lerobot.conftest import ROOT, ArmRig
from tests.support import lerobot_forks
from tests.support.feetech_arm import JOINTS
from tests.support.rig_link import soon

FRONT = "observation.images.front"
POSES = ([2048] * 6, [2400, 1700, 2300, 1900, 2100, 1500], [1500, 2600, 1800, 2500, 1200, 2900])


def degrees(steps: list[int]) -> list[float]:
    """What LeRobot makes of a pose: degrees from the middle of each range, and per cent for the gripper."""
    *arm, gripper = steps
    return [*((step - 2000) * 360 / 4095 for step in arm), (gripper - 1000) / 20]


async def record_three_poses(rig: ArmRig) -> str:
    """A take in which the leader is moved from pose to pose, and the follower has followed each time."""
    rig.leader.move(POSES[0])
    await rig.until("idle")
    take = await rig.record(5)
    for pose in POSES[1:]:
        rig.leader.move(pose)
        await soon(lambda pose=pose: np.abs(np.subtract(rig.follower.pose(), pose)).max() <= 1)  # type: ignore[misc]
        await rig.more(5)
    await rig.do("stop")
    await rig.kept(take)
    return take


async def test_the_follower_follows_and_its_joints_are_recorded(rig: ArmRig) -> None:
    async with rig.running():
        take = await record_three_poses(rig)
        await rig.stop()
        assert rig.follower.torque() == [0] * 6
    with Take.open(rig.spool / take) as opened:
        manifest = opened.manifest
        state, action = opened.column("observation.state"), opened.column("action")
    assert manifest["robot_type"] == "so_follower"
    assert manifest["recorded_action"] == "requested", "as lerobot-record does"
    assert manifest["features"]["action"]["names"] == [f"{joint}.pos" for joint in JOINTS]
    assert manifest["features"]["observation.state"] == manifest["features"]["action"]
    # A step of 4096 is less than 0.1 degree, and LeRobot rounds goals down to whole steps.
    for pose in POSES:
        for values in (state, action):
            assert np.abs(np.stack(values) - degrees(pose)).max(axis=1).min() < 0.2
    assert np.abs(action[-1] - degrees(POSES[-1])).max() < 0.1 and np.abs(state[-1] - action[-1]).max() < 0.2


async def test_the_take_becomes_a_dataset_that_lerobot_loads(rig: ArmRig) -> None:
    async with rig.running():
        take = await record_three_poses(rig)
    folder, root = rig.spool / take, rig.folder / "datasets/so101"
    with Take.open(folder) as opened:
        plan = plan_take(opened, accept_rate=True)
        shown = [read(decode_jpeg(opened.camera(FRONT).packet(int(n)))).tick for n in opened.frame_index(FRONT)]
        assert shown == list(range(len(shown)))
        encoded = {FRONT: encode_camera(opened, plan, FRONT, rig.folder / "front.mp4", EncodeSettings(codec="h264"))}
        episode = new_episode(opened, plan, "push the cube", encoded, take, {})
        spec = DatasetSpec(30, opened.manifest["robot_type"], opened.manifest["features"])
    assert episode.recorded_action == "requested"
    commit_episodes(root, spec, [episode], work=rig.folder / "work", revisions=rig.folder / "revisions")
    report = verify_dataset(root, deep=True)
    assert report.problems == [] and report.frames == plan.rows
    python = Path(os.environ.get("ROBOTDATA_INTEROP_VENV") or ROOT / ".venv-interop") / "bin/python"
    if not python.exists():
        pytest.skip(f"recorded and committed, but no LeRobot that loads it at {python}: `make interop` makes it")
    done = lerobot_forks.run(
        [python, ROOT / "bench/interop_check.py", root], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0 and f"CONFORMANT: {plan.rows} rows" in done.stdout, done.stdout + done.stderr


async def test_the_arm_goes_to_its_leader_slowly_when_it_is_connected(rig: ArmRig) -> None:
    rig.leader.move([2900] + [2048] * 5)
    rig.follower.move([2048] * 6)
    async with rig.running():
        await soon(lambda: rig.status.get("approach_speed") == 30)
        await soon(lambda: [each for each in rig.status["warnings"] if each["code"] == "approach"])
        await soon(lambda: abs(rig.follower.pose()[0] - 2900) <= 2)
        await rig.until("idle")
        await soon(lambda: not [each for each in rig.status["warnings"] if each["code"] == "approach"])
    rows = [row for each in rig.web.of("telemetry") for row in each["rows"]]
    ways, periods = (np.abs(np.diff(values)) for values in ([row[2][0] for row in rows], [row[0] for row in rows]))
    ticks = np.maximum(1, np.round(periods * 30))  # rows from before the link was up, or in a full message, are missing
    assert ways.sum() > 10 and (ways <= (30 / 30 + 0.1) * ticks).all(), "at most a degree a tick"


@pytest.mark.parametrize(("on_end", "torque"), [("hold", 1), ("release", 0)])
async def test_the_arm_holds_or_falls_at_the_end_as_its_file_says(rig: ArmRig, on_end: str, torque: int) -> None:
    rig.robot["on_end"] = on_end
    async with rig.running():
        await rig.until("idle")
        assert rig.follower.torque() == [1] * 6 and rig.leader.torque() == [0] * 6
        log = await rig.stop()
    assert "Traceback" not in log
    assert rig.follower.torque() == [torque] * 6
