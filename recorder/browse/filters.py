"""Filters of a dataset's episodes: parsed from a URL, applied to a query, and their possible values."""

from __future__ import annotations

import dataclasses
import json
import math
import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django.db.models import CharField, Count, Q, TextField
from django.db.models.functions import Cast
from django.utils import timezone

from recorder.browse.reach import Reach, Reached, find_reaching
from recorder.errors import Refused
from recorder.models import Dataset, Episode
from recorder.models.episode import PLANNED, TO_REVIEW, EpisodeQuerySet
from recorder.models.groups import SECONDS, count, groups_of, mark_codes, seconds
from recorder.models.numbers import parse_number
from recorder.models.states import EpisodeState, Verdict
from recorder.models.totals import kept_groups

SORTS = {"": "Newest first", "oldest": "Oldest first", "longest": "Longest first", "shortest": "Shortest first"}
SORTS |= {"worst": "Worst first"}
ANY, NONE, BAD = "any", "none", "bad"
"""Instead of a flag's code: with any flag, without flags, with a serious one."""
ALL_CAMERAS = "all"
"""Instead of a camera's key: the images of all cameras."""
VIEWS = ("review", "kept", "committed", "all")
_LONGEST_TEXT = 2000
_MOST_CHOICES = 200
_CHOICE_COLUMNS = {"task": "task", "operator": "operator", "rig": "rig__name"}


@dataclass(frozen=True, slots=True)
class Filter:
    """The fields of a URL's query; an empty one is not a condition. Lengths are in seconds, dates inclusive.

    `planned` selects committed episodes with pending changes: any, delete, relabel or trim. `camera` chooses the images
    that are shown; the default is the first camera. `reach` is a range of a joint (`reach.py`).
    """

    q: str = ""
    task: str = ""
    label: str = ""
    mark: str = ""
    state: str = ""
    verdict: str = ""
    operator: str = ""
    rig: str = ""
    session: str = ""
    longer: str = ""
    shorter: str = ""
    since: str = ""
    until: str = ""
    planned: str = ""
    sort: str = ""
    camera: str = ""
    reach: str = ""

    @classmethod
    def read(cls, query: Mapping[str, Any]) -> Filter:
        """Return the filter in a query, without invalid values: an old or mistyped URL still shows a list."""
        texts = {name: str(query.get(name, "")).replace("\x00", "").strip()[:_LONGEST_TEXT] for name in NAMES}
        return cls(**{name: text for name, text in texts.items() if text and _is_valid(name, text)})

    @classmethod
    def read_all(cls, query: Mapping[str, Any]) -> Filter:
        """Return the filter in a query. Raise Refused (422) for an invalid value, which `read` would leave out.

        For what is done with the episodes: without a condition it would be done with more of them than was asked.
        """
        filters = cls.read(query)
        for name in NAMES:
            text = str(query.get(name, "")).strip()
            if text != getattr(filters, name):
                raise Refused("invalid", f"{name}={text[:60]!r}: this filter does not allow such a value.", 422)
        return filters

    @property
    def conditions(self) -> dict[str, str]:
        """Return the conditions that narrow the list, in the order of the fields, without order and camera."""
        return {name: value for name, value in self.as_dict().items() if name not in DISPLAY_FIELDS}

    @property
    def narrows(self) -> bool:
        """Whether a condition must be asked of each row; of the others there are kept totals."""
        return bool(self.conditions.keys() - {"state", "verdict", "task"})

    @property
    def display_only(self) -> Filter:
        """Return a filter with the same order and camera and no conditions."""
        return Filter(**{name: getattr(self, name) for name in DISPLAY_FIELDS})

    @property
    def query(self) -> str:
        """Return the filter as a URL's query, without `?`."""
        return urlencode(self.as_dict())

    def as_dict(self) -> dict[str, str]:
        """Return the fields that are not empty."""
        return {name: value for name in NAMES if (value := getattr(self, name))}

    def without(self, *names: str) -> Filter:
        """Return the filter without these fields."""
        return dataclasses.replace(self, **dict.fromkeys(names, ""))

    def narrow(self, rows: EpisodeQuerySet) -> EpisodeQuerySet:
        """Return the rows that match, regardless of `state`, `verdict` and `reach`."""
        rows = _by_text(rows, self.q)
        exact = {"task": self.task, "operator": self.operator, "rig__name": self.rig, "session": self.session}
        rows = rows.filter(**{name: value for name, value in exact.items() if value})
        rows = _by_label(rows, self.label)
        rows = _by_mark(rows, self.mark)
        if self.planned:
            rows = rows.planned() if self.planned == ANY else rows.filter(PLANNED[self.planned])
        return _by_time(_by_length(rows, self.longer, self.shorter), self.since, self.until)


