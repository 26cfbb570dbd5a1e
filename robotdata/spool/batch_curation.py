"""Write the annotations of many takes together, so that the disk syncs once for all of them, not once per take."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robotdata.files.json_files import json_bytes
from robotdata.files.replace import temporary_path
from robotdata.files.sync import confirm_name, sync_path
from robotdata.spool.errors import SpoolError
from robotdata.spool.manifest import FILE, curated_manifest, read_manifest
from robotdata.spool.take_lock import EDIT_WAIT_S, TakeLock

_THREADS = 4
_LOCK_WAIT_S = 0.1
Problem = SpoolError | OSError


@dataclass(slots=True)
class _Edit:
    folder: Path
    changes: Mapping[str, Any]
    lock: TakeLock | None = None
    temporary: Path | None = None
    problem: Problem | None = None


def update_curations(changes: Sequence[tuple[Path, Mapping[str, Any]]], *, by: str = "") -> list[Problem | None]:
    """Apply `update_curation` to each (folder, changes); return for each None, or the error that kept it unchanged.

    NotDurable is the exception: the take was changed, but the change may not survive a power cut.

    All files are written before the first is synced, and renamed before the first folder is synced, so that the file
    system's journal can commit them together.
    """
    edits = [_Edit(folder, fields) for folder, fields in changes]
    try:
        wait_s = EDIT_WAIT_S if len(edits) == 1 else _LOCK_WAIT_S
        _each(edits, lambda edit: _prepare(edit, by, wait_s))
        changed = [edit for edit in edits if edit.temporary is not None]
        with ThreadPoolExecutor(_THREADS) as threads:
            _in_parallel(threads, changed, _sync)
            _each(changed, _rename)
            _in_parallel(threads, changed, lambda edit: confirm_name(edit.folder / FILE))
    finally:
        for edit in edits:
            if edit.temporary is not None:
                with contextlib.suppress(OSError):
                    edit.temporary.unlink(missing_ok=True)
            if edit.lock is not None:
                edit.lock.release()
    return [edit.problem for edit in edits]


def _prepare(edit: _Edit, by: str, wait_s: float) -> None:
    edit.lock = TakeLock(edit.folder, wait_s=wait_s)
    manifest = read_manifest(edit.folder)
    new = curated_manifest(manifest, by, edit.changes)
    if new is not None:
        temporary = edit.temporary = temporary_path(edit.folder / FILE)
        temporary.write_bytes(json_bytes(new))


def _sync(edit: _Edit) -> None:
    assert edit.temporary is not None
    sync_path(edit.temporary)


def _rename(edit: _Edit) -> None:
    assert edit.temporary is not None
    edit.temporary.replace(edit.folder / FILE)


def _each(edits: Iterable[_Edit], step: Callable[[_Edit], None]) -> None:
    for edit in edits:
        _try(edit, step)


def _in_parallel(threads: ThreadPoolExecutor, edits: Sequence[_Edit], step: Callable[[_Edit], None]) -> None:
    if len(edits) == 1:  # without a thread: the system may have none left
        _each(edits, step)
        return
    for _ in threads.map(lambda edit: _try(edit, step), edits):
        pass


def _try(edit: _Edit, step: Callable[[_Edit], None]) -> None:
    """Run a step of an edit that has not failed; keep its error."""
    if edit.problem is None:
        try:
            step(edit)
        except (SpoolError, OSError) as error:
            edit.problem = error
