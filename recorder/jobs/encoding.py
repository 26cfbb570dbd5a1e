"""Encode takes: start a batch by hand or by policy, release its takes, retry the failed ones."""

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
from recorder.models.lifecycle import lock_jobs, move, restart_operation
from recorder.models.paths import revision_problem
from recorder.models.permissions import Action, require
from recorder.models.states import EpisodeState, JobState, OperationState, OperationType, Verdict
from robotdata.spool import SpoolError, read_manifest

NOTIFY_AGAIN_AFTER = timedelta(seconds=15)  # a queued job whose message was lost is sent again after this
RETRY_REASON = "tried again"


class _NothingToEncode(Exception):
    """Roll back the transaction of an empty batch."""


def start_encoding(
    *,
    dataset: Dataset,
    actor: Actor,
    episodes: Sequence[Episode] | None = None,
    include_unreviewed: bool = False,
    reason: str = "by hand",
) -> Operation:
    """Encode these episodes and commit them together; by default all kept episodes of the dataset.

    If two people start the same batch at once, one succeeds. Raise Refused, naming who encodes what and since when, for
    the other, if nothing is left to encode, or if the dataset is deleted, cannot be changed or encode its frame size.
    """
    require(actor, Action.ENCODE, dataset)
    candidates = dataset.episodes.encodable(unreviewed=include_unreviewed or episodes is not None)
    if episodes is not None:
        candidates = candidates.filter(pk__in=[episode.pk for episode in episodes])
    if path_problem := revision_problem(dataset.path):
        raise Refused("place", f"Cannot add to {dataset.title}: {path_problem}.")
    # A policy's takes fail one by one with the same message, because nobody sees a refusal there.
    problem = size_problem(dataset.features, encode_settings(dataset.encoding))
    if problem and actor.kind is not ActorKind.WORKER:
        raise Refused("size", f"{problem} Choose another codec in the settings of {dataset.title}.")
    with_cameras = [(episode, _cameras(episode)) for episode in candidates.order_by("recorded_at", "pk")]
    notify_at = timezone.now() + NOTIFY_AGAIN_AFTER
    try:
        with transaction.atomic():
            hold_present(dataset)
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
                    frames_total=_frame_count(episode),
                    lease_until=notify_at,
                )
                for episode, cameras in with_cameras
                if move(episode, EpisodeState.ENCODING, conditions=_unchanged_since_read(episode), error="")
                for camera in cameras
            ]
            if not jobs:
                raise _NothingToEncode
            Job.objects.bulk_create(jobs, batch_size=500)
            _notify_workers(operation)
    except _NothingToEncode:
        raise _nothing_to_encode(dataset, episodes) from None
    return operation


def hold_present(dataset: Dataset) -> None:
    """Let nobody delete the dataset before this transaction ends. Raise Refused if it is in the trash already."""
    if Dataset.objects.select_for_update(no_key=True).filter(pk=dataset.pk).only("pk").first() is None:
        raise Refused("trashed", f"{dataset.title} has been deleted meanwhile: restore it from the trash first.")


def prepare_release(operation: Operation, actor: Actor) -> Callable[[], None]:
    """Read the states that a batch's takes had before it; return a function that restores them in a transaction."""
    require(actor, Action.ENCODE, operation)
    states = {
        episode.pk: raw_state(episode) for episode in episodes_of(operation) if episode.state == EpisodeState.ENCODING
    }

    def release() -> None:
        lock_jobs(operation.pk)
        jobs = operation.jobs.filter(state__in=[JobState.QUEUED, JobState.RUNNING, JobState.FAILED])
        jobs.update(state=JobState.CANCELLED, cancel=True, token="", lease_until=None, updated_at=timezone.now())
        still_encoding = Episode.objects.filter(pk__in=list(states), state=EpisodeState.ENCODING)
        # The same order as in `start_encoding`, so that two transactions cannot deadlock.
        for episode in still_encoding.order_by("recorded_at", "pk"):
            move(episode, states[episode.pk])

    return release