DISPLAY_FIELDS = ("sort", "camera")
NAMES = tuple(field.name for field in dataclasses.fields(Filter))


class Matching:
    """The episodes of a dataset that match a filter. What files must be read for is found once."""

    def __init__(self, dataset: Dataset, filters: Filter) -> None:
        self.dataset = dataset
        self.filters = filters

    @cached_property
    def reached(self) -> Reached | None:
        """Which of them reach the filter's range of a joint; None without one."""
        reach = Reach.read(self.filters.reach)
        return find_reaching(self._narrowed(), self.dataset, reach) if reach is not None else None

    def rows(self, view: str) -> EpisodeQuerySet:
        """Return those in one list of the dataset's page, unordered."""
        return self._all().filter(_views(self.filters)[view])

    def totals(self, **more: Q) -> dict[str, dict[str, Any]]:
        """Count their `episodes` and `seconds`, for each list and each condition in `more`, in one query."""
        if self.filters.narrows:
            groups = groups_of(self._all())
        else:
            of_task = {"task": self.filters.task} if self.filters.task else {}
            groups = kept_groups(dataset_id=self.dataset.pk, **of_task)
        views = {**_views(self.filters), **more}.items()
        return {name: {"episodes": count(groups, which), "seconds": seconds(groups, which)} for name, which in views}

    def _all(self) -> EpisodeQuerySet:
        return self._narrowed() if self.reached is None else self.reached.narrow(self._narrowed())

    def _narrowed(self) -> EpisodeQuerySet:
        return self.filters.narrow(Episode.objects.filter(dataset=self.dataset))


def rows_in(dataset: Dataset, view: str, filters: Filter) -> EpisodeQuerySet:
    """Return the episodes in one list of the dataset's page, unordered."""
    return Matching(dataset, filters).rows(view)


def totals(dataset: Dataset, filters: Filter, **more: Q) -> dict[str, dict[str, Any]]:
    """Count `episodes` and `seconds` that match, for each list and each condition in `more`, in one query."""
    return Matching(dataset, filters).totals(**more)


def committed_rows(dataset: Dataset, filters: Filter) -> EpisodeQuerySet:
    """Return the committed episodes that match, all of them. Raise Refused if damage hides which these are."""
    rows = filters.narrow(Episode.objects.filter(dataset=dataset)).filter(_views(filters)["committed"])
    reach = Reach.read(filters.reach)
    if reach is None:
        return rows
    reached = find_reaching(rows, dataset, reach)
    reached.refuse_gaps(dataset)
    return reached.narrow(rows)


REJECTED = Q(verdict=Verdict.REJECT, purged_at=None)
NOT_REJECTED = Q(purged_at=None) & (Q(state=EpisodeState.ENCODED) | ~Q(verdict=Verdict.REJECT))
"""What the list All of a dataset has: all but the trash."""


def choices(dataset: Dataset) -> dict[str, list[tuple[str, int]]]:
    """Return the tasks, operators, rigs, labels and flags in the dataset with their counts, the most frequent first."""
    rows = Episode.objects.filter(dataset=dataset).filter(NOT_REJECTED).order_by()
    counters: dict[str, Counter[str]] = {name: Counter() for name in (*_CHOICE_COLUMNS, "label")}
    counters["mark"] = mark_codes(rows)
    grouped = rows.annotate(labels_text=Cast("labels", TextField())).values(*_CHOICE_COLUMNS.values(), "labels_text")
    for group in grouped.annotate(n=Count("pk")):
        for name, column in _CHOICE_COLUMNS.items():
            if group[column]:
                counters[name][group[column]] += group["n"]
        labels = {label for label in json.loads(group["labels_text"]) if isinstance(label, str)}
        counters["label"].update(dict.fromkeys(labels, group["n"]))
    return {name: counter.most_common(_MOST_CHOICES) for name, counter in counters.items()}


