"""Review: verdicts, words and trims of takes, each undone as it was done."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from recorder.errors import Refused
from recorder.history import change_episode, check_open, conflict, trim_of, write, write_take
from recorder.models import Change, Dataset, Episode
from recorder.services.batches import apply_policy
from recorder.states import EpisodeState, Verdict

EDITABLE = ("task", "labels", "rating", "note", "trim_first", "trim_end")
_NOT_DONE_MAX = 3


def set_verdict(*, episodes: Sequence[Episode], verdict: str, who: str, version: datetime | None = None) -> uuid.UUID:
    """Keep, reject or take back a verdict; many at once are undone as one, by the group that is returned.

    Raises Refused: nothing was done where the first check failed, and the message says which were not where some
    moved in between.
    """
    if verdict not in Verdict.values:
        raise Refused("invalid", f"{verdict!r} is no verdict: choose {', '.join(Verdict.values)}.", 422)
    group = _change_all(episodes, who, version, {"verdict": verdict})
    if verdict != Verdict.REJECT:
        _apply_policies(episodes)
    return group


def edit_episodes(
    *, episodes: Sequence[Episode], who: str, version: datetime | None = None, **fields: Any
) -> uuid.UUID:
    """Set task, labels, rating, note or trim (`trim_first`, `trim_end`, in ticks); undone by the returned group.

    Raises Refused for a value that is none, or where an episode cannot be changed now.
    """
    if unknown := fields.keys() - set(EDITABLE):
        raise TypeError(f"an episode has no {', '.join(sorted(unknown))} to edit")
    if not str(fields.get("task", "x")).strip():
        raise Refused("invalid", "A task has at least one letter: policies are trained on it.", 422)
    for episode in episodes:
        _check_trim(episode, fields)
    return _change_all(episodes, who, version, fields)


def undo(*, who: str) -> list[Episode]:
    """Take back this person's newest change that is not taken back yet; again and again, as far as there are any.

    Raises Refused where there is nothing to undo, where somebody else has changed the same since (the next undo
    goes on with the change before), or while the episode is being encoded.
    """
    while (newest := _newest(who)) is not None:
        group = Change.objects.filter(group=newest.group, undone_at=None, superseded=False)
        changes = list(group.select_related("episode__dataset"))
        gone = [c for c in changes if c.episode.purged_at is not None or c.episode.is_committed]
        Change.objects.filter(pk__in=[c.pk for c in gone]).update(superseded=True)
        if live := [c for c in changes if c not in gone]:
            undone = _undo_all(live, who)
            _apply_policies(undone)
            return undone
    raise Refused("nothing_to_undo", "There is nothing left to undo: every change of yours is taken back or committed.")


def history(*, episode: Episode) -> QuerySet[Change]:
    """All changes of the episode, newest first, those taken back included."""
    return episode.changes.all()


def _newest(who: str) -> Change | None:
    return Change.objects.filter(who=who, undone_at=None, superseded=False).order_by("-id").first()


def _undo_all(changes: list[Change], who: str) -> list[Episode]:
    for change in changes:
        if change.episode.state in {EpisodeState.ENCODING, EpisodeState.RECORDING}:
            check_open(change.episode)
    others = [change for change in changes if _overwritten(change)]
    if others:
        Change.objects.filter(pk__in=[change.pk for change in others]).update(superseded=True)
        if len(others) == len(changes):
            raise conflict(others[0].episode)
    return [change.episode for change in changes if change not in others and _undo_one(change, who)]


def _overwritten(change: Change) -> bool:
    return any(getattr(change.episode, name) != value for name, value in change.after.items())


def _undo_one(change: Change, who: str) -> bool:
    with transaction.atomic():
        if not Change.objects.filter(pk=change.pk, undone_at=None).update(undone_at=timezone.now()):
            return False
        if not write(change.episode, change.before, who):
            raise conflict(change.episode)
        write_take(change.episode, change.before, who)
    return True


def _change_all(episodes: Sequence[Episode], who: str, version: datetime | None, fields: dict[str, Any]) -> uuid.UUID:
    group, refused = uuid.uuid4(), []
    for episode in Episode.objects.select_related("dataset").filter(pk__in=[episode.pk for episode in episodes]):
        check_open(episode)
    for episode in episodes:
        try:
            change_episode(episode=episode, who=who, group=group, version=version, **fields)
        except Refused as error:
            if len(episodes) == 1:
                raise
            refused.append(error)
    if refused:
        some = " ".join(error.message for error in refused[:_NOT_DONE_MAX])
        raise Refused(refused[0].code, f"{len(refused)} of {len(episodes)} were not changed: {some}", refused[0].status)
    return group


def _check_trim(episode: Episode, fields: dict[str, Any]) -> None:
    if not fields.keys() & {"trim_first", "trim_end"}:
        return
    wanted = Episode(
        ticks=episode.ticks,
        trim_first=fields.get("trim_first", episode.trim_first),
        trim_end=fields.get("trim_end", episode.trim_end),
    )
    trim = trim_of(wanted)
    if trim is not None and not 0 <= trim[0] < trim[1] <= episode.ticks:
        raise Refused(
            "invalid",
            f"A trim of {trim[0]} to {trim[1]} does not fit {episode}: it has frames 0 to {episode.ticks}, "
            "and at least one of them must be kept.",
            422,
        )


def _apply_policies(episodes: Iterable[Episode]) -> None:
    for dataset in Dataset.objects.filter(pk__in={episode.dataset_id for episode in episodes}):
        apply_policy(dataset=dataset)
