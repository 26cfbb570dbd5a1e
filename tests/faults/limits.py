"""A limit of memory, or of processes and threads, for real processes: a control group of their own, of either version.

Who asks for more memory than that is killed by the kernel; who asks for one more process or thread is told no.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

GROUPS = Path("/sys/fs/cgroup")


class Limit:
    """A control group; who is put into it may have so much and no more, together with all that it starts."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._limit = folder / name

    def set(self, size: int | str) -> None:
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
def memory_limit() -> Iterator[Limit]:
    """Skips, saying why, where no group can be made."""
    with _group("memory", "memory.max", "memory.limit_in_bytes") as made:
        yield made


@contextlib.contextmanager
def process_limit() -> Iterator[Limit]:
    """Of processes and threads together; skips, saying why, where no group can be made."""
    with _group("pids", "pids.max", "pids.max") as made:
        yield made


def resident(pid: int) -> int:
    """Bytes of memory that a process has to itself and shares."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@contextlib.contextmanager
def _group(what: str, name: str, old_name: str) -> Iterator[Limit]:
    made = _make(what, name, old_name)
    try:
        yield made
    finally:
        made.release()


def _make(what: str, name: str, old_name: str) -> Limit:
    why = "no control groups here"
    for parent, file in _places(what, name, old_name):
        folder = parent / f"robotdata-test-{secrets.token_hex(4)}"
        try:
            folder.mkdir()
        except OSError as error:
            why = str(error)
            continue
        if (folder / file).exists():
            return Limit(folder, file)
        folder.rmdir()
    pytest.skip(f"{what} cannot be limited here: {why}")


def _places(what: str, name: str, old_name: str) -> Iterator[tuple[Path, str]]:
    """(where a group may be made, its file for the limit), version 2 first."""
    own = {}
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, names, path = line.split(":", 2)
            own[names] = path.lstrip("/")
    for place in dict.fromkeys([GROUPS / own.get("", ""), GROUPS]):
        if (place / "cgroup.controllers").is_file():
            yield place, name
    if (GROUPS / what / "cgroup.procs").is_file():
        yield GROUPS / what, old_name
