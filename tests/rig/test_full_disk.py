from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CODE = """
import json, pathlib, sys, time
from robotdata.rig import checks
from robotdata.spool import Take
from tests.rig.conftest import FRONT, Bench, config, until
checks.REFUSE_MINUTES = 0  # a disk that fills up faster than was thought
spool = pathlib.Path(sys.argv[1])
bench = Bench(spool, config(fps=120))
bench.do("record")
until(lambda: bench.machine.take is None, 60)
bench.idle()
manifest = bench.ended()[0]
with Take.open(spool / manifest["id"]) as take:
    whole = [take.camera(FRONT).packet(i) for i in range(take.camera(FRONT).count)]
    said = {"ticks": manifest["ticks"], "rows": take.rows.num_rows, "frames": len(whole), "state": take.state}
said |= {"end_reason": manifest["end_reason"], "message": bench.machine.message}
(spool / manifest["id"] / "rows.arrow").unlink()  # somebody makes room
bench.do("record")
bench.ticks(5)
said["records_on"] = True
bench.machine.stop()
print(json.dumps(said))
"""


@pytest.mark.faults
def test_it_keeps_the_take_on_a_disk_that_is_really_full(tmp_path: Path) -> None:
    if shutil.which("unshare") is None:
        pytest.skip("no unshare on this machine: no small disk to fill")
    mount = f'mount -t tmpfs -o size=3m tmpfs {tmp_path} || exit 77; exec {sys.executable} -c "$CODE" {tmp_path}'
    command = ["unshare", "-rm", "sh", "-c", mount]
    done = subprocess.run(command, capture_output=True, text=True, env={"CODE": CODE, "PATH": "/usr/bin:/bin:/sbin"})
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip(f"this machine lets nobody mount a small disk: {done.stderr.strip()[:200]}")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["state"], said["end_reason"], said["records_on"]) == ("recorded", "disk_full", True)
    assert said["rows"] == said["ticks"] > 20
    assert said["frames"] >= said["ticks"] - 1
    assert f"kept up to frame {said['ticks']}" in said["message"] and "No space left" in said["message"]
