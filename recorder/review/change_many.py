"""Change one or many episodes: in few transactions, with pauses in between for other writers."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from django.db import transaction
from django.utils import timezone

from recorder.actor import Actor
from recorder.catalog.sidecars import NOT_DURABLE, hold_folders, write_sidecars
from recorder.errors import Refused
from recorder.models import Change, Episode
from recorder.models.permissions import require_changes
from recorder.models.versions import version_after
from recorder.review.change import (
    FIELDS,
    add_review_stamp,
    check_editable,
    conflict,
    frames_conflict,
    newest_of_others,
    not_written,
    take_fields,
)
from robotdata.spool.batch_curation import update_curations

CHUNK_SIZE = 50
"""The number of episodes in one transaction, during which nobody else can write into SQLite."""
_MAX_NAMED = 3
FieldsFor = Callable[[Episode], dict[str, Any]]
Versions = Mapping[uuid.UUID, datetime]
_PAUSE_S = 0.02  # between two transactions, in seconds; longer than the shortest retry interval of other writers


@dataclass(slots=True)
class Outcome:
    """The result: changed episodes as they are now, refusals by episode, and warnings of changes that may be lost."""

    changed: list[Episode] = field(default_factory=list)
    refused: dict[uuid.UUID, Refused] = field(default_factory=dict)
    warnings: list[Refused] = field(default_factory=list)
    changes: dict[uuid.UUID, Change] = field(default_factory=dict)
    unchanged_versions: dict[uuid.UUID, datetime] = field(default_factory=dict)  # of episodes without a change

    def raise_refusals(self, total: int) -> None:
        """Raise Refused if some of the `total` episodes were not changed: how many, and why the first of them."""
        if not self.refused:
            for warning in self.warnings[:1]:
                raise warning
            return
        errors = list(self.refused.values())
        if total == 1:
            raise errors[0]
        listed = " ".join(list(dict.fromkeys(error.message for error in errors))[:_MAX_NAMED])
        message = " ".join(
            [
                f"{len(errors)} of {total} were not changed: {listed}",
                *(warning.message for warning in self.warnings[:1]),
            ]
        )
        raise Refused(errors[0].code, message, errors[0].status)


class _ReadVersions:
    """The versions of these episodes that the actor has read, and whether others have changed them since.

    All are queried once, at the first question, when the rows are locked. With `own`, changes by the same actor in this
    browser do not count.
    """

    def __init__(self, episodes: Iterable[Episode], versions: Versions | None, actor: Actor, *, own: bool) -> None:
        self._ids = [episode.pk for episode in episodes]
        self._versions = versions or {}
        self._excluded = actor if own else None
        self._newest: dict[uuid.UUID, datetime] | None = None

    def version(self, episode: Episode) -> datetime | None:
        return self._versions.get(episode.pk)

    def is_outdated(self, episode: Episode) -> bool:
        """Return whether the episode was changed after it was read; the program's own updates do not count."""
        read = self.version(episode)
        if read is None:
            return False
        if self._newest is None:
            self._newest = newest_of_others(self._ids, self._excluded)
        return episode.pk in self._newest and self._newest[episode.pk] > read

    def check(self, episode: Episode, after: dict[str, Any]) -> None:
        """Raise Refused (`conflict`) if it was changed since, or its frames were and `after` trims them."""
        if self.is_outdated(episode):
            raise conflict(episode, self._excluded)
        read, trims = self.version(episode), not after.keys().isdisjoint({"trim_first", "trim_end"})
        if trims and read is not None and episode.frames_at is not None and read < episode.frames_at:
            raise frames_conflict(episode)


@dataclass(slots=True)
class _Plan:
    episode: Episode
    before: dict[str, Any]
    after: dict[str, Any]
    fields: dict[str, Any]


