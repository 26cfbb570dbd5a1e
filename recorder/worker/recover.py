"""Make the rows agree with the folders: after a crash, at every start, or from nothing. Nothing is deleted."""

from __future__ import annotations

import logging
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Max, Min
from django.utils import timezone

from recorder.actor import COMMAND
from recorder.alone import isolate_errors
from recorder.catalog.datasets_on_disk import SAFE_NAME, adopt_settings, load_settings, refresh_dataset, work_path
from recorder.catalog.sidecars import adopt_sidecar
from recorder.catalog.take_files import ASIDE_PREFIX, size_of
from recorder.catalog.trash_recovery import recover_trash
from recorder.catalog.unknown_folders import adopt_unknown_folders
from recorder.jobs.encoding import raw_state
from recorder.models import Change, Dataset, Episode, Job, Operation, Rig, Session, Unopened
from recorder.models.annotations import FIELDS
from recorder.models.lifecycle import move
from recorder.models.paths import revisions_of, work_of
from recorder.models.states import EpisodeState
from recorder.text import parse_uuid, sanitize_json
from recorder.worker import sweep
from recorder.worker.recover_takes import find_missing, recover_takes
from recorder.worker.recovery_report import Report
from robotdata.dataset.errors import DatasetBusy, DatasetError
from robotdata.dataset.layout import INFO
from robotdata.dataset.lock import dataset_lock
from robotdata.dataset.reader import read_info
from robotdata.dataset.write.swap import recover_dataset
from robotdata.numbers import count as count_of
from robotdata.numbers import size
from robotdata.spool import SpoolError, list_takes, read_manifest
from robotdata.spool.copies import tidy_copies
from robotdata.spool.manifest import FILE

log = logging.getLogger(__name__)


def recover(*, deep: bool = False) -> Report:
    """Close unfinished takes, match rows with folders, complete or undo partial commits, release the work of dead
    workers.

    With `deep`, read every byte of finished takes and report damage. It is idempotent, may run while other processes
    work, and can be repeated after it was killed.
    """
    report = Report()
    steps: dict[str, Callable[[], object]] = {
        "Putting deleted folders back": lambda: _restore_aside(report),
        # Before the takes, so that committed episodes are not encoded again.
        "Checking the datasets": lambda: _recover_datasets(report),
        "Checking the takes": lambda: recover_takes(report, deep=deep),
        "Looking for missing takes": lambda: find_missing(report),
        "Requeueing episodes": lambda: _release_orphans(report),
        "Requeueing jobs": lambda: _requeue_jobs(report),
        "Advancing operations": lambda: sweep.advance_operations(timezone.now()),
        "Tidying the staging folder": sweep.tidy_staging,
        "Listing the raw frames that are kept": lambda: _report_raw_frames(report),
    }
    for title, step in steps.items():
        with isolate_errors(title, log, lambda problem, title=title: report.lost.append(f"{title}: {problem}.")):  # type: ignore[misc]
            step()
    return report


def rebuild(*, deep: bool = False) -> Report:
    """Rebuild all rows of datasets, sessions and episodes from the folders alone. Accounts and rigs are kept.

    Operations and changes are deleted: an episode that was being encoded becomes a take again.
    """
    with transaction.atomic():
        for model in (Job, Operation, Change, Episode, Session, Dataset):
            model.objects.all().delete()
    _restore_datasets()
    report = recover(deep=deep)
    report.corrections.clear()  # the rows were deleted, so all of them differ
    _restore_sessions()
    return report


def _restore_aside(report: Report) -> None:
    """Restore folders that were set aside for deletion, unless their row confirms it; remove unfinished copies."""
    spool = Path(settings.SPOOL_DIR)
    tidy_copies(spool)
    for aside in sorted(spool.glob(f"{ASIDE_PREFIX}*")) if spool.is_dir() else ():
        name = aside.name.removeprefix(ASIDE_PREFIX)
        pk = parse_uuid(name)
        row = Episode.objects.filter(pk=pk).first() if pk is not None else None
        is_confirmed = row is not None and (row.purged_at is not None or row.is_committed)
        if is_confirmed or (spool / name).exists():
            shutil.rmtree(aside, ignore_errors=True)
        else:
            aside.rename(spool / name)
            report.messages.append(f"Take {name}: restored, its deletion had not been completed.")


