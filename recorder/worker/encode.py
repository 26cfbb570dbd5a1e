"""Run one job: encode one camera of one take into staging.

The job's row is claimed, leased and fenced by a token, and running a job twice is harmless.
"""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from recorder.errors import Refused
from recorder.jobs.encode_settings import encode_settings, size_problem
from recorder.jobs.job_log import Stage, with_line, worker_name
from recorder.jobs.leases import Heartbeat, LostLease, lease_end
from recorder.jobs.notify import wake_workers
from recorder.jobs.said import LEFT_OUT
from recorder.models import Dataset, Episode, Job, Operation
from recorder.models.lifecycle import lock_jobs, move
from recorder.models.states import EpisodeState, JobState, OperationState
from robotdata.capture.actions import ACTION
from robotdata.dataset.errors import FeatureError
from robotdata.dataset.features import complete, differences
from robotdata.export import (
    ExportPlan,
    ExportRefused,
    action_column,
    encode_camera,
    load_encoded,
    plan_take,
    source_of,
)
from robotdata.numbers import count as count_of
from robotdata.spool import BadManifest, NoTake, Take, TornPacket, TornRows
from robotdata.video import EncodeSettings

log = logging.getLogger(__name__)

ACCEPT_RATE = "rate accepted"
"""The label by which a person accepts a take whose control loop ran more than 10 % off its rate."""
_NO_SPACE_ERRNOS = {errno.ENOSPC, errno.EDQUOT}
SPACE_RETRY_AFTER = timedelta(seconds=30)
_STALL_S = 120.0
_SLOWEST_FPS = 20.0
_OPEN_STATES = (JobState.QUEUED, JobState.RUNNING)


class Unfit(Exception):
    """The take cannot become an episode of this dataset; a retry would fail again."""


FINAL_ERRORS = (Unfit, Refused, ExportRefused, FeatureError, NoTake, BadManifest, TornPacket, TornRows)


def run_job(job_id: int, *, on_stall: Callable[[str], None] | None = None) -> bool:
    """Run the job; return False if it is done, claimed by another worker or deleted. Its row records the result.

    `on_stall` is called with a message if the encoder stops making progress.
    """
    job = claim_job(job_id)
    if job is None:
        return False

    def stalled(reason: str) -> None:
        fail_job(job, f"The encoder stalled: {reason}.")
        if on_stall is not None:
            on_stall(reason)

    heartbeat = Heartbeat(_renewal(job), stall_s=_STALL_S + job.frames_total / _SLOWEST_FPS, on_stall=stalled)
    try:
        with heartbeat:
            frames = encode_job(job, heartbeat)
        _finish_job(job, frames)
    except LostLease:
        log.info("%s was cancelled, or given to another worker", job)
        return True
    except Exception as error:  # noqa: BLE001 - the outermost loop of a job: its row must record the error
        if not _owned_row(job).exists():  # the other worker may have committed, and deleted the files of this one
            log.info("%s was cancelled, or given to another worker; here it had failed: %s", job, error)
            return True
        _handle_error(job, error)
    finish_encoding(job.operation_id)
    return True


def claim_job(job_id: int) -> Job | None:
    """Claim the job for this caller by one conditional UPDATE; None if it cannot be claimed."""
    job = Job.objects.select_related("operation__dataset", "episode").filter(pk=job_id).first()
    if job is None or job.state != JobState.QUEUED:
        return None
    is_claimed = move(
        job,
        JobState.RUNNING,
        token=uuid.uuid4().hex,
        attempt=F("attempt") + 1,
        lease_until=lease_end(),
        started_at=timezone.now(),
        finished_at=None,
        frames_done=0,
        log=with_line(job.log, Stage.STARTED, f"attempt {job.attempt + 1} on {worker_name()}"),
    )
    if not is_claimed:
        return None
    job.refresh_from_db(fields=["attempt"])
    if job.operation.state == OperationState.QUEUED:
        move(job.operation, OperationState.ENCODING)
    return job


