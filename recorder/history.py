"""Every change that a person makes to an episode: its row, its `take.json`, and who did it when, as one."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Max, Q, QuerySet
from django.utils import timezone

from recorder.annotations import FIELDS as FIELDS
from recorder.annotations import from_row
from recorder.errors import Refused
from recorder.models import Batch, Change, Episode
from recorder.person import browser_of
from recorder.services.sidecars import NOT_DURABLE, held, not_durable, write_sidecars
from recorder.states import EpisodeState, Verdict
from recorder.versions import later_than
from robotdata.spool import BadManifest, CurationError, NoTake, NotDurable, SpoolError, TakeBusy, update_curation

_TRIES = 5
_NEWEST = 20


def change_episode(
    *, episode: Episode, who: str, group: uuid.UUID, version: datetime | None = None, own: bool = False, **after: Any
) -> Change | None:
    """Set these fields, in the row and in the take's or the dataset's folder; None where they were so already.

    With the `version` (its `updated_at`) that was read, a person's change in between is refused, with `own` another
    person's only; what the product itself noted meanwhile (a quality mark) is none. The episode's `updated_at` is then
    how far `who` has seen it. Raises Refused; with code NOT_DURABLE it is done all the same.
    """
    for _ in range(_TRIES):
        with held([episode]), transaction.atomic():
            fresh = Episode.objects.select_related("dataset").get(pk=episode.pk)
            check_open(fresh)
            changed = {name: value for name, value in after.items() if getattr(fresh, name) != value}
            unseen = version is not None and changed_since(fresh, version, who if own else "")
            if not changed:
                episode.updated_at = version if version is not None and unseen else fresh.updated_at
                return None
            if unseen:
                raise conflict(fresh, who if own else "")
            if version is not None and _other_frames(fresh, version, changed):
                raise _frames_moved(fresh)
            before = {name: getattr(fresh, name) for name in changed}
            if not write(fresh, changed, who):
                continue
            told = {"who": who, "browser": browser_of(who), "at": fresh.updated_at, "group": group}
            change = Change.objects.create(episode=fresh, before=before, after=changed, **told)
            unsure = write_folder(fresh, changed, who)
        for name in (*changed, "reviewer", "reviewed_at", "updated_at"):
            setattr(episode, name, getattr(fresh, name))
        if unsure is not None:
            raise unsure
        return change
    raise conflict(fresh)


def changed_since(episode: Episode, version: datetime, but: str = "") -> bool:
    """Whether somebody (`but` this person, here) changed it, or took a change back, after it was read as `version`."""
    return _of_others(episode, but).filter(Q(at__gt=version) | Q(undone_at__gt=version)).exists()


def newest_of_others(ids: Iterable[uuid.UUID], but: str) -> dict[uuid.UUID, datetime]:
    """When somebody else than this person, here, changed each of them last, or took a change back."""
    rows = Change.objects.filter(_by_others(but), episode__in=list(ids)).order_by()
    times = rows.values_list("episode").annotate(Max("at"), Max("undone_at"))
    return {pk: max(at, undone_at or at) for pk, at, undone_at in times}


def _of_others(episode: Episode, but: str) -> QuerySet[Change]:
    """All changes, or those that this person did not make in this browser."""
    return episode.changes.filter(_by_others(but))


def _by_others(but: str) -> Q:
    return ~Q(who=but, browser=browser_of(but)) if but else Q()


def _other_frames(fresh: Episode, version: datetime, changed: dict[str, Any]) -> bool:
    """Whether a trim was said of frames that are others now."""
    trims = not changed.keys().isdisjoint({"trim_first", "trim_end"})
    return trims and fresh.frames_at is not None and version < fresh.frames_at


def _frames_moved(episode: Episode) -> Refused:
    words = f"{episode.dataset} got another state at {clock(episode.frames_at or episode.updated_at)}, after you "
    words += f"looked: the frames of {episode} are others now. Look at it again, then trim."
    return Refused("conflict", words, detail={"version": episode.updated_at.isoformat(), "who": ""})


def write(fresh: Episode, changed: dict[str, Any], who: str) -> bool:
    """One UPDATE; False where the row is no longer as it was read."""
    fields = stamped(changed, who, later_than(fresh.updated_at))
    mine = Episode.objects.filter(pk=fresh.pk, updated_at=fresh.updated_at, state=fresh.state, purged_at=None)
    if not mine.update(**fields):
        return False
    for name, value in fields.items():
        setattr(fresh, name, value)
    return True


def stamped(changed: dict[str, Any], who: str, now: datetime) -> dict[str, Any]:
    """With what the row says besides: who has judged it, and when it moved."""
    stamp: dict[str, Any] = {}
    if "verdict" in changed:
        judged = changed["verdict"] != Verdict.UNREVIEWED
        stamp = {"reviewer": who if judged else "", "reviewed_at": now if judged else None}
    return {**changed, **stamp, "updated_at": now}


def write_folder(episode: Episode, changed: dict[str, Any], who: str) -> Refused | None:
    """The same where it outlives the row: in `take.json`, or in the dataset's sidecar once it is committed.

    Called last, so that the row falls with it; what is returned is to be said once the row stands.
    """
    refused = write_sidecars([episode]).get(episode.pk) if episode.is_committed else write_take(episode, changed, who)
    if refused is not None and refused.code != NOT_DURABLE:
        raise refused
    return refused


def write_take(episode: Episode, changed: dict[str, Any], who: str) -> Refused | None:
    """The same in `take.json`: from it the row can be made again."""
    try:
        update_curation(episode.take_path, by=who, **said(episode, changed))
    except (SpoolError, OSError) as error:
        return not_written(episode, error)
    return None


def said(episode: Episode, changed: dict[str, Any]) -> dict[str, Any]:
    """The changed fields as `take.json` names them."""
    told = {name: value for name, value in changed.items() if not name.startswith("trim_")}
    return {**told, "trim": trim_of(episode)} if changed.keys() & {"trim_first", "trim_end"} else told


def not_written(episode: Episode, error: SpoolError | OSError) -> Refused | None:
    """What to say where a `take.json` could not be written; None where there is none to write."""
    if isinstance(error, NoTake | BadManifest | FileNotFoundError):
        return None  # recover() says that the folder is missing; a person may still reject it
    if isinstance(error, CurationError):
        return Refused("invalid", f"{episode}: {error}.", 422)
    if isinstance(error, TakeBusy):
        return Refused("busy", f"{episode} is being written just now: try again in a moment.", 503)
    if isinstance(error, NotDurable):
        return not_durable(str(episode), error)
    words = f"{episode} cannot be changed: {error}. Nothing was changed; look at the disk."
    return Refused("not_written", words, 503)


def trim_of(episode: Episode) -> list[int] | None:
    """[first, end) in ticks of the take, None where nothing is cut."""
    trim = from_row(episode).trim
    return None if trim is None else list(trim)


def check_open(episode: Episode) -> None:
    """Raises Refused, with what to do, where people cannot change the episode now."""
    if episode.purged_at is not None and episode.error:  # it left its dataset
        raise Refused("purged", f"{episode} cannot be changed: {episode.error}", 410)
    if episode.purged_at is not None:
        raise Refused("purged", f"{episode} was emptied from the trash at {clock(episode.purged_at)}: it is gone.", 410)
    if episode.state == EpisodeState.RECORDING:
        raise Refused("recording", f"{episode} is still being recorded: stop it first.")
    if episode.is_committed and not episode.dataset.path.is_dir():
        raise Refused("no_folder", f"{episode} cannot be changed: {episode.dataset.path} is missing, bring it back.")
    if episode.state == EpisodeState.ENCODING:
        raise Refused("encoding", f"{episode} {under_way(episode)}: cancel that batch first, or wait until it is done.")


def under_way(episode: Episode) -> str:
    """Since when and by whom it is being encoded."""
    batch = Batch.objects.open().filter(jobs__episode=episode).order_by("-created_at").first()
    if batch is None:
        return "is being encoded"
    by = f" by {batch.started_by}" if batch.started_by else ""
    return f"is being encoded since {clock(batch.created_at)}{by}"


def conflict(episode: Episode, but: str = "") -> Refused:
    """Names who (`but` this person) changed it last, what, and when."""
    last = episode.changes.filter(undone_at=None).first()
    if others := but and _of_others(episode, but)[:_NEWEST]:
        last = max(others, key=lambda change: change.undone_at or change.at)
    name = "" if last is None else f"{last.who or 'Somebody'}{' in another browser' if last.who == but else ''}"
    if last is None:
        words = f"{episode} was changed at {clock(episode.updated_at)}"
    elif last.undone_at is not None:
        words = f"{name} took {described(last.after)} of {episode} back at {clock(last.undone_at)}"
    else:
        words = f"{name} set {described(last.after)} of {episode} at {clock(last.at)}"
    return Refused(
        "conflict",
        f"{words}, after you looked. Look at it again, then decide.",
        detail={"version": episode.updated_at.isoformat(), "who": last.who if last else ""},
    )


def described(fields: dict[str, Any]) -> str:
    """Fields and their values, for a person."""
    words = []
    for name, value in fields.items():
        text = ", ".join(map(str, value)) if isinstance(value, list) else "nothing" if value is None else str(value)
        words.append(f"{name.replace('_', ' ')} to {text if len(text) <= 60 else text[:57] + '...'}")
    return " and ".join(words)


def clock(when: datetime) -> str:
    """Time of day; the date too, where it is another day's."""
    today = timezone.now().date() == when.date()
    return f"{when:%H:%M:%S} UTC" if today else f"{when:%Y-%m-%d %H:%M} UTC"
