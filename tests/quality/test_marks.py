from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from robotdata.quality import DEFAULT, BadInput, BadThresholds, Mark, Peers, TakeMetrics, marks_of, measure
from tests.quality.conftest import FRONT, WRIST, camera_of, make_input, scene, ways


def found(take: TakeMetrics, others: list[TakeMetrics] | None = None) -> dict[str, Mark]:
    return {mark.code: mark for mark in marks_of(take, others or [])}


def test_it_has_nothing_to_say_of_ordinary_takes(others: list[TakeMetrics]) -> None:
    known = Peers(others)
    assert [mark for take in others for mark in marks_of(take, known)] == []


def test_it_names_the_joint_and_the_time_of_what_is_no_number() -> None:
    state = ways(0)
    state[96:108, 1] = np.nan
    state[120, 0] = np.inf
    mark = found(measure(make_input(state=state)))["nan"]
    assert mark.text == "observation.state is NaN in 13 ticks, first elbow.pos at 3.2 s."
    assert (mark.from_tick, mark.feature, mark.severity) == (96, "observation.state", "bad")


def test_it_survives_a_take_that_is_no_number_at_all() -> None:
    take = measure(make_input(state=np.full((300, 4), np.nan), action=np.full((300, 4), np.inf)))
    assert set(found(take)) >= {"nan"}


@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_it_sees_that_nothing_moves_whatever_the_noise(noise: float) -> None:
    still = 90 + np.random.default_rng(0).normal(0, noise, (300, 4))
    marks = found(measure(make_input(action=still)))
    assert marks["no_motion"].severity == "bad" and "idle_start" not in marks


def test_it_sees_a_robot_that_does_not_do_what_it_is_told() -> None:
    marks = found(measure(make_input(state=np.full((300, 4), 7.0))))
    assert (marks["stuck"].feature, marks["stuck"].severity) == ("observation.state", "bad")
    state = ways(0)
    state[:, 1] = 12.5
    assert "elbow.pos" in found(measure(make_input(state=state)))["stuck"].text


def test_it_sees_an_action_that_is_cut_off_but_not_one_that_comes_to_rest() -> None:
    action = ways(0)
    action[:, 0] = np.minimum(action[:, 0], 12.0)
    mark = found(measure(make_input(action=action)))["saturated"]
    assert "shoulder.pos" in mark.text and mark.feature == "action"
    assert "saturated" not in found(measure(make_input(action=ways(0, still=120))))


def test_it_lets_a_finger_rest_at_its_stop_while_nothing_else_is_asked_of_it() -> None:
    state = ways(0)
    action = ways(0)
    state[:, 1] = np.maximum(state[:, 1], -20.0)
    mark = found(measure(make_input(action=action, state=state)))["saturated"]
    assert mark.feature == "observation.state"


def test_it_suggests_to_trim_where_nothing_moves() -> None:
    take = measure(make_input(action=ways(0, 400, still=90)))
    assert take.trim is not None
    first, end = take.trim
    assert 75 <= first <= 110 and 300 <= end <= 330
    assert found(take)["idle_start"].severity == "note" and found(take)["idle_end"].to_tick == 400
    assert measure(make_input(action=ways(0, 300, still=0))).trim is None


@pytest.mark.parametrize(("hz", "severity"), [(29.9, None), (28.9, "warn"), (24.0, "bad"), (36.0, "bad")])
def test_it_says_how_far_the_rate_is_off(hz: float, severity: str | None) -> None:
    time_ns = (np.arange(300) * 1e9 / hz).astype(np.int64)
    mark = found(measure(make_input(time_ns=time_ns))).get("rate")
    assert (mark.severity if mark else None) == severity
    assert mark is None or f"{hz:.1f} Hz instead of 30 Hz" in mark.text


