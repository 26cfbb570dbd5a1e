"""Measure each take once, compare it with the others of its dataset, and store the flags in row and folder."""

from __future__ import annotations

import logging
import os
import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from recorder.alone import DATABASE_ERRORS, log_once, unexpected_message
from recorder.models import Dataset, Episode
from recorder.models.episode import EpisodeQuerySet
from recorder.models.states import EpisodeState, Verdict
from recorder.models.versions import next_version
from recorder.quality.odd_fields import is_odd_mark, odd_marks
from recorder.text import sanitize_json
from robotdata.files import open_beneath
from robotdata.files.json_files import replace_json
from robotdata.quality import DEFAULT, BadMetrics, Mark, Peers, TakeMetrics, Thresholds, marks_of, take_metrics
from robotdata.spool import SpoolError, Take, TakeBusy, read_manifest, write_manifest
from robotdata.spool.plain_json import read_json
from robotdata.spool.take_lock import TakeLock

log = logging.getLogger(__name__)

FILE = "quality.json"
SOURCE = "quality"
MOST_PEERS = 200
"""The number of newest takes of a dataset that define what is typical."""
JUDGED_AGAIN_AT = frozenset({6, 8, 12, 20, 35, 60, 100, 150, 200})
"""At these numbers of measured takes, the earlier ones are compared again with what is typical now."""
JUDGE_AGAIN = timedelta(minutes=1)
"""After this long without progress of a dataset's assessment, another worker is notified."""
_MOST_BYTES = 4 << 20
_LOCK_WAIT_S = 2.0
# The codes of the rig's flags, and those of the measured flags for the same defect.
_SAME = {"lost": {"stale", "missing"}, "stale": {"stale", "missing"}}
# Momentary flags of the rig: shorter ones that the measurement does not confirm are not shown.
_FLEETING = frozenset({"stale", "frozen", "black", "flat"})
_FLEETING_S = 0.5
_UNCONFIRMED = {"stale": "note", "frozen": "note", "lost": "bad"}


def assess(*, episode: Episode) -> list[dict[str, Any]]:
    """Measure and flag a take from its spool folder; store the flags in its row and `take.json`, and return them.

    The gravest flag comes first. The measurement is done once (`quality.json` in the take's folder). A take that is
    being recorded, or whose folder is missing, keeps its flags.

    Raise TakeBusy or OSError if the flags cannot be written, and database errors.
    """
    if episode.state == EpisodeState.RECORDING or not (episode.take_path / "take.json").is_file():
        return list(episode.marks)
    try:
        metrics = metrics_of(episode.take_path) or _measure(episode.take_path)
    except DATABASE_ERRORS:
        raise
    except Exception as error:  # noqa: BLE001 - a take may hold anything; unflagged, it would be retried for ever
        words = str(error)
        if not isinstance(error, SpoolError | OSError):
            words = unexpected_message(error)
            log_once(log, f"Measuring the take {episode.pk}", error)
        text = f"This take cannot be read: {words}"
        marks = [Mark("unreadable", None, None, 0, episode.ticks, "bad", text[:500])]
        return _keep(episode, [_as_json(mark, 0) for mark in marks])
    peers = Peers([each for each in _peers(episode.dataset) if each.id != metrics.id])
    kept = _judge(episode, metrics, peers)
    if len(peers) + 1 in JUDGED_AGAIN_AT:
        judge_again(dataset=episode.dataset)
    return kept


def assess_by_id(episode_id: str) -> None:
    """Assess a take for a task. A deleted row or busy take is no error, because the sweep tries again."""
    episode = Episode.objects.select_related("dataset").filter(pk=uuid.UUID(episode_id), purged_at=None).first()
    if episode is None or episode.is_committed:
        return
    try:
        assess(episode=episode)
    except TakeBusy as error:
        log.info("The take %s will be checked later: %s", episode_id, error)
    except FileNotFoundError:
        log.info("The take %s was deleted or committed while it was checked", episode_id)


def judge_again(*, dataset: Dataset) -> int:
    """Compare the newest 200 takes of a dataset again, from their measurements; return how many flags changed."""
    known, episodes, others = _measured(dataset, _raw(dataset))
    peers = Peers(others)
    return sum(_judged_anew(episodes[key], metrics, peers) for key, metrics in known.items())