def change_all(
    *,
    episodes: Sequence[Episode],
    fields_for: FieldsFor,
    actor: Actor,
    group: uuid.UUID,
    versions: Versions | None = None,
    own: bool = True,
) -> Outcome:
    """Set the fields that `fields_for` returns for each episode; the `group` undoes all of it.

    Every `take.json` is written durably before its row; the sidecar of a dataset is written once for all its episodes.
    None is changed if one of them cannot be changed now, or was changed after the version in `versions` was read: by
    another person or, without `own`, by anybody. Raise Refused, naming the episodes that were not changed if that
    happens meanwhile. With the code NOT_DURABLE, all of them are changed.
    """
    if len(episodes) > 1:  # a single one is checked when it is changed
        _check_all(episodes, fields_for, actor, _ReadVersions(episodes, versions, actor, own=own))
    outcome = Outcome()
    for chunk in _chunks(episodes):
        ids = [episode.pk for episode in chunk]
        read_versions = _ReadVersions(chunk, versions, actor, own=own)
        with _record_refusal(chunk, outcome), hold_folders(chunk), transaction.atomic():
            plans = _make_plans(ids, _lock_episodes(ids), fields_for, actor, read_versions, outcome)
            written = _write(plans, actor, outcome)
            changes = [_new_change(plan, actor, group) for plan in written]
            Change.objects.bulk_create(changes)
            outcome.changes |= {change.episode_id: change for change in changes}
            outcome.changed += [plan.episode for plan in written]
    _update_instances(episodes, outcome)
    outcome.raise_refusals(len(episodes))
    return outcome


def _check_all(episodes: Sequence[Episode], fields_for: FieldsFor, actor: Actor, read_versions: _ReadVersions) -> None:
    """Raise Refused if one of them cannot be changed now, or was changed after it was read."""
    for episode in Episode.objects.select_related("dataset").filter(pk__in=[episode.pk for episode in episodes]):
        _fields_to_change(episode, fields_for, actor, read_versions)


def _fields_to_change(
    episode: Episode, fields_for: FieldsFor, actor: Actor, read_versions: _ReadVersions
) -> dict[str, Any]:
    """Return the fields of the episode that change. Raise Refused if this actor cannot change it now."""
    check_editable(episode)
    after = _different_fields(episode, fields_for(episode))
    require_changes(actor, after, episode)
    if after:
        read_versions.check(episode, after)
    return after


def _different_fields(episode: Episode, fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if getattr(episode, name) != value}


def undo_many(*, changes: Sequence[Change], actor: Actor) -> Outcome:
    """Undo these changes. Episodes that somebody has changed since are not undone but named in the result."""
    outcome = Outcome()
    for chunk in _chunks(list({change.episode_id: change.episode for change in changes}.values())):
        ids = {episode.pk for episode in chunk}
        change_ids = [change.pk for change in changes if change.episode_id in ids]
        with _record_refusal(chunk, outcome), hold_folders(chunk), transaction.atomic():
            locked = _lock_episodes(ids)
            open_changes = _lock_open_changes(change_ids)
            read_versions = _ReadVersions(chunk, None, actor, own=True)
            fields_for = partial(_fields_before, open_changes)
            plans = _make_plans(list(open_changes), locked, fields_for, actor, read_versions, outcome)
            written = _write(plans, actor, outcome)
            undone = [
                change.pk
                for pk, of_episode in open_changes.items()
                if pk not in outcome.refused
                for change in of_episode
            ]
            # The same time as the row's version: whoever has read that row has seen this undo.
            undone_at = written[0].episode.updated_at if written else timezone.now()
            Change.objects.filter(pk__in=undone).update(undone_at=undone_at)
            outcome.changed += [plan.episode for plan in written]
    return outcome


def _chunks(episodes: Sequence[Episode]) -> Iterator[list[Episode]]:
    """Yield takes, CHUNK_SIZE at a time, then committed episodes by dataset, because each dataset has one sidecar."""
    takes = [episode for episode in episodes if not episode.is_committed]
    committed: dict[int, list[Episode]] = {}
    for episode in episodes:
        if episode.is_committed:
            committed.setdefault(episode.dataset_id, []).append(episode)
    chunks = [takes[first : first + CHUNK_SIZE] for first in range(0, len(takes), CHUNK_SIZE)]
    for number, chunk in enumerate([*chunks, *committed.values()]):
        if number:
            time.sleep(_PAUSE_S)
        yield chunk


@contextmanager
def _record_refusal(chunk: Sequence[Episode], outcome: Outcome) -> Iterator[None]:
    """Record a refusal for these episodes only, so that a dataset that is being changed does not stop the others."""
    try:
        yield
    except Refused as error:
        outcome.refused |= {episode.pk: error for episode in chunk}


