"""Measure each take once, compare it with the others of its dataset, and store the flags in row and folder."""

from __future__ import annotations

import logging
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
from robotdata.files.json_files import replace_json
from robotdata.quality import DEFAULT, Mark, Peers, TakeMetrics, Thresholds, marks_of, take_metrics
from robotdata.quality.stored import METRICS_FILE, metrics_of
from robotdata.spool import SpoolError, Take, TakeBusy, read_manifest, write_manifest
from robotdata.spool.take_lock import TakeLock

log = logging.getLogger(__name__)

SOURCE = "quality"
MOST_PEERS = 200
"""The number of newest takes of a dataset that define what is typical."""
REJUDGE_AT = frozenset({6, 8, 12, 20, 35, 60, 100, 150, 200})
"""At these numbers of measured takes, the earlier ones are compared again with what is typical now."""
REJUDGE_AFTER = timedelta(minutes=1)
"""After this long without progress of a dataset's assessment, another worker is notified."""
_LOCK_WAIT_S = 2.0
# The codes of the rig's flags, and those of the measured flags for the same defect.
_SAME_CODES = {"lost": {"stale", "missing"}, "stale": {"stale", "missing"}}
# Momentary flags of the rig: shorter ones that the measurement does not confirm are not shown.
_BRIEF_CODES = frozenset({"stale", "frozen", "black", "flat"})
_BRIEF_S = 0.5
_UNCONFIRMED_SEVERITY = {"stale": "note", "frozen": "note", "lost": "bad"}


def assess(*, episode: Episode) -> list[dict[str, Any]]:
    """Measure and flag a take from its spool folder; store the flags in its row and `take.json`, and return them.

    The gravest flag comes first. The measurement is done once (`quality.json` in the take's folder). A take that is
    being recorded, or whose folder is missing, keeps its flags.

    Raise TakeBusy or OSError if the flags cannot be written, and database errors.
    """
    if episode.state == EpisodeState.RECORDING or not (episode.take_path / "take.json").is_file():
        return list(episode.marks)
    try:
        metrics = metrics_of(episode.take_path) or _measure(episode)
    except DATABASE_ERRORS:
        raise
    except Exception as error:  # noqa: BLE001 - a take may hold anything; unflagged, it would be retried forever
        message = str(error)
        if not isinstance(error, SpoolError | OSError):
            message = unexpected_message(error)
            log_once(log, f"Measuring the take {episode.pk}", error)
        text = f"This take cannot be read: {message}"
        marks = [Mark("unreadable", None, None, 0, episode.ticks, "bad", text[:500])]
        return _store_marks(episode, [_as_json(mark, 0) for mark in marks])
    peers = Peers([peer for peer in _peer_metrics(episode.dataset) if peer.id != metrics.id])
    marks_now = _judge(episode, metrics, peers)
    while _refresh_thresholds(episode.dataset):  # while it was measured, all others may have been compared with them
        marks_now = _judge(episode, metrics, peers)
    if len(peers) + 1 in REJUDGE_AT:
        rejudge(dataset=episode.dataset)
    return marks_now


def assess_by_id(episode_id: str) -> None:
    """Assess a take for a task. A deleted row or busy take is not an error, because the sweep tries again."""
    episode = Episode.objects.select_related("dataset").filter(pk=uuid.UUID(episode_id), purged_at=None).first()
    if episode is None or episode.is_committed:
        return
    try:
        assess(episode=episode)
    except TakeBusy as error:
        log.info("The take %s will be checked later: %s", episode_id, error)
    except FileNotFoundError:
        log.info("The take %s was deleted or committed while it was checked", episode_id)


def rejudge(*, dataset: Dataset) -> int:
    """Compare the newest 200 takes of a dataset again, from their measurements; return how many flags changed."""
    metrics_by_id, episodes, peer_metrics = _read_metrics(dataset, _newest_takes(dataset))
    peers = Peers(peer_metrics)
    return sum(_rejudge_take(episodes[key], metrics, peers) for key, metrics in metrics_by_id.items())


def rejudge_all(*, dataset: Dataset) -> int:
    """Compare every take of a dataset again, because its thresholds changed; return how many takes got other flags.

    Stops if the thresholds change again meanwhile. No other worker is notified while it runs or once it is done.
    """
    thresholds, changed = dataset.thresholds, 0
    peers = Peers(_read_metrics(dataset, _newest_takes(dataset))[2])
    takes = judged_takes(dataset).select_related("dataset").newest_first()
    for number, episode in enumerate(takes.iterator(chunk_size=100)):
        if number % 50 == 0 and not _set_judge_by(dataset, thresholds, timezone.now() + REJUDGE_AFTER):
            return changed
        metrics = metrics_of(episode.take_path)
        if metrics is not None:
            changed += _rejudge_take(episode, metrics, peers)
    _set_judge_by(dataset, thresholds, None)
    return changed


