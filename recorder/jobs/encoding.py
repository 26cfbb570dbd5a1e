"""Encode takes: begin a batch by hand or by policy, give its takes back, try the failed ones again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from recorder.actor import WORKER, Actor, ActorKind
from recorder.errors import Refused
from recorder.jobs.encode_settings import encode_settings, size_problem
from recorder.jobs.notify import wake_workers
from recorder.models import Dataset, Episode, Job, Operation, Policy
from recorder.models.job import encoding_since
from recorder.models.lifecycle import hold_jobs, move
from recorder.models.paths import unchangeable
from recorder.models.permissions import Action, require
from recorder.models.states import EpisodeState, JobState, OperationState, OperationType, Verdict
from robotdata.spool import SpoolError, read_manifest

RING_AGAIN = timedelta(seconds=15)  # a queued job whose bell was lost is rung again after this
RETRY = "tried again"


class _NothingToEncode(Exception):
    """Takes the transaction of an empty batch back."""


def start_encoding(
    *,
    dataset: Dataset,
    actor: Actor,
    episodes: Sequence[Episode] | None = None,
    include_unreviewed: bool = False,
    reason: str = "by hand",
) -> Operation:
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
            operation = Operation.objects.create(
                type=OperationType.ENCODE,
                dataset=dataset,
                started_by=actor.name,
                reason=reason[:80],
                arguments={"encoding": dict(dataset.encoding)},
            )
            jobs = [
                Job(
                    operation=operation,
                    episode=episode,
                    camera=camera,
                    frames_total=_frames(episode),
                    lease_until=again,
                )
                for episode, cameras in found
                if move(episode, EpisodeState.ENCODING, only=_as_read(episode), error="")
                for camera in cameras
            ]
            if not jobs:
                raise _NothingToEncode
            Job.objects.bulk_create(jobs, batch_size=500)
            _ring_all(operation)
    except _NothingToEncode:
        raise _nothing(dataset, episodes) from None
    return operation


def prepare_release(operation: Operation, actor: Actor) -> Callable[[], None]:
    """Read what the takes of a batch were before it; the function that makes them so again, in a transaction."""
    require(actor, Action.ENCODE, operation)
    states = {
        episode.pk: raw_state(episode) for episode in episodes_of(operation) if episode.state == EpisodeState.ENCODING
    }

    def release() -> None:
        hold_jobs(operation.pk)
        jobs = operation.jobs.filter(state__in=[JobState.QUEUED, JobState.RUNNING, JobState.FAILED])
        jobs.update(state=JobState.CANCELLED, cancel=True, token="", lease_until=None, updated_at=timezone.now())
        encoding = Episode.objects.filter(pk__in=list(states), state=EpisodeState.ENCODING)
        # In the order in which a batch begins, so that neither transaction waits for the other.
        for episode in encoding.order_by("recorded_at", "pk"):
            move(episode, states[episode.pk])

    return release


def retry_encoding(operation: Operation, actor: Actor) -> Operation:
    """Encode again what failed; what is done stays done. Where a batch committed the rest, a new one is begun.

    Raises Refused where nothing failed.
    """
    require(actor, Action.ENCODE, operation)
    if operation.state in {OperationState.DONE, OperationState.CANCELLED}:
        left = [e for e in episodes_of(operation) if e.state == EpisodeState.FAILED]
        if operation.state == OperationState.CANCELLED or not left:
            raise Refused("nothing_failed", f"{operation} is {operation.state}: nothing is left to retry.")
        return start_encoding(
            dataset=operation.dataset, actor=actor, episodes=left, include_unreviewed=True, reason=RETRY
        )
    with transaction.atomic():
        if operation.state != OperationState.FAILED or not move(
            operation, OperationState.QUEUED, error="", attempt=0, token="", lease_until=None, finished_at=None
        ):
            raise Refused("nothing_failed", f"{operation} is {operation.state}: only a failed batch can be retried.")
        hold_jobs(operation.pk)
        back = [
            episode.pk
            for episode in episodes_of(operation)
            if episode.state == EpisodeState.FAILED
            and episode.purged_at is None
            and episode.verdict != Verdict.REJECT
            and move(episode, EpisodeState.ENCODING, only=_as_read(episode), error="")
        ]
        if not back:
            raise Refused("nothing_failed", f"The episodes of {operation} are in another batch or deleted.")
        again = operation.jobs.filter(episode__in=back)
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
        operation.jobs.exclude(episode__in=back).filter(state=JobState.FAILED).update(state=JobState.CANCELLED)
        _ring_all(operation)
    return operation


def apply_policy(*, dataset: Dataset, session_ended: bool = False) -> Operation | None:
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
        return start_encoding(dataset=dataset, actor=WORKER, episodes=list(due), reason=reason)
    except Refused:  # somebody else was first
        return None


def episodes_of(operation: Operation) -> list[Episode]:
    """In the order in which they are committed."""
    return list(Episode.objects.filter(jobs__operation=operation).distinct().order_by("recorded_at", "pk"))


def raw_state(episode: Episode) -> EpisodeState:
    """What the take was before it was encoded: its folder knows."""
    try:
        state = str(read_manifest(episode.take_path)["state"])
    except (SpoolError, OSError):
        state = "interrupted" if episode.end_reason == "interrupted" else "recorded"
    return EpisodeState.INTERRUPTED if state == "interrupted" else EpisodeState.RECORDED


def _due(dataset: Dataset) -> QuerySet[Episode]:
    """What a policy takes: nothing that failed, and nothing that a person has taken out of a batch."""
    cancelled = Job.objects.filter(episode=OuterRef("pk"), operation__state=OperationState.CANCELLED)
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


def _ring_all(operation: Operation) -> None:
    for pk in Job.objects.waiting().filter(operation=operation).values_list("pk", flat=True):
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
