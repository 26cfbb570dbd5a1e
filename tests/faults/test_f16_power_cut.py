"""F16: The power fails: nothing is reported as saved before it is durable.

The test reads the calls of a real process: every file is fsynced before the rename that makes it visible, and success
is reported after the fsync of the folder. It cannot see a disk that reports an fsync and loses the bytes.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.save_a_take import TAKE
from tests.support.commit_a_batch import CAMERAS, encode
from tests.support.nth_call import ROOT, need_strace
from tests.support.takes import make_take

pytestmark = pytest.mark.faults
CALL = re.compile(r"^(?:\d+ +)?(?P<name>\w+)\((?P<args>.*)\) += (?P<result>-?\d+)")
OPENED = re.compile(r"\d+<(?P<path>/[^>]*)>")
NAMED = re.compile(r'"(?P<path>[^"]+)"')


def calls_of(scenario: str, home: Path) -> list[tuple[str, list[str]]]:
    """(call, paths) of every write, fsync and rename below `home`, and ("say", [...]) for its words, in order."""
    need_strace()
    trace = home.with_suffix(".trace")
    wanted = "trace=write,pwrite64,writev,fsync,fdatasync,rename,renameat,renameat2"
    command = ["strace", "-f", "-y", "-s", "400", "-o", str(trace), "-e", wanted, "-e", "signal=none"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run(
        [*command, sys.executable, "-m", scenario, str(home)], check=True, cwd=ROOT, env=environment, timeout=120
    )
    found: list[tuple[str, list[str]]] = []
    for line in trace.read_text().splitlines():
        call = CALL.match(line)
        if call is None or int(call["result"]) < 0:
            continue
        name, args = call["name"], call["args"]
        if name.startswith("rename"):
            found.append(("rename", [match["path"] for match in NAMED.finditer(args)]))
        elif (opened := OPENED.match(args)) and opened["path"].startswith(str(home)):
            found.append(("sync" if "sync" in name else "write", [opened["path"]]))
        elif name == "write" and args.startswith("1<"):
            found.append(("say", [args]))
    return found


def unsynced(calls: list[tuple[str, list[str]]]) -> set[str]:
    """Files that were written and not fsynced after it."""
    dirty: set[str] = set()
    for name, paths in calls:
        if name == "write":
            dirty.add(paths[0])
        elif name == "sync":
            dirty.discard(paths[0])
        elif name == "rename" and paths[0] in dirty:
            dirty.remove(paths[0])
            dirty.add(paths[1])
    return dirty


def test_it_says_saved_only_when_every_byte_of_the_take_is_durable(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    calls = calls_of("tests.faults.save_a_take", home)
    folder = str(home / "spool" / TAKE)
    said = next(place for place, (name, _) in enumerate(calls) if name == "say")
    renames = [
        place for place, (name, paths) in enumerate(calls) if name == "rename" and paths[1].endswith("take.json")
    ]
    assert len(renames) == 2, "one that says recording, one that says recorded"
    dirty = {path for path in unsynced(calls[: renames[-1]]) if Path(path).name not in {".lock", ".reserve"}}
    assert not dirty, "named before it was durable"
    after = [paths[0] for name, paths in calls[renames[-1] : said] if name == "sync"]
    assert folder in after, "the new name itself was not made durable before it was said"
    assert str(home / "spool") in [paths[0] for name, paths in calls if name == "sync"], "nor the take's folder"


def test_it_swaps_in_only_a_dataset_whose_every_byte_is_durable(tmp_path: Path) -> None:
    home = tmp_path / "home"
    encode(home, make_take(home / "spool", 5, cameras=CAMERAS))
    calls = calls_of("tests.support.commit_a_batch", home)
    swap = max(place for place, (name, paths) in enumerate(calls) if name == "rename" and paths[1] == f"{home}/dataset")
    dirty = {path for path in unsynced(calls[:swap]) if "/next/" in path}
    assert not dirty, "swapped in before it was durable"
    synced = {paths[0] for name, paths in calls[:swap] if name == "sync"}
    assert {path for path in synced if path.endswith("/next/meta") or path.endswith("/next")}, "names too"
    said = next(place for place, (name, _) in enumerate(calls) if name == "say")
    assert str(home) in [paths[0] for name, paths in calls[swap:said] if name == "sync"]
