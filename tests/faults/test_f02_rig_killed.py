"""F02: A real rig is killed while it starts, stops or discards a take, and again while it recovers that take.

The take is whole or interrupted, never between; a second recovery leaves the same bytes as an undisturbed one.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from robotdata.spool import list_takes, read_manifest
from tests.recorder.sockets.conftest import Web
from tests.support import programs
from tests.support.nth_call import CALLS, KILL, ROOT, need_strace
from tests.support.rigs import RigProcess, new_dataset, rows_in, running, shown_at_rows, until

pytestmark = pytest.mark.faults
BROKEN = [("write", 3), ("fsync", 2), ("rename", 1), ("rename", 2)]


@pytest.fixture(scope="module")
def rig(web: Web, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RigProcess]:
    with running(web, tmp_path_factory.mktemp("rig")) as made:
        yield made


@pytest.fixture(scope="module")
def dataset(web: Web) -> str:
    return new_dataset(web, "Killed at a stage")


def killed_at(rig: RigProcess, dataset: str, stage: str) -> str:
    """A take whose rig was killed there; its id."""
    take = str(uuid.uuid4())
    assert rig.ask_for(dataset, take)[0] == 200
    if stage != "starting":
        rig.written(take, 8)
        assert rig.do({"stopping": "stop", "discarding": "discard"}[stage])[0] == 200
    rig.end(signal.SIGKILL)
    return take


@pytest.mark.parametrize("stage", ["starting", "stopping", "discarding"])
def test_a_take_is_whole_or_interrupted_and_so_it_is_shown(rig: RigProcess, dataset: str, stage: str) -> None:
    take = killed_at(rig, dataset, stage)
    rows = rows_in(rig.spool / take)
    rig.start()
    if not (rig.spool / take / "take.json").exists():  # it never was one
        assert stage == "starting" and rows == 0
        assert rig.episode(take) == {}, "it is said to be recorded, and nobody will end it"
        return
    until(lambda: rig.episode(take).get("state") != "recording")
    manifest = rig.ended(take)
    assert manifest["state"] in ("recorded", "interrupted") and manifest["ticks"] >= max(
        rows, 8 * (stage != "starting")
    )
    assert [code.tick for code in shown_at_rows(rig.spool / take)] == list(range(manifest["ticks"]))
    if manifest["state"] == "recorded":
        rejected = stage == "discarding" or manifest["ticks"] == 0
        assert manifest["curation"]["verdict"] == ("reject" if rejected else "unreviewed")
    assert rig.episode(take)["verdict"] == manifest["curation"]["verdict"]


@pytest.fixture(scope="module")
def left(rig: RigProcess, dataset: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A spool with the take of a rig that was killed, its last row torn."""
    take = rig.record(dataset)
    rig.written(take, 12)
    rig.end(signal.SIGKILL)
    spool = tmp_path_factory.mktemp("left")
    shutil.copytree(rig.spool / take, spool / take)
    rig.start()
    with (spool / take / "rows.arrow").open("r+b") as file:
        file.truncate((spool / take / "rows.arrow").stat().st_size - 9)
    return spool


def recovering(rig: RigProcess, spool: Path, *traced: str) -> str:
    """What a rig says that is started on this spool, and killed as soon as it runs."""
    command = [*traced, sys.executable, "-m", "robotdata.rig", str(rig.file), "--spool", str(spool)]
    said = ""
    with programs.Popen(command, cwd=ROOT, env=rig.env, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            said += line
            if "takes are saved in" in line:
                pid = json.loads((spool / f".rig-{rig.name}.lock").read_text())["pid"]
                os.kill(pid, signal.SIGKILL)  # the rig, not who traces it
    return said


def contents(spool: Path) -> dict[str, bytes]:
    files = [path for path in spool.rglob("*") if path.is_file() and not path.name.endswith("lock")]
    return {str(path.relative_to(spool)): path.read_bytes() for path in files}


def test_a_recovery_that_is_killed_and_done_again_leaves_the_same_bytes(
    rig: RigProcess, left: Path, tmp_path: Path
) -> None:
    need_strace()
    whole = tmp_path / "whole"
    shutil.copytree(left, whole)
    assert "frames recovered, 1 lost at the end" in recovering(rig, whole)
    broken = 0
    for call, n in BROKEN:
        spool, trace = tmp_path / f"{call}-{n}", tmp_path / "trace"
        shutil.copytree(left, spool)
        strace = ["strace", "-f", "-qq", "-e", "signal=none", "-o", str(trace), "-e", f"trace={CALLS[call]}"]
        said = recovering(rig, spool, *strace, "-e", f"inject={CALLS[call]}:{KILL}:when={n}")
        broken += "takes are saved in" not in said
        recovering(rig, spool)
        assert contents(spool) == contents(whole), (call, n)
    assert broken, "no recovery was broken: this test saw nothing"
    (take,) = list_takes(whole)
    assert read_manifest(take)["state"] == "interrupted"
    assert [code.tick for code in shown_at_rows(take)] == list(range(read_manifest(take)["ticks"]))