def _views(filters: Filter) -> dict[str, Q]:
    committed, present = Q(state=EpisodeState.ENCODED), Q(purged_at=None)
    raw = present & ~committed
    lists = {
        "review": TO_REVIEW,
        "kept": raw & Q(verdict=Verdict.KEEP),
        "committed": committed,
        "all": NOT_REJECTED,
    }
    if filters.verdict:
        lists["all"] = present & Q(verdict=filters.verdict)
        lists["committed"] &= Q(verdict=filters.verdict)
    if filters.state:
        lists["all"] &= Q(state=filters.state)
    return lists


def _by_text(rows: EpisodeQuerySet, text: str) -> EpisodeQuerySet:
    """Match every word in task, note, labels or the operator's name, or with the number or the beginning of the id."""
    if not text:
        return rows
    rows = rows.annotate(id_text=Cast("id", CharField(max_length=36)), labels_text=Cast("labels", TextField()))
    for word in text.split()[:12]:
        matches = Q(task__icontains=word) | Q(note__icontains=word) | Q(operator__icontains=word)
        matches |= Q(labels_text__icontains=json.dumps(word)[1:-1]) | Q(labels_text__icontains=word)
        if (number := parse_number(word)) is not None:
            matches |= Q(number=number)
        rows = rows.filter(matches | Q(id_text__istartswith=word) | Q(id_text__istartswith=word.replace("-", "")))
    return rows


def _by_label(rows: EpisodeQuerySet, label: str) -> EpisodeQuerySet:
    """Match the label in the JSON text, as both databases can. Only one of them escapes non-ASCII characters."""
    if not label:
        return rows
    rows = rows.annotate(labels_text=Cast("labels", TextField()))
    plain, escaped = json.dumps(label, ensure_ascii=False), json.dumps(label)
    return rows.filter(Q(labels_text__contains=plain) | Q(labels_text__contains=escaped))


def _by_mark(rows: EpisodeQuerySet, mark: str) -> EpisodeQuerySet:
    if not mark:
        return rows
    no_marks = Q(marks=[])
    if mark in (ANY, NONE):
        return rows.exclude(no_marks) if mark == ANY else rows.filter(no_marks)
    name = "severity" if mark == BAD else "code"
    return rows.annotate(marks_text=Cast("marks", TextField())).filter(marks_text__contains=f'"{name}": "{mark}"')


def _by_length(rows: EpisodeQuerySet, longer: str, shorter: str) -> EpisodeQuerySet:
    if longer or shorter:
        rows = rows.annotate(length_s=SECONDS)
    if longer:
        rows = rows.filter(Q(("length_s__gte", float(longer))))
    return rows.filter(Q(("length_s__lte", float(shorter)))) if shorter else rows


def _by_time(rows: EpisodeQuerySet, since: str, until: str) -> EpisodeQuerySet:
    if since:
        rows = rows.filter(recorded_at__gte=_day_to_datetime(since, time.min))
    return rows.filter(recorded_at__lte=_day_to_datetime(until, time.max)) if until else rows


def _day_to_datetime(day: str, at: time) -> datetime:
    return timezone.make_aware(datetime.combine(date.fromisoformat(day), at))


def _is_valid(name: str, text: str) -> bool:
    if name in ("state", "verdict", "sort", "planned"):
        allowed = {"state": EpisodeState.values, "verdict": Verdict.values, "sort": list(SORTS)}
        allowed |= {"planned": [ANY, *PLANNED]}
        return text in allowed[name]
    if name == "mark":
        return text.replace("_", "").isalnum() and len(text) <= 40
    if name == "reach":
        return Reach.read(text) is not None
    return _can_parse(name, text)


def _can_parse(name: str, text: str) -> bool:
    try:
        if name in ("longer", "shorter"):
            return math.isfinite(float(text)) and float(text) >= 0
        if name in ("since", "until"):
            return 1900 < date.fromisoformat(text).year < 9999
        if name == "session":
            uuid.UUID(text)
    except ValueError:
        return False
    return True
