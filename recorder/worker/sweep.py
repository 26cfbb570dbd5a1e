"""The sweep: advance or end what a dead worker, a lost message or a crash left waiting."""

from __future__ import annotations

import logging
import re
import uuid
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from recorder.actor import WORKER
from recorder.alone import isolate_errors
from recorder.catalog.additions import incoming
from recorder.catalog.folder_watch import refresh_changed_folders
from recorder.catalog.import_uploads import uploads_in_use
from recorder.catalog.sending import tidy_work
from recorder.catalog.take_files import remove_staging
from recorder.catalog.takes import index_take
from recorder.catalog.trash_recovery import empty_old_trash, recover_trash
from recorder.catalog.unknown_folders import adopt_unknown_folders
from recorder.catalog.unopened import forget_unopened, note_take, state_of_take, take_path
from recorder.jobs.encoding import NOTIFY_AGAIN_AFTER, apply_policy
from recorder.jobs.job_log import Stage, with_line
from recorder.jobs.lease_clock import LEASE_CLOCK
from recorder.jobs.notify import wake_workers
from recorder.models import Dataset, Episode, Job, Operation, Policy, Rig, Unopened
from recorder.models.job import lease_expired
from recorder.models.lifecycle import move
from recorder.models.states import EpisodeState, JobState, OperationState, RigState
from recorder.models.totals import fold_totals
from recorder.models.unopened import UnopenedKind
from recorder.quality.assess import REJUDGE_AFTER, unassessed
from recorder.text import parse_uuid
from recorder.worker.commit import clear_committed
from recorder.worker.encode import fail_job, finish_encoding
from recorder.worker.reshape import tidy_encoded
from robotdata.spool import SpoolError, TakeBusy, recover_take

log = logging.getLogger(__name__)

_MAX_NOTIFIED = 16  # the oldest jobs for which one sweep sends messages, so that the queue stays short
_NOTIFY_AGAIN_BUSY = timedelta(minutes=10)  # while workers are busy, a message is late rather than lost
_NOTIFY_AGAIN_OPERATION = timedelta(seconds=30)
_RIG_RECONNECTS_WITHIN = timedelta(seconds=10)
_PARTIAL_VIDEO = re.compile(r"\.([0-9a-f]{32})\.tmp\.mp4(?:\.[0-9a-f]+\.part)?$")  # temporary names of encode_camera


def sweep() -> None:
    """Run every step; a failed step stops no other. Idempotent, cheap when idle, safe to run concurrently."""
    now = timezone.now()
    datasets, unopened = list(Dataset.objects.all()), list(Unopened.objects.all())
    steps: dict[str, Callable[[], object]] = {
        "Closing abandoned takes": lambda: close_abandoned_takes(now),
        "Requeueing jobs": lambda: requeue_stale_jobs(LEASE_CLOCK.now()),
        "Notifying workers of jobs": lambda: notify_waiting(now),
        "Advancing operations": lambda: advance_operations(LEASE_CLOCK.now()),
        "Applying the datasets' policies": lambda: check_datasets(now, datasets),
        "Recovering the trash": recover_trash,
        "Emptying the trash": lambda: empty_old_trash(now),
        "Following the datasets' folders": lambda: refresh_changed_folders(datasets),
        "Checking new dataset folders": lambda: adopt_unknown_folders(datasets, unopened, actor=WORKER),
        "Rechecking unreadable takes": lambda: retry_takes(unopened),
        "Tidying the staging folder": tidy_staging,
        "Tidying re-encodes": lambda: tidy_encoded({dataset.work_path for dataset in datasets}),
        "Tidying additions": lambda: incoming().tidy(uploads_in_use),
        "Tidying downloads": lambda: tidy_work({dataset.work_path for dataset in datasets}),
        "Adding up totals": fold_totals,
        "Notifying workers of takes to measure": lambda: notify_unassessed(now),
    }
    for title, step in steps.items():
        with isolate_errors(title, log):
            step()


