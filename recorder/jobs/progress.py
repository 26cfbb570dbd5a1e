"""Progress of an operation's jobs: stages, frames, speed, time left."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from recorder.jobs.operation_types import spec_of
from recorder.models import Episode, Job, Operation
from recorder.models.states import EpisodeState, JobState, OperationState, Verdict


@dataclass(frozen=True, slots=True)
class EpisodeProgress:
    """Progress of one episode of a batch; frames are counted over all its cameras, of which there are `cameras`."""

    episode: Episode
    state: str  # queued, running, done, failed or cancelled
    stage: str  # what happens to it now, for people
    frames_done: int
    frames_total: int
    fps: float | None  # frames per second of its cameras, now or, once they are encoded, on average
    seconds: float | None  # from its first job's start to its last one's end, or to now; None before
    error: str
    cameras: int

    @property
    def can_decide(self) -> bool:
        """Return whether it failed and a person can still try it again or leave it out."""
        return (
            self.state == "failed"
            and self.episode.state == EpisodeState.FAILED
            and self.episode.verdict != Verdict.REJECT
            and self.episode.purged_at is None
        )


@dataclass(frozen=True, slots=True)
class EncodingProgress:
    """Progress of a batch; `fps` (frames per second, all cameras) and `seconds_left` are None if unknown."""

    frames_done: int
    frames_total: int
    fps: float | None
    seconds_left: float | None
    episodes: list[EpisodeProgress]

    @property
    def cameras(self) -> int:
        """Return how many cameras its episodes have: frames are counted over all of them."""
        return max((row.cameras for row in self.episodes), default=0)

    @property
    def episode_count(self) -> int:
        """Return how many episodes it has."""
        return len(self.episodes)

    @property
    def retryable(self) -> int:
        """Return how many of its takes failed, are in no other batch since and were not left out."""
        return sum(progress.can_decide for progress in self.episodes)

    @property
    def all_left_out(self) -> bool:
        """Return whether a person rejected or deleted every episode, so that nothing is left to try again."""
        left_out = (row.episode.verdict == Verdict.REJECT or row.episode.purged_at for row in self.episodes)
        return bool(self.episodes) and all(left_out)

    @property
    def percent(self) -> int:
        """Return the share of encoded frames in whole percent."""
        return 100 * self.frames_done // self.frames_total if self.frames_total else 0


def encoding_progress(operation: Operation) -> EncodingProgress:
    """Return frames, speed and time left, from the jobs' rows; one query, none if the type has no jobs."""
    if not spec_of(operation).has_jobs:
        return EncodingProgress(0, 0, None, None, [])
    jobs = list(operation.jobs.select_related("episode__dataset", "episode__rig").defer("log").order_by("id"))
    counted_jobs = [job for job in jobs if job.state != JobState.CANCELLED] or jobs
    done, total = sum(job.frames_done for job in counted_jobs), sum(job.frames_total for job in counted_jobs)
    fps = speed_of(jobs)
    frames_left = sum(job.frames_total - job.frames_done for job in counted_jobs if job.state in {"queued", "running"})
    by_episode: dict[uuid.UUID, list[Job]] = {}
    for job in jobs:
        by_episode.setdefault(job.episode_id, []).append(job)
    episodes = [_episode_progress(operation, episode_jobs) for episode_jobs in by_episode.values()]
    return EncodingProgress(done, total, fps, frames_left / fps if fps and frames_left else None, episodes)


def speed_of(jobs: Iterable[Job]) -> float | None:
    """Return the present speed in frames per second: the mean per job so far, times the number of running jobs."""
    frames = seconds = 0.0
    running, now = 0, timezone.now()
    for job in jobs:
        if job.started_at is None or job.state not in {JobState.RUNNING, JobState.DONE}:
            continue
        frames += job.frames_done
        seconds += ((job.finished_at or now) - job.started_at).total_seconds()
        running += job.state == JobState.RUNNING
    return running * frames / seconds if running and frames and seconds > 0 else None


def _episode_progress(operation: Operation, jobs: list[Job]) -> EpisodeProgress:
    states = {job.state for job in jobs}
    order = (JobState.FAILED, JobState.RUNNING, JobState.CANCELLED, JobState.QUEUED, JobState.DONE)
    state = next(state for state in order if state in states)
    if state == JobState.QUEUED and JobState.DONE in states:
        state = JobState.RUNNING
    began = min((job.started_at for job in jobs if job.started_at), default=None)
    running = [job for job in jobs if job.state == JobState.RUNNING]
    seconds = (_end_of(jobs) - began).total_seconds() if began else None
    frames_done = sum(job.frames_done for job in jobs)
    mean = frames_done / seconds if seconds and state == JobState.DONE else None
    return EpisodeProgress(
        episode=jobs[0].episode,
        state=state,
        stage=_stage(operation, jobs, state),
        frames_done=frames_done,
        frames_total=sum(job.frames_total for job in jobs),
        fps=speed_of(jobs) if running else mean,
        seconds=seconds,
        error=next((job.error for job in jobs if job.error), ""),
        cameras=len(jobs),
    )


def _end_of(jobs: list[Job]) -> datetime:
    """Return when the last job ended; now while one is open."""
    ends = [job.finished_at for job in jobs if job.state not in {JobState.QUEUED, JobState.RUNNING}]
    return max((end for end in ends if end), default=timezone.now()) if len(ends) == len(jobs) else timezone.now()


def _stage(operation: Operation, jobs: list[Job], state: str) -> str:
    """Return what happens to an episode of the batch now, for people."""
    episode = jobs[0].episode
    if state == JobState.FAILED:
        return "left out" if episode.verdict == Verdict.REJECT else "failed"
    if state == JobState.CANCELLED:
        return "cancelled"
    if state == JobState.DONE:
        return _stage_of_encoded(operation, episode)
    running = [job for job in jobs if job.state == JobState.RUNNING]
    if not running:
        return (
            "tries again soon"
            if any(job.attempt for job in jobs if job.state == JobState.QUEUED)
            else "waits for a worker"
        )
    cameras = ", ".join(job.camera.rpartition(".")[2] for job in running if job.camera)
    is_checked = all(job.frames_total and job.frames_done >= job.frames_total for job in running)
    return f"{'checking' if is_checked else 'encoding'} {cameras or 'its rows'}"


def _stage_of_encoded(operation: Operation, episode: Episode) -> str:
    if episode.state == EpisodeState.ENCODED:
        index = episode.episode_index
        return "in the dataset" if index is None else f"in the dataset, episode {index}"
    if operation.state == OperationState.RUNNING:
        return "being added to the dataset" if operation.token else "waits to be added"
    return "encoded"