def test_it_finds_frozen_pictures_only_while_the_robot_moves() -> None:
    frozen = camera_of(lambda tick: scene(min(tick, 100) if tick < 190 else tick))
    alive = camera_of(lambda tick: scene(tick, 1))
    moving = make_input(cameras={FRONT: frozen, WRIST: alive})
    mark = found(measure(moving))["frozen"]
    assert mark.camera == FRONT and abs(mark.from_tick - 102) <= 6 and abs(mark.to_tick - 190) <= 6
    still = make_input(cameras=moving.cameras, action=np.zeros((300, 4)), state=np.zeros((300, 4)))
    assert "frozen" not in found(measure(still))


def test_it_counts_from_the_takes_own_first_tick() -> None:
    state = ways(0)
    state[30, 0] = np.nan
    mark = found(measure(make_input(state=state, first_tick=60)))["nan"]
    assert mark.from_tick == 90 and "at 3.0 s" in mark.text


def test_it_says_that_a_take_is_empty() -> None:
    empty = measure(make_input(action=np.empty((0, 4)), state=np.empty((0, 4))))
    assert [mark.code for mark in marks_of(empty, [])] == ["empty"]


@pytest.mark.parametrize("ticks", [4, 5, 17])
def test_it_measures_very_short_takes(ticks: int) -> None:
    marks_of(measure(make_input(ticks=ticks, action=ways(0, 60)[:ticks])), [])


def test_it_finds_a_spike_and_a_jump(others: list[TakeMetrics]) -> None:
    state = ways(0)
    state[150, 2] += 30
    assert "wrist.pos has a spike at 5.0 s" in found(measure(make_input(state=state)), others)["spike"].text
    state = ways(0)
    state[200:, 0] += 35
    marks = found(measure(make_input(state=state)), others)
    assert marks["jump"].from_tick == 199 and "shoulder.pos jumps" in marks["jump"].text


def test_it_finds_what_differs_from_the_other_takes(others: list[TakeMetrics]) -> None:
    shaking = ways(0) + np.random.default_rng(0).normal(0, 2, (300, 4))
    assert "jerk" in found(measure(make_input(action=shaking)), others)
    assert "length" in found(measure(make_input(ticks=900)), others)
    assert "length" in found(measure(make_input(ticks=100)), others)
    assert "little_motion" in found(measure(make_input(action=ways(0) * 0.1)), others)
    dead = ways(0)
    dead[:, 1] = 5.0
    assert "elbow.pos" in found(measure(make_input(action=dead)), others * 2)["dead"].text
    assert "dead" not in found(measure(make_input(action=dead)), others)
    state = ways(0)
    state[100:200, 1] += 15
    marks = found(measure(make_input(state=state)), others)
    assert "elbow.pos" in marks["disagree"].text and 95 <= marks["disagree"].from_tick <= 200
    late = np.vstack([np.repeat(ways(0)[:1], 14, axis=0), ways(0)[:-14]])
    assert "lag" in found(measure(make_input(state=late)), others)


def test_it_marks_the_later_of_two_copies(others: list[TakeMetrics]) -> None:
    twin = measure(make_input(3, 295, id="zz", recorded_at="2030-02-01"))
    mark = found(twin, others)["near_copy"]
    assert mark.text.startswith("Near-duplicate of 00000003")
    assert "near_copy" not in found(others[2], [*others, twin])


def test_it_does_not_call_other_pictures_a_copy(others: list[TakeMetrics]) -> None:
    def seen(camera: int, **more: object) -> TakeMetrics:
        return measure(make_input(3, 295, cameras={FRONT: camera_of(lambda tick: scene(0, camera), 295)}, **more))

    known = [*others, seen(1)]
    assert "near_copy" in found(seen(1, id="zz", recorded_at="2030-02-01"), known)
    assert "near_copy" not in found(seen(2, id="zz", recorded_at="2030-02-01"), known[-1:] * 6)


