"""A disk that forgets: what a process wrote is noted down, and rebuilt as a power cut would leave it.

The process runs with `disk_log.c` preloaded. A `Disk` is fed with its calls, one after the other; at any point it says
what a power cut leaves: without `chance` what must be there (bytes by an fsync of their file, names by one of their
folder), with it one of the many states that a disk may leave.
"""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.nth_call import ROOT

SOURCE = Path(__file__).with_name("disk_log.c")
BLOCK = 512
_HEAD = struct.Struct("<5Q")
_EXCHANGE = 2


@dataclass(frozen=True, slots=True)
class Event:
    """One call. `op`: C(reate), W(rite), T(runcate), F(sync), R(ename), U(nlink), M(kdir), L(ink), P(rint)."""

    op: str
    inode: int
    number: int
    first: bytes
    second: bytes


def need_preload(folder: Path, source: Path = SOURCE) -> Path:
    """The compiled library; skips, saying why, where it cannot be made."""
    if sys.platform != "linux" or not (compiler := shutil.which("gcc") or shutil.which("cc")):
        pytest.skip(f"no Linux, or no C compiler: {source.name} cannot be put before a process's calls")
    made = folder / source.with_suffix(".so").name
    command = [compiler, "-shared", "-fPIC", "-O1", "-o", str(made), str(source), "-ldl", "-lpthread"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"{source.name} does not compile here: {done.stderr.strip()[:300]}")
    return made


def record(library: Path, scenario: str, home: Path) -> list[Event]:
    """Runs `python -m scenario home`; every call by which it changed `home`, and its words, in order."""
    log = home.with_suffix(".disk")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}
    environment |= {"LD_PRELOAD": str(library), "DISK_LOG": str(log), "DISK_ROOT": str(home)}
    command = [sys.executable, "-m", scenario, str(home)]
    subprocess.run(command, check=True, cwd=ROOT, env=environment, timeout=120, capture_output=True)
    return list(_events(log.read_bytes()))


def _events(data: bytes) -> Iterator[Event]:
    at = 0
    while at < len(data):
        op, inode, number, first, second = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        yield Event(chr(op), inode, number, data[at : at + first], data[at + first : at + first + second])
        at += first + second


@dataclass(eq=False, slots=True)
class Node:
    """A file or a folder: what is durable of it, and what was done since."""

    folder: bool = False
    durable: bytes = b""
    waiting: list[tuple[int, bytes | None]] = field(default_factory=list)  # (offset, data) or (size, None)
    names: dict[str, Node] = field(default_factory=dict)  # as the process sees them
    kept: dict[str, Node] = field(default_factory=dict)  # as they are durable


@dataclass(eq=False, slots=True)
class Change:
    """Names that change in one step: {(folder, name): node, or None where it goes}."""

    slots: dict[tuple[Node, str], Node | None]
    before: set[Node]

    @property
    def touched(self) -> set[object]:
        return {*self.slots, *(node for node in self.slots.values() if node), *self.before}


