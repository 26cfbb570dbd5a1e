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
    check_open,
    conflict,
    frames_moved,
    newest_of_others,
    not_written,
    said,
    stamped,
)
from robotdata.spool.batch_curation import update_curations

AT_ONCE = 50
"""The number of episodes in one transaction, during which nobody else can write into SQLite."""
_NAMED = 3
Wish = Callable[[Episode], dict[str, Any]]
Versions = Mapping[uuid.UUID, datetime]
_PAUSE_S = 0.02  # between two transactions, in seconds; longer than the shortest retry interval of other writers


@dataclass(slots=True)
class Outcome:
    """The result: changed episodes as they are now, refusals by episode, and warnings of changes that may be lost."""

    changed: list[Episode] = field(default_factory=list)
    refused: dict[uuid.UUID, Refused] = field(default_factory=dict)
    unsure: list[Refused] = field(default_factory=list)
    changes: dict[uuid.UUID, Change] = field(default_factory=dict)
    seen: dict[uuid.UUID, datetime] = field(default_factory=dict)  # versions of episodes that needed no change

    def complain(self, of: int) -> None:
        """Raise Refused if some of the `of` episodes were not changed: how many, and why the first of them."""
        if not self.refused:
            for unsure in self.unsure[:1]:
                raise unsure
            return
        errors = list(self.refused.values())
        if of == 1:
            raise errors[0]
        some = " ".join(list(dict.fromkeys(error.message for error in errors))[:_NAMED])
        words = " ".join([f"{len(errors)} of {of} were not changed: {some}", *(u.message for u in self.unsure[:1])])
        raise Refused(errors[0].code, words, errors[0].status)


class _Reads:
    """The versions of these episodes that the actor has read, and whether others have changed them since.

    All are queried once, at the first question, when the rows are locked. With `own`, changes by the same actor in this
    browser do not count.
    """

    def __init__(self, episodes: Iterable[Episode], versions: Versions | None, actor: Actor, *, own: bool) -> None:
        self._ids = [episode.pk for episode in episodes]
        self._versions = versions or {}
        self._but = actor if own else None
        self._newest: dict[uuid.UUID, datetime] | None = None

    def version(self, episode: Episode) -> datetime | None:
        return self._versions.get(episode.pk)

    def is_behind(self, episode: Episode) -> bool:
        """Return whether the episode was changed after it was read; the program's own updates do not count."""
        read = self.version(episode)
        if read is None:
            return False
        if self._newest is None:
            self._newest = newest_of_others(self._ids, self._but)
        return episode.pk in self._newest and self._newest[episode.pk] > read

    def check(self, episode: Episode, after: dict[str, Any]) -> None:
        """Raise Refused (`conflict`) if it was changed since, or its frames were and `after` trims them."""
        if self.is_behind(episode):
            raise conflict(episode, self._but)
        read, trims = self.version(episode), not after.keys().isdisjoint({"trim_first", "trim_end"})
        if trims and read is not None and episode.frames_at is not None and read < episode.frames_at:
            raise frames_moved(episode)


@dataclass(slots=True)
class _Plan:
    episode: Episode
    before: dict[str, Any]
    after: dict[str, Any]
    fields: dict[str, Any]


def change_all(
    *,
    episodes: Sequence[Episode],
    wish: Wish,
    actor: Actor,
    group: uuid.UUID,
    versions: Versions | None = None,
    own: bool = True,
) -> Outcome:
    """Change the episodes as `change_many` does, but change none if one of them cannot be changed now.

    Raise Refused, naming the episodes that were not changed if some changed meanwhile. With the code NOT_DURABLE, all
    of them are changed.
    """
    if len(episodes) > 1:  # a single one is checked when it is changed
        _check_all(episodes, wish, actor, _Reads(episodes, versions, actor, own=own))
    done = change_many(episodes=episodes, wish=wish, actor=actor, group=group, versions=versions, own=own)
    done.complain(len(episodes))
    return done


