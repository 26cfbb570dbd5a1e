"""What people say of many takes, written together: the disk makes it last once for all, not once for each."""

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
from robotdata.spool.manifest import FILE, curate, read_manifest
from robotdata.spool.take_lock import TakeLock

_HANDS = 4
_LOCK_WAIT_S = 0.1
_ALONE_WAIT_S = 2.0  # for one take: nobody waits behind it
Problem = SpoolError | OSError


@dataclass(slots=True)
class _Work:
    folder: Path
    changes: Mapping[str, Any]
    lock: TakeLock | None = None
    part: Path | None = None
    problem: Problem | None = None


def update_curations(wanted: Sequence[tuple[Path, Mapping[str, Any]]], *, by: str = "") -> list[Problem | None]:
    """`update_curation` of each folder; for each None, when what it says will last, or why it is as it was.

    NotDurable means that it is not: it says what it shall, and may not last.

    All are written before the first is synced, and renamed before the first folder is: a journal takes them in one.
    """
    works = [_Work(folder, changes) for folder, changes in wanted]
    try:
        wait_s = _ALONE_WAIT_S if len(works) == 1 else _LOCK_WAIT_S
        _each(works, lambda work: _prepare(work, by, wait_s))
        changed = [work for work in works if work.part is not None]
        with ThreadPoolExecutor(_HANDS) as hands:
            _all(hands, changed, _sync_part)
            _each(changed, _rename)
            _all(hands, changed, lambda work: confirm_name(work.folder / FILE))
    finally:
        for work in works:
            if work.part is not None:
                with contextlib.suppress(OSError):
                    work.part.unlink(missing_ok=True)
            if work.lock is not None:
                work.lock.release()
    return [work.problem for work in works]


def _prepare(work: _Work, by: str, wait_s: float) -> None:
    work.lock = TakeLock(work.folder, wait_s=wait_s)
    manifest = read_manifest(work.folder)
    new = curate(manifest, by, work.changes)
    if new is not None:
        part = work.part = temporary_path(work.folder / FILE)
        part.write_bytes(json_bytes(new))


def _sync_part(work: _Work) -> None:
    assert work.part is not None
    sync_path(work.part)


def _rename(work: _Work) -> None:
    assert work.part is not None
    work.part.replace(work.folder / FILE)


def _each(works: Iterable[_Work], act: Callable[[_Work], None]) -> None:
    for work in works:
        _try(work, act)


def _all(hands: ThreadPoolExecutor, works: Sequence[_Work], act: Callable[[_Work], None]) -> None:
    if len(works) == 1:  # needs no thread, of which there may be none left
        _each(works, act)
        return
    for _ in hands.map(lambda work: _try(work, act), works):
        pass


def _try(work: _Work, act: Callable[[_Work], None]) -> None:
    if work.problem is None:
        try:
            act(work)
        except (SpoolError, OSError) as error:
            work.problem = error
