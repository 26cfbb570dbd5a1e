"""Counts of datasets: episodes, seconds after the trim as in every list, and progress towards the goal."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet

from recorder.browse.filters import NOT_REJECTED
from recorder.models import Dataset
from recorder.models.episode import KEPT, TO_REVIEW
from recorder.models.groups import Group, count, matches, seconds
from recorder.models.states import EpisodeState, Verdict
from recorder.models.totals import kept_groups

_COMMITTED = Q(state=EpisodeState.ENCODED)
_RAW = Q(purged_at=None) & ~_COMMITTED
_RAW_NOT_REJECTED = _RAW & ~Q(verdict=Verdict.REJECT)
_KEPT = _RAW & Q(verdict=Verdict.KEEP)
_REJECTED = _RAW & Q(verdict=Verdict.REJECT)
_MOST_TASKS = 50
_NOT_ENCODING = Q(state__in=[EpisodeState.RECORDED, EpisodeState.INTERRUPTED, EpisodeState.FAILED])


def figures_by_dataset() -> dict[int, dict[str, Any]]:
    """Return takes, to_review, keep, encodable, not_encoded, reject, committed and seconds by dataset pk, in one query.

    `takes` are not rejected, `not_encoded` takes whose encoding failed.
    """
    by_dataset: dict[int, list[Group]] = {}
    for group in kept_groups("dataset_id"):
        by_dataset.setdefault(group["dataset_id"], []).append(group)
    return {
        pk: {
            "takes": count(groups, _RAW_NOT_REJECTED),
            "to_review": count(groups, TO_REVIEW),
            "keep": count(groups, _KEPT),
            "encodable": count(groups, _KEPT & _NOT_ENCODING),
            "not_encoded": count(groups, _RAW_NOT_REJECTED & Q(state=EpisodeState.FAILED)),
            "reject": count(groups, _REJECTED),
            "committed": count(groups, _COMMITTED),
            "seconds": seconds(groups, _COMMITTED | _RAW_NOT_REJECTED),
        }
        for pk, groups in by_dataset.items()
    }


_COUNTED = ("takes", "to_review", "keep", "encodable", "not_encoded", "reject", "committed")
NO_EPISODES: dict[str, Any] = {**dict.fromkeys(_COUNTED, 0), "seconds": 0.0}


def datasets_with_figures() -> list[dict[str, Any]]:
    """Return every dataset with its counts, the last changed first."""
    figures = figures_by_dataset()
    rows: QuerySet[Dataset] = Dataset.objects.defer("features", "encoding").order_by("-updated_at")
    return [{"dataset": row, **figures.get(row.pk, NO_EPISODES)} for row in rows]


def figures_of(dataset: Dataset) -> dict[str, Any]:
    """Return the counts of one dataset, in episodes and seconds."""
    groups = kept_groups(dataset_id=dataset.pk)
    return {
        "to_review": count(groups, TO_REVIEW),
        "keep": count(groups, _KEPT),
        "encodable": count(groups, _KEPT & _NOT_ENCODING),
        "encodable_unreviewed": count(groups, _RAW_NOT_REJECTED & _NOT_ENCODING),
        "encoding": count(groups, _RAW & Q(state=EpisodeState.ENCODING)),
        "reject": count(groups, _REJECTED),
        "committed": count(groups, _COMMITTED),
        "seconds": seconds(groups, _RAW_NOT_REJECTED),
        "committed_seconds": seconds(groups, _COMMITTED),
    }


def goals_of(dataset: Dataset, first: str, target: int | None = None) -> list[dict[str, Any]]:
    """Return the progress of each task and how many are `wanted`, with the present task `first`.

    `target` replaces the dataset's goal for the present task. Empty if neither is set.
    """
    if not dataset.goal and not target:
        return []
    lines = tasks_of(dataset)
    current = next((line for line in lines if line["task"] == first), {"task": first, "n": 0, "kept": 0})
    others = [line for line in lines if line["task"] != first] if dataset.goal else []
    return [{**current, "wanted": target or dataset.goal}, *({**line, "wanted": dataset.goal} for line in others)]


def goal_of(dataset: Dataset, lines: list[dict[str, Any]], task: str = "") -> dict[str, int] | None:
    """Return how many episodes are kept of those wanted, in one task or in all `lines`; None without a goal.

    `lines` are what `tasks_of` returns. Over all tasks, a surplus in one does not make up for another.
    """
    if not dataset.goal:
        return None
    lines = [line for line in lines if task in ("", line["task"])]
    kept = sum(line["kept"] if task else min(line["kept"], dataset.goal) for line in lines)
    return {"kept": kept, "wanted": dataset.goal * max(1, len(lines))}


def tasks_of(dataset: Dataset) -> list[dict[str, Any]]:
    """Return tasks with their numbers of takes and episodes: `n` without rejected takes, and `kept`; largest first."""
    lines: dict[str, dict[str, Any]] = {}
    for group in kept_groups("task", dataset_id=dataset.pk):
        if not matches(NOT_REJECTED, group):
            continue
        line = lines.setdefault(group["task"], {"task": group["task"], "n": 0, "kept": 0})
        line["n"] += group["n"]
        line["kept"] += group["n"] if matches(KEPT, group) else 0
    return sorted(lines.values(), key=lambda line: (-line["n"], line["task"]))[:_MOST_TASKS]