def change_many(
    *,
    episodes: Sequence[Episode],
    wish: Wish,
    actor: Actor,
    group: uuid.UUID,
    versions: Versions | None = None,
    own: bool = True,
) -> Outcome:
    """Set the fields that `wish` returns for each episode; the `group` undoes all of it.

    Every `take.json` is written durably before its row; the sidecar of a dataset is written once for all its episodes.
    Episodes that cannot be changed are named in the result, as are those that were changed after the version in
    `versions` was read: by another person or, without `own`, by anybody.
    """
    outcome = Outcome()
    for some in _portions(episodes):
        ids = [episode.pk for episode in some]
        reads = _Reads(some, versions, actor, own=own)
        with _kept_apart(some, outcome), hold_folders(some), transaction.atomic():
            done = _write(_plans(ids, wish, actor, reads, outcome), actor, outcome)
            changes = [_change(plan, actor, group) for plan in done]
            Change.objects.bulk_create(changes)
            outcome.changes |= {change.episode_id: change for change in changes}
            outcome.changed += [plan.episode for plan in done]
    _tell(episodes, outcome)
    return outcome


def _check_all(episodes: Sequence[Episode], wish: Wish, actor: Actor, reads: _Reads) -> None:
    """Raise Refused if one of them cannot be changed now, or was changed after it was read."""
    for episode in Episode.objects.select_related("dataset").filter(pk__in=[episode.pk for episode in episodes]):
        _fields(episode, wish, actor, reads)


def _fields(episode: Episode, wish: Wish, actor: Actor, reads: _Reads) -> dict[str, Any]:
    """Return the fields of the episode that differ from the wish. Raise Refused if this actor cannot change it now."""
    check_open(episode)
    after = _differs(episode, wish(episode))
    require_changes(actor, after, episode)
    if after:
        reads.check(episode, after)
    return after


def _differs(episode: Episode, fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if getattr(episode, name) != value}


def undo_many(*, changes: Sequence[Change], actor: Actor) -> Outcome:
    """Undo these changes. Episodes that somebody has changed since are not undone but named in the result."""
    outcome = Outcome()
    for some in _portions(list({change.episode_id: change.episode for change in changes}.values())):
        ids = {episode.pk for episode in some}
        wanted = [change.pk for change in changes if change.episode_id in ids]
        with _kept_apart(some, outcome), hold_folders(some), transaction.atomic():
            _locked(ids)
            live = _live(wanted)
            reads = _Reads(some, None, actor, own=True)
            done = _write(_plans(list(live), partial(_before, live), actor, reads, outcome), actor, outcome)
            back = [change.pk for pk, mine in live.items() if pk not in outcome.refused for change in mine]
            # The same time as the row's version: whoever has read that row has seen this undo.
            when = done[0].episode.updated_at if done else timezone.now()
            Change.objects.filter(pk__in=back).update(undone_at=when)
            outcome.changed += [plan.episode for plan in done]
    return outcome


def _portions(episodes: Sequence[Episode]) -> Iterator[list[Episode]]:
    """Yield takes, AT_ONCE at a time, then committed episodes by dataset, because each dataset has one sidecar."""
    takes = [episode for episode in episodes if not episode.is_committed]
    committed: dict[int, list[Episode]] = {}
    for episode in episodes:
        if episode.is_committed:
            committed.setdefault(episode.dataset_id, []).append(episode)
    portions = [takes[first : first + AT_ONCE] for first in range(0, len(takes), AT_ONCE)]
    for number, some in enumerate([*portions, *committed.values()]):
        if number:
            time.sleep(_PAUSE_S)
        yield some


@contextmanager
def _kept_apart(some: Sequence[Episode], outcome: Outcome) -> Iterator[None]:
    """Record a refusal for these episodes only, so that a dataset that is being changed does not stop the others."""
    try:
        yield
    except Refused as error:
        outcome.refused |= {episode.pk: error for episode in some}


