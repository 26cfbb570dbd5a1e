"""A recording is played back along its own way, slowly, and never faster than the limit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from robotdata.capture.playback import (
    APPROACH,
    APPROACH_S,
    DONE,
    PLAYING,
    REST,
    CannotPlay,
    OtherJoints,
    Playback,
    Recording,
    check_rows,
)
from robotdata.capture.rest import Rest
from robotdata.capture.steering import Steering

FPS = 50


def features(*names: str, states: tuple[str, ...] | None = None) -> dict[str, Any]:
    def of(named: tuple[str, ...]) -> dict[str, Any]:
        return {"dtype": "float32", "shape": [len(named)], "names": list(named)}

    return {"action": of(names), "observation.state": of(names if states is None else states)}


def recording(rows: Any, *names: str, fps: float = 10) -> Recording:
    values = np.asarray(rows, np.float32)
    with np.errstate(invalid="ignore"):
        return Recording(names, values, fps, np.nanmin(values, axis=0), np.nanmax(values, axis=0))


ARM = ("pan", "lift")
WAY = recording([[10, 0], [12, 1], [14, 1], [14, 3]], *ARM)


def play(playback: Playback, state: Any, most: int = 10_000) -> list[np.ndarray]:
    """Every action until the robot holds still."""
    actions = []
    for _ in range(most):
        actions.append(playback.action(np.asarray(state, np.float32), np.zeros(len(state))))
        if playback.phase == DONE:
            return actions
    raise AssertionError("it never ended")


def speeds(actions: list[np.ndarray]) -> np.ndarray:
    return np.abs(np.diff(np.array(actions, float), axis=0)) * FPS


def test_it_moves_slowly_to_the_first_row_and_then_along_the_recorded_way() -> None:
    playback = Playback(WAY, features(*ARM), FPS, factor=0.5, limit=60)
    actions = play(playback, [0, 0])
    approach = round(APPROACH_S * FPS)
    assert np.array_equal(actions[0], [0, 0])
    assert np.allclose(actions[approach], [10, 0], atol=1e-3)
    assert speeds(actions[: approach + 1]).max() < 10 / APPROACH_S + 0.01
    # Half as fast as recorded: a row each 0.2 s, or ten actions, with the ways between them in equal steps.
    for row, pose in enumerate(WAY.rows):
        assert np.allclose(actions[approach + 10 * row], pose, atol=1e-3)
    assert np.allclose(actions[approach + 5], [11, 0.5], atol=1e-3)
    assert np.allclose(actions[-1], WAY.rows[-1])


def test_no_joint_is_faster_than_the_limit_and_the_way_stays_the_recorded_one() -> None:
    fast = recording([[0, 0], [100, 50], [100, 50], [0, 0]], *ARM)
    actions = play(Playback(fast, features(*ARM), FPS, factor=1, limit=40), [90, 0])
    assert speeds(actions).max() <= 40 + 0.01
    played = np.array(actions[round(APPROACH_S * FPS) + 1 :])
    assert np.allclose(played[:, 0], 2 * played[:, 1], atol=1e-3), "all joints slow down together"


def test_a_far_first_pose_takes_longer() -> None:
    actions = play(Playback(WAY, features(*ARM), FPS, factor=1, limit=60), [-290, 0])
    assert speeds(actions)[: 9 * FPS].max() <= 30 + 0.01, "the speed of a move to a rest pose"


def test_joints_go_to_the_robot_by_name() -> None:
    actions = play(Playback(WAY, features("lift", "pan"), FPS, factor=1, limit=60), [0, 0])
    assert np.allclose(actions[-1], [3, 14])


def test_a_base_drives_more_slowly_for_longer_and_stands_before_and_after() -> None:
    base = recording([[0, 0.4], [20, 0.4], [20, 0.4]], "pan", "x.vel")
    actions = np.array(play(Playback(base, features("pan", "x.vel"), FPS, factor=0.5, limit=1000), [0, 0.3]))
    approach = round(APPROACH_S * FPS)
    assert not actions[:approach, 1].any() and actions[-1, 1] == 0
    assert actions[approach + 2, 1] == pytest.approx(0.2)
    assert actions[:, 1].sum() / FPS == pytest.approx(0.4 * 0.2, rel=0.1), "the same way as in the two recorded steps"
    limited = np.array(play(Playback(base, features("pan", "x.vel"), FPS, factor=1, limit=50), [0, 0]))
    assert limited[:, 1].max() == pytest.approx(0.4), "a row in which no joint moves keeps its speed"
    assert limited[approach + 2, 1] < 0.4 / 2


def test_the_rest_pose_follows_at_the_end_if_the_rig_file_says_so() -> None:
    rest = Rest({"pan": 0.0}, 10.0, at_end=True, at_reset=False)
    playback = Playback(WAY, features(*ARM), FPS, factor=1, limit=60, rest=rest)
    phases = []
    while playback.phase != DONE:
        last = playback.action(np.zeros(2), np.zeros(2))
        phases.append(playback.phase)
    assert list(dict.fromkeys(phases)) == [APPROACH, PLAYING, REST, DONE]
    assert np.allclose(last, [0, 3])


def test_a_stop_holds_the_robot_where_it_is() -> None:
    playback = Playback(
        recording([[0, 0.4], [50, 0.4]], "pan", "x.vel"), features("pan", "x.vel"), FPS, factor=1, limit=60
    )
    for _ in range(round(APPROACH_S * FPS) + 4):
        before = playback.action(np.zeros(2), np.zeros(2))
    playback.stop()
    assert playback.phase == DONE and playback.left_s == 0 and before[1] > 0
    for _ in range(3):
        held = playback.action(np.zeros(2), np.zeros(2))
        assert held[0] == before[0] and held[1] == 0


def test_a_stop_does_not_press_on_against_what_holds_the_robot_up() -> None:
    playback = Playback(recording([[0, 0], [200, 100]], *ARM), features(*ARM), FPS, factor=1, limit=60)
    for _ in range(round((APPROACH_S + 2) * FPS)):
        before = playback.action(np.zeros(2), np.zeros(2))
    assert before[0] > 100
    blocked = np.array([70, before[1] - 1])
    playback.stop()
    for _ in range(3):
        assert playback.action(blocked, np.zeros(2)).tolist() == [70, before[1]], "the other joint is only a bit behind"


def test_it_says_how_far_it_is() -> None:
    playback = Playback(WAY, features(*ARM), FPS, factor=0.5, limit=60)
    assert (playback.phase, playback.row, playback.rows) == (APPROACH, 0, 4)
    rows, left = [], []
    while playback.phase != DONE:
        playback.action(np.zeros(2), np.array([14, 90]))
        rows.append(playback.row)
        left.append(playback.left_s)
    assert list(dict.fromkeys(rows)) == [0, 1, 2, 3] and left == sorted(left, reverse=True) and left[-1] == 0
    assert playback.away == ("lift", pytest.approx(87))


@pytest.mark.parametrize(
    ("source", "robot", "match"),
    [
        (WAY, features("pan", "elbow"), "moves pan, lift; the robot has pan, elbow"),
        (WAY, features("pan", "lift", "grip"), "the robot has pan, lift, grip"),
        (WAY, {"action": {"dtype": "float32", "shape": [2]}}, "no names for its joints"),
        (WAY, features(*ARM, states=("pan",)), "observation.state of the robot has no lift"),
        (WAY, {"action": features(*ARM)["action"]}, "has no pan, lift"),
        (Recording(ARM, np.zeros((0, 2), np.float32), 10, np.zeros(2), np.zeros(2)), features(*ARM), "no rows"),
        (recording([[0, 0], [np.nan, 0]], *ARM), features(*ARM), "row 1 has nan for pan, not a finite number"),
        (Recording(ARM, WAY.rows, 10, np.array([0, 0]), np.array([13, 9])), features(*ARM), "row 2 has 14 for pan"),
    ],
)
def test_what_does_not_fit_the_robot_is_refused(source: Recording, robot: Any, match: str) -> None:
    with pytest.raises(CannotPlay, match=match):
        Playback(source, robot, FPS, factor=1, limit=60)


def test_other_joints_are_told_as_lists() -> None:
    with pytest.raises(OtherJoints) as refused:
        Playback(WAY, features("pan", "elbow"), FPS, factor=1, limit=60)
    assert (refused.value.recorded, refused.value.robot) == (["pan", "lift"], ["pan", "elbow"])


def test_a_value_at_the_edge_of_the_range_is_no_outlier() -> None:
    check_rows(Recording(ARM, np.array([[100.05, 0]], np.float32), 10, np.array([0, 0]), np.array([100.0, 0])))


def test_the_robot_returns_slowly_to_the_teleoperator_after_a_replay() -> None:
    steering = Steering(None, features(*ARM), FPS)
    values, requested = {"observation.state": np.zeros(2, np.float32)}, np.array([90, 0], np.float32)
    assert not steering.take_over() and np.array_equal(steering.action(values, requested), requested)
    playback = Playback(WAY, features(*ARM), FPS, factor=1, limit=60)
    steering.begin_replay(playback)
    assert not steering.take_over()
    while playback.phase != DONE:
        last = steering.action(values, requested)
    for _ in range(3):
        assert not steering.take_over() and np.array_equal(steering.action(values, requested), last)
    steering.end_replay()
    assert steering.take_over(), "devices are told once that they drive again"
    actions = [last]
    while not np.array_equal(actions[-1], requested):
        assert not (len(actions) > 1 and steering.take_over())
        actions.append(steering.action(values, requested))
    assert speeds(actions).max() <= 30 + 0.01
    assert np.array_equal(steering.action(values, np.zeros(2, np.float32)), [0, 0]), "from then on it follows"


@pytest.mark.parametrize("unit", [1.0, np.pi / 180])
def test_the_return_takes_as_long_as_an_approach_in_any_unit(unit: float) -> None:
    steering = Steering(None, features(*ARM), FPS)
    steering.begin_replay(Playback(recording([[0, 0]], *ARM), features(*ARM), FPS, factor=1, limit=60))
    values = {"observation.state": np.zeros(2, np.float32)}
    requested = np.array([15 * unit, 0], np.float32)
    steering.take_over()
    steering.action(values, requested)
    steering.end_replay()
    steering.take_over()
    actions = [steering.action(values, requested)]
    while not np.array_equal(actions[-1], requested):
        actions.append(steering.action(values, requested))
    assert len(actions) == pytest.approx(APPROACH_S * FPS, abs=2)


@pytest.mark.parametrize("follows", [False, True])
def test_a_robot_that_was_disconnected_in_a_replay_returns_slowly_too(follows: bool) -> None:
    steering = Steering(None, features(*ARM), FPS)
    steering.begin_replay(Playback(WAY, features(*ARM), FPS, factor=1, limit=60))
    values, requested = {"observation.state": np.array([9, 1], np.float32)}, np.array([-90, 0], np.float32)
    steering.take_over()
    steering.action(values, requested)
    if follows:
        steering.end_replay()
        steering.take_over()
        steering.action(values, requested)
    for _ in range(2):  # the first try to connect may fail
        steering.forget()
    fallen = {"observation.state": np.array([30, -20], np.float32)}
    actions = [np.array([30, -20])]
    steering.take_over()
    while not np.array_equal(actions[-1], requested):
        actions.append(steering.action(fallen, requested))
    assert speeds(actions).max() <= 30 + 0.01
    steering.forget()
    assert np.array_equal(steering.action(values, requested), requested), "it had arrived: nothing is left to resume"
