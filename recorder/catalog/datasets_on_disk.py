"""Dataset folders and their rows: the folder is authoritative, the rows are an index of it."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import uuid
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.text import slugify

from recorder.actor import Actor
from recorder.catalog.copied_datasets import reassign_uuids
from recorder.catalog.episode_indexes import move_indexes
from recorder.catalog.sidecars import committed_id as committed_id
from recorder.catalog.sidecars import content_of, planned_fields, valid_fields
from recorder.errors import Refused
from recorder.jobs.encode_settings import encode_settings
from recorder.models import Change, Dataset, Episode
from recorder.models.numbers import MAX_COUNT, claim_numbers
from recorder.models.paths import WORK, link_problem
from recorder.models.permissions import Action, require
from recorder.models.states import EpisodeState, Verdict
from recorder.models.versions import next_version
from recorder.text import sanitize_json
from robotdata.dataset.annotations import NUMBER
from robotdata.dataset.download_state import never_had_videos
from robotdata.dataset.episode_list import EpisodeInfo
from robotdata.dataset.errors import DatasetBusy, DatasetError
from robotdata.dataset.features import DEFAULT_FEATURES
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.scales import SCALES, with_scales
from robotdata.dataset.tasks import by_rows
from robotdata.dataset.write.swap import is_fresh
from robotdata.files import open_beneath
from robotdata.files.json_files import replace_json
from robotdata.files.plain_json import read_json
from robotdata.files.versions import check_version
from robotdata.quality import DEFAULT, BadThresholds
from robotdata.spool import SpoolError, read_manifest
from robotdata.spool.fields import short_repr

log = logging.getLogger(__name__)

_MAX_SETTINGS_BYTES = 1 << 20
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

SAFE_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,95}")
_FORMAT, _VERSION = "robotdata-settings", 1
SAVED_SETTINGS = ("title", "policy", "every", "encode_unreviewed", "goal", "encoding", "thresholds", "next_number")
KEEP_REVISIONS = 10
NOT_DOWNLOADED = "none of its videos is here. Its rows are complete; to see it, download its videos as well."
LOCK_WAIT_S = 5.0
_CHUNK_SIZE = 500
_MAX_SETTING_LENGTH = 10_000


def adopt_folder(*, actor: Actor, path: Path | None = None, slug: str = "") -> Dataset:
    """Return the row of a LeRobotDataset v3.0 folder that a person has put among the datasets; create it if missing.

    Raise Refused if the folder is elsewhere, is not a dataset, or has a name that cannot be used in a URL.
    """
    require(actor, Action.INDEX)
    root = Path(settings.DATASETS_DIR)
    folder = path if path is not None else root / slug
    if folder.parent.resolve() != root.resolve() or folder.name in {"", "..", "."}:
        raise Refused("elsewhere", f"{folder} is not in {root}: move or copy it there, then try again.", 422)
    if not SAFE_NAME.fullmatch(folder.name):
        suggestion = slugify(folder.name)[:80] or "dataset"
        problem = f"The folder {folder.name!r} has a name that cannot be used in a URL: rename it to {suggestion}."
        raise Refused("bad_name", problem, 422)
    if problem := link_problem(folder):
        raise Refused("elsewhere", f"{problem}.", 422)
    try:
        opened = reassign_uuids(folder, DatasetFolder.open(folder))
    except DatasetBusy as error:
        raise Refused("busy", f"{error}.", 503) from error
    except DatasetError as error:
        raise Refused("no_dataset", f"{error}.", 422) from error
    with transaction.atomic():  # no dataset row without its episodes
        dataset, _ = Dataset.objects.get_or_create(slug=folder.name, defaults=_row_of(folder, opened))
        refresh_rows(dataset, opened)
    return dataset


def refresh_dataset(*, dataset: Dataset) -> None:
    """Update counts, features and the rows of committed episodes from the folder.

    If the folder cannot be read (an unmounted disk, say), only `problem` changes.
    """
    if (opened := read_folder(dataset)) is not None:
        refresh_rows(dataset, opened)


def read_folder(dataset: Dataset) -> DatasetFolder | None:
    """Open the dataset's folder; None if that fails, with the reason in `problem`. May wait for the folder's lock."""
    try:
        if is_fresh(dataset.path):
            _set_problem(dataset, missing_message(dataset))
            return None
        if problem := link_problem(dataset.path):
            _set_problem(dataset, f"{problem}.")
            return None
        return reassign_uuids(dataset.path, DatasetFolder.open(dataset.path))
    except DatasetBusy:
        return None  # the process that holds it updates the rows
    except DatasetError as error:
        _set_problem(dataset, f"{error}.")
    except OSError as error:
        _set_problem(dataset, f"{dataset.path} cannot be read: {error.strerror}; check the disk and its permissions.")
    return None


def missing_message(dataset: Dataset) -> str:
    """Return what to do if the folder of committed episodes is missing or empty; empty if no episode is committed."""
    if not dataset.episodes.committed().exists():
        return ""
    state = "is empty" if dataset.path.exists() else "is missing"
    return f"The folder {dataset.path} {state}: restore it, or record into another dataset."


def work_path() -> Path:
    """Return where new revisions are built for datasets that are not links: see `recorder.models.paths`."""
    return Path(settings.DATASETS_DIR) / WORK


def save_settings(dataset: Dataset) -> None:
    """Save the settings that people chose beside the datasets, so that the row can be rebuilt.

    With them goes the next number, so that the rebuilt row gives no number of a deleted episode again. The values are
    those of the row, which may be newer than `dataset`; the file is as old as the row, so that it never counts as newer
    than settings that somebody changes now. Nothing is written for a dataset in the trash.
    """
    with transaction.atomic():  # held until the file is written, so that no older one is written after it
        row = Dataset.objects.select_for_update(no_key=True).filter(pk=dataset.pk).first()
        if row is None:
            return
        path = _settings_path(row.slug)
        values = {name: getattr(row, name) for name in SAVED_SETTINGS}
        time_ns = _microseconds(row.updated_at) * 1000
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_json(path, {"format": _FORMAT, "version": _VERSION, **values})
            os.utime(path, ns=(time_ns, time_ns))
        except OSError as error:
            log.warning(
                "Cannot write the settings of %s to its folder; they are in the database only: %s", row.slug, error
            )


def _settings_path(slug: str) -> Path:
    return Path(settings.DATASETS_DIR) / ".settings" / f"{slug}.json"


def _microseconds(when: datetime) -> int:
    return (when - _EPOCH) // timedelta(microseconds=1)


def load_settings(slug: str) -> dict[str, Any]:
    """Return the settings that `save_settings` wrote, without invalid ones; empty if there are none."""
    path = _settings_path(slug)
    try:
        with os.fdopen(open_beneath(path.parent, path.name), "rb") as file:
            value = read_json(file.read(_MAX_SETTINGS_BYTES))
    except (OSError, ValueError):
        return {}
    try:
        check_version(value.get("version") if isinstance(value, dict) else None, _VERSION, str(path))
    except ValueError as error:
        log.warning("The settings of %s are left as they are: %s", slug, error)
        return {}
    settings_read = {}
    for name in SAVED_SETTINGS if isinstance(value, dict) else ():
        if name in value:
            try:
                settings_read[name] = _setting(name, value[name])
            except (ValueError, TypeError, AttributeError, ValidationError, BadThresholds, Refused) as error:
                log.warning("Ignored the invalid setting %s in %s: %s", name, path, error)
    return settings_read


def _setting(name: str, value: Any) -> Any:
    """Return the value as the row stores it. Raise ValueError, or the error of its check, if it is invalid."""
    types = {"title": str, "policy": str, "every": int, "encode_unreviewed": bool, "encoding": dict, "thresholds": dict}
    types["next_number"] = int
    has_type = name not in types or type(value) is types[name]
    if not has_type or len(str(value)) > _MAX_SETTING_LENGTH:
        raise ValueError(f"it cannot be {short_repr(value)}")
    if name == "next_number" and value > MAX_COUNT:
        raise ValueError(f"it cannot be above {MAX_COUNT}")
    if name == "encoding":
        encode_settings(value)
    if name == "thresholds":
        DEFAULT.changed(value)
    row = Dataset(**{name: sanitize_json(value)})
    row.clean_fields(exclude={field.name for field in Dataset._meta.fields} - {name})
    return getattr(row, name)


def adopt_settings(dataset: Dataset) -> list[str]:
    """Adopt the settings beside the datasets if they are newer than the row; return the names of those that differed.

    A row is older if it comes from a backup, or was not on disk before a power cut. One that somebody changes meanwhile
    stays. A higher next number is adopted however old the file is.
    """
    try:
        time_ns = _settings_path(dataset.slug).stat().st_mtime_ns
    except OSError:
        return []
    is_newer = time_ns // 1000 > _microseconds(dataset.updated_at)
    saved = load_settings(dataset.slug)
    count = saved.pop("next_number", 0)
    if Dataset.objects.filter(pk=dataset.pk, next_number__lt=count).update(next_number=count):
        dataset.next_number = count
    changed = {name: value for name, value in saved.items() if is_newer and getattr(dataset, name) != value}
    if not changed:
        return []
    now = timezone.now()
    if "thresholds" in changed:
        changed["judge_by"] = now  # its takes must be assessed with the new thresholds
    unchanged_row = Dataset.objects.filter(pk=dataset.pk, updated_at=dataset.updated_at)
    adopted = unchanged_row.update(**changed, updated_at=now)
    dataset.refresh_from_db()
    return sorted(changed.keys() - {"judge_by"}) if adopted else []


def _row_of(folder: Path, opened: DatasetFolder) -> dict[str, Any]:
    return {"title": folder.name, **load_settings(folder.name), **_facts(opened)}


def _facts(opened: DatasetFolder) -> dict[str, Any]:
    # Without the default columns, because a rig delivers none and is compared with these features.
    features = {key: value for key, value in opened.features.items() if key not in DEFAULT_FEATURES}
    return {
        "fps": opened.fps,
        "features": sanitize_json(with_scales(features, opened.sidecar.more.get(SCALES))),
        "robot_type": sanitize_json(opened.robot_type[:120]),
        "recorded_action": sanitize_json(opened.recorded_action[:20]),
        "total_episodes": len(opened.episodes),
        "total_frames": opened.total_frames,
        "revision": opened.revision,
        "problem": sanitize_json("; ".join(opened.problems)[:2000]),
    }


def refresh_rows(dataset: Dataset, opened: DatasetFolder) -> None:
    """Update counts, features and the rows of committed episodes from `opened`, or from a newer revision."""
    facts = _facts(opened)
    if not opened.episodes and dataset.features and not opened.revision:
        del facts["features"]
    if not opened.recorded_action:  # it has no episodes yet, and keeps what its first take chose
        del facts["recorded_action"]
    with transaction.atomic():
        # The row's lock serialises refreshes. After waiting for it, `opened` may be older than the row.
        row = Dataset.objects.select_for_update(no_key=True).get(pk=dataset.pk)
        if row.revision > opened.revision:
            opened = DatasetFolder.open(dataset.path)
            facts |= _facts(opened)
        opened = by_rows(opened)  # use the task of each row, because policies are trained on these
        in_folder = {committed_id(dataset, info): info for info in opened.episodes}
        has_removed = _index_episodes(dataset, in_folder, float(opened.fps))
        Dataset.objects.filter(pk=dataset.pk).update(**facts, updated_at=timezone.now())
    if has_removed:  # the folder no longer tells which numbers were given
        save_settings(dataset)
    for name, value in facts.items():
        setattr(dataset, name, value)
    dataset.incomplete, dataset.not_downloaded = missing_files_messages(dataset, opened, revision=row.revision)


def missing_files_messages(dataset: Dataset, opened: DatasetFolder, revision: int | None = None) -> tuple[str, str]:
    """Return two messages: which episodes lack files that they had, and that the dataset came without any videos.

    Either is empty if it does not apply. `revision` is the row's before `opened` was read.
    """
    changed_here = (dataset.revision if revision is None else revision) > 0 or dataset.revisions_path.exists()
    if not changed_here and never_had_videos(opened):
        return "", NOT_DOWNLOADED
    return _incomplete_message(opened), ""


def _incomplete_message(opened: DatasetFolder) -> str:
    """Return how many episodes have missing, empty or undownloaded files, and the first of these; or an empty text."""
    incomplete = [info for info in opened.episodes if info.problems]
    if not incomplete:
        return ""
    return (
        f"{len(incomplete)} of {len(opened.episodes)} episodes are incomplete; the first: {incomplete[0].problems[0]}."
    )


def _set_problem(dataset: Dataset, problem: str) -> None:
    if dataset.problem != problem:
        dataset.problem = problem
        Dataset.objects.filter(pk=dataset.pk).update(problem=problem, updated_at=timezone.now())


def _index_episodes(dataset: Dataset, in_folder: dict[uuid.UUID, EpisodeInfo], fps: float) -> bool:
    """Update the rows of episodes that left the folder, moved, changed their content, or are new.

    Return whether any have left it.
    """
    names = ("episode_index", "ticks", "committed_task")
    # Locked in the order that all code uses, so that no two transactions deadlock; updated in the folder's order below.
    committed = dataset.episodes.committed().order_by("recorded_at", "pk").select_for_update(no_key=True)
    rows = {row.pop("pk"): row for row in committed.values("pk", *names)}
    for pk in rows.keys() - in_folder.keys():
        _update_removed(dataset, pk)
    old = {pk: row["episode_index"] for pk, row in rows.items()}
    move_indexes({pk: (old[pk], info.index) for pk, info in in_folder.items() if pk in old and old[pk] != info.index})
    for pk, info in in_folder.items():
        if pk in rows and content_of(info) != rows[pk] | {"episode_index": info.index}:
            frames_changed = info.length != rows[pk]["ticks"]
            _update_episode(pk, frames_changed, **content_of(info), **planned_fields(info), **_marks(info))
    new = {pk: info for pk, info in in_folder.items() if pk not in rows}
    existing: dict[uuid.UUID, int] = {}
    for chunk in _chunks(list(new)):
        existing |= dict(Episode.objects.filter(pk__in=chunk).values_list("pk", "dataset_id"))
    numbers = _numbers_of_moved(dataset, [new[pk] for pk, other in existing.items() if other != dataset.pk])
    for pk in existing:
        # Bypasses `move`: the folder is authoritative.
        fields: dict[str, Any] = {"state": EpisodeState.ENCODED, "purged_at": None, "error": "", "dataset": dataset}
        fields |= content_of(new[pk]) | planned_fields(new[pk]) | valid_fields(new[pk].extra)
        fields.pop(NUMBER, None)  # a row keeps its own, unless it comes from another dataset
        if (number := numbers.get(new[pk].index)) is not None:
            fields[NUMBER] = number
        _update_episode(pk, True, **fields)
    created = [_episode(dataset, pk, info, fps) for pk, info in new.items() if pk not in existing]
    Episode.objects.bulk_create(created, batch_size=500)
    return not rows.keys() <= in_folder.keys()


def _numbers_of_moved(dataset: Dataset, infos: list[EpisodeInfo]) -> dict[int, int]:
    """Return the numbers here, by index, of episodes whose rows come from another dataset."""
    if not infos:
        return {}
    stored = [valid_fields(info.extra).get(NUMBER) for info in infos]
    numbers = claim_numbers(dataset.pk, stored, [info.index + 1 for info in infos])
    return {info.index: number for info, number in zip(infos, numbers, strict=True)}


def close_changes(pks: Iterable[uuid.UUID]) -> None:
    """Make earlier changes of these episodes impossible to undo: after an edit, a trim would refer to other frames."""
    Change.objects.filter(episode__in=list(pks), undone_at=None).update(superseded=True)


def _update_episode(pk: uuid.UUID, frames_changed: bool, **fields: Any) -> None:
    now = next_version()
    frames_at = {"frames_at": now} if frames_changed else {}
    Episode.objects.filter(pk=pk).update(**fields, **frames_at, updated_at=now)
    close_changes([pk])


def _update_removed(dataset: Dataset, pk: uuid.UUID) -> None:
    """Update the row of an episode that the revision lacks: a take again if its folder is in the spool, else purged."""
    row = Episode.objects.get(pk=pk)
    fields: dict[str, Any] = {"state": EpisodeState.RECORDED, "error": ""}
    if not row.take_path.is_dir():
        message = f"It is no longer in {dataset.title}; an earlier revision than {dataset.revision} may have it."
        fields = {"state": EpisodeState.FAILED, "error": message, "purged_at": timezone.now()}
    with contextlib.suppress(SpoolError, OSError, ValueError):
        fields["ticks"] = read_manifest(row.take_path)["ticks"]
    _update_episode(pk, True, **fields, episode_index=None, committed_task="", trim_first=None, trim_end=None)


def _episode(dataset: Dataset, pk: uuid.UUID, info: EpisodeInfo, fps: float) -> Episode:
    annotations = {"verdict": Verdict.KEEP} | valid_fields(info.extra)
    fields = {**content_of(info), **planned_fields(info), **annotations}
    return Episode(id=pk, dataset=dataset, state=EpisodeState.ENCODED, fps=fps, **fields)


def _marks(info: EpisodeInfo) -> dict[str, Any]:
    return {name: value for name, value in valid_fields(info.extra).items() if name == "marks"}


def _chunks(pks: list[uuid.UUID]) -> Iterator[list[uuid.UUID]]:
    yield from (pks[first : first + _CHUNK_SIZE] for first in range(0, len(pks), _CHUNK_SIZE))
