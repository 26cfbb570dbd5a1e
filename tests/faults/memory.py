"""A limit of memory for real processes: a control group of their own, of either version; the kernel kills in it."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

GROUPS = Path("/sys/fs/cgroup")


class MemoryLimit:
    """A control group; who is put into it may have so much memory and no more."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._limit = folder / name

    def set(self, size: int) -> None:
        self._limit.write_text(str(size))
        with contextlib.suppress(OSError):  # no way out through the swap
            (self._folder / "memory.swap.max").write_text("0")

    def hold(self, pid: int) -> None:
        (self._folder / "cgroup.procs").write_text(str(pid))

    def release(self) -> None:
        """Give its processes back to where this one is, and remove it."""
        end = time.monotonic() + 10
        while time.monotonic() < end:
            with contextlib.suppress(OSError):
                self._folder.rmdir()
                return
            for pid in (self._folder / "cgroup.procs").read_text().split():
                with contextlib.suppress(OSError):
                    (self._folder.parent / "cgroup.procs").write_text(pid)
            time.sleep(0.1)


@contextlib.contextmanager
def memory_limit() -> Iterator[MemoryLimit]:
    """Skips, saying why, where no group can be made."""
    made = _make()
    try:
        yield made
    finally:
        made.release()


def resident(pid: int) -> int:
    """Bytes of memory that a process has to itself and shares."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _make() -> MemoryLimit:
    why = "no control groups here"
    for parent, name in _places():
        folder = parent / f"robotdata-test-{secrets.token_hex(4)}"
        try:
            folder.mkdir()
        except OSError as error:
            why = str(error)
            continue
        if (folder / name).exists():
            return MemoryLimit(folder, name)
        folder.rmdir()
    pytest.skip(f"memory cannot be limited here: {why}")


def _places() -> Iterator[tuple[Path, str]]:
    """(where a group may be made, its file for the limit), version 2 first."""
    own = {}
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, names, path = line.split(":", 2)
            own[names] = path.lstrip("/")
    for place in dict.fromkeys([GROUPS / own.get("", ""), GROUPS]):
        if (place / "cgroup.controllers").is_file():
            yield place, "memory.max"
    if (GROUPS / "memory/memory.limit_in_bytes").is_file():
        yield GROUPS / "memory", "memory.limit_in_bytes"