def _make_plans(
    ids: list[uuid.UUID],
    locked: Mapping[uuid.UUID, Episode],
    fields_for: FieldsFor,
    actor: Actor,
    read_versions: _ReadVersions,
    outcome: Outcome,
) -> list[_Plan]:
    plans = []
    for pk in ids:
        episode = locked.get(pk)
        if episode is None:
            outcome.refused[pk] = Refused("no_episode", f"There is no episode {pk} any more: reload the page.", 404)
            continue
        try:
            after = _fields_to_change(episode, fields_for, actor, read_versions)
        except Refused as error:
            outcome.refused[pk] = error
            continue
        if after:
            plans.append(_Plan(episode, {name: getattr(episode, name) for name in after}, after, {}))
        elif (read := read_versions.version(episode)) is not None and read_versions.is_outdated(episode):
            outcome.unchanged_versions[pk] = read
        else:
            outcome.unchanged_versions[pk] = episode.updated_at
    return plans


def _lock_episodes(ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Episode]:
    """Lock the rows in the order that batches use too, and before their changes, to avoid deadlocks."""
    rows = Episode.objects.select_related("dataset").defer("dataset__features", "dataset__encoding")
    rows = rows.select_for_update(of=("self",), no_key=True).order_by("recorded_at", "pk")
    return rows.in_bulk(list(ids))


def _new_change(plan: _Plan, actor: Actor, group: uuid.UUID) -> Change:
    at = plan.episode.updated_at
    columns = {"who": actor.name, "browser": actor.browser, "at": at, "group": group}
    return Change(episode=plan.episode, before=plan.before, after=plan.after, **columns)


def _lock_open_changes(ids: list[int]) -> dict[uuid.UUID, list[Change]]:
    """Return the changes that are not undone, by episode, newest first. Locked, so that each is undone only once."""
    open_changes: dict[uuid.UUID, list[Change]] = {}
    rows = Change.objects.select_for_update(no_key=True).filter(pk__in=ids, undone_at=None)
    for change in rows.order_by("-id"):
        open_changes.setdefault(change.episode_id, []).append(change)
    return open_changes


def _fields_before(open_changes: dict[uuid.UUID, list[Change]], episode: Episode) -> dict[str, Any]:
    """Return the fields before these changes. Raise Refused if they were changed again since."""
    fields: dict[str, Any] = {}
    for change in open_changes[episode.pk]:
        if any(fields.get(name, getattr(episode, name)) != value for name, value in change.after.items()):
            raise conflict(episode)
        fields |= change.before
    return fields


def _write(plans: list[_Plan], actor: Actor, outcome: Outcome) -> list[_Plan]:
    """Write the files, then the rows of those episodes whose file was written."""
    now = version_after(*(plan.episode.updated_at for plan in plans))
    for plan in plans:
        plan.fields = add_review_stamp(plan.after, actor.name, now)
        for name, value in plan.fields.items():
            setattr(plan.episode, name, value)
    problems = _write_folders([plan for plan in plans if not plan.episode.is_committed], actor)
    problems |= write_sidecars([plan.episode for plan in plans if plan.episode.is_committed])
    outcome.warnings += [problem for problem in problems.values() if problem.code == NOT_DURABLE]
    outcome.refused |= {pk: problem for pk, problem in problems.items() if problem.code != NOT_DURABLE}
    written = [plan for plan in plans if plan.episode.pk not in outcome.refused]
    by_fields: dict[str, list[_Plan]] = {}
    for plan in written:
        by_fields.setdefault(repr(sorted(plan.fields.items())), []).append(plan)
    for same_fields in by_fields.values():
        Episode.objects.filter(pk__in=[plan.episode.pk for plan in same_fields]).update(**same_fields[0].fields)
    return written


def _write_folders(plans: list[_Plan], actor: Actor) -> dict[uuid.UUID, Refused]:
    problems = update_curations(
        [
            (plan.episode.take_path, {**take_fields(plan.episode, plan.after), "number": plan.episode.number})
            for plan in plans
        ],
        by=actor.name,
    )
    refusals: dict[uuid.UUID, Refused] = {}
    for plan, problem in zip(plans, problems, strict=True):
        if problem is not None and (refusal := not_written(plan.episode, problem)) is not None:
            refusals[plan.episode.pk] = refusal
    return refusals


def _update_instances(episodes: Sequence[Episode], outcome: Outcome) -> None:
    """Update the caller's instances with the saved values."""
    instances = {episode.pk: episode for episode in episodes}
    for changed in outcome.changed:
        instance = instances[changed.pk]
        for name in FIELDS:
            setattr(instance, name, getattr(changed, name))
        instance.reviewer, instance.reviewed_at, instance.updated_at = (
            changed.reviewer,
            changed.reviewed_at,
            changed.updated_at,
        )
    for pk, version in outcome.unchanged_versions.items():
        instances[pk].updated_at = version