def encode_job(job: Job, heartbeat: Heartbeat) -> int:
    """Encode the job's camera, verify the video, and return the number of frames. A complete earlier result is reused.

    Raise LostLease if the job was cancelled or given to another worker, and what `check_fit` raises if the take does
    not fit the dataset.
    """
    encoding = encode_settings(job.operation.arguments["encoding"])
    with Take.open(job.episode.take_path) as take:
        plan = plan_of(job.episode, take)
        check_fit(take, plan, job.operation.dataset, job.episode, encoding)
        if not job.camera:
            return _rows_only(take, plan)
        path = staged_path(take, plan, job.camera, encoding)
        is_encoded = load_encoded(path) is not None
        job.log = with_line(job.log, *_work_line(plan, encoding, is_encoded=is_encoded))
        if not _owned_row(job).update(frames_total=plan.rows, log=job.log):
            raise LostLease
        if not is_encoded:
            with_threads = replace(encoding, threads=settings.ENCODE_THREADS or None)
            encode_camera(take, plan, job.camera, path, with_threads, token=job.token, progress=heartbeat.progress)
    heartbeat.check()
    return plan.rows


def plan_of(episode: Episode, take: Take) -> ExportPlan:
    """Return the export plan with the episode's trim, which is stored in ticks of the take.

    Raise ExportRefused, and Unfit if the rate of the take must be accepted first.
    """
    trim, accept_rate = episode.trim, ACCEPT_RATE in episode.labels
    try:
        if trim is None:
            return plan_take(take, accept_rate=accept_rate)
        lead_in = plan_take(take, accept_rate=True).lead_in
        return plan_take(take, [trim[0] - lead_in, trim[1] - lead_in], accept_rate=accept_rate)
    except ExportRefused as error:
        if error.code != "rate":
            raise
        raise Unfit(f"{error} (label it {ACCEPT_RATE!r} to accept it).") from error


def check_fit(take: Take, plan: ExportPlan, dataset: Dataset, episode: Episode, encoding: EncodeSettings) -> None:
    """Check before encoding that the take fits the dataset. Raise Unfit, ExportRefused or FeatureError if not."""
    features = take.manifest["features"]
    if odd_fields := take.manifest.odd_in("features", "cameras"):
        raise Unfit(
            f"Its take.json does not describe what was recorded ({odd_fields[0]}). Fix that field, then encode again."
        )
    complete(features)
    if problem := size_problem(features, encoding):
        raise Unfit(f"{problem} Choose another codec in the settings of {dataset.title}, then encode again.")
    if not episode.task.strip():
        raise Unfit("It has no task: describe what the robot does, then encode again.")
    if dataset.features and dataset.fps:
        mismatches = differences(features, dataset.features, float(take.manifest["fps"]), dataset.fps)
        if mismatches:
            listed = "; ".join(
                f"{mismatch.what}: {mismatch.rig} here, {mismatch.dataset} in the dataset" for mismatch in mismatches
            )
            raise Unfit(
                f"It does not match {dataset.title} ({listed}). Record into another dataset, or reject the take."
            )
    action = action_column(take, dataset.recorded_action)
    for name, feature in features.items():
        if str(feature["dtype"]).startswith("float"):
            column = action if name == ACTION else name
            values = np.asarray(take.signal(column)[plan.first_tick : plan.end_tick], np.float64)
            is_invalid = ~np.isfinite(values).all(axis=1)
            if is_invalid.any():
                raise Unfit(
                    f"{name} is NaN in {count_of(int(is_invalid.sum()), 'frame')}, first in frame "
                    f"{plan.first_tick + int(is_invalid.argmax())}: trim these frames, or reject the take."
                )


def staged_path(take: Take, plan: ExportPlan, camera: str, encoding: EncodeSettings) -> Path:
    """Return where the camera's video is staged for the commit; the path depends on the plan and the settings."""
    source = source_of(take, plan, camera, replace(encoding, threads=None))
    signature = hashlib.sha256(json.dumps(source, sort_keys=True).encode()).hexdigest()[:16]
    return Path(settings.STAGING_DIR) / take.id / f"{camera}.{signature}.mp4"