def close_abandoned_takes(now: datetime) -> int:
    """Close, as interrupted, takes that nobody records any more; return how many."""
    closed = 0
    for episode in Episode.objects.filter(state=EpisodeState.RECORDING).select_related("rig"):
        if not (
            _is_offline_since(episode.rig, now - _RIG_RECONNECTS_WITHIN)
            or _records_another(episode.rig, str(episode.pk))
        ):
            continue
        # TakeBusy: only the rig's connection is lost. No folder: the take is on the rig's own disk.
        with isolate_errors(f"Closing the take {episode.pk}", log), suppress(SpoolError, OSError):
            # The lock shows whether the rig still writes; on a network disk without locks, the file times do.
            if now.timestamp() - last_written(episode.take_path) > _RIG_RECONNECTS_WITHIN.total_seconds():
                recover_take(episode.take_path)
                closed += index_take(take_id=str(episode.pk), actor=WORKER) is not None
    return closed


def _is_offline_since(rig: Rig | None, since: datetime) -> bool:
    """Return whether the rig has been offline or silent since before `since`."""
    if rig is None:
        return False
    offline = rig.state == RigState.OFFLINE and rig.state_since < since
    return offline or (rig.last_seen_at is not None and rig.last_seen_at < since)


def _records_another(rig: Rig | None, take: str) -> bool:
    """Return whether the rig is alive but records another take, so its disk kept it from closing this one."""
    if rig is None or rig.state == RigState.OFFLINE or rig.status.get("saving"):
        return False
    return bool((rig.status.get("take") or {}).get("id") != take)


def last_written(folder: Path) -> float:
    """Return the Unix time of the newest file in the folder; 0 if it is empty."""
    return max(map(modified, folder.iterdir()), default=0.0)


