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

_MAX_COMPARED = 20


def newest_of_others(ids: Iterable[uuid.UUID], excluded: Actor | None) -> dict[uuid.UUID, datetime]:
    """Return when each of them was changed last, or a change undone, by anybody or by anybody except `excluded`."""
    rows = Change.objects.filter(_by_others(excluded), episode__in=list(ids)).order_by()
    times = rows.values_list("episode").annotate(Max("at"), Max("undone_at"))
    return {pk: max(at, undone_at or at) for pk, at, undone_at in times}


def _changes_of_others(episode: Episode, excluded: Actor | None) -> QuerySet[Change]:
    """Return all changes, or those that this person did not make in this browser."""
    return episode.changes.filter(_by_others(excluded))


def _by_others(excluded: Actor | None) -> Q:
    return Q() if excluded is None else ~Q(who=excluded.name, browser=excluded.browser)


def frames_conflict(episode: Episode) -> Refused:
    """Return the refusal of a trim that was chosen on frames which the episode no longer has."""
    message = f"{episode.dataset} was changed at {format_time(episode.frames_at or episode.updated_at)}, after you "
    message += f"looked: {episode} now has different frames. Review it again, then trim."
    return Refused("conflict", message, detail={"version": episode.updated_at.isoformat(), "who": ""})


def add_review_stamp(changed: dict[str, Any], reviewer: str, now: datetime) -> dict[str, Any]:
    """Return the changed fields with the reviewer, the time of review and the new version."""
    stamp: dict[str, Any] = {}
    if "verdict" in changed:
        is_judged = changed["verdict"] != Verdict.UNREVIEWED
        stamp = {"reviewer": reviewer if is_judged else "", "reviewed_at": now if is_judged else None}
    return {**changed, **stamp, "updated_at": now}


def take_fields(episode: Episode, changed: dict[str, Any]) -> dict[str, Any]:
    """Return the changed fields as `take.json` names them."""
    fields = {name: value for name, value in changed.items() if not name.startswith("trim_")}
    return {**fields, "trim": episode.trim} if changed.keys() & {"trim_first", "trim_end"} else fields


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
    message = f"{episode} cannot be changed: {error}. Nothing was changed; check the disk."
    return Refused("not_written", message, 503)


def check_editable(episode: Episode) -> None:
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


def conflict(episode: Episode, excluded: Actor | None = None) -> Refused:
    """Return the refusal that names who, other than the actor `excluded`, changed the episode last, what and when."""
    last = episode.changes.filter(undone_at=None).first()
    if excluded is not None and (others := _changes_of_others(episode, excluded)[:_MAX_COMPARED]):
        last = max(others, key=lambda change: change.undone_at or change.at)
    in_other_browser = last is not None and excluded is not None and last.who == excluded.name
    name = "" if last is None else f"{last.who or 'Somebody'}{' in another browser' if in_other_browser else ''}"
    if last is None:
        message = f"{episode} was changed at {format_time(episode.updated_at)}"
    elif last.undone_at is not None:
        message = f"{name} undid {describe_fields(last.after)} of {episode} at {format_time(last.undone_at)}"
    else:
        message = f"{name} set {describe_fields(last.after)} of {episode} at {format_time(last.at)}"
    return Refused(
        "conflict",
        f"{message}, after you looked. Review it again, then decide.",
        detail={"version": episode.updated_at.isoformat(), "who": last.who if last else ""},
    )
