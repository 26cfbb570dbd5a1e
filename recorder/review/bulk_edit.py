"""Edit many episodes at once, with one undo: set task and rating, add or remove labels, add a note."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from recorder.actor import Actor
from recorder.errors import Refused
from recorder.models import Dataset, Episode
from recorder.models.permissions import Action, require
from recorder.models.states import EpisodeState
from recorder.review.change_many import Versions, change_all
from recorder.review.verdicts import group_of
from recorder.task_text import checked_task
from robotdata.spool.annotation import OUTCOMES

MOST_LABELS, MOST_NOTE = 100, 10_000
SHARED_FIELDS = ("task", "rating")


def rename_task(*, dataset: Dataset, task: str, to: str, actor: Actor) -> tuple[uuid.UUID, int]:
    """Rename a task in all takes and episodes of the dataset that have it. Return the undo group and how many.

    Raise Refused if no episode has the task, and as `edit_many` does.
    """
    require(actor, Action.EDIT, dataset)
    rows = dataset.episodes.filter(task=task, purged_at=None).exclude(state=EpisodeState.RECORDING)
    episodes = list(rows.select_related("dataset"))
    if not episodes:
        raise Refused("no_task", f"No episode in {dataset.title} has the task {task!r} now. Reload the page.", 404)
    return edit_many(episodes=episodes, actor=actor, task=to), len(episodes)


def edit_many(
    *,
    episodes: Sequence[Episode],
    actor: Actor,
    add_labels: Sequence[str] = (),
    remove_labels: Sequence[str] = (),
    add_note: str = "",
    versions: Versions | None = None,
    group: uuid.UUID | None = None,
    **shared: Any,
) -> uuid.UUID:
    """Edit many episodes; return the group that undoes the edit.

    `task` and `rating` are set to the same value for all. Labels keep their order and new ones are appended; the note
    is appended to each existing note.

    Raise Refused if one of them cannot be changed now or the task is empty, and then nothing is changed; also if some
    changed meanwhile, naming those that were not edited.
    """
    require(actor, Action.EDIT, *episodes)
    if unknown := shared.keys() - set(SHARED_FIELDS):
        raise TypeError(f"cannot edit {', '.join(sorted(unknown))} of several episodes")
    if "task" in shared:
        shared["task"] = checked_task(str(shared["task"]))
    group = group_of(group=group, by=actor)

    def fields_for(episode: Episode) -> dict[str, Any]:
        remaining = [label for label in episode.labels if label not in remove_labels]
        labels = list(dict.fromkeys([*remaining, *add_labels]))[:MOST_LABELS]
        return {"labels": labels, "note": _append_note(episode, add_note.strip()), **shared}

    change_all(episodes=episodes, fields_for=fields_for, actor=actor, group=group, versions=versions)
    return group


def set_outcome(*, episode: Episode, outcome: str | None, actor: Actor) -> uuid.UUID:
    """Label the episode with one of OUTCOMES, or with none, instead of another; return the group that undoes it."""
    others = [label for label in OUTCOMES if label != outcome]
    return edit_many(episodes=[episode], actor=actor, add_labels=[outcome] if outcome else [], remove_labels=others)


def _append_note(episode: Episode, addition: str) -> str:
    """Return the note with `addition` appended, unless it has it already. Raise Refused if it becomes too long."""
    if not addition or f"\n{addition}\n" in f"\n{episode.note}\n":
        return episode.note
    note = f"{episode.note.rstrip()}\n{addition}".lstrip("\n")
    if len(note) > MOST_NOTE:
        raise Refused("invalid", f"The note of {episode} would be longer than {MOST_NOTE} characters: shorten it.", 422)
    return note
