"""Review: verdicts, annotations and trims of episodes, and undo."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from recorder.actor import Actor
from recorder.errors import Refused
from recorder.jobs.encoding import apply_policy
from recorder.models import Change, Dataset, Episode, Policy
from recorder.models.annotations import EDITABLE
from recorder.models.permissions import Action, require, require_changes
from recorder.models.states import EpisodeState, Verdict
from recorder.review.change import check_editable, conflict
from recorder.review.change_many import Versions, change_all, undo_many
from recorder.review.language import checked_language
from recorder.task_text import checked_task
from robotdata.numbers import frame_range


def set_verdict(
    *,
    episodes: Sequence[Episode],
    verdict: str,
    actor: Actor,
    version: datetime | None = None,
    own: bool = False,
    versions: Versions | None = None,
    group: uuid.UUID | None = None,
) -> uuid.UUID:
    """Keep, reject or clear the verdict of the episodes; return the group that undoes all of it at once.

    A large request may be split: later parts pass the `group` of the first. `versions` gives the versions that were
    read, as `version` does of one. With `own` or `versions`, the actor's own changes since are not a conflict.

    Raise Refused: nothing is changed if the first check fails; later, the message names those that were not changed.
    """
    require(actor, Action.JUDGE, *episodes)
    if verdict not in Verdict.values:
        raise Refused("invalid", f"Unknown verdict {verdict!r}: choose one of {', '.join(Verdict.values)}.", 422)
    group = _change_all(episodes, actor, version, {"verdict": verdict}, own, group, versions)
    if verdict != Verdict.REJECT:
        _apply_policies(episodes)
    return group


def edit_episodes(
    *, episodes: Sequence[Episode], actor: Actor, version: datetime | None = None, own: bool = False, **fields: Any
) -> uuid.UUID:
    """Set task, labels, rating, note, language or trim (`trim_first`, `trim_end`, in ticks); return what undoes it.

    Raise Refused for an invalid value, or if an episode cannot be changed now; TypeError for an unknown field.
    """
    require(actor, Action.EDIT, *episodes)
    if unknown := fields.keys() - set(EDITABLE):
        raise TypeError(f"cannot edit {', '.join(sorted(unknown))} of an episode")
    if "task" in fields:
        fields["task"] = checked_task(str(fields["task"]))
    for episode in episodes:
        _check_trim(episode, fields)
    if "language" in fields:
        fields["language"] = checked_language(fields["language"], episodes)
    return _change_all(episodes, actor, version, fields, own)


def group_of(*, group: uuid.UUID | None, by: Actor) -> uuid.UUID:
    """Return a new group, or `group` itself. Raise Refused if that belongs to somebody else or was undone."""
    if group is None:
        return uuid.uuid4()
    changes = Change.objects.filter(group=group)
    if changes.exclude(who=by.name).exists():
        raise Refused("invalid", f"Change group {group} belongs to somebody else. Start your own.", 422)
    if changes.exclude(undone_at=None).exists():
        raise Refused("taken_back", "This was undone meanwhile: nothing more was changed.")
    return group


@dataclass(frozen=True, slots=True)
class Undone:
    """Episodes that were restored, and how many of the same group are left to undo."""

    episodes: list[Episode]
    group: uuid.UUID
    left: int


def undo(*, actor: Actor) -> list[Episode]:
    """Undo this person's newest change that is not undone yet; repeat to undo earlier ones.

    If two people share an account, changes of this browser come first. Raise Refused if there is nothing to undo, if
    somebody else has changed the same since (the next undo then undoes the change before), or while the episode is
    being encoded.
    """
    return undo_some(actor=actor).episodes


def undo_some(*, actor: Actor, group: uuid.UUID | None = None, most: int | None = None) -> Undone:
    """Undo the changes of `group` instead of the newest, of at most `most` episodes. Raise Refused as `undo` does."""
    while (newest := _newest_change(actor, group)) is not None:
        rows = Change.objects.filter(group=newest.group, who=actor.name, undone_at=None, superseded=False)
        changes = list(rows.select_related("episode__dataset").order_by("-id"))
        for change in changes:
            require_changes(actor, change.after, change.episode)
        purged = [change for change in changes if change.episode.purged_at is not None]
        Change.objects.filter(pk__in=[change.pk for change in purged]).update(superseded=True)
        if undoable := [change for change in changes if change not in purged]:
            return _undo_all(undoable, actor, most)
    raise Refused("nothing_to_undo", "Nothing left to undo: all your changes are undone or committed.")


def history(*, episode: Episode) -> QuerySet[Change]:
    """Return all changes of the episode, newest first, including undone ones."""
    return episode.changes.all()


def _newest_change(actor: Actor, group: uuid.UUID | None) -> Change | None:
    own_changes = Change.objects.filter(who=actor.name, undone_at=None, superseded=False).order_by("-id")
    if group is not None:
        return own_changes.filter(group=group).first()
    return (own_changes.filter(browser=actor.browser).first() if actor.browser else None) or own_changes.first()


def _undo_all(changes: list[Change], actor: Actor, most: int | None) -> Undone:
    for change in changes:
        if change.episode.state in {EpisodeState.ENCODING, EpisodeState.RECORDING}:
            check_editable(change.episode)
    overwritten = {change.pk: change for change in changes if _is_overwritten(change)}
    if overwritten:
        Change.objects.filter(pk__in=list(overwritten)).update(superseded=True)
        if len(overwritten) == len(changes):
            raise conflict(changes[0].episode)
    undoable = [change for change in changes if change.pk not in overwritten]
    episodes = list(dict.fromkeys(change.episode_id for change in undoable))
    selected = set(episodes[:most])
    outcome = undo_many(changes=[change for change in undoable if change.episode_id in selected], actor=actor)
    outcome.raise_refusals(len(selected))
    _apply_policies(outcome.changed)
    return Undone(outcome.changed, changes[0].group, len(episodes) - len(selected))


def _is_overwritten(change: Change) -> bool:
    return any(getattr(change.episode, name) != value for name, value in change.after.items())


def _change_all(
    episodes: Sequence[Episode],
    actor: Actor,
    version: datetime | None,
    fields: dict[str, Any],
    own: bool = False,
    group: uuid.UUID | None = None,
    versions: Versions | None = None,
) -> uuid.UUID:
    """Change all of them, or none if one cannot be changed. Raise Refused, naming those that changed meanwhile."""
    group = group_of(group=group, by=actor)
    read_versions = versions or {episode.pk: version for episode in episodes if version is not None}
    own = own or versions is not None
    change_all(
        episodes=episodes, fields_for=lambda _: fields, actor=actor, group=group, versions=read_versions, own=own
    )
    return group


def _check_trim(episode: Episode, fields: dict[str, Any]) -> None:
    if not fields.keys() & {"trim_first", "trim_end"}:
        return
    candidate = Episode(
        number=episode.number,
        ticks=episode.ticks,
        trim_first=fields.get("trim_first", episode.trim_first),
        trim_end=fields.get("trim_end", episode.trim_end),
    )
    trim = candidate.trim
    if trim is not None and not 0 <= trim[0] < trim[1] <= episode.ticks:
        raise Refused(
            "invalid",
            f"The trim from frame {trim[0]} to before frame {trim[1]} does not fit {episode}. "
            f"It has {frame_range(0, episode.ticks)}, and at least one must be kept.",
            422,
        )


def _apply_policies(episodes: Iterable[Episode]) -> None:
    datasets = Dataset.objects.filter(pk__in={episode.dataset_id for episode in episodes})
    for dataset in datasets.exclude(policy=Policy.HAND):
        apply_policy(dataset=dataset)
