"""Dataset folders and their rows: the folder is the truth, the rows an index of it."""

from __future__ import annotations

import contextlib
import json
import logging
import re
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.text import slugify

from recorder.errors import Refused
from recorder.models import Dataset, Episode
from recorder.states import EpisodeState, Verdict
from recorder.storable import storable
from robotdata.dataset.episode_list import EpisodeInfo
from robotdata.dataset.errors import DatasetError
from robotdata.dataset.features import DEFAULT_FEATURES
from robotdata.dataset.reader import Dataset as Folder
from robotdata.spool.files import write_json

log = logging.getLogger(__name__)

SAFE_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,95}")
KEPT_SETTINGS = ("title", "policy", "every", "encode_unreviewed", "goal", "encoding")
_FAR = 1_000_000_000  # where numbers wait while others take their places


def adopt_folder(*, path: Path | None = None, slug: str = "") -> Dataset:
    """The row of a LeRobotDataset v3.0 folder that somebody has put among the datasets; made where there is none.

    Raises Refused where the folder lies elsewhere, is no dataset, or has a name that an address cannot hold.
    """
    root = Path(settings.DATASETS_DIR)
    folder = path if path is not None else root / slug
    if folder.resolve().parent != root.resolve():
        raise Refused("elsewhere", f"{folder} does not lie in {root}: move or copy it there, then try again.", 422)
    if not SAFE_NAME.fullmatch(folder.name):
        better = slugify(folder.name)[:80] or "dataset"
        words = f"The folder {folder.name!r} has a name that an address cannot hold: rename it to {better}."
        raise Refused("bad_name", words, 422)
    try:
        opened = Folder.open(folder)
    except DatasetError as error:
        raise Refused("no_dataset", f"{error}.", 422) from error
    dataset, _ = Dataset.objects.get_or_create(slug=folder.name, defaults=_row_of(folder, opened))
    _refresh(dataset, opened)
    return dataset


def refresh_dataset(*, dataset: Dataset) -> None:
    """Bring counts, features and the rows of committed episodes up to what the folder holds.

    A folder that cannot be read (an unmounted disk, say) changes nothing but the words in `problem`.
    """
    if not dataset.path.exists():
        missing = dataset.episodes.committed().exists()
        _say_problem(dataset, f"The folder {dataset.path} is missing: bring it back." if missing else "")
        return
    try:
        opened = Folder.open(dataset.path)
    except DatasetError as error:
        empty = dataset.path.is_dir() and not any(dataset.path.iterdir())
        _say_problem(dataset, "" if empty else f"{error}.")
        return
    _refresh(dataset, opened)


def committed_id(dataset: Dataset, info: EpisodeInfo) -> uuid.UUID:
    """The UUID of a committed episode; one made from its place where another program recorded it."""
    try:
        return uuid.UUID(str(info.uuid))
    except ValueError:
        return uuid.uuid5(uuid.NAMESPACE_URL, f"robotdata:{dataset.slug}/{info.index}")


def save_settings(dataset: Dataset) -> None:
    """Keep what people set beside the datasets, so that the row can be made again."""
    folder = Path(settings.DATASETS_DIR) / ".settings"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / f"{dataset.slug}.json", {name: getattr(dataset, name) for name in KEPT_SETTINGS})
    except OSError as error:
        log.warning("The settings of %s are in the database only: %s", dataset.slug, error)


def load_settings(slug: str) -> dict[str, Any]:
    """What `save_settings` kept; empty where there is nothing usable."""
    path = Path(settings.DATASETS_DIR) / ".settings" / f"{slug}.json"
    try:
        value = json.loads(path.read_bytes())
        known = {name: value[name] for name in KEPT_SETTINGS if name in value}
        Dataset(slug=slug, **{"title": slug, **known}).clean_fields()
    except (OSError, ValueError, TypeError, ValidationError):
        return {}
    return known


def _row_of(folder: Path, opened: Folder) -> dict[str, Any]:
    return {"title": folder.name, **load_settings(folder.name), **_facts(opened)}


def _facts(opened: Folder) -> dict[str, Any]:
    # A rig delivers no default columns, and is compared with this.
    features = {key: value for key, value in opened.features.items() if key not in DEFAULT_FEATURES}
    return {
        "fps": round(opened.fps),
        "features": storable(features),
        "robot_type": storable(opened.robot_type[:120]),
        "total_episodes": len(opened.episodes),
        "total_frames": opened.total_frames,
        "revision": opened.revision,
        "problem": storable("; ".join(opened.problems)[:2000]),
    }