def _plans(ids: list[uuid.UUID], wish: Wish, actor: Actor, reads: _Reads, outcome: Outcome) -> list[_Plan]:
    known = _locked(ids)
    plans = []
    for pk in ids:
        episode = known.get(pk)
        if episode is None:
            outcome.refused[pk] = Refused("no_episode", f"There is no episode {pk} any more: reload the page.", 404)
            continue
        try:
            after = _fields(episode, wish, actor, reads)
        except Refused as error:
            outcome.refused[pk] = error
            continue
        if after:
            plans.append(_Plan(episode, {name: getattr(episode, name) for name in after}, after, {}))
        elif (read := reads.version(episode)) is not None and reads.is_behind(episode):
            outcome.seen[pk] = read
        else:
            outcome.seen[pk] = episode.updated_at
    return plans


def _locked(ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Episode]:
    """Lock the rows in the order that batches use too, and before their changes, to avoid deadlocks."""
    rows = Episode.objects.select_related("dataset").defer("dataset__features", "dataset__encoding")
    rows = rows.select_for_update(of=("self",), no_key=True).order_by("recorded_at", "pk")
    return rows.in_bulk(list(ids))


def _change(plan: _Plan, actor: Actor, group: uuid.UUID) -> Change:
    at = plan.episode.updated_at
    told = {"who": actor.name, "browser": actor.browser, "at": at, "group": group}
    return Change(episode=plan.episode, before=plan.before, after=plan.after, **told)


def _live(ids: list[int]) -> dict[uuid.UUID, list[Change]]:
    """Return the changes that are not undone, by episode, newest first. Locked, so that each is undone only once."""
    found: dict[uuid.UUID, list[Change]] = {}
    rows = Change.objects.select_for_update(no_key=True).filter(pk__in=ids, undone_at=None)
    for change in rows.order_by("-id"):
        found.setdefault(change.episode_id, []).append(change)
    return found


def _before(live: dict[uuid.UUID, list[Change]], episode: Episode) -> dict[str, Any]:
    """Return the fields before these changes. Raise Refused if they were changed again since."""
    back: dict[str, Any] = {}
    for change in live[episode.pk]:
        if any(back.get(name, getattr(episode, name)) != value for name, value in change.after.items()):
            raise conflict(episode)
        back |= change.before
    return back


def _write(plans: list[_Plan], actor: Actor, outcome: Outcome) -> list[_Plan]:
    """Write the files, then the rows of those episodes whose file was written."""
    now = version_after(*(plan.episode.updated_at for plan in plans))
    for plan in plans:
        plan.fields = stamped(plan.after, actor.name, now)
        for name, value in plan.fields.items():
            setattr(plan.episode, name, value)
    told = _write_folders([plan for plan in plans if not plan.episode.is_committed], actor)
    told |= write_sidecars([plan.episode for plan in plans if plan.episode.is_committed])
    outcome.unsure += [each for each in told.values() if each.code == NOT_DURABLE]
    outcome.refused |= {pk: each for pk, each in told.items() if each.code != NOT_DURABLE}
    done = [plan for plan in plans if plan.episode.pk not in outcome.refused]
    alike: dict[str, list[_Plan]] = {}
    for plan in done:
        alike.setdefault(repr(sorted(plan.fields.items())), []).append(plan)
    for same in alike.values():
        Episode.objects.filter(pk__in=[plan.episode.pk for plan in same]).update(**same[0].fields)
    return done


def _write_folders(plans: list[_Plan], actor: Actor) -> dict[uuid.UUID, Refused]:
    problems = update_curations(
        [(plan.episode.take_path, said(plan.episode, plan.after)) for plan in plans], by=actor.name
    )
    refused: dict[uuid.UUID, Refused] = {}
    for plan, problem in zip(plans, problems, strict=True):
        if problem is not None and (why := not_written(plan.episode, problem)) is not None:
            refused[plan.episode.pk] = why
    return refused


def _tell(episodes: Sequence[Episode], outcome: Outcome) -> None:
    """Update the caller's instances with the saved values."""
    known = {episode.pk: episode for episode in episodes}
    for changed in outcome.changed:
        mine = known[changed.pk]
        for name in FIELDS:
            setattr(mine, name, getattr(changed, name))
        mine.reviewer, mine.reviewed_at, mine.updated_at = changed.reviewer, changed.reviewed_at, changed.updated_at
    for pk, version in outcome.seen.items():
        known[pk].updated_at = version
