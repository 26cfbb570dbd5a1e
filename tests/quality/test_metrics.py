from __future__ import annotations

import json
from typing import Any

import pytest

from robotdata.quality import BadMetrics, TakeMetrics, marks_of, measure
from tests.quality.conftest import FRONT, camera_of, make_input, scene, ways


@pytest.fixture(scope="module")
def data() -> dict[str, Any]:
    """Measures as they lie in a file."""
    state = ways(0)
    state[4, 0] = float("nan")
    take = make_input(state=state, cameras={FRONT: camera_of(scene)})
    return json.loads(json.dumps(measure(take).to_json(), allow_nan=False))


def test_it_comes_back_from_json_as_it_was(data: dict[str, Any]) -> None:
    again = TakeMetrics.from_json(data)
    assert again.to_json() == data
    assert [mark.code for mark in marks_of(again, [])] == ["nan"]


def test_it_is_small(data: dict[str, Any]) -> None:
    assert len(json.dumps(data)) < 8000


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"format": "x"}, "format"),
        ({"version": 99}, "version 99"),
        ({"task": "\ud800"}, "which no measure has"),
        ({"fps": "quick"}, "fps"),
        ({"gaps": [["a", 1]]}, "gaps"),
        ({"ticks": None}, "ticks"),
        ({"signals": {"action": {}}}, "signals"),
        ({"fps": 0}, "at 0"),
        ({"fps": float("nan")}, "at nan"),
        ({"ticks": -1}, "-1 ticks"),
        ({"ticks": 10**30}, "ticks"),
        ({"rate_hz": float("inf")}, "inf"),
        ({"gaps": [[1, float("nan")]]}, "nan"),
        ({"still_head": 10**40}, "10000"),
    ],
)
def test_it_says_what_is_wrong_with_stored_measures(data: dict[str, Any], change: Any, match: str) -> None:
    with pytest.raises(BadMetrics, match=rf"{match}.*measure the take again"):
        TakeMetrics.from_json({**data, **change})


def test_it_refuses_lists_that_do_not_fit(data: dict[str, Any]) -> None:
    signals = {**data["signals"], "action": {**data["signals"]["action"], "jerk": [1.0]}}
    with pytest.raises(BadMetrics, match=r"signals\.action"):
        TakeMetrics.from_json({**data, "signals": signals})


@pytest.mark.parametrize("other", [None, [], 3, "x"])
def test_it_refuses_what_is_no_object(other: Any) -> None:
    with pytest.raises(BadMetrics):
        TakeMetrics.from_json(other)
