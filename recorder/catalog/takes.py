"""Create and update the rows of takes from their folders, which are authoritative."""

from __future__ import annotations

import logging
import re
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from recorder.actor import Actor
from recorder.catalog.unopened import forget_unopened, note_take
from recorder.errors import Refused
from recorder.jobs.encoding import apply_policy
from recorder.jobs.notify import wake_workers
from recorder.models import Dataset, Episode, Rig, Session
from recorder.models.annotations import to_row
from recorder.models.lifecycle import move
from recorder.models.permissions import Action, require
from recorder.models.states import EpisodeState, Verdict
from recorder.models.unopened import UnopenedKind
from recorder.models.versions import next_version
from recorder.quality.odd_fields import odd_marks
from recorder.text import parse_uuid, sanitize_json
from robotdata.capture.actions import SENT
from robotdata.capture.texts import tidy_task
from robotdata.quality.stored import METRICS_FILE
from robotdata.spool.annotation import RERECORD, Annotation
from robotdata.spool.errors import NoTake, SpoolError
from robotdata.spool.facts import Facts, check_summary
from robotdata.spool.fields import parse_timestamp
from robotdata.spool.manifest import ROWS, read_manifest

log = logging.getLogger(__name__)

SAFE_SLUG = re.compile(r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,95}$")
NO_DATASET = "unsorted"
RAW_STATES = {EpisodeState.RECORDING, EpisodeState.RECORDED, EpisodeState.INTERRUPTED}


def index_take(*, take_id: str, actor: Actor, summary: Mapping[str, Any] | None = None) -> Episode | None:
    """Create or update a take's row from `take.json`, or from the rig's `summary` if the folder is on the rig's disk.

    Annotations in the database are kept. A take whose encoding has begun is not changed.

    Return None if neither folder nor summary suffices. Raise Refused if the summary is invalid.
    """
    require(actor, Action.INDEX)
    facts = _facts(take_id, summary)
    if facts is None or ("dataset" not in facts and not Episode.objects.filter(pk=take_id).exists()):
        return None
    forget_unopened(kind=UnopenedKind.TAKE, name=take_id)
    fields = _fields(facts, _folder(take_id))
    initial: dict[str, Any] = {**fields, **_curation(facts), "dataset": partial(_dataset, facts)}
    initial["number"] = facts.get("number")  # a row that is rebuilt has the number that it had
    with transaction.atomic():
        rows = Episode.objects.select_for_update(no_key=True)
        episode, is_new = rows.get_or_create(pk=uuid.UUID(take_id), defaults=initial)
        has_ended = episode.state != EpisodeState.RECORDING if is_new else _update_row(episode, fields, facts)
        if has_ended:
            _pin_features(episode, facts)
    if has_ended:
        apply_policy(dataset=episode.dataset)
        if not (episode.take_path / METRICS_FILE).exists():
            wake_workers("assess_take", take_id)
    return episode


def _update_row(episode: Episode, fields: dict[str, Any], facts: Facts) -> bool:
    """Update the row; return whether this ended the take's recording."""
    state = fields.pop("state")
    if episode.state not in RAW_STATES or episode.purged_at is not None:
        return False
    if episode.state == EpisodeState.RECORDING and "dataset" in facts:
        fields |= _curation(facts)  # nobody else changes it while it is being recorded
    if episode.state == EpisodeState.RECORDING:
        if state != EpisodeState.RECORDING:
            return move(episode, state, **fields)
    elif state == EpisodeState.RECORDING:
        return False  # an outdated message
    fields.pop("task", None)  # people may have corrected it since
    fields |= _said_by_rig(episode, facts)
    changed = [name for name, value in fields.items() if getattr(episode, name) != value]
    if changed:
        for name in changed:
            setattr(episode, name, fields[name])
        with transaction.atomic():
            episode.save(update_fields=changed)
            Episode.objects.filter(pk=episode.pk).update(updated_at=next_version())
    return False


def _said_by_rig(episode: Episode, facts: Facts) -> dict[str, Any]:
    """Return what the rig itself said of the take after its end: that it is recorded again, or how it went.

    A person who changes the same later has the last word: it is then the newest in the history of `take.json`.
    """
    curation = facts.get("curation", {})
    if "history" not in curation:  # the folder is on the rig's disk
        is_rejected = facts.get("verdict") == Verdict.REJECT != episode.verdict and not episode.changes.exists()
        return {"verdict": Verdict.REJECT, "reviewer": RERECORD, "reviewed_at": timezone.now()} if is_rejected else {}
    if _newest_by_rig(facts) and episode.changes.exists():
        facts = _facts(str(episode.pk), None) or facts  # a person may have changed it before its row was locked
    fields, curation = _newest_by_rig(facts), facts["curation"]
    return {**fields, **review_of(curation)} if fields.get("verdict", episode.verdict) != episode.verdict else fields


