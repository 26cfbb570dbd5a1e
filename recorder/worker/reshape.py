"""Run changes of a dataset's time and pictures: make the revision, then update the rows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path

from django.db import transaction
from django.utils import timezone

from recorder.catalog.datasets_on_disk import KEEP_REVISIONS, LOCK_WAIT_S, refresh_dataset
from recorder.catalog.reshapes import cuts_of, order_of, settings_of, size_of
from recorder.catalog.sidecars import adopt_sidecar, ids_for
from recorder.jobs.leases import Heartbeat, LostLease
from recorder.jobs.operation_rows import is_written
from recorder.jobs.reencoding import PREFIX, encoded_folder
from recorder.models import Episode, Operation
from recorder.models.lifecycle import end_operation
from recorder.models.states import OperationState, OperationType
from recorder.text import parse_uuid
from recorder.worker.run_steps import made_by, owned_row, step_recorder
from robotdata.dataset.lock import dataset_lock
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.sidecar import read_sidecar
from robotdata.dataset.write.cut import cut_out
from robotdata.dataset.write.encoded_parts import EncodedSoFar
from robotdata.dataset.write.pictures import pictures_to_videos, videos_to_pictures
from robotdata.dataset.write.reencode import Aside, reencode_cameras
from robotdata.dataset.write.reorder import reorder_episodes
from robotdata.dataset.write.retime import drop_frames
from robotdata.dataset.write.swap import recover_dataset
from robotdata.dataset.write.transfer import How, Where
from robotdata.files.trees import remove_tree

_REPORT_EVERY_S = 1.0


def run_reshape(operation: Operation, heartbeat: Heartbeat) -> list[Episode]:
    """Make the revision once, however often it is run. Return []: no raw frames to delete.

    What is encoded is kept beside the dataset until then, so the next run continues a killed one. Raise LostLease as
    soon as the row is cancelled.
    """
    dataset, folder = operation.dataset, encoded_folder(operation)
    with dataset_lock(dataset.path, wait_s=LOCK_WAIT_S):
        recover_dataset(dataset.path, dataset.work_path, dataset.revisions_path)
        written = is_written(operation)
    if not written:
        owned_row(operation).update(result={})
        try:
            _make_revision(operation, heartbeat, folder)
        except LostLease:
            if Operation.objects.filter(pk=operation.pk, state=OperationState.CANCELLED).exists():
                remove_tree(folder)
            raise
    refresh_dataset(dataset=dataset)
    adopt_sidecar(dataset)
    remove_tree(folder)
    with transaction.atomic():
        revision = read_sidecar(dataset.path, []).revision
        Operation.objects.filter(pk=operation.pk).update(result={"revision": revision})
        end_operation(operation, OperationState.DONE)
    return []


def tidy_encoded(work_paths: Iterable[Path]) -> int:
    """Remove what ended operations have encoded and left behind in a crash; return how many folders."""
    folders = [folder for path in work_paths if path.is_dir() for folder in path.glob(f"{PREFIX}*")]
    ids = {folder: parse_uuid(folder.name.removeprefix(PREFIX)) for folder in folders}
    states = (OperationState.DONE, OperationState.CANCELLED)
    needed = set(
        Operation.objects.filter(pk__in=[pk for pk in ids.values() if pk])
        .exclude(state__in=states)
        .values_list("pk", flat=True)
    )
    left = [folder for folder, pk in ids.items() if pk is not None and pk not in needed]
    for folder in left:
        remove_tree(folder)
    return len(left)


def _make_revision(operation: Operation, heartbeat: Heartbeat, folder: Path) -> None:
    dataset, arguments = operation.dataset, operation.arguments
    root = dataset.path
    where = Where(dataset.work_path, dataset.revisions_path, KEEP_REVISIONS)
    how = How(step_recorder(operation, heartbeat), made_by(operation), LOCK_WAIT_S, ids_for(dataset))
    begin = _begin_writing(operation)
    aside = Aside(folder, _encoding_recorder(operation, heartbeat), begin)
    match OperationType(operation.type):
        case OperationType.REORDER:
            reorder_episodes(root, lambda base: order_of(dataset, base, arguments), where, how, begin)
        case OperationType.CUT:
            seam = bool(arguments.get("seam"))
            cut_out(root, lambda base: cuts_of(dataset, base, arguments), where, how, begin, seam=seam)
        case OperationType.REENCODE:
            cameras, size = arguments["cameras"], size_of(arguments)
            reencode_cameras(root, cameras, settings_of(arguments), aside, where, size=size, how=how)
        case OperationType.DROP_FRAMES:
            drop_frames(root, arguments["factor"], settings_of(arguments), aside, where, how)
        case OperationType.TO_VIDEOS:
            pictures_to_videos(root, arguments["cameras"], settings_of(arguments), aside, where, how)
        case _:
            report = _picture_recorder(operation, heartbeat)
            videos_to_pictures(root, arguments["cameras"], where, how=how, report=report, before_swap=begin)


def _begin_writing(operation: Operation) -> Callable[[], None]:
    def begin() -> None:
        result = Operation.objects.values_list("result", flat=True).get(pk=operation.pk)
        if not owned_row(operation).update(result={**result, "writing": True}):
            raise LostLease

    return begin


def _encoding_recorder(operation: Operation, heartbeat: Heartbeat) -> Callable[[EncodedSoFar], None]:
    """Return a function that records the progress of encoding, at most once a second, and stops a cancelled run."""
    last = 0.0

    def record(now: EncodedSoFar) -> None:
        nonlocal last
        heartbeat.progress(now.frames)
        if time.monotonic() - last < _REPORT_EVERY_S and now.frames < now.frames_total:
            return
        last = time.monotonic()
        frames = {
            "frames": now.frames,
            "of": now.frames_total,
            "episodes": now.episodes,
            "of_episodes": now.episodes_total,
        }
        if not owned_row(operation).update(result={"encoded": frames}, updated_at=timezone.now()):
            raise LostLease

    return record


def _picture_recorder(operation: Operation, heartbeat: Heartbeat) -> Callable[[int], None]:
    base = DatasetFolder.open(operation.dataset.path)
    total = base.total_frames * len(operation.arguments["cameras"])
    record = _encoding_recorder(operation, heartbeat)
    return lambda frames: record(EncodedSoFar(frames, total, 0, 0))