def _refresh(dataset: Dataset, opened: Folder) -> None:
    facts = _facts(opened)
    if not opened.episodes and dataset.features and not opened.revision:
        del facts["features"]
    with transaction.atomic():
        # One after the other; who has waited may hold a state that another commit has left behind.
        row = Dataset.objects.select_for_update(no_key=True).get(pk=dataset.pk)
        if row.revision > opened.revision:
            opened = Folder.open(dataset.path)
            facts |= _facts(opened)
        _index_episodes(dataset, {committed_id(dataset, info): info for info in opened.episodes}, float(opened.fps))
        Dataset.objects.filter(pk=dataset.pk).update(**facts, updated_at=timezone.now())
    for name, value in facts.items():
        setattr(dataset, name, value)


def _say_problem(dataset: Dataset, problem: str) -> None:
    if dataset.problem != problem:
        dataset.problem = problem
        Dataset.objects.filter(pk=dataset.pk).update(problem=problem, updated_at=timezone.now())


def _index_episodes(dataset: Dataset, there: dict[uuid.UUID, EpisodeInfo], fps: float) -> None:
    """Three sets: rows whose episode left the folder, rows in another place than before, and new ones."""
    rows = dict(dataset.episodes.committed().values_list("pk", "episode_index"))
    for pk in rows.keys() - there.keys():
        _left(dataset, pk)
    moved = {pk: info for pk, info in there.items() if pk in rows and rows[pk] != info.index}
    Episode.objects.filter(pk__in=list(moved)).update(episode_index=F("episode_index") + _FAR)
    for pk, info in moved.items():
        Episode.objects.filter(pk=pk).update(episode_index=info.index, updated_at=timezone.now())
    new = {pk: info for pk, info in there.items() if pk not in rows}
    known = set(Episode.objects.filter(pk__in=list(new)).values_list("pk", flat=True)) if new else set()
    for pk in known:
        # Not a move of its life: the folder says so, and it is right whatever the row said.
        fields = {"state": EpisodeState.ENCODED, "episode_index": new[pk].index, "purged_at": None, "error": ""}
        Episode.objects.filter(pk=pk).update(**fields, dataset=dataset, updated_at=timezone.now())
    fresh = [_episode(dataset, pk, info, fps) for pk, info in new.items() if pk not in known]
    Episode.objects.bulk_create(fresh, batch_size=500)


def _left(dataset: Dataset, pk: uuid.UUID) -> None:
    """A revision without it: a take again where its folder is still in the spool, else gone, its history kept."""
    now = timezone.now()
    row = Episode.objects.get(pk=pk)
    back: dict[str, Any] = {"state": EpisodeState.RECORDED, "error": ""}
    if not row.take_path.is_dir():
        said = f"It is no longer in {dataset.title}, revision {dataset.revision} and before may have it."
        back = {"state": EpisodeState.FAILED, "error": said, "purged_at": now}
    Episode.objects.filter(pk=pk).update(**back, episode_index=None, updated_at=now)


def _episode(dataset: Dataset, pk: uuid.UUID, info: EpisodeInfo, fps: float) -> Episode:
    said = info.extra
    verdict = said.get("verdict")
    return Episode(
        id=pk,
        dataset=dataset,
        state=EpisodeState.ENCODED,
        episode_index=info.index,
        verdict=verdict if verdict in Verdict.values and verdict != Verdict.REJECT else Verdict.KEEP,
        task=storable((info.tasks[0] if info.tasks else "")[:2000]),
        fps=max(1, round(fps)),
        ticks=info.length,
        **storable(_said(said)),
    )


def _said(said: dict[str, Any]) -> dict[str, Any]:
    """What people and the rig said of it, from the sidecar; anything odd is left out."""
    kinds: dict[str, type] = {"labels": list, "rating": int, "note": str, "operator": str, "marks": list}
    kept = {name: said[name] for name, kind in kinds.items() if type(said.get(name)) is kind}
    kept |= {name: kept[name][:150] for name in ("operator",) if name in kept}
    if isinstance(said.get("recorded_at"), str):
        with contextlib.suppress(ValueError):
            when = datetime.fromisoformat(said["recorded_at"])
            kept["recorded_at"] = when if when.tzinfo else when.replace(tzinfo=UTC)
    return kept
