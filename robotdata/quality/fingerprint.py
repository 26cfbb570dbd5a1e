"""A take in a few hundred numbers, enough to find near copies."""

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
_MOST_JOINTS = 64
_FINE = 1000
_SAME_BITS = 8


def fingerprint_of(take: TakeInput, measured: Mapping[str, SignalMetrics]) -> Fingerprint:
    """The ways of the joints, and three pictures a camera."""
    ways: dict[str, list[list[int]]] = {}
    if take.ticks >= STEPS:
        ways = {
            name: _ways(signal.values[:, :_MOST_JOINTS], measured[name])
            for name, signal in take.signals.items()
            if is_motion(name) and signal.names
        }
    pictures = {key: camera.pictures.hashes for key, camera in take.cameras.items() if camera.pictures.hashes}
    return Fingerprint(ways, pictures)


def _ways(values: NDArray[Any], measured: SignalMetrics) -> list[list[int]]:
    numbers = filled(values)
    low, span = _scale(measured, numbers.shape[1])
    edges = np.linspace(0, len(numbers), STEPS + 1).astype(int)
    means = np.array([numbers[a:b].mean(axis=0) for a, b in zip(edges[:-1], edges[1:], strict=True)])
    shares = np.clip((means - low) / np.where(span > 0, span, 1.0), 0, 1)
    return [[int(each) for each in way] for way in np.rint(shares.T * _FINE)]


def _scale(measured: SignalMetrics, size: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    low = np.array(measured.least[:size])
    return low, np.array(measured.most[:size]) - low


def difference(one: TakeMetrics, other: TakeMetrics, spans: Mapping[str, NDArray[np.float64]]) -> float | None:
    """How far two takes' ways are apart, as a share of `spans` (each joint's range in the dataset).

    The root mean square over joints and steps; None where they cannot be compared, have different lengths (more
    than 2 %), or show different scenes.
    """
    if abs(one.ticks - other.ticks) > 0.02 * max(one.ticks, other.ticks):
        return None
    if not _same_scene(one.fingerprint, other.fingerprint):
        return None
    misses = []
    for name, span in spans.items():
        mine, theirs = _way_of(one, name), _way_of(other, name)
        if mine is None or theirs is None or mine.shape != theirs.shape:
            return None
        use = span[: len(mine)] > 0
        misses.append(((mine - theirs)[use] / span[: len(mine)][use, None]).ravel())
    joined = np.concatenate(misses) if misses else np.empty(0)
    return float(np.sqrt(np.mean(joined**2))) if joined.size else None


def _way_of(take: TakeMetrics, name: str) -> NDArray[np.float64] | None:
    ways, signal = take.fingerprint.ways.get(name), take.signals.get(name)
    if not ways or signal is None or any(len(way) != STEPS for way in ways):
        return None
    low, span = _scale(signal, len(ways))
    return low[:, None] + np.array(ways) / _FINE * span[:, None]


def _same_scene(one: Fingerprint, other: Fingerprint) -> bool:
    if one.pictures.keys() != other.pictures.keys():
        return False
    pairs = [pair for key, mine in one.pictures.items() for pair in zip(mine, other.pictures[key], strict=False)]
    return all(hash_distance(mine, theirs) <= _SAME_BITS for mine, theirs in pairs)
