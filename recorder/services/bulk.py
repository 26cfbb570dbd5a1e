"""One change of words to many episodes, undone as one: a task for all, labels added and taken away."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from recorder.errors import Refused
from recorder.many import Versions, change_many, check_all
from recorder.models import Dataset, Episode
from recorder.services.review import group_of
from recorder.states import EpisodeState

MOST_LABELS = 100


def rename_task(*, dataset: Dataset, task: str, to: str, who: str) -> tuple[uuid.UUID, int]:
    """Another text for a task, in all takes and episodes of the dataset that have it; undone as one. How many.

    Raises Refused where none has it, and as `edit_many`.
    """
    found = dataset.episodes.filter(task=task, purged_at=None).exclude(state=EpisodeState.RECORDING)
    episodes = list(found.select_related("dataset"))
    if not episodes:
        raise Refused("no_task", f"Nothing in {dataset.title} has the task {task!r} (any more): reload and look.", 404)
    return edit_many(episodes=episodes, who=who, task=to), len(episodes)


def edit_many(
    *,
    episodes: Sequence[Episode],
    who: str,
    task: str | None = None,
    add_labels: Sequence[str] = (),
    remove_labels: Sequence[str] = (),
    versions: Versions | None = None,
    group: uuid.UUID | None = None,
) -> uuid.UUID:
    """The group by which it is undone. Labels keep their order, new ones come last.

    Raises Refused: nothing was done where one of them cannot be changed now, or the task is empty; and says which
    were not changed where some moved in between.
    """
    if task is not None and not task.strip():
        raise Refused("invalid", "A task has at least one letter: policies are trained on it.", 422)
    group = group_of(group=group, who=who)

    def wish(episode: Episode) -> dict[str, Any]:
        left = [each for each in episode.labels if each not in remove_labels]
        labels = list(dict.fromkeys([*left, *add_labels]))[:MOST_LABELS]
        return {"labels": labels} | ({} if task is None else {"task": task})

    check_all(episodes, wish, who, versions or {})
    done = change_many(episodes=episodes, wish=wish, who=who, group=group, versions=versions)
    done.complain(len(episodes))
    return group