class Disk:
    """Begins with what lies below `home`, all of it durable."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.said = ""
        self.changes: list[Change] = []
        self._nodes: dict[int, Node] = {}
        self.root = self._read(home)

    def feed(self, event: Event) -> None:
        if event.op == "P":
            self.said += event.first.decode()
        elif event.op == "W":
            self._nodes[event.inode].waiting.append((event.number, event.first))
        elif event.op == "T":
            self._nodes[event.inode].waiting.append((event.number, None))
        elif event.op == "F":
            self._sync(self._nodes[event.inode])
        else:
            self._name(event)

    def survives(self, chance: random.Random | None) -> Wreck:
        """What a power cut leaves now: with `chance` one of many, without it no more than must be there."""
        chosen = set() if chance is None else {change for change in self.changes if chance.random() < 0.5}
        names: dict[Node, dict[str, Node]] = {}
        for change in self._with_what_they_rest_on(chosen):
            for (place, name), new in change.slots.items():
                _put(names.setdefault(place, dict(place.kept)), name, new)
        contents: dict[Node, bytes] = {}
        entries: list[tuple[str, Node, bytes | None]] = []
        todo = [("", self.root)]
        while todo:
            path, folder = todo.pop()
            for name, node in sorted(names.get(folder, folder.kept).items()):
                if node.folder:
                    entries.append((path + name, node, None))
                    todo.append((f"{path}{name}/", node))
                else:
                    if node not in contents:
                        contents[node] = node.durable if chance is None else _some(node, chance)
                    entries.append((path + name, node, contents[node]))
        return Wreck(entries)

    def seen(self) -> dict[str, bytes]:
        """What the process itself would see: to check that nothing was missed."""
        found: dict[str, bytes] = {}

        def walk(node: Node, path: str) -> None:
            for name, child in node.names.items():
                if child.folder:
                    walk(child, f"{path}{name}/")
                else:
                    found[path + name] = _applied(child.durable, child.waiting)

        walk(self.root, "")
        return found

    def _read(self, path: Path) -> Node:
        number = path.lstat().st_ino
        node = self._nodes.get(number)
        if node is None:
            node = self._nodes[number] = Node(folder=path.is_dir())
            if node.folder:
                node.names = {child.name: self._read(child) for child in path.iterdir()}
                node.kept = dict(node.names)
            else:
                node.durable = path.read_bytes()
        return node

    def _place(self, path: bytes) -> tuple[Node, str]:
        parts = Path(os.fsdecode(path)).relative_to(self.home).parts
        node = self.root
        for part in parts[:-1]:
            node = node.names[part]
        return node, parts[-1]

    def _name(self, event: Event) -> None:
        folder, name = self._place(event.first)
        slots: dict[tuple[Node, str], Node | None]
        if event.op in "CM":
            node = self._nodes[event.inode] = Node(folder=event.op == "M")
            slots = {(folder, name): node}
        elif event.op == "U":
            slots = {(folder, name): None}
        else:
            target = self._place(event.second)
            there = target[0].names.get(target[1])
            slots = {target: folder.names[name]}
            if event.op == "R":
                slots[folder, name] = there if event.number & _EXCHANGE else None
        before = {node for place, key in slots if (node := place.names.get(key))}
        self.changes.append(Change(slots, before))
        for (place, key), new in slots.items():
            _put(place.names, key, new)

    def _sync(self, node: Node) -> None:
        if not node.folder:
            node.durable, node.waiting = _applied(node.durable, node.waiting), []
            return
        asked = {change for change in self.changes if any(place is node for place, _ in change.slots)}
        for change in self._with_what_they_rest_on(asked):
            for (place, name), new in change.slots.items():
                _put(place.kept, name, new)
            self.changes.remove(change)

    def _with_what_they_rest_on(self, chosen: set[Change]) -> list[Change]:
        """These changes and the earlier ones of the same names and files, in order: no file system swaps those."""
        wanted: set[Change] = set()
        touched: set[object] = set()
        for change in reversed(self.changes):
            if change in chosen or touched & change.touched:
                wanted.add(change)
                touched |= change.touched
        return [change for change in self.changes if change in wanted]


@dataclass(frozen=True, slots=True)
class Wreck:
    """What a power cut left: path, node (the same for two links), bytes (None: a folder); folders come first."""

    entries: list[tuple[str, Node, bytes | None]]

    @property
    def fingerprint(self) -> str:
        summed = hashlib.sha256()
        for path, _, data in sorted(self.entries, key=lambda entry: entry[0]):
            summed.update(repr((path, None if data is None else hashlib.sha256(data).digest())).encode())
        return summed.hexdigest()

    def build(self, home: Path) -> None:
        """Put it on a real disk; `home` must not be there yet."""
        home.mkdir(parents=True)
        made: dict[Node, Path] = {}
        for name, node, data in self.entries:
            path = home / name
            if data is None:
                path.mkdir()
            elif node in made:
                os.link(made[node], path)
            else:
                path.write_bytes(data)
                made[node] = path


def _put(names: dict[str, Node], name: str, node: Node | None) -> None:
    if node is None:
        names.pop(name, None)
    else:
        names[name] = node


def _applied(data: bytes, waiting: list[tuple[int, bytes | None]]) -> bytes:
    made = bytearray(data)
    for at, written in waiting:
        made.extend(bytes(max(0, at - len(made))))
        if written is None:
            del made[at:]
        else:
            made[at : at + len(written)] = written
    return bytes(made)


def _some(node: Node, chance: random.Random) -> bytes:
    """Each write since the last fsync is lost, whole, torn at a block, or only its length is there; in any mixture."""
    kept: list[tuple[int, bytes | None]] = []
    for at, data in node.waiting:
        fate = chance.choice(["lost", "whole", "torn", "length"])
        if data is None:
            kept += [(at, None)] if fate in {"whole", "torn"} else []
        elif fate == "whole":
            kept.append((at, data))
        elif fate == "torn":
            end = (at + chance.randrange(len(data) + 1)) // BLOCK * BLOCK
            kept.append((at, data[: max(0, end - at)]))
        elif fate == "length":
            kept.append((at, bytes(len(data))))
    return _applied(node.durable, kept)
