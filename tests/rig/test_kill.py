from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from robotdata.rig.process import recover_leftovers
from robotdata.spool import Take, list_takes, read_manifest
from robotdata.video import barcode
from robotdata.video.jpeg import decode_jpeg
from tests.rig.conftest import FRONT
from tests.support import programs

# Records take after take; says each time that it was told that one is saved, and how far the running one is.
CODE = """
import sys, time, pathlib
from tests.rig.conftest import Bench, config
bench = Bench(pathlib.Path(sys.argv[1]), config())
say = lambda *words: print(*words, flush=True)
bench.machine.on_take = lambda event, manifest: say(event, manifest["id"], manifest["ticks"])
while True:
    bench.do("record")
    for _ in range(30):
        time.sleep(0.02)
        say("ticks", bench.machine.take.id, bench.machine.take.ticks)
    bench.do("stop")
"""


@pytest.mark.parametrize("after_s", [0.15, 0.8, 1.3])
def test_it_loses_no_saved_take_and_at_most_the_last_second_when_it_is_killed(tmp_path: Path, after_s: float) -> None:
    command = [sys.executable, "-c", CODE, str(tmp_path)]
    with programs.Popen(command, stdout=subprocess.PIPE, text=True) as rig:
        assert rig.stdout is not None
        lines = [rig.stdout.readline()]  # it has begun
        time.sleep(after_s)
        os.kill(rig.pid, signal.SIGKILL)
        lines += rig.stdout.read().splitlines()
    said = [line.split() for line in lines if len(line.split()) == 3]
    recovered = recover_leftovers(tmp_path)
    assert {read_manifest(folder)["state"] for folder in list_takes(tmp_path)} <= {"recorded", "interrupted"}
    whole = {folder.name for folder in list_takes(tmp_path)}
    for event, identity, ticks in said:
        if identity not in whole:  # begun in its last second: what its folder has is not a take yet
            assert event == "ticks" and int(ticks) <= 60, f"{event} {identity}"
            continue
        with Take.open(tmp_path / identity) as take:
            late = 60 if identity in recovered else 0  # one second
            assert take.rows.num_rows >= int(ticks) - late, f"{event} {identity}"
    for folder in list_takes(tmp_path):
        with Take.open(folder) as take:
            packets = [take.camera(FRONT).packet(int(i)) for i in take.frame_index(FRONT)]
            assert [barcode.read(decode_jpeg(each)).tick for each in packets] == list(range(take.ticks))
