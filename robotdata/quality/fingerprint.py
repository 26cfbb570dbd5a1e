"""Summarise a take in a few hundred numbers, to find near-duplicates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robotdata.quality.inputs import TakeInput, is_motion
from robotdata.quality.metrics import Fingerprint, SignalMetrics, TakeMetrics
from robotdata.quality.motion import filled
from robotdata.quality.pictures import hash_distance

STEPS = 16
"""Parts of a take; a joint's mean position in each part is kept."""
_MAX_JOINTS = 64
_RESOLUTION = 1000
"""Positions are integers from 0 to this, over the joint's own range."""
_SAME_BITS = 8
"""Two frames show the same scene if at most this many of the 64 bits of their hashes differ."""


def fingerprint_of(take: TakeInput, measured: Mapping[str, SignalMetrics]) -> Fingerprint:
    """Return the fingerprint of `take`: the positions of its joints, and the hashes of three frames per camera."""
    ways: dict[str, list[list[int]]] = {}
    if take.ticks >= STEPS:
        ways = {
            name: _positions(signal.values[:, :_MAX_JOINTS], measured[name])
            for name, signal in take.signals.items()
            if is_motion(name) and signal.names
        }
    pictures = {key: camera.pictures.hashes for key, camera in take.cameras.items() if camera.pictures.hashes}
    return Fingerprint(ways, pictures)


def _positions(values: NDArray[Any], measured: SignalMetrics) -> list[list[int]]:
    """Return, for each joint, its mean position in STEPS equal parts of the take, 0 to _RESOLUTION of its range."""
    numbers = filled(values)
    low, span = _scale(measured, numbers.shape[1])
    edges = np.linspace(0, len(numbers), STEPS + 1).astype(int)
    means = np.array([numbers[a:b].mean(axis=0) for a, b in zip(edges[:-1], edges[1:], strict=True)])
    shares = np.clip((means - low) / np.where(span > 0, span, 1.0), 0, 1)
    return [[int(each) for each in way] for way in np.rint(shares.T * _RESOLUTION)]


def _scale(measured: SignalMetrics, size: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the least value and the range of the first `size` joints, each float64 (size,)."""
    low = np.array(measured.least[:size])
    return low, np.array(measured.most[:size]) - low


def difference(one: TakeMetrics, other: TakeMetrics, spans: Mapping[str, NDArray[np.float64]]) -> float | None:
    """Return how far apart the motions of two takes are, as a share of `spans`.

    `spans` holds the range of each joint in the dataset, by feature. The result is the root mean square over joints and
    parts. It is None if the takes have different joints, lengths that differ by more than 2 %, or different scenes.
    """
    if abs(one.ticks - other.ticks) > 0.02 * max(one.ticks, other.ticks):
        return None
    if not _same_scene(one.fingerprint, other.fingerprint):
        return None
    errors = []
    for name, span in spans.items():
        first, second = _positions_of(one, name), _positions_of(other, name)
        if first is None or second is None or first.shape != second.shape:
            return None
        use = span[: len(first)] > 0
        errors.append(((first - second)[use] / span[: len(first)][use, None]).ravel())
    joined = np.concatenate(errors) if errors else np.empty(0)
    return float(np.sqrt(np.mean(joined**2))) if joined.size else None


def _positions_of(take: TakeMetrics, name: str) -> NDArray[np.float64] | None:
    """Return float64 (joints, STEPS) in the signal's unit, or None if the take has no such fingerprint."""
    ways, signal = take.fingerprint.ways.get(name), take.signals.get(name)
    if not ways or signal is None or any(len(way) != STEPS for way in ways):
        return None
    low, span = _scale(signal, len(ways))
    return low[:, None] + np.array(ways) / _RESOLUTION * span[:, None]


def _same_scene(one: Fingerprint, other: Fingerprint) -> bool:
    """Return whether both takes have the same cameras and similar first, middle and last frames."""
    if one.pictures.keys() != other.pictures.keys():
        return False
    pairs = [pair for key, first in one.pictures.items() for pair in zip(first, other.pictures[key], strict=False)]
    return all(hash_distance(first, second) <= _SAME_BITS for first, second in pairs)
