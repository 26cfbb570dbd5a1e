"""F49: The whole product runs with 64 open files a process, and with a full folder for temporary files."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.conftest import SmallDisk
from tests.support.rigs import rows_in, shown_at_rows
from tests.support.soak_product import Product
from tests.support.whole import asked, until

pytestmark = pytest.mark.faults


def test_it_records_encodes_and_commits(tmp_path: Path, small_disk: Callable[[str], SmallDisk]) -> None:
    if not shutil.which("prlimit"):
        pytest.skip("no `prlimit` on this machine to take files away")
    disk = small_disk("64k")
    filler = disk.fill()
    (tmp_path / "home").mkdir()
    product = Product(tmp_path / "home", 1, ["prlimit", "--nofile=64"])
    product.env["TMPDIR"] = str(disk.path)
    rig = product.home / "rig1.toml"
    rig.write_text(rig.read_text() + 'sync = "tick"\n')
    try:
        product.start()
        assert product.ask("POST", "/api/datasets", {"title": "Narrow"})[0] == 201
        until(lambda: "record" in asked(product, "/api/rigs/rig1").get("controls", ()))
        take = str(uuid.uuid4())
        body = {"dataset": "narrow", "task": "push the cube", "countdown_s": 0, "take": take}
        assert product.ask("POST", "/api/rigs/rig1/record", body)[0] == 200
        folder = product.home / "spool" / take
        until(lambda: folder.exists() and rows_in(folder) >= 8)
        assert product.ask("POST", "/api/rigs/rig1/commands/stop", {})[0] == 200
        episode = until(lambda: (said := asked(product, f"/api/episodes/{take}")).get("state") == "recorded" and said)
        assert [code.tick for code in shown_at_rows(folder)] == list(range(episode["ticks"]))
        kept = {"verdict": "keep", "labels": ["rate accepted"]}
        assert product.ask("PATCH", f"/api/episodes/{take}", kept)[0] == 200
        assert product.ask("POST", "/api/datasets/narrow/encode", {})[0] == 202
        until(lambda: asked(product, f"/api/episodes/{take}").get("state") == "encoded")
        assert product.stop() == 0 and "Traceback" not in product.log.read_text()
    finally:
        left = product.kill_everything()
    assert left == [] and [path for path in disk.path.rglob("*") if path.is_file()] == [filler]
    verified = product.manage("verify", "narrow", "--deep")
    assert f"{episode['ticks']} frames: nothing wrong" in verified.stdout, verified.stdout + verified.stderr
