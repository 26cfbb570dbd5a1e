"""Counts in every process of the product that has this folder in PYTHONPATH; `bench/budgets.py` reads the numbers.

Python imports a module of this name at its start. The numbers lie in a mapped file `<process>.counts` of the folder
that ROBOTDATA_COUNTS names, one 8-byte integer for each of `tests.support.counting.NAMES`.
"""

from __future__ import annotations

import mmap
import os
import sys
import threading
from pathlib import Path

_lock = threading.Lock()


class Shared:
    """The numbers of this process; a child that is forked from it gets a file of its own."""

    def __init__(self, folder: Path, names: tuple[str, ...]) -> None:
        self.folder = folder
        self.names = names
        self.open()

    def open(self) -> None:
        path = self.folder / f"{os.getpid()}.counts"
        part = path.with_suffix(".part")
        part.write_bytes(bytes(8 * len(self.names)))
        part.replace(path)  # it is read at any time
        with path.open("r+b") as file:
            self.numbers = memoryview(mmap.mmap(file.fileno(), 0)).cast("Q")

    def add(self, name: str, number: int) -> None:
        with _lock:
            self.numbers[self.names.index(name)] += number


def start(folder: str) -> None:
    """Count from now on."""
    from tests.support import counting

    shared = Shared(Path(folder), counting.NAMES)
    os.register_at_fork(after_in_child=shared.open)
    patches = counting.disk_patches(shared.add)
    if {"robotdata.web", "celery"} & set(sys.orig_argv):  # a rig knows no Django
        patches += counting.web_patches(shared.add)
    for patch in patches:
        patch.start()


if folder := os.environ.get("ROBOTDATA_COUNTS"):
    start(folder)
