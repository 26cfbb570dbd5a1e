"""F07: The files of a killed rig's take are cut, lengthened, holed, flipped and swapped; then `manage.py recover` runs.

The command reports what it found and exits with 0, 3 or 1; the decoded frames show whether it was right.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import sys
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from robotdata.spool import Take, read_manifest
from robotdata.spool.index import RECORD
from robotdata.spool.rows import read_rows
from robotdata.video.barcode import read
from robotdata.video.jpeg import decode_jpeg
from robotdata.video.packets import read_packets
from tests.recorder.sockets.conftest import Web, make_home
from tests.support import programs
from tests.support.nth_call import ROOT
from tests.support.rigs import FRONT, TICKED, RigProcess, new_dataset

pytestmark = pytest.mark.faults
TOP = "observation.images.top"
VIDEO, INDEX, ROWS = f"{FRONT}.mkv", f"{FRONT}.idx", "rows.arrow"


@dataclass
class Left:
    """A take of a killed rig, and a home whose spool is empty."""

    take: Path
    home: Path
    rows: int

    def copy(self, spool: Path, damage: Callable[[Path], object]) -> str:
        """One more of it, with a name of its own, damaged; its id."""
        name = str(uuid.uuid4())
        shutil.copytree(self.take, spool / name)
        manifest = spool / name / "take.json"
        manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"id": name}))
        damage(spool / name)
        return name


@pytest.fixture(scope="module")
def left(web: Web, tmp_path_factory: pytest.TempPathFactory) -> Left:
    rig = RigProcess(web, tmp_path_factory.mktemp("rig"), cameras={"front": TICKED, "top": TICKED})
    try:
        rig.start()
        take = rig.record(new_dataset(web, "Torn"))
        rig.written(take, 40)
    finally:
        rig.end(signal.SIGKILL)
    folder = tmp_path_factory.mktemp("left") / take
    shutil.copytree(rig.spool / take, folder)
    home = tmp_path_factory.mktemp("home")
    make_home(home)
    return Left(folder, home, read_rows(folder / ROWS).table.num_rows)


@pytest.fixture
def home(left: Left, tmp_path: Path) -> Path:
    made = tmp_path / "home"
    shutil.copytree(left.home, made)
    (made / "spool").mkdir(exist_ok=True)
    return made


def recover(home: Path) -> tuple[int, str]:
    command = [sys.executable, "manage.py", "recover"]
    env = {**os.environ, "ROBOTDATA_HOME": str(home)}
    done = programs.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


def shown(folder: Path, key: str = FRONT) -> list[int]:
    """The number in the picture of each row; -1 where it has none."""
    with Take.open(folder) as take:
        camera = take.camera(key)
        return [read(decode_jpeg(camera.packet(i))).tick if i >= 0 else -1 for i in take.frame_index(key).tolist()]


def changed(path: Path, at: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(data)


def flip(path: Path, at: int) -> None:
    changed(path, at, bytes([path.read_bytes()[at] ^ 0x10]))


def cut(name: str, count: int) -> Callable[[Path], None]:
    return lambda folder: os.truncate(folder / name, (folder / name).stat().st_size - count)


def lengthened(folder: Path) -> None:
    for number, path in enumerate((folder / VIDEO, folder / INDEX, folder / ROWS)):
        with path.open("ab") as file:
            file.write(random.Random(number).randbytes(300))


def hole(folder: Path) -> None:
    """4 KiB of zeros in the middle of a camera's frames."""
    packets = list(read_packets(folder / VIDEO))
    changed(folder / VIDEO, packets[len(packets) // 2].offset + 100, bytes(4096))


def swap(folder: Path) -> None:
    data = (folder / INDEX).read_bytes()
    third, ninth = (data[at * RECORD.size : (at + 1) * RECORD.size] for at in (3, 9))
    changed(folder / INDEX, 3 * RECORD.size, ninth)
    changed(folder / INDEX, 9 * RECORD.size, third)


def test_a_take_that_was_only_killed_is_whole(left: Left, home: Path) -> None:
    name = left.copy(home / "spool", lambda folder: None)
    code, said = recover(home)
    assert code == 0, said
    assert f"Take {name}: interrupted, {left.rows} frames recovered." in said
    assert "1 take in the spool: 1 usable, 1 closed as interrupted, 1 new to the database" in said
    assert shown(home / "spool" / name) == shown(home / "spool" / name, TOP) == list(range(left.rows))


def test_it_ends_with_1_where_nothing_is_usable(left: Left, home: Path) -> None:
    name = left.copy(home / "spool", lambda folder: (folder / "take.json").write_bytes(b'{"format": "robo'))
    code, said = recover(home)
    assert code == 1, said
    assert f"LOST Take {name}: take {name}: take.json is not valid JSON" in said
    assert "its frames and rows are untouched" in said


def test_it_keeps_all_before_a_fault_goes_on_after_a_hole_and_says_what_is_gone(left: Left, home: Path) -> None:
    spool, rows = home / "spool", left.rows
    packets = list(read_packets(left.take / VIDEO))
    ends = read_rows(left.take / ROWS).ends
    with Take.open(left.take) as whole:
        lead = int(whole.frame_index(FRONT)[0])  # pictures from before the first row
    cuts = {count: left.copy(spool, cut(VIDEO, count)) for count in (1, 700, 4096)}
    longer, swapped = left.copy(spool, lengthened), left.copy(spool, swap)
    holed = left.copy(spool, hole)
    bit = left.copy(spool, lambda folder: flip(folder / VIDEO, packets[12].offset + packets[12].size // 2))
    bad_row = left.copy(spool, lambda folder: flip(folder / ROWS, ends[21] - 8))
    half_row = left.copy(spool, cut(ROWS, 9))
    code, said = recover(home)
    assert code == 3, said

    def words(name: str) -> str:
        with contextlib.suppress(StopIteration):
            return next(line for line in said.splitlines() if line.startswith(f"Take {name}: "))
        raise AssertionError(said)

    for count, name in cuts.items():
        kept = sum(packet.offset + packet.size <= packets[-1].offset + packets[-1].size - count for packet in packets)
        kept = min(kept - lead, rows)
        assert f"interrupted, {kept} frames recovered" in words(name), (count, words(name))
        assert f"{rows - kept} lost at the end" in words(name) or kept == rows
        assert shown(spool / name) == list(range(kept)), count
    assert f"interrupted, {rows} frames recovered, 1 lost at the end" in words(longer)
    assert shown(spool / longer) == list(range(rows))
    assert words(swapped) == f"Take {swapped}: interrupted, {rows} frames recovered."
    assert shown(spool / swapped) == list(range(rows))

    seen = shown(spool / holed)
    gone = [row for row, number in enumerate(seen) if number != row]
    assert f"interrupted, {rows} frames recovered; damaged frames: front" in words(holed)
    assert 1 <= len(gone) <= 6 and gone == list(range(gone[0], gone[-1] + 1)), "it goes on right after the hole"
    assert all(seen[row] == gone[0] - 1 for row in gone) and shown(spool / holed, TOP) == list(range(rows))
    assert words(bit).endswith(f"{rows} frames recovered; damaged frames: front 1.")
    assert [row for row, number in enumerate(shown(spool / bit)) if number != row] == [12 - lead]
    assert f"interrupted, 20 frames recovered, {rows - 20} lost at the end" in words(bad_row)
    assert shown(spool / bad_row) == list(range(20))
    assert f"interrupted, {rows - 1} frames recovered, 1 lost at the end" in words(half_row)
    assert shown(spool / half_row) == list(range(rows - 1))

    lost = {line.split()[2].rstrip(":") for line in said.splitlines() if line.startswith("LOST Take ")}
    assert lost >= {longer, holed, bit, bad_row, half_row, cuts[4096]} and swapped not in lost
    before = {path: path.read_bytes() for path in spool.rglob("*") if path.is_file() and path.name != ".lock"}
    assert recover(home)[0] == 0
    after = {path: path.read_bytes() for path in spool.rglob("*") if path.is_file() and path.name != ".lock"}
    assert after == before, "a second recovery changes nothing"
    assert {read_manifest(folder)["state"] for folder in spool.iterdir()} == {"interrupted"}
