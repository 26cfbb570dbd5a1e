"""Who changed an episode and when; when a change is refused, and with which message."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import Max, Q, QuerySet

from recorder.actor import Actor
from recorder.catalog.sidecars import not_durable
from recorder.errors import Refused
from recorder.models import Change, Episode
from recorder.models.annotations import FIELDS as FIELDS
from recorder.models.job import encoding_since
from recorder.models.states import EpisodeState, Verdict
from recorder.text import describe_fields, format_time
from robotdata.spool import BadManifest, CurationError, NoTake, NotDurable, SpoolError, TakeBusy

_NEWEST = 20


def newest_of_others(ids: Iterable[uuid.UUID], but: Actor | None) -> dict[uuid.UUID, datetime]:
    """Return when each of them was changed last, or a change undone, by anybody or by anybody `but` this actor."""
    rows = Change.objects.filter(_by_others(but), episode__in=list(ids)).order_by()
    times = rows.values_list("episode").annotate(Max("at"), Max("undone_at"))
    return {pk: max(at, undone_at or at) for pk, at, undone_at in times}


def _of_others(episode: Episode, but: Actor | None) -> QuerySet[Change]:
    """Return all changes, or those that this person did not make in this browser."""
    return episode.changes.filter(_by_others(but))


def _by_others(but: Actor | None) -> Q:
    return Q() if but is None else ~Q(who=but.name, browser=but.browser)


def frames_moved(episode: Episode) -> Refused:
    """Return the refusal of a trim that was chosen on frames which the episode no longer has."""
    words = f"{episode.dataset} was changed at {format_time(episode.frames_at or episode.updated_at)}, after you "
    words += f"looked: {episode} now has different frames. Review it again, then trim."
    return Refused("conflict", words, detail={"version": episode.updated_at.isoformat(), "who": ""})


def stamped(changed: dict[str, Any], reviewer: str, now: datetime) -> dict[str, Any]:
    """Return the changed fields with the reviewer, the time of review and the new version."""
    stamp: dict[str, Any] = {}
    if "verdict" in changed:
        judged = changed["verdict"] != Verdict.UNREVIEWED
        stamp = {"reviewer": reviewer if judged else "", "reviewed_at": now if judged else None}
    return {**changed, **stamp, "updated_at": now}


def said(episode: Episode, changed: dict[str, Any]) -> dict[str, Any]:
    """Return the changed fields as `take.json` names them."""
    told = {name: value for name, value in changed.items() if not name.startswith("trim_")}
    return {**told, "trim": episode.trim} if changed.keys() & {"trim_first", "trim_end"} else told


def not_written(episode: Episode, error: SpoolError | OSError) -> Refused | None:
    """Return the refusal if a `take.json` could not be written; None if the take has none."""
    if isinstance(error, NoTake | BadManifest | FileNotFoundError):
        return None  # recover() reports the missing folder; a person may still reject the take
    if isinstance(error, CurationError):
        return Refused("invalid", f"{episode}: {error}.", 422)
    if isinstance(error, TakeBusy):
        return Refused("busy", f"{episode} is being written just now: try again in a moment.", 503)
    if isinstance(error, NotDurable):
        return not_durable(str(episode), error)
    words = f"{episode} cannot be changed: {error}. Nothing was changed; check the disk."
    return Refused("not_written", words, 503)


def check_open(episode: Episode) -> None:
    """Raise Refused, with what to do, if people cannot change the episode now."""
    if episode.purged_at is not None and episode.error:  # it left its dataset
        raise Refused("purged", f"{episode} cannot be changed: {episode.error}", 410)
    if episode.purged_at is not None:
        raise Refused(
            "purged",
            f"{episode} was emptied from the trash at {format_time(episode.purged_at)} and cannot be restored.",
            410,
        )
    if episode.state == EpisodeState.RECORDING:
        raise Refused("recording", f"{episode} is still being recorded: stop it first.")
    if episode.is_committed and not episode.dataset.path.is_dir():
        raise Refused(
            "no_folder", f"{episode} cannot be changed: {episode.dataset.path} is missing. Restore that folder."
        )
    if episode.state == EpisodeState.ENCODING:
        raise Refused(
            "encoding", f"{episode} {encoding_since(episode)}: cancel that batch first, or wait until it is done."
        )


def conflict(episode: Episode, but: Actor | None = None) -> Refused:
    """Return the refusal that names who, other than the actor `but`, changed the episode last, what and when."""
    last = episode.changes.filter(undone_at=None).first()
    if but is not None and (others := _of_others(episode, but)[:_NEWEST]):
        last = max(others, key=lambda change: change.undone_at or change.at)
    elsewhere = last is not None and but is not None and last.who == but.name
    name = "" if last is None else f"{last.who or 'Somebody'}{' in another browser' if elsewhere else ''}"
    if last is None:
        words = f"{episode} was changed at {format_time(episode.updated_at)}"
    elif last.undone_at is not None:
        words = f"{name} undid {describe_fields(last.after)} of {episode} at {format_time(last.undone_at)}"
    else:
        words = f"{name} set {describe_fields(last.after)} of {episode} at {format_time(last.at)}"
    return Refused(
        "conflict",
        f"{words}, after you looked. Review it again, then decide.",
        detail={"version": episode.updated_at.isoformat(), "who": last.who if last else ""},
    )