def judge_all(*, dataset: Dataset) -> int:
    """Compare every take of a dataset again, because its thresholds changed; return how many takes got other flags.

    Stops if the thresholds change again meanwhile. No other worker is notified while it runs or once it is done.
    """
    chosen, changed = dataset.thresholds, 0
    peers = Peers(_measured(dataset, _raw(dataset))[2])
    every = judged(dataset).select_related("dataset").newest_first()
    for number, episode in enumerate(every.iterator(chunk_size=100)):
        if number % 50 == 0 and not _note_judging(dataset, chosen, timezone.now() + JUDGE_AGAIN):
            return changed
        metrics = metrics_of(episode.take_path)
        if metrics is not None:
            changed += _judged_anew(episode, metrics, peers)
    _note_judging(dataset, chosen, None)
    return changed


def _note_judging(dataset: Dataset, chosen: dict[str, Any], judge_by: datetime | None) -> bool:
    """Set when a worker is notified again; return False, without doing so, if the thresholds have changed since."""
    with transaction.atomic():
        now = Dataset.objects.select_for_update(no_key=True).values_list("thresholds", flat=True).get(pk=dataset.pk)
        if now == chosen:
            Dataset.objects.filter(pk=dataset.pk, judge_by__isnull=False).update(judge_by=judge_by)
    return bool(now == chosen)


def _judged_anew(episode: Episode, metrics: TakeMetrics, peers: Peers) -> bool:
    before = list(episode.marks)
    try:
        return _judge(episode, metrics, peers) != before
    except (SpoolError, OSError) as error:
        log.info("The take %s is not checked again: %s", episode.pk, error)
        return False


def _measured(
    dataset: Dataset, rows: QuerySet[Episode]
) -> tuple[dict[str, TakeMetrics], dict[str, Episode], list[TakeMetrics]]:
    episodes = {str(each.pk): each for each in rows}
    for each in episodes.values():
        each.dataset = dataset
    known = {key: found for key, each in episodes.items() if (found := metrics_of(each.take_path)) is not None}
    return known, episodes, [found for key, found in known.items() if episodes[key].verdict != Verdict.REJECT]


def unassessed(*, limit: int = 16) -> list[str]:
    """Return the ids of recorded takes on this disk that are not measured yet, because a message was lost."""
    rows = Episode.objects.filter(state__in=_JUDGED, purged_at=None).newest_first()
    found: list[str] = []
    for episode in rows.only("id", "marks")[:MOST_PEERS]:
        if any(mark.get("code") == "unreadable" and not is_odd_mark(mark) for mark in episode.marks):
            continue  # assessed already; there is nothing to measure
        if len(found) < limit and not (episode.take_path / FILE).exists() and episode.take_path.is_dir():
            found.append(str(episode.pk))
    return found


def suggest_trim(episode: Episode) -> tuple[int, int] | None:
    """Return [first, end) in ticks, without the idle beginning and end; None for all of it or without a measurement."""
    metrics = metrics_of(episode.take_path)
    if metrics is None or metrics.trim is None:
        return None
    first, end = metrics.trim
    first = first if first > metrics.lead_in else 0  # ticks before every camera has a frame are cut anyway
    return (first, end) if (first, end) != (0, metrics.ticks) else None


def defaults() -> Thresholds:
    """Return the default thresholds, with those of the setting QUALITY_THRESHOLDS. Raise BadThresholds."""
    return DEFAULT.changed(getattr(settings, "QUALITY_THRESHOLDS", {}))


def thresholds_of(dataset: Dataset) -> Thresholds:
    """Return the dataset's thresholds. Unknown ones, which another version may have stored, are left out."""
    own = defaults()
    return own.changed({name: value for name, value in dataset.thresholds.items() if hasattr(own, name)})


def measured(dataset: Dataset) -> tuple[list[TakeMetrics], list[TakeMetrics]]:
    """Return the measurements of its newest takes, and of those that define what is typical."""
    takes, _, others = _measured(dataset, _raw(dataset))
    return list(takes.values()), others


def metrics_of(folder: Path) -> TakeMetrics | None:
    """Return the measurement of the take in `folder`; None if it is missing, unreadable or of another version."""
    try:
        with os.fdopen(open_beneath(folder, FILE), "rb") as file:
            return TakeMetrics.from_json(read_json(file.read(_MOST_BYTES)))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        if not isinstance(error, BadMetrics):
            log.warning("%s/%s cannot be read: %s", folder.name, FILE, error)
        return None


def measures_of(dataset: Dataset) -> list[TakeMetrics]:
    """Return the measurements of the newest 200 takes of a dataset that are not rejected."""
    return _peers(dataset)


_JUDGED = [EpisodeState.RECORDED, EpisodeState.INTERRUPTED, EpisodeState.FAILED]


def _raw(dataset: Dataset) -> QuerySet[Episode]:
    return judged(dataset).newest_first()[:MOST_PEERS]


