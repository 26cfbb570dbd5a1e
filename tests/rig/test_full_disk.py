from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.small_disk import on_a_small_disk

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


FEW_FILES = """
import json, pathlib, sys
from tests.rig.conftest import Bench, config
from robotdata.rig.protocol import CommandRefused
spool = pathlib.Path(sys.argv[1])
bench = Bench(spool, config())
said = {"free_bytes": bench.machine.rig.disk.free_bytes}
try:
    bench.do("record")
except CommandRefused as refusal:
    said["code"], said["text"] = refusal.code, str(refusal)
said["folders"] = [each.name for each in spool.iterdir() if each.is_dir()]
bench.machine.stop()
print(json.dumps(said))
"""


@pytest.mark.faults
def test_it_refuses_a_take_where_the_disk_can_make_no_more_files(tmp_path: Path) -> None:
    said = on_a_small_disk("size=8g,nr_inodes=24", FEW_FILES, tmp_path)
    assert said["free_bytes"] > 0
    assert (said["code"], said["folders"]) == ("disk_full", [])
    assert "files" in said["text"]


@pytest.mark.faults
def test_it_keeps_the_take_on_a_disk_that_is_really_full(tmp_path: Path) -> None:
    said = on_a_small_disk("size=3m", CODE, tmp_path)
    assert (said["state"], said["end_reason"], said["records_on"]) == ("recorded", "disk_full", True)
    assert said["rows"] == said["ticks"] > 20
    assert said["frames"] >= said["ticks"] - 1
    assert f"kept up to frame {said['ticks']}" in said["message"] and "No space left" in said["message"]
