"""Revisions of a dataset: apply what is planned of its episodes, see what was done when, go back."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Count
from django.utils import timezone

from recorder.actor import Actor
from recorder.errors import Refused
from recorder.jobs.notify import wake_workers
from recorder.models import Batch, Dataset
from recorder.models.episode import PLANNED
from recorder.models.lifecycle import move
from recorder.models.paths import unchangeable
from recorder.models.permissions import Action, require
from recorder.models.states import BatchKind, BatchState
from recorder.text import format_time
from robotdata.dataset.errors import DatasetBusy, DatasetError
from robotdata.dataset.layout import INFO
from robotdata.dataset.lock import dataset_lock
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.sidecar import Sidecar, read_sidecar
from robotdata.dataset.write.draft import NOTES
from robotdata.dataset.write.swap import list_revisions, recover_dataset
from robotdata.spool.fields import read_moment

log = logging.getLogger(__name__)

KINDS = ("deleted", "relabelled", "trimmed")
_LOCK_WAIT_S = 3.0


@dataclass(frozen=True, slots=True)
class Revision:
    """A state of the dataset: which, when, how large, and what made it of the one before; `by` whom, if known.

    `episodes` and `frames` are None where it cannot be read. `notes` say what could not be carried over into it.
    """

    number: int
    present: bool
    at: datetime
    episodes: int | None
    frames: int | None
    what: str
    by: str = ""
    counts: dict[str, int] = field(default_factory=dict)
    reverted_to: int | None = None
    notes: list[str] = field(default_factory=list)


def planned_counts(dataset: Dataset) -> dict[str, int]:
    """How many episodes wait to be deleted, relabelled and trimmed, from one query; one may be in the last two."""
    counts = {name: Count("pk", filter=where) for name, where in PLANNED.items()}
    return dict(dataset.episodes.order_by().aggregate(**counts))


def apply_changes(*, dataset: Dataset, actor: Actor) -> Batch:
    """Begin to make one new state with all that is planned now of the dataset's episodes.

    Raises Refused where nothing is, where nothing would be left, and while the dataset gets another state.
    """
    require(actor, Action.REVISE, dataset)
    counts = planned_counts(dataset)
    if not any(counts.values()):
        words = f"No pending changes in {dataset.title}: reject, relabel or trim episodes first."
        raise Refused("nothing", words)
    if counts["delete"] and counts["delete"] == dataset.episodes.committed().count():
        raise Refused("all", f"All episodes of {dataset.title} would be deleted: keep at least one of them.")
    ids = [str(pk) for pk in dataset.episodes.all().planned().values_list("pk", flat=True)]
    done = dict(zip(KINDS, (counts["delete"], counts["relabel"], counts["trim"]), strict=True))
    return _begin(dataset, actor, BatchKind.EDIT, {"episodes": ids, **done})


def go_back(*, dataset: Dataset, revision: int, actor: Actor) -> Batch:
    """Begin to make the state `revision` the present one again; it becomes a new one, and can be gone back from.

    Raises Refused where it is not kept, or present already, and while the dataset gets another state.
    """
    require(actor, Action.REVISE, dataset)
    kept = list_revisions(dataset.revisions_path)
    if revision not in kept:
        there = ", ".join(map(str, kept)) or "none"
        raise Refused(
            "no_revision", f"{dataset.title} has no revision {revision} to revert to; available: {there}.", 404
        )
    return _begin(dataset, actor, BatchKind.REVERT, {"revision": revision})


def retry_change(*, batch: Batch, actor: Actor) -> Batch:
    """A failed one again. Raises Refused while the dataset gets another state."""
    require(actor, Action.REVISE, batch)
    with _one_at_a_time(batch.dataset):
        _check_free(batch.dataset)
        if not move(
            batch,
            BatchState.COMMITTING,
            error="",
            attempt=0,
            token="",
            lease_until=None,
            finished_at=None,
            steps_done=0,
        ):
            raise Refused("moved", f"{batch} has changed meanwhile. Reload the page.")
        wake_workers("commit_batch", str(batch.pk))
    return batch


def cancel_change(*, batch: Batch, actor: Actor) -> Batch:
    """While it waits for a worker, or has failed: what was planned stays so, the dataset is as it was.

    Raises Refused where a worker has it, where one that died had brought it to its end, or where it has ended.
    """
    require(actor, Action.REVISE, batch)
    with unwritten(batch):
        mark_cancelled(batch, actor.name)
    return batch


@contextmanager
def unwritten(batch: Batch) -> Iterator[None]:
    """While nothing of it is in the dataset, and nobody who has tried it can write any more.

    Raises Refused where that is not so: a worker has it, one that died had brought it to its end, or it has ended.
    """
    dataset = batch.dataset
    check_cancel(batch)
    try:
        # Nobody has tried it: no need to wait for whoever changes the dataset now.
        with dataset_lock(dataset.path, wait_s=_LOCK_WAIT_S) if batch.attempt else nullcontext():
            if batch.attempt:
                recover_dataset(dataset.path, dataset.work_path, dataset.revisions_path)
            if is_made(batch):
                words = f"{batch} is in the dataset already: revert to an earlier revision instead."
                raise Refused("committing", words)
            yield
    except DatasetBusy as error:
        raise Refused("busy", f"{batch} cannot be cancelled now: {error}.", 503) from error


def check_cancel(batch: Batch) -> None:
    """Raises Refused where it is being written, or has ended."""
    batch.refresh_from_db()
    if batch.state in {BatchState.DONE, BatchState.CANCELLED}:
        raise Refused("ended", f"{batch} is {batch.state} since {format_time(batch.finished_at or batch.updated_at)}.")
    if not batch.can_cancel and batch.state != BatchState.FAILED:
        raise Refused("committing", f"{batch} is being written into the dataset and will finish in a moment.")


def mark_cancelled(batch: Batch, by: str) -> None:
    """Raises Refused where somebody, or a worker, was first."""
    error = f"Cancelled by {by}." if by else ""
    if not move(
        batch,
        BatchState.CANCELLED,
        only={"token": batch.token},
        finished_at=timezone.now(),
        lease_until=None,
        error=error,
    ):
        raise Refused("moved", f"{batch} has changed meanwhile. Reload the page.")


def revisions_of(dataset: Dataset) -> list[Revision]:
    """The present state and those that can be gone back to, newest first; none where the folder cannot be read."""
    try:
        if not (dataset.path / INFO).is_file():
            return []
        kept = reversed(list_revisions(dataset.revisions_path))
        return [_revision(dataset.path, None), *(_revision(dataset.revisions_path / str(n), n) for n in kept)]
    except OSError as error:
        log.warning("The revisions of %s cannot be read: %s", dataset, error)
        return []


def _revision(root: Path, number: int | None) -> Revision:
    sidecar = read_sidecar(root, [])
    about = sidecar.more.get("made_by")
    about = about if isinstance(about, dict) else {}
    counts = {name: about[name] for name in ("committed", *KINDS) if type(about.get(name)) is int}
    back = about.get("reverted_to")
    episodes, frames = _size_of(root, sidecar)
    return Revision(
        number=sidecar.revision if number is None else number,
        present=number is None,
        at=_when(about.get("at"), root),
        episodes=episodes,
        frames=frames,
        what=str(about.get("what") or ""),
        by=str(about.get("by") or ""),
        counts=counts,
        reverted_to=back if type(back) is int else None,
        notes=notes_of(sidecar),
    )


def notes_of(sidecar: Sidecar) -> list[str]:
    """What the commit or edit that made a state could not carry over, and what was odd before; in words."""
    about = sidecar.more.get("made_by")
    found = about.get(NOTES) if isinstance(about, dict) else None
    return [str(note)[:500] for note in found[:20]] if isinstance(found, list) else []


def _size_of(root: Path, sidecar: Sidecar) -> tuple[int | None, int | None]:
    """Episodes and frames of a state. One from before our first change has no sidecar: its own tables say it."""
    if sidecar.episodes and sidecar.revision:
        lengths = [entry.get("length") for entry in sidecar.episodes]
        return len(lengths), sum(length for length in lengths if type(length) is int)
    try:
        opened = DatasetFolder.open(root)
    except DatasetError as error:
        log.warning("Cannot measure the size of %s: %s", root, error)
        return None, None
    return len(opened.episodes), opened.total_frames


def _when(value: Any, root: Path) -> datetime:
    return read_moment(value) or datetime.fromtimestamp((root / INFO).stat().st_mtime, UTC)


def _begin(dataset: Dataset, actor: Actor, kind: BatchKind, about: dict[str, Any]) -> Batch:
    if words := unchangeable(dataset.path):
        raise Refused("place", f"{dataset.title} cannot be changed: {words}.")
    with _one_at_a_time(dataset):
        _check_free(dataset)
        batch = Batch.objects.create(
            dataset=dataset,
            kind=kind,
            about=about,
            state=BatchState.COMMITTING,
            started_by=actor.name,
            reason="by hand",
        )
        wake_workers("commit_batch", str(batch.pk))
    return batch


def _check_free(dataset: Dataset) -> None:
    """Raises Refused where another state is being made, or waits to be."""
    other = Batch.objects.filter(dataset=dataset, state=BatchState.COMMITTING).order_by("created_at").first()
    if other is not None:
        raise _under_way(dataset, other)


@contextmanager
def _one_at_a_time(dataset: Dataset) -> Iterator[None]:
    """Of two people who press at once one has the effect; the database knows which."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        raise _under_way(dataset, None) from error


def _under_way(dataset: Dataset, other: Batch | None) -> Refused:
    since = f" since {format_time(other.created_at)}" if other else ""
    since += f" by {other.started_by}" if other and other.started_by else ""
    kinds = {
        BatchKind.ENCODE: "gets new episodes",
        BatchKind.EDIT: "is being changed",
        BatchKind.REVERT: "is being reverted",
    }
    what = kinds[BatchKind(other.kind)] if other else "is being changed"
    return Refused("committing", f"{dataset.title} {what}{since}: try again when that has finished.")


def is_made(batch: Batch) -> bool:
    """In the present state, or in one before it: others may have added episodes since the worker died."""
    kept = batch.dataset.revisions_path
    places = [batch.dataset.path, *(kept / str(number) for number in list_revisions(kept))]
    return any(_batch_of(place) == str(batch.pk) for place in places)


def _batch_of(root: Path) -> str:
    """For which batch the state was made."""
    about = read_sidecar(root, []).more.get("made_by")
    return str(about.get("batch") or "") if isinstance(about, dict) else ""