def _report_loss(report: Report, subject: str, problem: str) -> None:
    report.lost.append(f"{subject}: {problem}.")


def _requeue_jobs(report: Report) -> None:
    report.jobs_requeued = sweep.requeue_stale_jobs(timezone.now())


def _recover_datasets(report: Report) -> None:
    if repaired := recover_trash():
        report.messages.append(f"Trash: {count_of(repaired, 'unfinished move')} of datasets completed or undone.")
    for folder in _dataset_folders():
        subject = f"Dataset {folder.name}"
        with isolate_errors(subject, log, partial(_report_loss, report, subject)):  # its tables may hold anything
            _recover_dataset(folder, report)
    for unknown in adopt_unknown_folders(Dataset.objects.all(), Unopened.objects.all(), actor=COMMAND, recheck=True):
        if unknown.dataset is not None:
            message = f"{count_of(unknown.dataset.total_episodes, 'episode')}, found in its folder."
            report.messages.append(f"Dataset {unknown.name}: {message}")
            report.datasets += not unknown.dataset.problem
            _report_problems(unknown.dataset, report)
        else:
            (report.lost if unknown.lost else report.unopened).append(str(unknown))


def _recover_dataset(folder: Path, report: Report) -> None:
    dataset = Dataset.objects.filter(slug=folder.name).first()
    try:
        with dataset_lock(folder, wait_s=1.0):
            recovery = recover_dataset(folder, work_of(folder), revisions_of(folder))
        if recovery.text:
            report.messages.append(f"Dataset {folder.name}: {recovery.text}.")
        if dataset is not None:
            _update_dataset(dataset, report)
    except DatasetBusy:  # a commit is running
        pass
    if dataset is not None:
        report.datasets += not dataset.problem and _is_dataset(folder)
        _report_problems(dataset, report)


def _report_problems(dataset: Dataset, report: Report) -> None:
    prefix = f"Dataset {dataset.slug}: "
    if problem := _count_problem(dataset):
        report.lost.append(prefix + problem)
    if dataset.incomplete:
        report.lost.append(f"{prefix}{dataset.incomplete} `verify {dataset.slug}` lists them all.")
    if dataset.not_downloaded:
        report.messages.append(prefix + dataset.not_downloaded)
    if dataset.problem:
        report.lost.append(prefix + dataset.problem)


def _update_dataset(dataset: Dataset, report: Report) -> None:
    names = adopt_settings(dataset)
    if names:
        report.corrections.append(
            f"Dataset {dataset.slug}: the database had a different {', '.join(names)}; corrected."
        )
    before = _committed_rows(dataset)
    refresh_dataset(dataset=dataset)
    adopt_sidecar(dataset)
    after = _committed_rows(dataset)
    count = sum(before.get(pk) != row for pk, row in after.items()) + len(before.keys() - after.keys())
    if count:
        message = f"{count} of {len(before.keys() | after.keys())} episodes differed in the database; corrected."
        report.corrections.append(f"Dataset {dataset.slug}: {message}")


def _count_problem(dataset: Dataset) -> str:
    """Return a message if info.json counts more episodes than there are: one may be lost, or was never written."""
    try:
        counted = read_info(dataset.path).get("total_episodes")
    except (OSError, DatasetError):
        return ""  # reported already
    if type(counted) is not int or counted <= dataset.total_episodes:
        return ""
    cure = f"The next commit or edit recounts; `verify {dataset.slug}` checks the present state."
    return f"{INFO} counts {count_of(counted, 'episode')}, there are {dataset.total_episodes}. {cure}"


def _committed_rows(dataset: Dataset) -> dict[uuid.UUID, Any]:
    rows = dataset.episodes.committed().order_by().values("pk", "episode_index", "ticks", "committed_task", *FIELDS)
    return {row["pk"]: row for row in rows}


