"""Detect dataset folders that other programs change meanwhile: moved, replaced, pulled, partly copied."""

from __future__ import annotations

import errno
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from recorder.alone import isolate_errors
from recorder.catalog.datasets_on_disk import refresh_dataset
from recorder.catalog.sidecars import adopt_sidecar
from recorder.models import Dataset, Operation
from robotdata.dataset.layout import EPISODES_GLOB, INFO, SIDECAR, TASKS

log = logging.getLogger(__name__)

_last_states: dict[Path, Any] = {}


def refresh_changed_folders(datasets: Iterable[Dataset]) -> int:
    """Update the rows of datasets whose folders changed since the last call; return how many had.

    Skips datasets that a worker is committing.
    """
    changed = 0
    for dataset in datasets:
        state = _state(dataset.path)
        if dataset.path in _last_states and _last_states[dataset.path] == state:
            continue
        if state == errno.ENOENT and not (dataset.total_episodes or dataset.problem):
            continue  # nothing has been committed yet
        if not Dataset.objects.filter(pk=dataset.pk, slug=dataset.slug).exists():
            continue  # it was renamed or deleted since it was listed: its folder is elsewhere
        if Operation.objects.filter(dataset=dataset).changing().exclude(token="").exists():
            continue
        with isolate_errors(f"{dataset.path} has changed on disk, and reading it", log):
            refresh_dataset(dataset=dataset)
            if not dataset.problem:
                adopt_sidecar(dataset)
            _last_states[dataset.path] = state
            changed += 1
    return changed


def _state(root: Path) -> Any:
    """Return a value that changes with the content of `meta`, from inodes and times, or an errno.

    Only the sidecar's existence counts, so that annotations do not change the value.
    """
    try:
        tables = sorted(root.glob(EPISODES_GLOB))
        stats = [(path.name, path.stat()) for path in (root, root / INFO, root / TASKS, *tables)]
    except OSError as error:
        return error.errno
    stamps = [(name, stat.st_ino, stat.st_size, stat.st_mtime_ns) for name, stat in stats[1:]]
    return [(root / SIDECAR).exists(), *stamps]
