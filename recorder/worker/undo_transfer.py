"""Run the undo of a copy, move, split, merge or duplicate: revert what it changed, remove what it made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils import timezone

from recorder.catalog.datasets_on_disk import KEEP_REVISIONS, LOCK_WAIT_S, refresh_dataset, save_settings
from recorder.catalog.sidecars import adopt_sidecar, ids_for
from recorder.catalog.transfer_undo import check_again, check_unused
from recorder.jobs.leases import Heartbeat
from recorder.jobs.operation_rows import is_written_at
from recorder.models import Dataset, Episode, Operation
from recorder.models.lifecycle import end_operation
from recorder.models.numbers import claim_numbers
from recorder.models.paths import datasets_root, revisions_of, work_of
from recorder.models.states import EpisodeState, OperationState
from recorder.models.versions import next_version
from recorder.worker.run_steps import made_by, step_recorder
from robotdata.dataset.annotations import NUMBER
from robotdata.dataset.lock import dataset_locks
from robotdata.dataset.sidecar import read_sidecar
from robotdata.dataset.write.edit import revert
from robotdata.dataset.write.swap import recover_dataset
from robotdata.files.trees import remove_tree
from robotdata.spool.facts import is_number


def run_undo(operation: Operation, heartbeat: Heartbeat) -> list[Episode]:
    """Revert each dataset once, then remove the new ones, however often it is run. Return []: no raw frames to delete.

    It looks again whether somebody has worked there since the request, and then changes nothing and raises Refused.
    Moved episodes come back before they go elsewhere, so that they are in one place at least.
    """
    back, remove = operation.arguments["into"], operation.arguments["remove"]
    roots = {part["slug"]: datasets_root() / part["slug"] for part in [*back, *remove]}
    progress, steps = step_recorder(operation, heartbeat), len(roots)
    with dataset_locks([operation.dataset.path, *roots.values()], wait_s=LOCK_WAIT_S):
        for root in roots.values():
            recover_dataset(root, work_of(root), revisions_of(root))
        check_again(operation)
        for done, part in enumerate(reversed(back)):  # first the dataset that moved episodes come from
            progress(done, steps)
            root, row = roots[part["slug"]], Dataset.objects.get(slug=part["slug"])
            if not is_written_at(root, operation):
                revert(
                    root,
                    part["revision"],
                    work=work_of(root),
                    revisions=revisions_of(root),
                    keep_revisions=KEEP_REVISIONS,
                    made_by=made_by(operation),
                    ids=ids_for(row),
                )
        for done, part in enumerate(remove, len(back)):
            progress(done, steps)
            _remove(operation, roots[part["slug"]], part)
        for part in back:  # the dataset that moved episodes come from is the last
            row = Dataset.objects.get(slug=part["slug"])
            refresh_dataset(dataset=row)
            adopt_sidecar(row)
        progress(steps, steps)
        with transaction.atomic():
            end_operation(operation, OperationState.DONE)
    return []


def _remove(operation: Operation, root: Path, part: dict[str, Any]) -> None:
    """Remove a new dataset: its rows, then its folder. Rows of moved episodes go to the dataset that they came from.

    With `keeps_row` the dataset was there before, with takes only, and these stay.
    """
    slug, keeps_row = part["slug"], bool(part.get("keeps_row"))
    doomed = work_of(root) / f"{slug}@undone"
    remove_tree(doomed)
    with transaction.atomic():
        row = Dataset.objects.select_for_update().filter(slug=slug).first()
        if row is not None:
            check_unused(row, keeps_row=keeps_row)  # its takes come without the folder's lock
            _remove_rows(operation, row)
            if keeps_row:
                _empty(row)
            else:
                row.delete()
        if root.exists():
            doomed.parent.mkdir(parents=True, exist_ok=True)
            root.rename(doomed)
    remove_tree(doomed)
    if row is not None and keeps_row:
        save_settings(row)  # no folder tells any more which numbers were given
    if not keeps_row:
        remove_tree(revisions_of(root))
        (datasets_root() / ".settings" / f"{slug}.json").unlink(missing_ok=True)


def _remove_rows(operation: Operation, row: Dataset) -> None:
    """Remove the rows of the committed episodes, or give them back."""
    if operation.arguments["into"]:
        source = operation.dataset
        numbers = {entry.get("uuid"): entry.get(NUMBER) for entry in read_sidecar(source.path, []).episodes}
        moved = list(row.episodes.committed().order_by("episode_index").values_list("pk", flat=True))
        stored = [number if is_number(number := numbers.get(str(pk))) else None for pk in moved]
        for pk, number in zip(moved, claim_numbers(source.pk, stored, [None] * len(moved)), strict=True):
            row.episodes.filter(pk=pk).update(
                dataset=source,
                number=number,
                state=EpisodeState.FAILED,  # bypasses `move`: the folder, which is read next, decides
                episode_index=None,
                purged_at=timezone.now(),
                updated_at=next_version(),
            )
    row.episodes.committed().delete()


def _empty(row: Dataset) -> None:
    """Make the row that of a dataset without a folder. What its takes have chosen stays, if it has any."""
    facts: dict[str, Any] = {"total_episodes": 0, "total_frames": 0, "revision": 0, "problem": ""}
    if not row.episodes.exists():
        facts |= {"fps": None, "features": {}, "robot_type": "", "recorded_action": ""}
    Dataset.objects.filter(pk=row.pk).update(**facts, updated_at=timezone.now())