def _set_judge_by(dataset: Dataset, thresholds: dict[str, Any], judge_by: datetime | None) -> bool:
    """Set when a worker is notified again; return False, without doing so, if the thresholds have changed since."""
    with transaction.atomic():
        current = Dataset.objects.select_for_update(no_key=True).values_list("thresholds", flat=True).get(pk=dataset.pk)
        if current == thresholds:
            Dataset.objects.filter(pk=dataset.pk, judge_by__isnull=False).update(judge_by=judge_by)
    return bool(current == thresholds)


def _refresh_thresholds(dataset: Dataset) -> bool:
    """Read the dataset's thresholds again; return whether they have changed."""
    now = Dataset.with_trash.filter(pk=dataset.pk).values_list("thresholds", flat=True).first()
    if now is None or now == dataset.thresholds:  # None: it was deleted
        return False
    dataset.thresholds = now
    return True


def _rejudge_take(episode: Episode, metrics: TakeMetrics, peers: Peers) -> bool:
    before = list(episode.marks)
    try:
        return _judge(episode, metrics, peers) != before
    except (SpoolError, OSError) as error:
        log.info("The take %s is not checked again: %s", episode.pk, error)
        return False


def _read_metrics(
    dataset: Dataset, rows: QuerySet[Episode]
) -> tuple[dict[str, TakeMetrics], dict[str, Episode], list[TakeMetrics]]:
    episodes = {str(episode.pk): episode for episode in rows}
    for episode in episodes.values():
        episode.dataset = dataset
    metrics_by_id = {
        key: metrics for key, episode in episodes.items() if (metrics := metrics_of(episode.take_path)) is not None
    }
    return (
        metrics_by_id,
        episodes,
        [metrics for key, metrics in metrics_by_id.items() if episodes[key].verdict != Verdict.REJECT],
    )


def unassessed(*, limit: int = 16) -> list[str]:
    """Return the ids of recorded takes on this disk that are not measured yet, because a message was lost."""
    rows = Episode.objects.filter(state__in=_JUDGED_STATES, purged_at=None).newest_first()
    ids: list[str] = []
    for episode in rows.only("id", "marks")[:MOST_PEERS]:
        if any(mark.get("code") == "unreadable" and not is_odd_mark(mark) for mark in episode.marks):
            continue  # assessed already; there is nothing to measure
        if len(ids) < limit and not (episode.take_path / METRICS_FILE).exists() and episode.take_path.is_dir():
            ids.append(str(episode.pk))
    return ids


def suggest_trim(episode: Episode) -> tuple[int, int] | None:
    """Return [first, end) in ticks, without the idle beginning and end; None for all of it or without a measurement."""
    metrics = metrics_of(episode.take_path)
    if metrics is None or metrics.trim is None:
        return None
    first, end = metrics.trim
    first = first if first > metrics.lead_in else 0  # ticks before every camera has a frame are cut anyway
    return (first, end) if (first, end) != (0, metrics.ticks) else None


def default_thresholds() -> Thresholds:
    """Return the default thresholds, with those of the setting QUALITY_THRESHOLDS. Raise BadThresholds."""
    return DEFAULT.changed(getattr(settings, "QUALITY_THRESHOLDS", {}))


def thresholds_of(dataset: Dataset) -> Thresholds:
    """Return the dataset's thresholds. Unknown ones, which another version may have stored, are left out."""
    defaults = default_thresholds()
    return defaults.changed({name: value for name, value in dataset.thresholds.items() if hasattr(defaults, name)})


def dataset_metrics(dataset: Dataset) -> tuple[list[TakeMetrics], list[TakeMetrics]]:
    """Return the measurements of its newest takes, and of those that define what is typical."""
    takes, _, peers = _read_metrics(dataset, _newest_takes(dataset))
    return list(takes.values()), peers


def metrics_of_peers(dataset: Dataset) -> list[TakeMetrics]:
    """Return the measurements of the newest 200 takes of a dataset that are not rejected."""
    return _peer_metrics(dataset)


_JUDGED_STATES = [EpisodeState.RECORDED, EpisodeState.INTERRUPTED, EpisodeState.FAILED]


def _newest_takes(dataset: Dataset) -> QuerySet[Episode]:
    return judged_takes(dataset).newest_first()[:MOST_PEERS]


def judged_takes(dataset: Dataset) -> EpisodeQuerySet:
    """Return its takes that are measured and flagged: none that is being recorded or encoded, and no episode."""
    return Episode.objects.filter(dataset=dataset, state__in=_JUDGED_STATES, purged_at=None)


