"""Run copies, moves, splits, merges and duplicates: write the datasets that get episodes, then update all rows."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils import timezone

from recorder.actor import WORKER
from recorder.catalog.datasets_on_disk import (
    KEEP_REVISIONS,
    LOCK_WAIT_S,
    adopt_folder,
    refresh_dataset,
    save_settings,
)
from recorder.catalog.sidecars import adopt_sidecar, committed_id, ids_for, sidecar_fields
from recorder.catalog.uncommitted import differing_from_takes
from recorder.jobs.leases import Heartbeat
from recorder.jobs.operation_rows import is_written_at
from recorder.models import Dataset, Episode, Operation
from recorder.models.lifecycle import end_operation
from recorder.models.paths import datasets_root, revisions_of, work_of
from recorder.models.states import OperationState, OperationType
from recorder.worker.run_steps import made_by, step_recorder
from robotdata.dataset.annotations import NUMBER, Edit, write_annotations
from robotdata.dataset.errors import EditError
from robotdata.dataset.lock import dataset_locks
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.sidecar import read_sidecar
from robotdata.dataset.write.edit import apply_edit
from robotdata.dataset.write.fit import Names
from robotdata.dataset.write.swap import is_fresh, recover_dataset
from robotdata.dataset.write.transfer import How, Where, copy_episodes, merge, split


def run_transfer(operation: Operation, heartbeat: Heartbeat) -> list[Episode]:
    """Write each dataset that gets episodes once, however often it is run. Return []: no raw frames to delete.

    The locks of all datasets are held until the rows are written, so that nobody takes a moved episode for a copy.
    """
    dataset, arguments = operation.dataset, operation.arguments
    others = [datasets_root() / slug for slug in arguments.get("others", [])]
    dests = [datasets_root() / part["slug"] for part in arguments["into"]]
    how = How(step_recorder(operation, heartbeat), made_by(operation), LOCK_WAIT_S, ids_for(dataset))
    with dataset_locks([dataset.path, *others, *dests], wait_s=LOCK_WAIT_S):
        for root in (dataset.path, *dests):
            recover_dataset(root, work_of(root), revisions_of(root))
        todo = {
            dest: part
            for dest, part in zip(dests, arguments["into"], strict=True)
            if not is_written_at(dest, operation)
        }
        if todo:
            _check_free(todo)
        write = partial(_write, operation, todo, others, how) if todo else None
        if operation.type == OperationType.MOVE and not is_written_at(dataset.path, operation):
            if write is None:
                _carry_annotations(operation, dests[0])
            _delete(operation, how, write)
        elif write is not None:
            write()
        _write_rows(operation)
    return []


def _write(operation: Operation, todo: dict[Path, dict[str, Any]], others: list[Path], how: How) -> None:
    dataset = operation.dataset
    names = Names(**operation.arguments["names"]) if operation.arguments.get("names") else Names()
    opened = DatasetFolder.open(dataset.path)
    if operation.type in {OperationType.COPY, OperationType.MOVE}:
        (dest, part), moving = next(iter(todo.items())), operation.type == OperationType.MOVE
        _check_takes(opened, dest, part)
        numbers = _numbers(dataset, opened, part["episodes"])
        copy_episodes(dataset.path, numbers, dest, _where(dest), names=names, keep_uuids=moving, how=how)
    elif operation.type == OperationType.MERGE:
        (dest,) = todo
        merge([dataset.path, *others], dest, _where(dest), names=names, how=how)
    else:
        lists = {
            dest: None if part["episodes"] is None else _numbers(dataset, opened, part["episodes"])
            for dest, part in todo.items()
        }
        split(dataset.path, lists, {dest: _where(dest) for dest in todo}, how=how)


def _check_free(todo: dict[Path, dict[str, Any]]) -> None:
    """Raise EditError if somebody else has taken the name of a new dataset since the request."""
    for dest, part in todo.items():
        if part["new"] and (not is_fresh(dest) or Dataset.objects.filter(slug__iexact=part["slug"]).exists()):
            raise EditError(
                f"{part['title']} cannot be made: another dataset has taken the folder {part['slug']} meanwhile. "
                "Nothing was changed; cancel this, and choose another title"
            )


def _check_takes(theirs: DatasetFolder, dest: Path, part: dict[str, Any]) -> None:
    """Raise EditError if a dataset without episodes has takes, or had episodes, that these do not fit."""
    row = Dataset.objects.filter(slug=part["slug"]).first()
    if part["new"] or row is None or not (is_fresh(dest) or not DatasetFolder.open(dest).episodes):
        return
    if differing := differing_from_takes(theirs, row):
        listed = "; ".join(f"{each.what}: {each.rig} there, {each.dataset} here" for each in differing)
        raise EditError(
            f"episodes of {theirs.root.name} do not fit the takes of {row.title}: {listed}. Choose another dataset"
        )


def _delete(operation: Operation, how: How, write: Callable[[], None] | None) -> None:
    """Delete the moved episodes in the dataset that they come from.

    `write` copies them when that is prepared: nothing is copied if they cannot be deleted.
    """
    dataset = operation.dataset
    ids = set(operation.arguments["into"][0]["episodes"])

    def moved(base: DatasetFolder) -> Edit:
        return Edit(delete=frozenset(e.index for e in base.episodes if str(committed_id(dataset, e)) in ids))

    where = _where(dataset.path)
    edited = apply_edit(
        dataset.path,
        moved,
        work=where.work,
        revisions=where.revisions,
        keep_revisions=where.keep_revisions,
        made_by=how.made_by,
        ids=how.ids,
        before_swap=write,
        may_empty=True,
    )
    if edited is None and write is not None:
        write()  # none of them is there any more: it says so


def _carry_annotations(operation: Operation, dest: Path) -> None:
    """Write into the copy what people said of the episodes after a run that was killed between copy and deletion.

    Raise EditError if the copy lacks one of them by now, or it was changed there: the original is then kept.
    """
    dataset, pks = operation.dataset, operation.arguments["into"][0]["episodes"]
    there = {str(info.uuid) for info in DatasetFolder.open(dest).episodes}
    if missing := [each for each in pks if each not in there]:
        raise EditError(
            f"{len(missing)} of the moved episodes are no longer in {dest.name}, so they are kept in {dataset.title}: "
            "copy them again"
        )
    rows = list(dataset.episodes.committed().filter(pk__in=pks))
    fields = {str(row.pk): sidecar_fields(row) | {NUMBER: None} for row in rows}  # it gets a number of its own there
    lengths = {str(row.pk): row.ticks for row in rows}
    write_annotations(dest, fields, lengths, ids_for(dataset))


def _numbers(dataset: Dataset, opened: DatasetFolder, ids: list[str]) -> list[int]:
    """Return the numbers of the episodes. Raise EditError if one was deleted meanwhile."""
    at = {str(committed_id(dataset, info)): info.index for info in opened.episodes}
    if missing := [each for each in ids if each not in at]:
        raise EditError(f"{len(missing)} of the episodes are no longer in {dataset.title}: choose again")
    return sorted(at[each] for each in ids)


def _where(root: Path) -> Where:
    return Where(work_of(root), revisions_of(root), KEEP_REVISIONS)


def _write_rows(operation: Operation) -> None:
    """Make or update the rows of all datasets, then end the operation. Idempotent, in case another worker took over."""
    made = []
    for part in operation.arguments["into"]:
        row = _row_of(operation.dataset, part)
        adopt_sidecar(row)
        made.append({"slug": row.slug, "title": row.title, "new": part["new"], "revision": row.revision})
    if operation.type == OperationType.MOVE:  # after the other dataset, whose rows they are now
        refresh_dataset(dataset=operation.dataset)
        adopt_sidecar(operation.dataset)
        save_settings(operation.dataset)  # its folder no longer tells which numbers were given
    source = read_sidecar(operation.dataset.path, []).revision
    with transaction.atomic():
        Operation.objects.filter(pk=operation.pk).update(result={"made": made, "revision": source})
        end_operation(operation, OperationState.DONE)


def _row_of(source: Dataset, part: dict[str, Any]) -> Dataset:
    """Return the row of a dataset that got episodes; a new one is encoded like the dataset that they come from."""
    row = Dataset.objects.filter(slug=part["slug"]).first()
    if row is None:
        row = adopt_folder(actor=WORKER, slug=part["slug"])
    else:
        refresh_dataset(dataset=row)
    if not part["new"]:
        return row
    row.title, row.encoding, row.thresholds = part["title"], source.encoding, source.thresholds
    row.updated_at = timezone.now()
    row.save(update_fields=["title", "encoding", "thresholds", "updated_at"])
    save_settings(row)
    return row