def test_it_finds_a_blurred_and_a_dark_camera(others: list[TakeMetrics]) -> None:
    def seen(seed: int, change: Callable[[np.ndarray], np.ndarray] | None = None) -> TakeMetrics:
        def seen_at(tick: int) -> np.ndarray:
            return change(scene(tick + seed)) if change else scene(tick + seed)

        return measure(make_input(seed, cameras={FRONT: camera_of(seen_at)}))

    def blur(rgb: np.ndarray) -> np.ndarray:
        return (sum(np.roll(rgb, (y, x), (0, 1)).astype(int) for y in range(4) for x in range(4)) // 16).astype(
            np.uint8
        )

    known = [seen(seed) for seed in range(1, 6)]
    assert "blurred" in found(seen(20, blur), known)
    assert "darker" in found(seen(20, lambda rgb: rgb // 3), known)["light"].text
    assert not {"light", "blurred"} & set(found(seen(20), known))


def test_it_judges_by_the_others_only_where_there_are_enough(others: list[TakeMetrics]) -> None:
    long = measure(make_input(ticks=900))
    assert "length" not in found(long, others[:4]) and "length" in found(long, others[:5])


def test_it_is_not_misled_by_some_bad_takes(others: list[TakeMetrics]) -> None:
    spiky = ways(40)
    spiky[100, 2] += 3000
    bad = [measure(make_input(seed, action=spiky)) for seed in (40, 41, 42)]
    state = ways(0)
    state[150, 2] += 30
    assert "spike" in found(measure(make_input(state=state)), others + bad)


def test_it_takes_thresholds_and_refuses_nonsense(others: list[TakeMetrics]) -> None:
    take = measure(make_input(ticks=450))
    assert "length" not in {mark.code for mark in marks_of(take, others)}
    assert "length" in {mark.code for mark in marks_of(take, others, DEFAULT.changed({"length": 1.3, "z": 4}))}
    with pytest.raises(BadThresholds, match="lenght"):
        DEFAULT.changed({"lenght": 2})
    for wrong in (0, -1, float("nan"), "2", None, True):
        with pytest.raises(BadThresholds, match="length"):
            DEFAULT.changed({"length": wrong})


def test_it_refuses_arrays_that_do_not_fit() -> None:
    with pytest.raises(BadInput, match="300 ticks"):
        make_input(state=np.zeros((7, 4)))
    with pytest.raises(BadInput, match="time_ns"):
        make_input(time_ns=np.arange(5))


def test_it_writes_marks_as_json(others: list[TakeMetrics]) -> None:
    mark = found(measure(make_input(ticks=900)), others)["length"]
    assert mark.to_json() == {
        "code": "length",
        "camera": None,
        "feature": None,
        "from_tick": 0,
        "to_tick": 900,
        "severity": "warn",
        "text": mark.text,
    }


@pytest.mark.parametrize("ticks", [0, 1])
@pytest.mark.parametrize("empty", [1, 8])
@pytest.mark.filterwarnings("error")
def test_it_judges_takes_without_a_tick_and_takes_beside_them(
    others: list[TakeMetrics], ticks: int, empty: int
) -> None:
    none = [replace(each, id=f"empty {place}", ticks=ticks) for place, each in enumerate((others * 2)[:empty])]
    ordinary = others[0]
    known = Peers([*others[1:], *none])
    for take in (ordinary, none[0]):
        marks_of(take, known)
    assert "length" not in found(ordinary, [*others[1:], none[0]])
    if ticks == 0:
        assert len(known) == len(others) - 1 and {mark.code for mark in marks_of(none[0], known)} == {"empty"}
        assert "length" not in {mark.code for mark in marks_of(ordinary, Peers(none))}, "nothing to compare with"


@pytest.mark.parametrize("ticks", [0, 1, 2, 3, 4])
@pytest.mark.filterwarnings("error")
def test_it_measures_and_judges_the_shortest_takes(others: list[TakeMetrics], ticks: int) -> None:
    way = ways(0)[:ticks]
    take = measure(make_input(action=way, state=way + 1, time_ns=np.zeros(ticks, np.int64)))
    marks_of(take, others)
    marks_of(others[0], [*others[1:], take])
    marks_of(take, [take] * 12)
