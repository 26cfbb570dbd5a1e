"""Batches: begin one, by hand or by policy; cancel it, try it again, see how far it is."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from recorder.actor import WORKER, Actor, ActorKind
from recorder.errors import Refused
from recorder.jobs.encode_settings import encode_settings, size_problem
from recorder.jobs.notify import wake_workers
from recorder.jobs.revisions import cancel_change, mark_cancelled, retry_change, unwritten
from recorder.models import Batch, Dataset, Episode, Job, Policy
from recorder.models.job import encoding_since
from recorder.models.lifecycle import hold_jobs, move
from recorder.models.paths import unchangeable
from recorder.models.permissions import Action, require
from recorder.models.states import BatchKind, BatchState, EpisodeState, JobState, Verdict
from robotdata.spool import SpoolError, read_manifest

RING_AGAIN = timedelta(seconds=15)  # a queued job whose bell was lost is rung again after this
RETRY = "tried again"


class _NothingToEncode(Exception):
    """Takes the transaction of an empty batch back."""


@dataclass(frozen=True, slots=True)
class EpisodeProgress:
    """How far one episode of a batch is; frames are counted over its cameras."""

    episode: Episode
    state: str  # queued, running, done, failed or cancelled
    frames_done: int
    frames_total: int
    error: str


@dataclass(frozen=True, slots=True)
class BatchProgress:
    """How far a batch is; `fps` (frames a second, all cameras) and `seconds_left` are None where nobody can say."""

    frames_done: int
    frames_total: int
    fps: float | None
    seconds_left: float | None
    episodes: list[EpisodeProgress]

    @property
    def left(self) -> int:
        """How many of its takes failed and are in no other batch since: those can be tried again."""
        return sum(one.state == "failed" and one.episode.state == EpisodeState.FAILED for one in self.episodes)

    @property
    def percent(self) -> int:
        return 100 * self.frames_done // self.frames_total if self.frames_total else 0


def start_batch(
    *,
    dataset: Dataset,
    actor: Actor,
    episodes: Sequence[Episode] | None = None,
    include_unreviewed: bool = False,
    reason: str = "by hand",
) -> Batch:
    """Encode these episodes and commit them together; by default all of the dataset that are kept.

    Of two people who press at once one has the effect; the other, and who asks for nothing new, is Refused with
    who encodes what since when.
    """
    require(actor, Action.ENCODE, dataset)
    wanted = dataset.episodes.encodable(unreviewed=include_unreviewed or episodes is not None)
    if episodes is not None:
        wanted = wanted.filter(pk__in=[episode.pk for episode in episodes])
    if words := unchangeable(dataset.path):
        raise Refused("place", f"Cannot add to {dataset.title}: {words}.")
    # A policy's takes fail one by one with the same words: nobody is there to read a refusal.
    problem = size_problem(dataset.features, encode_settings(dataset.encoding))
    if problem and actor.kind is not ActorKind.WORKER:
        raise Refused("size", f"{problem} Choose another codec in the settings of {dataset.title}.")
    found = [(episode, _cameras(episode)) for episode in wanted.order_by("recorded_at", "pk")]
    again = timezone.now() + RING_AGAIN
    try:
        with transaction.atomic():
            batch = Batch.objects.create(
                dataset=dataset, started_by=actor.name, reason=reason[:80], encoding=dict(dataset.encoding)
            )
            jobs = [
                Job(batch=batch, episode=episode, camera=camera, frames_total=_frames(episode), lease_until=again)
                for episode, cameras in found
                if move(episode, EpisodeState.ENCODING, only=_as_read(episode), error="")
                for camera in cameras
            ]
            if not jobs:
                raise _NothingToEncode
            Job.objects.bulk_create(jobs, batch_size=500)
            _ring_all(batch)
    except _NothingToEncode:
        raise _nothing(dataset, episodes) from None
    return batch


def cancel_batch(*, batch: Batch, actor: Actor) -> Batch:
    """Stop it; its episodes are takes again, with their verdicts. What is encoded already serves the next batch.

    What waits to be written is stopped, too; of one that changes the dataset, what is planned stays planned.

    Raises Refused where it is written into the dataset just now or was by a worker that died, or has ended.
    """
    if batch.kind != BatchKind.ENCODE:
        return cancel_change(batch=batch, actor=actor)
    require(actor, Action.ENCODE, batch)
    raw = {episode.pk: raw_state(episode) for episode in episodes_of(batch) if episode.state == EpisodeState.ENCODING}
    with unwritten(batch), transaction.atomic():
        mark_cancelled(batch, actor.name)
        hold_jobs(batch.pk)
        jobs = batch.jobs.filter(state__in=[JobState.QUEUED, JobState.RUNNING, JobState.FAILED])
        jobs.update(state=JobState.CANCELLED, cancel=True, token="", lease_until=None, updated_at=timezone.now())
        there = Episode.objects.filter(pk__in=list(raw), state=EpisodeState.ENCODING)
        for episode in there.order_by("recorded_at", "pk"):  # as a batch begins, so that neither waits for the other
            move(episode, raw[episode.pk])
    return batch


def retry_batch(*, batch: Batch, actor: Actor) -> Batch:
    """Try again what failed; what is done stays done. A batch that committed the rest gets a new one for these.

    Raises Refused where nothing failed.
    """
    require(actor, Action.ENCODE if batch.kind == BatchKind.ENCODE else Action.REVISE, batch)
    if batch.state in {BatchState.DONE, BatchState.CANCELLED}:
        left = [e for e in episodes_of(batch) if e.state == EpisodeState.FAILED]
        if batch.state == BatchState.CANCELLED or not left:
            raise Refused("nothing_failed", f"{batch} is {batch.state}: nothing is left to retry.")
        return start_batch(dataset=batch.dataset, actor=actor, episodes=left, include_unreviewed=True, reason=RETRY)
    if batch.kind != BatchKind.ENCODE and batch.state == BatchState.FAILED:
        return retry_change(batch=batch, actor=actor)
    with transaction.atomic():
        if batch.state != BatchState.FAILED or not move(
            batch, BatchState.QUEUED, error="", attempt=0, token="", lease_until=None, finished_at=None
        ):
            raise Refused("nothing_failed", f"{batch} is {batch.state}: only a failed batch can be retried.")
        hold_jobs(batch.pk)
        back = [
            episode.pk
            for episode in episodes_of(batch)
            if episode.state == EpisodeState.FAILED
            and episode.purged_at is None
            and episode.verdict != Verdict.REJECT
            and move(episode, EpisodeState.ENCODING, only=_as_read(episode), error="")
        ]
        if not back:
            raise Refused("nothing_failed", f"The episodes of {batch} are in another batch or deleted.")
        again = batch.jobs.filter(episode__in=back)
        again.update(
            state=JobState.QUEUED,
            attempt=0,
            error="",
            token="",
            cancel=False,
            frames_done=0,
            lease_until=timezone.now() + RING_AGAIN,
            started_at=None,
            finished_at=None,
            updated_at=timezone.now(),
        )
        batch.jobs.exclude(episode__in=back).filter(state=JobState.FAILED).update(state=JobState.CANCELLED)
        _ring_all(batch)
    return batch


def apply_policy(*, dataset: Dataset, session_ended: bool = False) -> Batch | None:
    """Begin the batch that the dataset's policy asks for now, if any."""
    dataset.refresh_from_db(fields=["policy", "every", "encode_unreviewed", "encoding"])
    due = _due(dataset)
    if dataset.policy == Policy.EVERY:
        ready, reason = due.count() >= dataset.every, f"every {dataset.every} takes"
    elif dataset.policy == Policy.SESSION:
        if not session_ended:  # a crash came between the session's end and its batch
            unjudged = Q(reviewed_at=None) | Q(reviewed_at__lte=F("session__ended_at"))
            due = due.filter(unjudged, session__ended_at__isnull=False)
        ready, reason = due.exists(), "end of session"
    else:
        return None
    if not ready:
        return None
    try:
        return start_batch(dataset=dataset, actor=WORKER, episodes=list(due), reason=reason)
    except Refused:  # somebody else was first
        return None


