"""What is planned of committed episodes, applied: a worker makes the dataset's next state; or an earlier one again."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import timezone

from recorder.catalog.datasets_on_disk import KEEP_REVISIONS, LOCK_WAIT_S, refresh_dataset
from recorder.catalog.sidecars import adopt_sidecar, names_in
from recorder.jobs.leases import Heartbeat
from recorder.jobs.revisions import is_made
from recorder.models import Batch, Episode
from recorder.models.lifecycle import move
from recorder.models.states import BatchKind, BatchState
from robotdata.dataset.annotations import Edit, planned_edit
from robotdata.dataset.lock import dataset_lock
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.write.edit import apply_edit, revert
from robotdata.dataset.write.swap import recover_dataset


def make_state(batch: Batch, heart: Heartbeat) -> list[Episode]:
    """The state that the batch asks for, then the rows, then the batch is done; no raw frames wait to be removed.

    Done again after a crash at any place, it ends with the same state, made once.
    """
    dataset = batch.dataset
    with dataset_lock(dataset.path, wait_s=LOCK_WAIT_S):
        recover_dataset(dataset.path, dataset.work_path, dataset.revisions_path)
        if not is_made(batch):
            _make(batch, heart)
    write_rows(batch)
    return []


def write_rows(batch: Batch) -> None:
    """The folder has it: now the rows may say so. Another worker that took over will do the same."""
    refresh_dataset(dataset=batch.dataset)
    adopt_sidecar(batch.dataset)
    with transaction.atomic():
        move(
            batch, BatchState.DONE, only={"token": batch.token}, error="", finished_at=timezone.now(), lease_until=None
        )


def made_by(batch: Batch) -> dict[str, Any]:
    """Who made a state when, for its sidecar; and for which batch, which then knows that it is done."""
    return {"by": batch.started_by, "at": timezone.now().isoformat(timespec="seconds"), "batch": str(batch.pk)}


def _make(batch: Batch, heart: Heartbeat) -> None:
    dataset = batch.dataset
    where: dict[str, Any] = {
        "work": dataset.work_path,
        "revisions": dataset.revisions_path,
        "keep_revisions": KEEP_REVISIONS,
        "made_by": made_by(batch),
        "ids": names_in(dataset),
    }
    if batch.kind == BatchKind.REVERT:
        revert(dataset.path, int(batch.about["revision"]), **where)
        return

    def progress(done: int, total: int) -> None:
        heart.progress(done)
        mine = Batch.objects.filter(pk=batch.pk, token=batch.token)
        mine.update(steps_done=done, steps_total=total, updated_at=timezone.now())

    only = frozenset(batch.about["episodes"])  # what a person has seen before pressing, and nothing else
    asked: dict[int, tuple[int, int]] = {}

    def plan(base: DatasetFolder) -> Edit:
        edit = planned_edit(base, only)
        asked.update(edit.trims)
        return edit

    made = apply_edit(dataset.path, plan, progress=progress, **where)
    rounded = sum(kept != asked[number] for number, kept in made.trimmed.items()) if made else 0
    if rounded:
        batch.about = {**batch.about, "rounded": rounded}
        Batch.objects.filter(pk=batch.pk, token=batch.token).update(about=batch.about)