def fail_job(job: Job, reason: str, *, final: bool = False, of_camera: bool = True) -> None:
    """Queue the job again after a growing pause; after JOB_ATTEMPTS, or if `final`, fail it and its episode.

    The episode's error names the job's camera if the reason is one `of_camera`, not of the whole take.
    """
    max_attempts = settings.JOB_ATTEMPTS
    reason = reason.replace(f"take {job.episode_id}: ", "")  # pages name it by its number
    if not final and job.attempt < max_attempts:
        pause = timedelta(seconds=2 * 3 ** (job.attempt - 1))
        _requeue(job, reason, pause)
        return
    error = reason if final else f"{reason} (tried {job.attempt} times)"
    with transaction.atomic():
        lock_jobs(job.operation_id, episode=job.episode)
        now = timezone.now()
        if move(
            job,
            JobState.FAILED,
            conditions={"token": job.token},
            error=error,
            token="",
            lease_until=None,
            finished_at=now,
            log=with_line(job.log, Stage.FAILED, error),
        ):
            prefix = _camera_prefix(job.camera) if of_camera else ""
            fail_episode(job.episode, f"{prefix}{error}", job.operation_id)


def fail_episode(episode: Episode, reason: str, operation_id: uuid.UUID) -> None:
    """Remove the episode from its batch; the rest of the batch continues."""
    with transaction.atomic():
        lock_jobs(operation_id, episode=episode)
        episode.refresh_from_db(fields=["state"])
        if episode.state == EpisodeState.ENCODING:
            move(episode, EpisodeState.FAILED, error=reason)
        open_jobs = Job.objects.filter(operation=operation_id, episode=episode, state__in=_OPEN_STATES)
        open_jobs.update(state=JobState.CANCELLED, cancel=True, token="", lease_until=None, updated_at=timezone.now())


def finish_encoding(operation_id: uuid.UUID) -> None:
    """Once no job of the batch is open, start its commit, or fail the batch if no episode is complete."""
    operation = Operation.objects.get(pk=operation_id)
    if (
        operation.state not in {OperationState.QUEUED, OperationState.ENCODING}
        or operation.jobs.filter(state__in=_OPEN_STATES).exists()
    ):
        return
    if operation.state == OperationState.QUEUED and not move(operation, OperationState.ENCODING):
        return
    if complete_episodes(operation) or committed_episodes(operation):
        if move(operation, OperationState.RUNNING, token="", lease_until=None):
            wake_workers("run_operation", str(operation.pk))
    else:
        move(operation, OperationState.FAILED, error=failures(operation), finished_at=timezone.now())


def complete_episodes(operation: Operation) -> list[Episode]:
    """Return the episodes whose cameras are all encoded, in the order in which they were recorded."""
    encoding = Episode.objects.filter(jobs__operation=operation, state=EpisodeState.ENCODING)
    incomplete = Job.objects.filter(operation=operation).exclude(state=JobState.DONE).values("episode")
    return list(encoding.exclude(pk__in=incomplete).distinct().order_by("recorded_at", "pk"))


def committed_episodes(operation: Operation) -> list[Episode]:
    """Return the batch's episodes that are in the folder already, because a crash came before its rows were updated."""
    return list(Episode.objects.committed().filter(jobs__operation=operation).distinct())


def failures(operation: Operation) -> str:
    """Return which episodes of the batch failed and why, for its row; empty if none did."""
    failed = (
        Episode.objects.filter(jobs__operation=operation, state=EpisodeState.FAILED).distinct().order_by("recorded_at")
    )
    count = failed.count()
    if not count:
        return ""
    total = Episode.objects.filter(jobs__operation=operation).distinct().count()
    first = "; ".join(f"{episode}: {episode.error.removesuffix('.')}" for episode in failed[:3])
    return f"{count} of {total}{LEFT_OUT} {first}."