def _peer_metrics(dataset: Dataset) -> list[TakeMetrics]:
    rows = dataset.episodes.filter(purged_at=None).exclude(verdict=Verdict.REJECT).newest_first()
    metrics = (metrics_of(Path(settings.SPOOL_DIR) / str(pk)) for pk in rows.values_list("pk", flat=True)[:MOST_PEERS])
    return [take_metrics for take_metrics in metrics if take_metrics is not None and take_metrics.ticks]


def _measure(episode: Episode) -> TakeMetrics:
    with Take.open(episode.take_path) as take:
        metrics = take_metrics(take, recorded_action=episode.dataset.recorded_action)
    replace_json(episode.take_path / METRICS_FILE, metrics.to_json())
    return metrics


def _judge(episode: Episode, metrics: TakeMetrics, peers: Peers) -> list[dict[str, Any]]:
    marks = marks_of(metrics, peers, thresholds_of(episode.dataset))
    return _store_marks(episode, [_as_json(mark, metrics.lead_in) for mark in marks])


def _as_json(mark: Mark, lead_in: int) -> dict[str, Any]:
    """Return the flag with the frame that the player seeks to, and its source: measured, not reported by the rig."""
    return {**mark.to_json(), "frame": max(0, mark.from_tick - lead_in), "source": SOURCE}


def _store_marks(episode: Episode, measured_marks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Store the flags in `take.json`, then in the row, if they differ. The rig's own flags stay in `rig_marks`.

    The number of the episode goes into `take.json` with them, so that the row can be rebuilt.
    """
    with TakeLock(episode.take_path, wait_s=_LOCK_WAIT_S):
        manifest = read_manifest(episode.take_path)
        raw = manifest.raw
        # The rig's flags stay in the file unchanged, even invalid ones.
        rig_marks = raw.get("rig_marks", raw.get("marks") or [])
        marks = merge_marks(
            manifest["rig_marks"] if "rig_marks" in raw else manifest["marks"], measured_marks, episode.fps
        )
        if raw.get("marks") != marks or raw.get("number") != episode.number:
            new = {**raw, "number": episode.number, "marks": marks, "rig_marks": rig_marks}
            write_manifest(episode.take_path, new)
        odd_fields = [odd_field for odd_field in manifest.odd if odd_field.name != "marks" or "rig_marks" not in raw]
        marks = list(sanitize_json([*marks, *odd_marks(odd_fields, episode.ticks)]))
    if episode.marks != marks:
        # Rows in a batch are not updated, because the batch writes the flags into the dataset.
        row = Episode.objects.filter(pk=episode.pk, purged_at=None, state__in=_JUDGED_STATES)
        row.update(marks=marks, updated_at=next_version())
        episode.marks = marks
    return marks


def merge_marks(rig_marks: Iterable[Any], measured_marks: list[dict[str, Any]], fps: float) -> list[dict[str, Any]]:
    """Return the measured flags, and those of the rig without a measured one at the same camera and time."""
    lasting_marks = (mark for mark in rig_marks if isinstance(mark, Mapping) and not _is_brief(mark, fps))
    added = [_from_rig(mark, fps) for mark in lasting_marks if not _is_covered(mark, measured_marks)]
    weight = {"bad": 0, "warn": 1, "note": 2}
    return sorted([*measured_marks, *added], key=lambda mark: (weight.get(mark["severity"], 1), mark["from_tick"]))


def _is_brief(mark: Mapping[str, Any], fps: float) -> bool:
    is_short = _tick(mark, "to_tick") - _tick(mark, "from_tick") < _BRIEF_S * fps
    return str(mark.get("code")) in _BRIEF_CODES and is_short


def _is_covered(mark: Mapping[str, Any], measured_marks: list[dict[str, Any]]) -> bool:
    code, first, end = str(mark.get("code")), _tick(mark, "from_tick"), _tick(mark, "to_tick")
    return any(
        measured["camera"] == mark.get("camera")
        and measured["code"] in _SAME_CODES.get(code, {code})
        and measured["from_tick"] < max(end, first + 1)
        and first < measured["to_tick"]
        for measured in measured_marks
    )


def _from_rig(mark: Mapping[str, Any], fps: float) -> dict[str, Any]:
    code, first, end = str(mark.get("code")), _tick(mark, "from_tick"), _tick(mark, "to_tick")
    text = str(mark.get("text") or code).rstrip(".")
    begin_s, end_s = f"{first / fps:.1f}", f"{end / fps:.1f}"
    period = f"from {begin_s} s to {end_s} s" if begin_s != end_s else f"at {begin_s} s"
    severity = mark.get("severity") or _UNCONFIRMED_SEVERITY.get(code, "warn")
    ticks = {"from_tick": first, "to_tick": end, "frame": first}
    return {"feature": None, **mark, **ticks, "code": code, "severity": severity, "text": f"{text}, {period}."}


def _tick(mark: Mapping[str, Any], name: str) -> int:
    value = mark.get(name)
    return value if type(value) is int and value >= 0 else 0
