"""A take played back to an SO-101 through LeRobot's driver, and a leader that is told where the follower is."""

from __future__ import annotations

import uuid

import numpy as np
import pytest

from tests.lerobot.conftest import ArmRig, Reader
from tests.support.feetech_arm import JOINTS
from tests.support.rig_link import soon

GOAL = 42  # the register of a servo's goal
ONE, OTHER, ELSEWHERE = [2048] * 6, [2300, 1800, 2250, 1900, 2100, 1700], [1700, 2300, 1900, 2200, 1900, 2400]


def is_at(rig: ArmRig, pose: list[int]) -> bool:
    return bool(np.abs(np.subtract(rig.follower.pose(), pose)).max() <= 2)


async def test_a_take_is_played_back_and_the_arm_holds_still_until_it_may_follow(rig: ArmRig) -> None:
    rig.robot["replay_speed"] = 400
    async with rig.running():
        rig.leader.move(ONE)
        await rig.until("idle")
        take = await rig.record(5)
        rig.leader.move(OTHER)
        await soon(lambda: is_at(rig, OTHER))
        await rig.more(5)
        await rig.do("stop")
        await rig.kept(take)
        await rig.until("idle")
        rig.leader.move(ELSEWHERE)
        await soon(lambda: is_at(rig, ELSEWHERE))
        assert (await rig.web.command(str(uuid.uuid4()), "replay", take=take, speed=1, unwatched=True))["ok"]
        await soon(lambda: is_at(rig, ONE))
        status = await rig.until("holding")
        await soon(lambda: is_at(rig, OTHER))
        assert status["replay"]["phase"] == "done" and rig.follower.torque() == [1] * 6
        await rig.more_ticks()
        assert is_at(rig, OTHER) and rig.status["replay"]["away"] > 10, "the leader lies elsewhere and does not pull"
        await rig.do("follow")
        await soon(lambda: is_at(rig, ELSEWHERE))


async def test_a_leader_is_sent_where_the_follower_is_if_its_table_says_so(rig: ArmRig) -> None:
    rig.teleoperator["feedback"] = True
    async with rig.running():
        rig.leader.move(OTHER)
        await rig.until("idle")
        await soon(lambda: is_at(rig, OTHER))
        goals = range(1, len(JOINTS) + 1)
        await soon(lambda: np.abs(np.subtract([rig.leader.get(each, GOAL) for each in goals], OTHER)).max() <= 3)
        assert rig.leader.torque() == [0] * 6
        assert "feedback" not in [each["code"] for each in rig.status["warnings"]]


@pytest.mark.parametrize(("kind", "words"), [("omx_leader", "it takes none"), ("so101_leader", "")])
def test_feedback_is_refused_where_the_teleoperator_takes_none(reader: Reader, kind: str, words: str) -> None:
    table = {"kind": "lerobot", "type": kind, "port": "/dev/ttyACM1", "id": "a", "feedback": True}
    follower = {"kind": "lerobot", "type": "so101_follower", "port": "/dev/ttyACM0", "id": "b"}
    problem = reader.problem(robot=follower, teleoperator=table)
    assert (words in problem and "teleoperator.feedback" in problem) if words else problem == ""
