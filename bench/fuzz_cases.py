"""What case `number` of a seed is: a take, a dataset or a rig's message with one to three changes."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from bench.fuzz_bytes import change_bytes, change_claim, change_index, change_length, change_rows
from bench.fuzz_json import change_json
from bench.fuzz_tables import change_table
from tests.support.fuzz_home import CAMERA, KILLED, KINDS, OLD, RECORDED, TICKS, new_dataset, new_take

Change = Callable[[Path, random.Random], str]
VIDEO, INDEX = f"{CAMERA}.mkv", f"{CAMERA}.idx"
EPISODES, DATA = "meta/episodes/chunk-000/file-000.parquet", "data/chunk-000/file-000.parquet"
MP4 = f"videos/{CAMERA}/chunk-000/file-000.mp4"


@dataclass
class Case:
    """One mutated input in a home. `target`: the take's id or the dataset's slug; `card`: what a rig says of it."""

    number: int
    kind: str
    target: str
    what: list[str] = field(default_factory=list)
    card: str = ""

    @property
    def is_dataset(self) -> bool:
        return self.kind in DATASET_KINDS


def make_case(home: Path, template: Path, seed: int, number: int, kinds: Sequence[str] = ()) -> Case:
    """Put case `number` of `seed` into the home; the same numbers and `kinds` (none: all) give the same files."""
    chance = random.Random(f"{seed}/{number}")
    among = list(kinds) or list(KINDS_OF_CASE)
    kind = chance.choices(among, [KINDS_OF_CASE[each][0] for each in among])[0]
    changes = chance.choices([1, 2, 3], [8, 2, 1])[0]
    change = KINDS_OF_CASE[kind][1]
    name = str(uuid.UUID(int=chance.getrandbits(128), version=4))
    if kind in DATASET_KINDS:
        case = Case(number, kind, f"d{number}")
        folder = new_dataset(home, template, case.target, number)
    else:
        case = Case(number, kind, name)
        state = RECORDED if kind == "message" else chance.choice(KINDS)
        if kind in {"rows", "index", "video"}:
            state = chance.choice([RECORDED, KILLED, KILLED, OLD])
        folder = new_take(home, template, state, name)
        case.what.append(state)
        if kind == "message":
            case.card = json.dumps(_message(folder))
    for _ in range(changes):
        try:
            if kind == "message":
                case.card, what = change_json(case.card, chance)
                case.what.append(what)
            else:
                case.what.append(change(folder, chance))
        except (
            OSError,
            ValueError,
            TypeError,
            LookupError,
            RecursionError,
        ) as error:  # what an earlier change has spoilt
            case.what.append(f"no further change ({type(error).__name__})")
            break
    return case


def _message(folder: Path) -> dict[str, object]:
    card = json.loads((folder / "take.json").read_text())
    card.pop("features")
    return {"type": "take", "event": "saved", "take": card | {"ticks": TICKS}}


def _json(name: str) -> Change:
    def change(folder: Path, chance: random.Random) -> str:
        path = folder / name
        if chance.random() < 0.08:
            data, what = change_bytes(path.read_bytes(), chance)
            path.write_bytes(data)
        else:
            text, what = change_json(path.read_text(), chance)
            path.write_text(text)
        return f"{name}: {what}"

    return change


def _bytes(name: str) -> Change:
    def change(folder: Path, chance: random.Random) -> str:
        path = folder / name
        if chance.random() < 0.01:
            return f"{name}: {change_length(path, chance)}"
        others = sorted(each for each in folder.rglob("*") if each.is_file() and each != path and each.stat().st_size)
        data, what = change_bytes(path.read_bytes(), chance, chance.choice(others).read_bytes() if others else b"")
        path.write_bytes(data)
        return f"{name}: {what}"

    return change


def _sealed(name: str, seal: Callable[[bytes, random.Random], tuple[bytes, str]]) -> Change:
    plain = _bytes(name)

    def change(folder: Path, chance: random.Random) -> str:
        draw = chance.random()
        if draw < 0.5:
            return plain(folder, chance)
        data, what = (change_claim if draw < 0.6 else seal)((folder / name).read_bytes(), chance)
        (folder / name).write_bytes(data)
        return f"{name}: {what}"

    return change


def _table(name: str) -> Change:
    plain = _bytes(name)

    def change(folder: Path, chance: random.Random) -> str:
        if chance.random() < 0.75:
            with contextlib.suppress(pa.ArrowException):  # an earlier change has left no table
                return f"{name}: {change_table(folder / name, chance)}"
        return plain(folder, chance)

    return change


def _files(folder: Path, chance: random.Random) -> str:
    """Take a file away, put a folder or a link there, empty it, rename it, or add one that is not ours."""
    places = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    path = chance.choice(places)
    name, act = path.relative_to(folder).as_posix(), chance.randrange(9)
    if act == 0:
        path.unlink()
        return f"{name}: gone"
    if act == 1:
        path.write_bytes(b"")
        return f"{name}: empty"
    if act == 2:
        path.unlink()
        path.mkdir()
        return f"{name}: a folder"
    if act == 3:
        path.unlink()
        to = chance.choice(["/etc/passwd", "nowhere", path.name, "..", "/dev/zero", "/dev/null", "/proc/self/mem"])
        path.symlink_to(to)
        return f"{name}: a link to {to}"
    if act == 4:
        new = chance.choice([name + " (copy)", name.upper(), "." + path.name, os.fsdecode(b"caf\xe9") + path.suffix])
        path.rename(path.with_name(Path(new).name))
        return f"{name}: renamed to {ascii(new)}"
    if act == 5:
        path.chmod(0)
        return f"{name}: nobody may read it"
    if act == 6:
        new = chance.choice([".recovery.json", ".lock", "quality.json", "rows.arrow.new", f"{CAMERA}.idx.new", "x.tmp"])
        (folder / new).write_bytes(chance.choice([b"", b"{}", b"[]", b"null", b'{"cuts": 5}', b"\xff" * 40]))
        return f"{new}: added"
    if act == 7:
        for each in folder.iterdir():
            shutil.rmtree(each) if each.is_dir() else each.unlink()
        return "all files gone"
    other = chance.choice(places)
    path.write_bytes(other.read_bytes())
    return f"{name}: holds {other.relative_to(folder).as_posix()}"


def _settings(folder: Path, chance: random.Random) -> str:
    path = folder.parent / ".settings" / f"{folder.name}.json"
    path.parent.mkdir(exist_ok=True)
    plain = {"title": "T", "policy": "manual", "codec": "h264", "goal": 5, "encode": {"codec": "h264", "crf": 23}}
    text, what = change_json(json.dumps(plain), chance)
    path.write_text(text)
    return f".settings: {what}"


def _none(folder: Path, chance: random.Random) -> str:
    raise ValueError("a message is changed, not a folder")


TAKE_KINDS: dict[str, tuple[int, Change]] = {
    "manifest": (34, _json("take.json")),
    "rows": (12, _sealed("rows.arrow", change_rows)),
    "index": (8, _sealed(INDEX, change_index)),
    "video": (6, _bytes(VIDEO)),
    "files": (6, _files),
    "message": (6, _none),
}
DATASET_KINDS: dict[str, tuple[int, Change]] = {
    "info": (7, _json("meta/info.json")),
    "stats": (2, _json("meta/stats.json")),
    "sidecar": (3, _json("meta/robotdata.json")),
    "settings": (2, _settings),
    "tasks": (3, _table("meta/tasks.parquet")),
    "episodes": (4, _table(EPISODES)),
    "data": (3, _table(DATA)),
    "mp4": (2, _bytes(MP4)),
    "folders": (2, _files),
}
KINDS_OF_CASE = TAKE_KINDS | DATASET_KINDS