def _dataset_folders() -> Iterator[Path]:
    """Yield every dataset folder, and the folder of every row even if it is missing."""
    root = Path(settings.DATASETS_DIR)
    on_disk = {path.name for path in root.iterdir() if path.is_dir()} if root.is_dir() else set()
    # A swap that was killed between its two renames left the dataset only in its work folder.
    unfinished = {path.name.rpartition("@")[0] for path in work_path().iterdir()} if work_path().is_dir() else set()
    names = on_disk | unfinished | set(Dataset.objects.values_list("slug", flat=True))
    yield from (root / name for name in sorted(names) if SAFE_NAME.fullmatch(name) and not name.startswith("."))


def _is_dataset(folder: Path) -> bool:
    info = folder / "meta" / "info.json"
    try:
        return info.is_file() or info.is_symlink()  # a broken link is reported when it is opened
    except OSError:  # no permission to read the folder
        return False


def _report_raw_frames(report: Report) -> None:
    """Report raw frames of committed takes that are not deleted yet: the dataset is incomplete, or the disk refuses."""
    if settings.KEEP_RAW:
        return
    by_dataset: dict[str, list[Path]] = {}
    spool = Path(settings.SPOOL_DIR)
    in_spool = {folder.name for folder in spool.iterdir()} if spool.is_dir() else set()
    for pk, slug in Episode.objects.committed().values_list("pk", "dataset__slug"):
        if str(pk) in in_spool and (spool / str(pk) / FILE).is_file():
            by_dataset.setdefault(slug, []).append(spool / str(pk))
    for slug, folders in sorted(by_dataset.items()):
        raw_bytes = sum(map(size_of, folders))
        names = ", ".join(folder.name for folder in folders[:3]) + (", ..." if len(folders) > 3 else "")
        report.messages.append(
            f"Dataset {slug}: raw frames of {len(folders)} committed takes stay in the spool "
            f"({size(raw_bytes)}: {names}). "
            f"They are deleted once it shows them whole: `verify {slug} --deep` lists what is wrong."
        )


def _release_orphans(report: Report) -> None:
    """Release episodes in state `encoding` that are in no batch."""
    in_batch = Job.objects.filter(operation__in=Operation.objects.open()).values("episode")
    for row in Episode.objects.filter(state=EpisodeState.ENCODING).exclude(pk__in=in_batch).select_related("dataset"):
        move(row, raw_state(row))
        report.messages.append(f"{row} of {row.dataset}: in no batch, will be encoded again.")


def _restore_datasets() -> None:
    """Restore datasets and the settings that people chose from the files beside the folders."""
    folder = Path(settings.DATASETS_DIR) / ".settings"
    for path in sorted(folder.glob("*.json")) if folder.is_dir() else ():
        if SAFE_NAME.fullmatch(path.stem) and (saved := load_settings(path.stem)):
            if saved.get("thresholds"):
                saved["judge_by"] = timezone.now()  # the thresholds of the last assessment are unknown
            with isolate_errors(f"The settings of {path.stem}", log):
                Dataset.objects.get_or_create(slug=path.stem, defaults=saved)


def _restore_sessions() -> None:
    """Restore sessions from what their takes record."""
    takes: dict[uuid.UUID, list[str]] = {}
    for folder in list_takes(Path(settings.SPOOL_DIR)):
        with suppress(SpoolError, OSError, ValueError):  # reported already
            takes.setdefault(uuid.UUID(str(read_manifest(folder).get("session"))), []).append(folder.name)
    for pk, names in takes.items():
        with isolate_errors(f"Session {pk}", log), transaction.atomic():
            _restore_session(pk, names)


def _restore_session(pk: uuid.UUID, names: list[str]) -> None:
    episodes = Episode.objects.filter(pk__in=names)
    first = episodes.order_by("recorded_at").first()
    if first is None:
        return
    rig = _rig_of(str(first.pk))
    recorded = episodes.aggregate(first=Min("recorded_at"), last=Max("recorded_at"))
    fields = {"dataset": first.dataset, "rig": rig, "operator": first.operator, "task": first.task}
    times = {"started_at": recorded["first"], "ended_at": recorded["last"]}
    session_row, _ = Session.objects.get_or_create(pk=pk, defaults={**fields, **times})
    episodes.update(session=session_row, rig=rig)


def _rig_of(take_id: str) -> Rig:
    name = sanitize_json(str(read_manifest(Path(settings.SPOOL_DIR) / take_id).get("rig") or "unknown")[:48])
    return Rig.objects.get_or_create(name=name)[0]