def judged(dataset: Dataset) -> EpisodeQuerySet:
    """Return its takes that are measured and flagged: none that is being recorded or encoded, and no episode."""
    return Episode.objects.filter(dataset=dataset, state__in=_JUDGED, purged_at=None)


def _peers(dataset: Dataset) -> list[TakeMetrics]:
    rows = dataset.episodes.filter(purged_at=None).exclude(verdict=Verdict.REJECT).newest_first()
    found = (metrics_of(Path(settings.SPOOL_DIR) / str(pk)) for pk in rows.values_list("pk", flat=True)[:MOST_PEERS])
    return [each for each in found if each is not None and each.ticks]


def _measure(folder: Path) -> TakeMetrics:
    with Take.open(folder) as take:
        metrics = take_metrics(take)
    replace_json(folder / FILE, metrics.to_json())
    return metrics


def _judge(episode: Episode, metrics: TakeMetrics, peers: Peers) -> list[dict[str, Any]]:
    found = marks_of(metrics, peers, thresholds_of(episode.dataset))
    return _keep(episode, [_as_json(mark, metrics.lead_in) for mark in found])


def _as_json(mark: Mark, lead_in: int) -> dict[str, Any]:
    """Return the flag with the frame that the player seeks to, and its source: measured, not reported by the rig."""
    return {**mark.to_json(), "frame": max(0, mark.from_tick - lead_in), "source": SOURCE}


def _keep(episode: Episode, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Store the flags in `take.json`, then in the row, if they differ. The rig's own flags stay in `rig_marks`."""
    with TakeLock(episode.take_path, wait_s=_LOCK_WAIT_S):
        manifest = read_manifest(episode.take_path)
        raw = manifest.raw
        # The rig's flags stay in the file unchanged, even invalid ones.
        said = raw.get("rig_marks", raw.get("marks") or [])
        marks = merged(manifest["rig_marks"] if "rig_marks" in raw else manifest["marks"], found, episode.fps)
        if raw.get("marks") != marks:
            write_manifest(episode.take_path, {**raw, "marks": marks, "rig_marks": said})
        odd = [each for each in manifest.odd if each.name != "marks" or "rig_marks" not in raw]
        marks = list(sanitize_json([*marks, *odd_marks(odd, episode.ticks)]))
    if episode.marks != marks:
        # Rows in a batch are not updated, because the batch writes the flags into the dataset.
        mine = Episode.objects.filter(pk=episode.pk, purged_at=None, state__in=_JUDGED)
        mine.update(marks=marks, updated_at=next_version())
        episode.marks = marks
    return marks


def merged(said: Iterable[Any], found: list[dict[str, Any]], fps: float) -> list[dict[str, Any]]:
    """Return the measured flags, and those of the rig without a measured one at the same camera and time."""
    lasting = (mark for mark in said if isinstance(mark, Mapping) and not _is_fleeting(mark, fps))
    more = [_from_rig(mark, fps) for mark in lasting if not _covered(mark, found)]
    weight = {"bad": 0, "warn": 1, "note": 2}
    return sorted([*found, *more], key=lambda mark: (weight.get(mark["severity"], 1), mark["from_tick"]))


def _is_fleeting(mark: Mapping[str, Any], fps: float) -> bool:
    short = _tick(mark, "to_tick") - _tick(mark, "from_tick") < _FLEETING_S * fps
    return str(mark.get("code")) in _FLEETING and short


def _covered(mark: Mapping[str, Any], found: list[dict[str, Any]]) -> bool:
    code, first, end = str(mark.get("code")), _tick(mark, "from_tick"), _tick(mark, "to_tick")
    return any(
        each["camera"] == mark.get("camera")
        and each["code"] in _SAME.get(code, {code})
        and each["from_tick"] < max(end, first + 1)
        and first < each["to_tick"]
        for each in found
    )


def _from_rig(mark: Mapping[str, Any], fps: float) -> dict[str, Any]:
    code, first, end = str(mark.get("code")), _tick(mark, "from_tick"), _tick(mark, "to_tick")
    text = str(mark.get("text") or code).rstrip(".")
    begin_s, end_s = f"{first / fps:.1f}", f"{end / fps:.1f}"
    place = f"from {begin_s} s to {end_s} s" if begin_s != end_s else f"at {begin_s} s"
    severity = mark.get("severity") or _UNCONFIRMED.get(code, "warn")
    where = {"from_tick": first, "to_tick": end, "frame": first}
    return {"feature": None, **mark, **where, "code": code, "severity": severity, "text": f"{text}, {place}."}


def _tick(mark: Mapping[str, Any], name: str) -> int:
    value = mark.get(name)
    return value if type(value) is int and value >= 0 else 0