def batch_progress(batch: Batch) -> BatchProgress:
    """Frames, speed and time left, from the jobs' rows; one query."""
    jobs = list(batch.jobs.select_related("episode").order_by("id"))
    counted = [job for job in jobs if job.state != JobState.CANCELLED] or jobs
    done, total = sum(job.frames_done for job in counted), sum(job.frames_total for job in counted)
    fps = _speed(jobs)
    left = sum(job.frames_total - job.frames_done for job in counted if job.state in {"queued", "running"})
    by_episode: dict[uuid.UUID, list[Job]] = {}
    for job in jobs:
        by_episode.setdefault(job.episode_id, []).append(job)
    episodes = [_episode_progress(of_one) for of_one in by_episode.values()]
    return BatchProgress(done, total, fps, left / fps if fps and left else None, episodes)


def episodes_of(batch: Batch) -> list[Episode]:
    """In the order in which they are committed."""
    return list(Episode.objects.filter(jobs__batch=batch).distinct().order_by("recorded_at", "pk"))


def raw_state(episode: Episode) -> EpisodeState:
    """What the take was before it was encoded: its folder knows."""
    try:
        state = str(read_manifest(episode.take_path)["state"])
    except (SpoolError, OSError):
        state = "interrupted" if episode.end_reason == "interrupted" else "recorded"
    return EpisodeState.INTERRUPTED if state == "interrupted" else EpisodeState.RECORDED


