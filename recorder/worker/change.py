"""Run a change of a dataset's features, words or statistics: one revision of its own dataset."""

from __future__ import annotations

from typing import Any

from recorder.catalog.language import change_now
from recorder.jobs.leases import Heartbeat
from recorder.models import Episode, Operation
from recorder.worker.revise import make_revision_once
from recorder.worker.run_steps import Progress
from robotdata.dataset.write.change_run import change_features


def run_features(operation: Operation, heartbeat: Heartbeat) -> list[Episode]:
    """Make the change in `arguments`. Return []: no raw frames to delete."""

    def make(folders: dict[str, Any], progress: Progress) -> None:
        change_features(operation.dataset.path, change_now(operation), progress=progress, **folders)

    return make_revision_once(operation, heartbeat, make)
