"""One change of words to many episodes, undone as one: a task for all, labels added and taken away."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from recorder.errors import Refused
from recorder.history import change_episode, check_open
from recorder.models import Episode

MOST_LABELS = 100
_NOT_DONE_MAX = 3


def edit_many(
    *,
    episodes: Sequence[Episode],
    who: str,
    task: str | None = None,
    add_labels: Sequence[str] = (),
    remove_labels: Sequence[str] = (),
) -> uuid.UUID:
    """The group by which it is undone. Labels keep their order, new ones come last.

    Raises Refused: nothing was done where one of them cannot be changed now, or the task is empty; and says which
    were not changed where some moved in between.
    """
    if task is not None and not task.strip():
        raise Refused("invalid", "A task has at least one letter: policies are trained on it.", 422)
    for episode in Episode.objects.select_related("dataset").filter(pk__in=[each.pk for each in episodes]):
        check_open(episode)
    group, refused = uuid.uuid4(), []
    for episode in episodes:
        labels = list(dict.fromkeys([*(each for each in episode.labels if each not in remove_labels), *add_labels]))
        fields: dict[str, Any] = {"labels": labels[:MOST_LABELS]} | ({} if task is None else {"task": task})
        try:
            change_episode(episode=episode, who=who, group=group, **fields)
        except Refused as error:
            refused.append(error)
    if refused:
        some = " ".join(error.message for error in refused[:_NOT_DONE_MAX])
        raise Refused(refused[0].code, f"{len(refused)} of {len(episodes)} were not changed: {some}", refused[0].status)
    return group