def modified(path: Path) -> float:
    """Return the Unix time of the file's last change; the present time if the file is gone."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return timezone.now().timestamp()


def retry_takes(lines: Iterable[Unopened]) -> int:
    """Retry unreadable takes whose `take.json` has changed since; return how many are indexed now."""
    indexed = 0
    for row in lines:
        if row.kind != UnopenedKind.TAKE or state_of_take(row.name) == row.state:
            continue
        folder = take_path(row.name)
        forget_unopened(kind=row.kind, name=row.name)
        with isolate_errors(f"Take {row.name}", log, partial(_note_unreadable, row.name)):
            with suppress(TakeBusy):
                recover_take(folder)
            indexed += index_take(take_id=row.name, actor=WORKER) is not None
    return indexed


def _note_unreadable(take_id: str, why: str) -> None:
    if take_path(take_id).is_dir():
        note_take(take_id=take_id, why=why)


def notify_unassessed(now: datetime) -> None:
    """Notify workers of takes whose quality is not measured, a few at a time, while nothing is being encoded."""
    if not _is_busy(now):
        for episode_id in unassessed(limit=2):
            wake_workers("assess_take", episode_id)


def check_datasets(now: datetime, datasets: Iterable[Dataset] | None = None) -> None:
    """Start the encoding that policies require; notify a worker of datasets whose takes wait for an assessment."""
    for dataset in Dataset.objects.all() if datasets is None else datasets:
        with isolate_errors(f"Applying the policy of {dataset.slug}", log):
            _check_dataset(dataset, now)


def _check_dataset(dataset: Dataset, now: datetime) -> None:
    if dataset.policy != Policy.HAND:
        apply_policy(dataset=dataset)
    if dataset.judge_by is not None:
        notify_at = now + (_NOTIFY_AGAIN_BUSY if _is_busy(now) else REJUDGE_AFTER)
        if Dataset.objects.filter(lease_expired(now, "judge_by"), pk=dataset.pk).update(judge_by=notify_at):
            wake_workers("judge_dataset", dataset.pk)


def requeue_stale_jobs(now: datetime) -> int:
    """Queue jobs of dead workers again, or fail them after JOB_ATTEMPTS; return how many."""
    stale = list(Job.objects.stale(now).select_related("episode"))
    for job in stale:
        if job.attempt >= settings.JOB_ATTEMPTS:
            fail_job(job, "Its worker crashed at every attempt, perhaps because of this take. See the worker's log")
            finish_encoding(job.operation_id)
        elif move(
            job,
            JobState.QUEUED,
            conditions={"token": job.token},
            token="",
            lease_until=now + NOTIFY_AGAIN_AFTER,
            frames_done=0,
            log=with_line(job.log, Stage.LOST, "its worker stopped answering; another one begins again"),
        ):
            wake_workers("run_job", job.pk)
    return len(stale)


def notify_waiting(now: datetime) -> int:
    """Repeat the lost messages of queued jobs, oldest first, at growing intervals; return how many."""
    lease_limit = now - _NOTIFY_AGAIN_BUSY if _is_busy(now) else now
    notified = 0
    for pk, lease, created_at in Job.objects.waiting().values_list("pk", "lease_until", "operation__created_at")[
        :_MAX_NOTIFIED
    ]:
        if lease is not None and lease >= lease_limit:
            continue
        notify_at = now + max(NOTIFY_AGAIN_AFTER, (now - created_at) / 4)
        if Job.objects.filter(pk=pk, state=JobState.QUEUED, lease_until=lease).update(lease_until=notify_at):
            wake_workers("run_job", pk)
            notified += 1
    return notified


def advance_operations(now: datetime) -> None:
    """Advance operations that stopped between two steps."""
    open_jobs = Job.objects.filter(state__in=[JobState.QUEUED, JobState.RUNNING]).values("operation")
    encoding = Operation.objects.filter(state__in=[OperationState.QUEUED, OperationState.ENCODING])
    for pk in list(encoding.exclude(pk__in=open_jobs).values_list("pk", flat=True)):
        finish_encoding(pk)
    due = Q(lease_until=None) | lease_expired(now)
    for pk, token in list(Operation.objects.filter(due, state=OperationState.RUNNING).values_list("pk", "token")):
        unchanged_row = Operation.objects.filter(pk=pk, token=token, state=OperationState.RUNNING)
        if unchanged_row.filter(due).update(token="", lease_until=now + _NOTIFY_AGAIN_OPERATION):
            wake_workers("run_operation", str(pk))


def tidy_staging() -> None:
    """Delete partial videos, and staged ones of committed or purged episodes, that a crash left behind."""
    staged = _staged_ids()
    if not staged:
        return
    remove_parts(staged)
    rows = Episode.objects.filter(pk__in=staged).select_related("dataset")
    committed: dict[Dataset, list[Episode]] = {}
    for episode in rows.filter(state=EpisodeState.ENCODED):
        committed.setdefault(episode.dataset, []).append(episode)
    for dataset, episodes in committed.items():
        clear_committed(dataset, episodes, check_hashes=True)
    for pk in rows.filter(purged_at__isnull=False).values_list("pk", flat=True):
        remove_staging(pk)


def remove_parts(staged: Iterable[uuid.UUID]) -> int:
    """Delete partial videos of killed encoders; return how many. A live encoder has a job running under its token."""
    # Twice the lease: an encoder that lost its lease may still write for a moment.
    deadline = timezone.now().timestamp() - 2 * settings.JOB_LEASE_S
    by_token: dict[str, list[Path]] = {}
    for pk in staged:
        folder = Path(settings.STAGING_DIR) / str(pk)
        for path in folder.iterdir() if folder.is_dir() else ():
            if (part := _PARTIAL_VIDEO.search(path.name)) and modified(path) < deadline:
                by_token.setdefault(part[1], []).append(path)
    live_jobs = Job.objects.filter(token__in=by_token, state=JobState.RUNNING) if by_token else Job.objects.none()
    for token in live_jobs.values_list("token", flat=True):
        by_token.pop(token, None)
    abandoned = [path for paths in by_token.values() for path in paths]
    for path in abandoned:
        path.unlink(missing_ok=True)
    return len(abandoned)


def _is_busy(now: datetime) -> bool:
    """Return whether a worker is encoding."""
    return Job.objects.filter(state=JobState.RUNNING, lease_until__gte=now).exists()


def _staged_ids() -> list[uuid.UUID]:
    folder = Path(settings.STAGING_DIR)
    paths = folder.iterdir() if folder.is_dir() else ()
    return [pk for path in paths if (pk := parse_uuid(path.name)) is not None][:500]
