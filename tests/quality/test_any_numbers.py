"""Whatever the arrays hold: measures, marks and JSON come out, and no warning."""

from __future__ import annotations

import json

import numpy as np
import pytest

from robotdata.quality import CameraInput, SignalInput, TakeInput, TakeMetrics, marks_of, measure

Chance = np.random.Generator


def numbers(chance: Chance, ticks: int, size: int) -> np.ndarray:
    walk = chance.normal(size=(ticks, size)).cumsum(axis=0)
    broken, endless = walk.copy(), walk.copy()
    broken[chance.random(walk.shape) < 0.2] = np.nan
    endless[chance.random(walk.shape) < 0.05] = np.inf
    kinds = [
        walk,
        walk * 1e305,
        broken,
        endless,
        walk > 0,
        walk.astype(np.int64) * 10**17,
        np.zeros(walk.shape, np.uint8),
    ]
    return kinds[chance.integers(len(kinds))]


def odd_take(seed: int) -> TakeInput:
    chance = np.random.default_rng(seed)
    ticks, size = int(chance.integers(0, 90)), int(chance.integers(0, 5))
    names, count = [f"joint {number}" for number in range(size)], max(ticks, 1)
    signals = {name: SignalInput(names, numbers(chance, ticks, size)) for name in ("action", "observation.state")}
    camera = CameraInput(
        frame=np.sort(chance.integers(-1, count, ticks)),
        captured_ns=np.sort(chance.integers(0, 10**10, ticks)),
        seq=np.cumsum(chance.integers(1, 3, count)),
        frame_ns=np.sort(chance.integers(0, 10**10, count)),
        content=np.sort(chance.integers(0, 3, count)),
    )
    time_ns = np.sort(chance.integers(0, 10**10, ticks)) if seed % 3 else np.zeros(ticks, np.int64)
    cameras = {"a": camera, "b": CameraInput(frame=np.full(ticks, -1))}
    return TakeInput((1.0, 30.0, 240.0)[seed % 3], ticks, signals, cameras, time_ns, id=str(seed))


@pytest.mark.parametrize("first", [0, 40])
def test_it_judges_any_numbers_among_any_others(first: int) -> None:
    takes = [measure(odd_take(seed)) for seed in range(first, first + 40)]
    again = [TakeMetrics.from_json(json.loads(json.dumps(take.to_json(), allow_nan=False))) for take in takes]
    for take in again:
        marks = [mark.to_json() for mark in marks_of(take, again)]
        json.dumps(marks, allow_nan=False)
        assert all(0 <= mark["from_tick"] <= mark["to_tick"] <= take.ticks for mark in marks)