def _newest_by_rig(facts: Facts) -> dict[str, Any]:
    """Return the verdict and the labels of `take.json`, where the rig was the last to change them."""
    curation = facts["curation"]
    newest = {name: entry.get("by") for entry in curation["history"] for name in entry["changes"]}
    own = (RERECORD, facts.get("rig"))
    return {name: curation[name] for name in ("verdict", "labels") if name in curation and newest.get(name) in own}


def _folder(take_id: str) -> Path:
    return Path(settings.SPOOL_DIR) / take_id


def _facts(take_id: str, summary: Mapping[str, Any] | None) -> Facts | None:
    try:
        facts = read_manifest(_folder(take_id))
    except (SpoolError, OSError) as error:
        if summary is None:
            log.warning("The take %s cannot be indexed: %s", take_id, error)
            if not isinstance(error, NoTake):
                note_take(take_id=take_id, why=str(error))
            return None
        try:
            facts = check_summary(summary)
        except ValueError as problem:
            raise Refused("unreadable", f"The rig's description of the take {take_id} {problem}", 422) from problem
    return Facts(sanitize_json(dict(facts)), facts.raw, facts.odd)


def _fields(facts: Facts, folder: Path) -> dict[str, Any]:
    if "dataset" not in facts:  # a short entry of a rig's list
        return {"state": facts["state"], "ticks": facts.get("ticks") or 0}
    ticks = facts.get("ticks") or 0
    return {
        "state": facts["state"],
        "task": tidy_task(facts.get("task", "")),
        "operator": facts.get("operator", ""),
        "fps": float(facts.get("fps") or 30),
        "ticks": ticks,
        "rate_hz": facts.get("rate_hz"),
        "counters": facts.get("counters", {}),
        "marks": [*facts.get("marks", []), *odd_marks(facts.odd, ticks)],
        "end_reason": (facts.get("end_reason") or "")[:40],
        "session_id": _session_id(facts),
        "rig_id": Rig.objects.filter(name=facts.get("rig", "")).values_list("pk", flat=True).first(),
        "recorded_at": parse_timestamp(facts.get("started_at")) or _written_at(folder),
        "size_bytes": _size(folder),
    }


def _curation(facts: Facts) -> dict[str, Any]:
    curation = facts.get("curation", {})
    row = to_row(Annotation.from_take(facts))
    del row["task"]  # `_fields` sets it
    return {**row, **review_of(curation)}


def review_of(curation: Mapping[str, Any]) -> dict[str, Any]:
    """Return who gave the verdict in `take.json` and when, if its history has it."""
    for entry in reversed(curation.get("history", [])):
        verdict = entry["changes"].get("verdict")
        if verdict in (Verdict.KEEP, Verdict.REJECT):
            reviewed_at = parse_timestamp(entry.get("at")) or timezone.now()
            return {"reviewer": entry.get("by", ""), "reviewed_at": reviewed_at}
        if verdict is not None:
            break
    return {"reviewer": "", "reviewed_at": None}


def _dataset(facts: Facts) -> Dataset:
    slug = facts.get("dataset", "")
    if dataset := Dataset.objects.filter(slug=slug).first():
        return dataset
    if not SAFE_SLUG.fullmatch(slug):
        slug = NO_DATASET
    title = "Takes without a dataset" if slug == NO_DATASET else slug
    return Dataset.objects.get_or_create(slug=slug, defaults={"title": title})[0]


def _session_id(facts: Facts) -> uuid.UUID | None:
    pk = parse_uuid(facts.get("session"))
    return None if pk is None else Session.objects.filter(pk=pk).values_list("pk", flat=True).first()


def _pin_features(episode: Episode, facts: Facts) -> None:
    """Let the first take that ends set the dataset's features and its action, unless its features are partly invalid.

    A dataset whose takes are all gone gets them from the next one.
    """
    features, dataset = facts.get("features"), episode.dataset
    if not features and episode.rig is not None:
        features = episode.rig.features
    if not features or facts.odd_in("features", "cameras") or dataset.has_fixed_features:
        return
    rows = Dataset.objects.filter(pk=dataset.pk)
    if dataset.fps is None:
        rows = rows.filter(fps=None)  # of takes that end at the same moment one sets them
    elif dataset.episodes.takes().exclude(pk=episode.pk).exists():
        return
    rows.update(
        fps=episode.fps,
        features=features,
        recorded_action=_recorded_action(facts),
        robot_type=(facts.get("robot_type") or (episode.rig.robot_type if episode.rig else ""))[:120],
        updated_at=timezone.now(),
    )


def _recorded_action(facts: Facts) -> str:
    """Return which action the take's rig chose for datasets; empty if a short entry of a rig's list does not tell."""
    return str(facts.get("recorded_action") or (SENT if "dataset" in facts else ""))


def _written_at(folder: Path) -> datetime:
    """Return when the take's rows were last written, for a take without a start time."""
    try:
        return datetime.fromtimestamp((folder / ROWS).stat().st_mtime, UTC)
    except (OSError, ValueError, OverflowError):
        return timezone.now()


def _size(folder: Path) -> int:
    try:
        return sum(path.stat().st_size for path in folder.iterdir())
    except OSError:
        return 0