def retry_encoding(operation: Operation, actor: Actor) -> Operation:
    """Encode the failed episodes again; finished jobs are not repeated. If the rest is committed, start a new batch.

    Raise Refused if nothing failed.
    """
    require(actor, Action.ENCODE, operation)
    if operation.state in {OperationState.DONE, OperationState.CANCELLED}:
        failed = [episode for episode in episodes_of(operation) if episode.state == EpisodeState.FAILED]
        if operation.state == OperationState.CANCELLED or not failed:
            raise Refused("nothing_failed", f"{operation} is {operation.state}: nothing is left to retry.")
        return start_encoding(
            dataset=operation.dataset, actor=actor, episodes=failed, include_unreviewed=True, reason=RETRY_REASON
        )
    with transaction.atomic():
        if operation.state != OperationState.FAILED or not restart_operation(operation, OperationState.QUEUED):
            raise Refused("nothing_failed", f"{operation} is {operation.state}: only a failed batch can be retried.")
        lock_jobs(operation.pk)
        requeued = [
            episode.pk
            for episode in episodes_of(operation)
            if episode.state == EpisodeState.FAILED
            and episode.purged_at is None
            and episode.verdict != Verdict.REJECT
            and move(episode, EpisodeState.ENCODING, conditions=_unchanged_since_read(episode), error="")
        ]
        if not requeued:
            raise Refused("nothing_failed", f"The episodes of {operation} are in another batch or deleted.")
        jobs = operation.jobs.filter(episode__in=requeued)
        jobs.update(
            state=JobState.QUEUED,
            attempt=0,
            error="",
            token="",
            cancel=False,
            frames_done=0,
            lease_until=timezone.now() + NOTIFY_AGAIN_AFTER,
            started_at=None,
            finished_at=None,
            updated_at=timezone.now(),
        )
        operation.jobs.exclude(episode__in=requeued).filter(state=JobState.FAILED).update(state=JobState.CANCELLED)
        _notify_workers(operation)
    return operation


def apply_policy(*, dataset: Dataset, session_ended: bool = False) -> Operation | None:
    """Start the batch that the dataset's policy requires now, if any."""
    dataset.refresh_from_db(fields=["policy", "every", "encode_unreviewed", "encoding"])
    due = _takes_due(dataset)
    if dataset.policy == Policy.EVERY:
        every = "every take" if dataset.every == 1 else f"every {dataset.every} takes"
        ready, reason = due.count() >= dataset.every, every
    elif dataset.policy == Policy.SESSION:
        if not session_ended:  # the program crashed between the session's end and its batch
            reviewed_in_session = Q(reviewed_at=None) | Q(reviewed_at__lte=F("session__ended_at"))
            due = due.filter(reviewed_in_session, session__ended_at__isnull=False)
        ready, reason = due.exists(), "end of session"
    else:
        return None
    if not ready:
        return None
    try:
        return start_encoding(dataset=dataset, actor=WORKER, episodes=list(due), reason=reason)
    except Refused:  # another process started it first
        return None


def episodes_of(operation: Operation) -> list[Episode]:
    """Return the episodes of a batch in the order in which they are committed."""
    return list(Episode.objects.filter(jobs__operation=operation).distinct().order_by("recorded_at", "pk"))


def raw_state(episode: Episode) -> EpisodeState:
    """Return the state that the take had before it was encoded, from its folder."""
    try:
        state = str(read_manifest(episode.take_path)["state"])
    except (SpoolError, OSError):
        state = "interrupted" if episode.end_reason == "interrupted" else "recorded"
    return EpisodeState.INTERRUPTED if state == "interrupted" else EpisodeState.RECORDED


def _takes_due(dataset: Dataset) -> QuerySet[Episode]:
    """Return the takes that a policy encodes: none that failed, and none that a person removed from a batch."""
    cancelled = Job.objects.filter(episode=OuterRef("pk"), operation__state=OperationState.CANCELLED)
    takes = dataset.episodes.encodable(unreviewed=dataset.encode_unreviewed)
    return takes.exclude(state=EpisodeState.FAILED).exclude(Exists(cancelled))


def _cameras(episode: Episode) -> list[str]:
    """Return the take's cameras; one empty name if it has none or its folder is unreadable: its job reports that."""
    try:
        return list(read_manifest(episode.take_path)["cameras"]) or [""]
    except (SpoolError, OSError):
        return [""]


def _frame_count(episode: Episode) -> int:
    """Return the number of frames per camera after the trim, as far as the row knows."""
    trim = episode.trim
    return max(0, trim[1] - trim[0]) if trim else episode.ticks


def _unchanged_since_read(episode: Episode) -> dict[str, object]:
    """Return the conditions of an update: nobody has rejected or purged the episode since it was read."""
    return {"verdict": episode.verdict, "purged_at": None}


def _notify_workers(operation: Operation) -> None:
    for pk in Job.objects.waiting().filter(operation=operation).values_list("pk", flat=True):
        wake_workers("run_job", pk)


def _nothing_to_encode(dataset: Dataset, episodes: Sequence[Episode] | None) -> Refused:
    requested = dataset.episodes.filter(pk__in=[episode.pk for episode in episodes]) if episodes is not None else None
    encoding = (requested if requested is not None else dataset.episodes).filter(state=EpisodeState.ENCODING)
    if count := encoding.count():
        first = encoding.first()
        since = encoding_since(first) if first else "is being encoded"
        return Refused("encoding", f"Nothing else is ready in {dataset.title}; {count} of it: {since}.")
    if requested is not None:
        return Refused(
            "nothing",
            "None of these episodes can be encoded: they are rejected, still recording, or in the dataset already.",
        )
    return Refused("nothing", f"{dataset.title} has no kept take left to encode: keep good takes first.")
