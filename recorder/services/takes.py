"""index_take: a take on disk becomes, and stays, an episode's row. The folder is the truth."""

from __future__ import annotations

import logging
import re
import uuid
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from recorder.bell import ring
from recorder.lifecycle import move
from recorder.models import Dataset, Episode, Rig, Session
from recorder.services.batches import apply_policy
from recorder.services.quality import FILE as METRICS
from recorder.states import EpisodeState, Verdict
from recorder.storable import storable
from recorder.versions import moved_now
from robotdata.spool.errors import SpoolError
from robotdata.spool.manifest import read_manifest

log = logging.getLogger(__name__)

SAFE_SLUG = re.compile(r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,95}$")
NO_DATASET = "unsorted"
RAW = {EpisodeState.RECORDING, EpisodeState.RECORDED, EpisodeState.INTERRUPTED}


def index_take(*, take_id: str, summary: Mapping[str, Any] | None = None) -> Episode | None:
    """Make or renew the row of a take from `take.json`, or from what the rig said where its disk is not ours.

    What people have said of the take in the database stays. A take whose encoding has begun is left alone.
    Returns None where neither the folder nor a summary says enough.
    """
    facts = _facts(take_id, summary)
    if facts is None or ("dataset" not in facts and not Episode.objects.filter(pk=take_id).exists()):
        return None
    fields = _fields(facts, _folder(take_id))
    with transaction.atomic():
        episode, new = Episode.objects.get_or_create(
            pk=uuid.UUID(take_id), defaults={**fields, **_curation(facts), "dataset": _dataset(facts)}
        )
        ended = episode.state != EpisodeState.RECORDING if new else _renew(episode, fields, facts)
        if ended:
            _pin_features(episode, facts)
    if ended:
        apply_policy(dataset=episode.dataset)
        if not (episode.take_path / METRICS).exists():
            ring("assess_take", take_id)
    return episode


def _renew(episode: Episode, fields: dict[str, Any], facts: Mapping[str, Any]) -> bool:
    """Whether the take has ended by this."""
    state = fields.pop("state")
    if episode.state not in RAW or episode.purged_at is not None:
        return False
    if episode.state == EpisodeState.RECORDING and "dataset" in facts:
        fields |= _curation(facts)  # nobody else writes it while it is being recorded
    if episode.state == EpisodeState.RECORDING:
        if state != EpisodeState.RECORDING:
            return move(episode, state, **fields)
    elif state == EpisodeState.RECORDING:
        return False  # an old message
    fields.pop("task", None)  # people may have set it right since
    changed = [name for name, value in fields.items() if getattr(episode, name) != value]
    if changed:
        for name in changed:
            setattr(episode, name, fields[name])
        with transaction.atomic():
            episode.save(update_fields=changed)
            Episode.objects.filter(pk=episode.pk).update(updated_at=moved_now())
    return False


def _folder(take_id: str) -> Path:
    return Path(settings.SPOOL_DIR) / take_id


def _facts(take_id: str, summary: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    try:
        return dict(storable(read_manifest(_folder(take_id))))
    except (SpoolError, OSError) as error:
        if summary is None:
            log.warning("The take %s cannot be indexed: %s", take_id, error)
        return summary


def _fields(facts: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    if "dataset" not in facts:  # one line of a rig's list
        return {"state": facts["state"], "ticks": int(facts.get("ticks") or 0)}
    return {
        "state": facts.get("state", EpisodeState.RECORDED),
        "task": _words(facts.get("task"), 2000),
        "operator": _words(facts.get("operator"), 150),
        "fps": float(facts.get("fps") or 30),
        "ticks": int(facts.get("ticks") or 0),
        "rate_hz": facts.get("rate_hz"),
        "counters": facts.get("counters") or {},
        "marks": marks if isinstance(marks := facts.get("marks"), list) else [],
        "end_reason": _words(facts.get("end_reason"), 40),
        "session": _session(facts),
        "rig": Rig.objects.filter(name=_words(facts.get("rig"), 48)).first(),
        "recorded_at": _when(facts.get("started_at")),
        "size_bytes": _size(folder),
    }


def _curation(facts: Mapping[str, Any]) -> dict[str, Any]:
    said = facts.get("curation")
    said = said if isinstance(said, Mapping) else {}
    first, end = said.get("trim") or (None, None)
    verdict = said.get("verdict") or facts.get("verdict")
    return {
        "verdict": verdict if verdict in Verdict.values else Verdict.UNREVIEWED,
        "labels": said.get("labels") or [],
        "rating": said.get("rating"),
        "note": _words(said.get("note"), 10_000),
        "trim_first": first,
        "trim_end": end,
        **reviewed(said),
    }


def reviewed(said: Mapping[str, Any]) -> dict[str, Any]:
    """Who gave the verdict that `take.json` has, and when, where its history reaches back to it."""
    history = said.get("history")
    for entry in reversed(history if isinstance(history, list) else []):
        changes = entry.get("changes") if isinstance(entry, Mapping) else None
        verdict = changes.get("verdict") if isinstance(changes, Mapping) else None
        if verdict in (Verdict.KEEP, Verdict.REJECT):
            return {"reviewer": _words(entry.get("by"), 150), "reviewed_at": _when(entry.get("at"))}
        if verdict is not None:
            break
    return {"reviewer": "", "reviewed_at": None}


def _dataset(facts: Mapping[str, Any]) -> Dataset:
    slug = _words(facts.get("dataset"), 200)
    if known := Dataset.objects.filter(slug=slug).first():
        return known
    if not SAFE_SLUG.fullmatch(slug):
        slug = NO_DATASET
    title = "Takes without a dataset" if slug == NO_DATASET else slug
    return Dataset.objects.get_or_create(slug=slug, defaults={"title": title})[0]


def _session(facts: Mapping[str, Any]) -> Session | None:
    try:
        return Session.objects.filter(pk=uuid.UUID(str(facts.get("session")))).first()
    except ValueError:
        return None


def _pin_features(episode: Episode, facts: Mapping[str, Any]) -> None:
    """What the first take delivers is what the dataset wants from then on."""
    features = facts.get("features")
    if not features and episode.rig is not None:
        features = episode.rig.features
    others = episode.dataset.episodes.takes().exclude(pk=episode.pk)
    if features and not episode.dataset.total_episodes and not others.exists():
        Dataset.objects.filter(pk=episode.dataset_id).update(
            fps=episode.fps,
            features=features,
            robot_type=_words(facts.get("robot_type") or (episode.rig.robot_type if episode.rig else ""), 120),
            updated_at=timezone.now(),
        )


def _words(value: Any, limit: int) -> str:
    return str(value if value is not None else "")[:limit]


def _when(value: Any) -> datetime:
    try:
        when = datetime.fromisoformat(str(value))
    except ValueError:
        return timezone.now()
    return when if when.tzinfo else when.replace(tzinfo=timezone.get_default_timezone())


def _size(folder: Path) -> int:
    try:
        return sum(path.stat().st_size for path in folder.iterdir())
    except OSError:
        return 0
