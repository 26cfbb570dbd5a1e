"""What is played back is read with bounds, and odd files are refused in words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from robotdata.capture.playback import CannotPlay
from robotdata.rig.recordings import recording_of_episode

NAMES = {"dtype": "float32", "shape": [2], "names": ["pan", "lift"]}


class Stored:
    """A dataset of one episode with these rows, as `DatasetFolder` shows it."""

    def __init__(self, rows: Any, feature: Any = NAMES, stats: Any = None) -> None:
        self.fps, self._rows, self._stats = 30, rows, stats
        self.features = {"action": feature} if feature else {}

    def episode(self, index: int) -> Any:
        return type("Episode", (), {"length": len(self._rows)})

    def rows(self, index: int, columns: Any) -> dict[str, Any]:
        return {"action": self._rows}

    def stats(self) -> Any:
        return {"action": self._stats} if self._stats is not None else {}


def read(stored: Stored, *rows: int) -> Any:
    return recording_of_episode(stored, 0, *rows)  # type: ignore[arg-type]


ROWS = np.array([[0, 1], [2, 3], [4, 5]], np.float32)


@pytest.mark.parametrize(
    "stats",
    [None, {}, "no", {"min": [0, 1]}, {"min": ["a", 1], "max": [4, 5]}, {"min": [0, float("nan")], "max": [9]}],
)
def test_statistics_that_cannot_be_used_leave_the_range_of_the_rows(stats: Any) -> None:
    found = read(Stored(ROWS, stats=stats), 1, 1)
    assert (found.low.tolist(), found.high.tolist()) == ([0, 1], [4, 5]) and found.rows.tolist() == [[2, 3]]


def test_the_range_is_that_of_the_datasets_statistics() -> None:
    found = read(Stored(ROWS, stats={"min": [-9, 0], "max": [9, 6]}))
    assert (found.low.tolist(), found.high.tolist()) == ([-9, 0], [9, 6])


@pytest.mark.parametrize(
    ("stored", "rows", "match"),
    [
        (Stored(ROWS, None), (), "has no action"),
        (Stored(ROWS, {**NAMES, "names": None}), (), "0 names for 2 values"),
        (Stored(np.array([[1], [1, 2]], object)), (), "cannot be read as numbers"),
        (Stored(ROWS), (2, 3), "rows 0 to 2, not 2 to 3"),
        (Stored(np.zeros((300_000, 2), np.float32)), (), "more than the 250000"),
    ],
)
def test_what_cannot_be_played_is_said(stored: Stored, rows: tuple[int, ...], match: str) -> None:
    with pytest.raises(CannotPlay, match=match):
        read(stored, *rows)
