"""The episodes in which a joint reaches a range of values: a condition that files answer, not the database.

An episode reaches a range if the joint's least value is at most the range's end and its largest value at least the
range's beginning: the joint was in the range, or passed through it between two frames. Of a take all frames count, also
those that its trim leaves out; of a committed episode the frames that the dataset has.
"""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.db import connection
from django.db.models.expressions import RawSQL

from recorder.errors import Refused
from recorder.models import Dataset
from recorder.models.episode import EpisodeQuerySet
from recorder.models.states import EpisodeState
from robotdata.dataset.episode_statistics import extremes_by_index
from robotdata.dataset.features import size_of
from robotdata.dataset.scales import units_of
from robotdata.numbers import count
from robotdata.quality.inputs import flat_names
from robotdata.quality.stored import METRICS_FILE, metrics_of

MOST_EPISODES = 20_000
"""So many takes of a dataset are looked at, the newest; committed episodes all are."""
_LONGEST = 300
Extremes = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Reach:
    """A range of a joint: `low` and `high` in the unit of the feature, inclusive."""

    feature: str
    joint: str
    low: float
    high: float

    @classmethod
    def read(cls, text: str) -> Reach | None:
        """Return the range in `feature/joint:low..high`; None for other text."""
        place, _, limits = text.rpartition(":")
        feature, _, joint = place.partition("/")
        low, _, high = limits.partition("..")
        try:
            least, most = float(low), float(high)
        except ValueError:
            return None
        if not (feature and joint and len(text) <= _LONGEST and -math.inf < least <= most < math.inf):
            return None
        return cls(feature, joint, least, most)

    def __str__(self) -> str:
        kind = "action" if self.feature.startswith("action") else "state"
        return f"{self.joint} ({kind}) {self.low:g} to {self.high:g}"

    def unit_in(self, features: Mapping[str, Any]) -> str:
        """Return the unit of the joint's values as these features say it; "" where they do not."""
        spec = features.get(self.feature)
        if not isinstance(spec, Mapping):
            return ""
        try:
            size = size_of(spec)
        except (AttributeError, KeyError, TypeError, ValueError):
            return ""
        place = _place(spec, self, size)
        return units_of(spec, size)[place] if place is not None else ""

    def holds(self, extremes: Extremes | None) -> bool:
        """Return whether a joint with this least and largest value reaches the range."""
        return extremes is not None and extremes[0] <= self.high and extremes[1] >= self.low


@dataclass(frozen=True, slots=True)
class Reached:
    """The `episodes` that reach a range, as far as is known.

    `left_out` older takes were not looked at, and the statistics in the files `damaged` of the dataset cannot be read.
    """

    episodes: frozenset[uuid.UUID]
    left_out: int = 0
    damaged: tuple[str, ...] = ()

    @property
    def gaps(self) -> str:
        """Return what was not looked at, for people; empty if everything was."""
        texts = [f"of the newest {count(MOST_EPISODES, 'take')}"] if self.left_out else []
        if self.damaged:
            texts.append(f"{count(len(self.damaged), 'damaged file')} left out")
        return ", ".join(texts)

    def narrow(self, rows: EpisodeQuerySet) -> EpisodeQuerySet:
        """Return those of `rows` that reach the range."""
        if connection.vendor != "sqlite":
            return rows.filter(pk__in=list(self.episodes))
        # One parameter: SQLite takes a bounded number of them, which a large dataset has more episodes than.
        ids = json.dumps([each.hex for each in self.episodes])
        return rows.filter(pk__in=RawSQL("SELECT value FROM json_each(%s)", [ids]))

    def refuse_gaps(self, dataset: Dataset) -> None:
        """Raise Refused (409) if something was not looked at."""
        if self.damaged:
            message = f"{self.damaged[0]} of {dataset.title} is damaged: nobody knows which episodes reach the range."
            raise Refused("damaged", f"{message} Repair the dataset, or name the episodes by their numbers.")
        if self.left_out:
            message = f"{dataset.title} has more than {MOST_EPISODES:,} takes in which the range would be looked for:"
            raise Refused("too_many", f"{message} narrow the list, for example to a session.")


def find_reaching(rows: EpisodeQuerySet, dataset: Dataset, reach: Reach) -> Reached:
    """Return which of the dataset's `rows` reach the range: of all committed episodes, and of the newest takes.

    An episode of which no measurement and no statistics are kept reaches nothing.
    """
    rows = rows.select_related(None).order_by()
    episodes = dict(rows.filter(state=EpisodeState.ENCODED).values_list("pk", "episode_index"))
    committed, damaged = _committed_extremes(dataset, reach) if episodes else ({}, [])
    reaching = {pk for pk, index in episodes.items() if index is not None and reach.holds(committed.get(index))}
    takes = rows.exclude(state=EpisodeState.ENCODED).only("id", "state", "episode_index")
    for take in takes.order_by("-recorded_at", "-pk")[:MOST_EPISODES]:
        if reach.holds(_take_extremes(take.take_path, reach)):
            reaching.add(take.pk)
    return Reached(frozenset(reaching), max(0, takes.count() - MOST_EPISODES), tuple(damaged))


def _take_extremes(folder: Path, reach: Reach) -> Extremes | None:
    try:
        status = (folder / METRICS_FILE).stat()
    except OSError:
        return None
    return _measured_extremes(str(folder), status.st_mtime_ns, status.st_size, reach.feature, reach.joint)


@lru_cache(maxsize=MOST_EPISODES)
def _measured_extremes(folder: str, changed_ns: int, size: int, feature: str, joint: str) -> Extremes | None:
    """Return the joint's least and largest value. Time and size name the state of the file.

    Two numbers of each take are kept, of as many takes as are looked at: a list is looked through in one order each
    time, so that with room for fewer none would be found again.
    """
    metrics = metrics_of(Path(folder))
    signal = metrics.signals.get(feature) if metrics is not None else None
    if signal is None or joint not in signal.names:
        return None
    place = signal.names.index(joint)
    return (signal.least[place], signal.most[place]) if place < min(len(signal.least), len(signal.most)) else None


def _committed_extremes(dataset: Dataset, reach: Reach) -> tuple[dict[int, Extremes], list[str]]:
    spec = dataset.features.get(reach.feature)
    if not isinstance(spec, dict):
        return {}, []
    return extremes_by_index(dataset.path, reach.feature, lambda size: _place(spec, reach, size))


def _place(spec: Mapping[str, Any], reach: Reach, size: int) -> int | None:
    """Return the index of the joint among the `size` values of its feature."""
    names = flat_names(reach.feature, spec, size)
    return names.index(reach.joint) if reach.joint in names else None