def is_no_space(error: BaseException | None) -> bool:
    """Return whether a full disk caused the error, directly or through its chain of causes."""
    while error is not None:
        if getattr(error, "errno", None) in _NO_SPACE_ERRNOS:
            return True
        error = error.__cause__ or error.__context__
    return False


def _owned_row(job: Job) -> QuerySet[Job]:
    """Return the job's row as a queryset; empty once another worker owns it."""
    return Job.objects.filter(pk=job.pk, token=job.token, state=JobState.RUNNING)


def _finish_job(job: Job, frames: int) -> None:
    """Mark the job as done. Raise LostLease if the row was lost since the last heartbeat."""
    now = timezone.now()
    seconds = (now - job.started_at).total_seconds() if job.started_at else 0.0
    speed = f", {frames / seconds:.0f} frames/s" if job.camera and seconds > 0 else ""
    line = with_line(job.log, Stage.DONE, f"{count_of(frames, 'frame')} checked in {seconds:.1f} s{speed}")
    ended = {"finished_at": now, "lease_until": None, "error": "", "log": line}
    if not move(job, JobState.DONE, conditions={"token": job.token}, frames_done=frames, frames_total=frames, **ended):
        raise LostLease


def _renewal(job: Job) -> Callable[[int], bool]:
    """Return a function that renews the lease, records progress and detects cancellation in one UPDATE."""
    row = _owned_row(job).filter(cancel=False)
    last_frames = -1

    def renew(frames: int) -> bool:
        nonlocal last_frames
        progress = {"frames_done": frames, "updated_at": timezone.now()} if frames != last_frames else {}
        last_frames = frames
        return bool(row.update(lease_until=lease_end(), **progress))

    return renew


def _handle_error(job: Job, error: Exception) -> None:
    """Queue the job until there is space, fail it, or retry it, depending on the error."""
    if is_no_space(error):
        reason = (
            f"No space for encoded videos in {settings.STAGING_DIR}: free some space; encoding continues by itself."
        )
        Job.objects.filter(pk=job.pk, token=job.token).update(attempt=F("attempt") - 1)
        _requeue(job, reason, SPACE_RETRY_AFTER)
    elif isinstance(error, FINAL_ERRORS):
        is_torn = isinstance(error, TornPacket)  # the others are about the whole take
        advice = "Trim that part, or reject the take." if is_torn else ""
        fail_job(job, f"{error} {advice}".strip(), final=True, of_camera=is_torn)
    else:
        is_known = type(error).__module__.startswith("robotdata.") or isinstance(error, OSError)
        log.warning("%s failed: %s", job, error, exc_info=not is_known)
        fail_job(job, f"{error}" if is_known else f"{type(error).__name__}: {error}")


def _requeue(job: Job, reason: str, pause: timedelta) -> None:
    line = f"{reason.rstrip('.')}. Next try in {pause.total_seconds():.0f} s."
    retry_at = timezone.now() + pause
    move(
        job,
        JobState.QUEUED,
        conditions={"token": job.token},
        token="",
        error=reason,
        lease_until=retry_at,
        frames_done=0,
        log=with_line(job.log, Stage.WAITING, line),
    )


def _work_line(plan: ExportPlan, encoding: EncodeSettings, *, is_encoded: bool) -> tuple[Stage, str]:
    """Return stage and text of the log's line about the video."""
    if is_encoded:
        return Stage.REUSED, f"the video of an earlier attempt, {count_of(plan.rows, 'frame')}"
    return Stage.ENCODING, f"{count_of(plan.rows, 'frame')} at {plan.fps:g} fps to {encoding.codec}"


def _rows_only(take: Take, plan: ExportPlan) -> int:
    if take.cameras:
        raise Unfit("Its folder could not be read when the batch began: encode it again.")
    return plan.rows


def _camera_prefix(camera: str) -> str:
    return f"Camera {camera.removeprefix('observation.images.')}: " if camera else ""
