"""The densities of a dataset's joints, and those of one episode over them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from recorder.models import Dataset, Episode
from robotdata.dataset.episode_statistics import episode_statistics
from robotdata.dataset.errors import DamagedFile
from robotdata.quality import TakeMetrics
from robotdata.quality.densities import Spread, density, spread_of_statistics, spread_of_take
from robotdata.quality.stored import metrics_of

BINS = 48
_MAX_EPISODES = 200
Line = dict[str, Any]


def densities_of(dataset: Dataset, ranges: Sequence[Line], takes: Sequence[TakeMetrics]) -> list[list[float]]:
    """Return, for each line of `ranges`, BINS shares of the frames over the scale of its joint.

    From the measurements of `takes`; without takes from the statistics of at most 200 committed episodes.
    """
    return _densities_of_takes(ranges, takes) if takes else _densities_of_statistics(dataset, ranges)


def episode_densities(episode: Episode, ranges: Sequence[Line]) -> list[list[float]]:
    """Return the same for one episode; empty if nothing is known of it."""
    metrics = metrics_of(episode.take_path)
    if metrics is not None:
        return _densities_of_takes(ranges, [metrics])
    if episode.episode_index is None:
        return []
    return _densities_of_statistics(episode.dataset, ranges, index=episode.episode_index)


def _densities_of_takes(ranges: Sequence[Line], takes: Sequence[TakeMetrics]) -> list[list[float]]:
    scales = _scales(ranges)
    return [_density(scale, _spreads_of_takes(line, takes)) for line, scale in zip(ranges, scales, strict=True)]


def _densities_of_statistics(dataset: Dataset, ranges: Sequence[Line], index: int | None = None) -> list[list[float]]:
    statistics, places, scales = _statistics(dataset, ranges, index), _places(ranges), _scales(ranges)
    return [
        _density(scales[number], [_spread(each, line, places[number]) for each in statistics])
        for number, line in enumerate(ranges)
    ]


def _scales(ranges: Sequence[Line]) -> list[tuple[float, float]]:
    """Return, for each line, the least and the largest value of its joint, over its state and its action."""
    scales: dict[str, tuple[float, float]] = {}
    for line in ranges:
        least, most = float(line["least"]), float(line["most"])  # statistics of others may hold huge integers
        low, high = scales.get(line["name"], (least, most))
        scales[line["name"]] = (min(low, least), max(high, most))
    return [scales[line["name"]] for line in ranges]


def _density(scale: tuple[float, float], spreads: Sequence[Spread | None]) -> list[float]:
    known = [spread for spread in spreads if spread is not None]
    return [round(float(share), 5) for share in density(known, *scale, BINS)]


def _spreads_of_takes(line: Line, takes: Sequence[TakeMetrics]) -> list[Spread | None]:
    spreads = []
    for take in takes:
        signal = take.signals.get(line["feature"])
        if signal is not None and line["name"] in signal.names:
            spreads.append(spread_of_take(take, line["feature"], signal.names.index(line["name"])))
    return spreads


def _places(ranges: Sequence[Line]) -> list[int]:
    """Return the index of each line within its feature."""
    counts: dict[str, int] = {}
    places = []
    for line in ranges:
        places.append(counts.get(line["feature"], 0))
        counts[line["feature"]] = places[-1] + 1
    return places


def _statistics(dataset: Dataset, ranges: Sequence[Line], index: int | None = None) -> list[dict[str, Any]]:
    features = list(dict.fromkeys(line["feature"] for line in ranges))
    if not features:
        return []
    indices = None if index is None else [index]
    try:
        return list(episode_statistics(dataset.path, features, most=_MAX_EPISODES, indices=indices))
    except DamagedFile:
        return []  # the dataset's page says what of it is damaged


def _spread(statistics: dict[str, Any], line: Line, place: int) -> Spread | None:
    return spread_of_statistics(statistics.get(line["feature"], {}), place)
