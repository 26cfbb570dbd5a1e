"""F07: A flipped bit in a take's rows that aborted Arrow: all commands start and list the take."""

from __future__ import annotations

import http.cookiejar
import shutil
import signal
import struct
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from robotdata.spool import Take, read_manifest
from tests.support import programs
from tests.support.commands_home import Home
from tests.support.fuzz_home import CAMERA, KILLED, OLD, RECORDED, TICKS, make_takes, new_take
from tests.support.nth_call import ROOT
from tests.support.ports import free_port

pytestmark = pytest.mark.faults
WITHIN_S = 120  # how long a step may take on a busy machine; how quick it is, is measured elsewhere


@dataclass
class Struck:
    """A home with takes whose rows claim 2^63 values, and a good one."""

    home: Home
    killed: Path
    old: Path
    finished: Path
    good: Path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    template = tmp_path_factory.mktemp("template")
    make_takes(template / "takes")
    return template


@pytest.fixture
def struck(made: Path, tmp_path: Path) -> Struck:
    home = Home(tmp_path / "home")
    (home.path / "spool").mkdir(parents=True)
    kinds = (KILLED, OLD, RECORDED, RECORDED)
    takes = [new_take(home.path, made, kind, f"{n}0000000-0000-4000-8000-000000000000") for n, kind in enumerate(kinds)]
    shutil.copy(made / "takes" / OLD / "rows.arrow", takes[2] / "rows.arrow")
    for take in takes[:3]:
        claim_too_many_values(take / "rows.arrow")
    return Struck(home, *takes)


def claim_too_many_values(rows: Path) -> None:
    """Turn the top bit of how many values the list of joints in the first row has: 3, behind the row's own 1."""
    data = bytearray(rows.read_bytes())
    at = data.index(struct.pack("<qqqq", 1, 0, 3, 0)) + 23
    data[at] ^= 0x80
    rows.write_bytes(data)


def kept(take: Path) -> int:
    with Take.open(take) as opened:
        assert opened.column("tick").tolist() == list(range(opened.rows.num_rows))
        return opened.rows.num_rows


def test_recover_and_rebuild_go_through(struck: Struck) -> None:
    assert struck.home.manage("migrate", "-v0")[0] == 0
    code, said = struck.home.manage("recover")
    assert code == 3, said
    assert f"Take {struck.killed.name}: interrupted, 0 frames recovered, {TICKS} lost at the end" in said
    assert f"Take {struck.old.name}: interrupted, {TICKS} frames recovered." in said, "no value was touched"
    assert (struck.killed / "rows.arrow.lost").stat().st_size > 0, "what was cut off lies beside it"
    assert [kept(take) for take in (struck.killed, struck.old, struck.finished, struck.good)] == [
        0,
        TICKS,
        TICKS,
        TICKS,
    ]
    code, said = struck.home.manage("rebuild", "--deep")
    assert code == 0 and "4 takes in the spool: 4 usable" in said, said


@contextmanager
def started(struck: Struck, *command: str) -> Iterator[subprocess.Popen[str]]:
    args = [sys.executable, *command]
    with programs.Popen(
        args, cwd=ROOT, env=struck.home.env | {"ROBOTDATA_LOG": "INFO"}, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True,
    ) as process:  # fmt: skip
        killer = signal.SIGTERM
        try:
            yield process
        finally:
            process.send_signal(killer)
            process.wait(WITHIN_S)


def line_with(process: subprocess.Popen[str], words: str) -> str:
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if words in line:
            return line
    raise AssertionError("".join(lines))


def test_the_rig_starts(struck: Struck) -> None:
    with started(struck, "-m", "robotdata.rig", "--spool", str(struck.home.path / "spool")) as rig:
        line_with(rig, "takes are saved in")
        states = [read_manifest(take)["state"] for take in (struck.killed, struck.old)]
    assert rig.returncode == 0 and states == ["interrupted"] * 2


def test_the_product_starts_and_shows_them(struck: Struck) -> None:
    port = free_port()
    with started(struck, "manage.py", "run", "--no-rig", "--no-worker", "--port", str(port)) as product:
        link = line_with(product, "robotdata is ready").split("ready: ")[1].strip()
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        browser = urllib.request.build_opener(jar)
        assert browser.open(link, timeout=WITHIN_S).status == 200
        for take in (struck.finished, struck.old, struck.good):
            for part in (f"frame/{CAMERA}/0.jpg", "signals.bin"):
                address = f"http://127.0.0.1:{port}/media/{take.name}/{part}"
                with browser.open(address, timeout=WITHIN_S) as answer:
                    assert answer.status == 200 and len(answer.read()) > 100
        assert product.poll() is None