def _due(dataset: Dataset) -> QuerySet[Episode]:
    """What a policy takes: nothing that failed, and nothing that a person has taken out of a batch."""
    cancelled = Job.objects.filter(episode=OuterRef("pk"), batch__state=BatchState.CANCELLED)
    takes = dataset.episodes.encodable(unreviewed=dataset.encode_unreviewed)
    return takes.exclude(state=EpisodeState.FAILED).exclude(Exists(cancelled))


def _cameras(episode: Episode) -> list[str]:
    """Its cameras; one empty name where there are none, or where the folder cannot be read: its job will say why."""
    try:
        return list(read_manifest(episode.take_path)["cameras"]) or [""]
    except (SpoolError, OSError):
        return [""]


def _frames(episode: Episode) -> int:
    """How many frames a camera of it has after the trim, as far as the row knows."""
    trim = episode.trim
    return max(0, trim[1] - trim[0]) if trim else episode.ticks


def _as_read(episode: Episode) -> dict[str, object]:
    """Somebody may reject it, or empty the trash, at the same moment."""
    return {"verdict": episode.verdict, "purged_at": None}


def _ring_all(batch: Batch) -> None:
    for pk in Job.objects.waiting().filter(batch=batch).values_list("pk", flat=True):
        wake_workers("run_job", pk)


def _nothing(dataset: Dataset, episodes: Sequence[Episode] | None) -> Refused:
    asked = dataset.episodes.filter(pk__in=[episode.pk for episode in episodes]) if episodes is not None else None
    busy = (asked if asked is not None else dataset.episodes).filter(state=EpisodeState.ENCODING)
    if count := busy.count():
        one = busy.first()
        since = encoding_since(one) if one else "is being encoded"
        return Refused("encoding", f"Nothing else is ready in {dataset.title}; {count} of it: {since}.")
    if asked is not None:
        return Refused(
            "nothing",
            "None of these episodes can be encoded: they are rejected, still recording, or in the dataset already.",
        )
    return Refused("nothing", f"{dataset.title} has no kept take left to encode: keep good takes first.")


def _speed(jobs: Iterable[Job]) -> float | None:
    """Frames a second now: how fast one job of this batch went so far, times how many run."""
    frames = seconds = 0.0
    running, now = 0, timezone.now()
    for job in jobs:
        if job.started_at is None or job.state not in {JobState.RUNNING, JobState.DONE}:
            continue
        frames += job.frames_done
        seconds += ((job.finished_at or now) - job.started_at).total_seconds()
        running += job.state == JobState.RUNNING
    return running * frames / seconds if running and frames and seconds > 0 else None


def _episode_progress(jobs: list[Job]) -> EpisodeProgress:
    states = {job.state for job in jobs}
    order = (JobState.FAILED, JobState.RUNNING, JobState.CANCELLED, JobState.QUEUED, JobState.DONE)
    state = next(state for state in order if state in states)
    if state == JobState.QUEUED and JobState.DONE in states:
        state = JobState.RUNNING
    return EpisodeProgress(
        episode=jobs[0].episode,
        state=state,
        frames_done=sum(job.frames_done for job in jobs),
        frames_total=sum(job.frames_total for job in jobs),
        error=next((job.error for job in jobs if job.error), ""),
    )
