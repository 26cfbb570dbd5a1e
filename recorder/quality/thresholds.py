"""The thresholds above which takes of one dataset are flagged, and a preview of other thresholds."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from recorder.errors import Refused
from recorder.models import Dataset
from recorder.quality.assess import dataset_metrics, default_thresholds, judged_takes, thresholds_of
from robotdata.quality import BadThresholds, Peers, TakeMetrics, Thresholds, marks_of

_PREVIEW_S = 3.0
"""The time limit of a preview in seconds; it covers the newest takes that fit into it."""


def check_thresholds(changes: Mapping[str, Any]) -> dict[str, float]:
    """Return those that differ from the defaults. Raise Refused for an unknown name or an invalid number."""
    defaults = default_thresholds()
    try:
        defaults.changed(changes)
    except BadThresholds as error:
        raise Refused("invalid", f"{str(error)[:1].upper()}{str(error)[1:]}.", 422) from error
    return {name: value for name, value in changes.items() if getattr(defaults, name) != value}


def preview(dataset: Dataset, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Count the flags of the newest measured takes by kind, with the thresholds of `now` and `then`, after the changes.

    `takes` is the number of takes assessed, out of `of`; `marked` is the number of these with any flag.
    """
    proposed = default_thresholds().changed(check_thresholds(changes))
    takes, peer_metrics = dataset_metrics(dataset)
    peers, counts = Peers(peer_metrics), _FlagCounts(thresholds_of(dataset), proposed)
    end = time.monotonic() + _PREVIEW_S
    for metrics in takes:
        counts.add(metrics, peers)
        if time.monotonic() > end:
            break
    return {**counts.as_json(), "of": judged_takes(dataset).count()}


class _FlagCounts:
    def __init__(self, now: Thresholds, then: Thresholds) -> None:
        self._sides = {"now": now, "then": then}
        self._codes = {side: Counter[str]() for side in self._sides}
        self._marked = Counter[str]()
        self._takes = 0

    def add(self, metrics: TakeMetrics, peers: Peers) -> None:
        self._takes += 1
        for side, thresholds in self._sides.items():
            codes = {mark.code for mark in marks_of(metrics, peers, thresholds)}
            self._codes[side].update(codes)
            self._marked[side] += bool(codes)

    def as_json(self) -> dict[str, Any]:
        codes: Iterable[str] = sorted(set(self._codes["now"]) | set(self._codes["then"]))
        most_first = sorted(codes, key=lambda code: -max(self._codes[side][code] for side in self._sides))
        lines = [{"code": code, **{side: self._codes[side][code] for side in self._sides}} for code in most_first]
        marked = {side: self._marked[side] for side in self._sides}
        return {"takes": self._takes, "marked": marked, "marks": lines}
