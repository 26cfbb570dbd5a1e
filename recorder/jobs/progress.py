"""Progress of an operation's jobs: frames, speed, time left."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from django.utils import timezone

from recorder.jobs.operation_types import spec_of
from recorder.models import Episode, Job, Operation
from recorder.models.states import EpisodeState, JobState


@dataclass(frozen=True, slots=True)
class EpisodeProgress:
    """Progress of one episode of a batch; frames are counted over all its cameras."""

    episode: Episode
    state: str  # queued, running, done, failed or cancelled
    frames_done: int
    frames_total: int
    error: str


@dataclass(frozen=True, slots=True)
class EncodingProgress:
    """Progress of a batch; `fps` (frames per second, all cameras) and `seconds_left` are None if unknown."""

    frames_done: int
    frames_total: int
    fps: float | None
    seconds_left: float | None
    episodes: list[EpisodeProgress]

    @property
    def retryable(self) -> int:
        """Return how many of its takes failed and are in no other batch since; those can be retried."""
        return sum(
            progress.state == "failed" and progress.episode.state == EpisodeState.FAILED for progress in self.episodes
        )

    @property
    def percent(self) -> int:
        """Return the share of encoded frames in whole percent."""
        return 100 * self.frames_done // self.frames_total if self.frames_total else 0


def encoding_progress(operation: Operation) -> EncodingProgress:
    """Return frames, speed and time left, from the jobs' rows; one query, none if the type has no jobs."""
    if not spec_of(operation).has_jobs:
        return EncodingProgress(0, 0, None, None, [])
    jobs = list(operation.jobs.select_related("episode").order_by("id"))
    counted_jobs = [job for job in jobs if job.state != JobState.CANCELLED] or jobs
    done, total = sum(job.frames_done for job in counted_jobs), sum(job.frames_total for job in counted_jobs)
    fps = _speed(jobs)
    frames_left = sum(job.frames_total - job.frames_done for job in counted_jobs if job.state in {"queued", "running"})
    by_episode: dict[uuid.UUID, list[Job]] = {}
    for job in jobs:
        by_episode.setdefault(job.episode_id, []).append(job)
    episodes = [_episode_progress(episode_jobs) for episode_jobs in by_episode.values()]
    return EncodingProgress(done, total, fps, frames_left / fps if fps and frames_left else None, episodes)


def _speed(jobs: Iterable[Job]) -> float | None:
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
