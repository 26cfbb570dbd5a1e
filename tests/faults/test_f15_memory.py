"""F15: Memory runs out. The queue to a slow disk is bounded; the take of a rig that the kernel kills is recovered."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from robotdata.rig.recorder import MAX_PENDING_BYTES
from robotdata.spool import Take
from tests.faults.limits import Limit, memory_limit, resident
from tests.faults.record_four_big_cameras import CAMERAS
from tests.support.soak_product import Product
from tests.support.whole import asked, started
from tests.support.whole import until as until_at_most

pytestmark = pytest.mark.faults
until = partial(until_at_most, within_s=90)
MIB = 1 << 20
RIG = """
[rig]
name = "rig1"
fps = 10
[robot]
kind = "sim"
[teleoperator]
kind = "autopilot"
""" + "".join(f'[cameras.{name}]\nkind = "sim"\nwidth = 1920\nheight = 1080\nfps = 10\n' for name in CAMERAS)


@pytest.fixture
def limit() -> Iterator[Limit]:
    with memory_limit() as made:
        yield made


@pytest.fixture
def product(tmp_path: Path) -> Iterator[Product]:
    """The whole product with one rig of four big cameras."""
    made = Product(tmp_path, 1)
    (tmp_path / "rig1.toml").write_text(RIG)
    with started(made):
        yield made


def test_four_big_cameras_and_a_slow_disk_stay_within_their_memory(tmp_path: Path, limit: Limit) -> None:
    """The room is what it needs when idle, what may wait for the disk, and 160 MiB for pictures that are in hand."""
    command = [sys.executable, "-m", "tests.faults.record_four_big_cameras", str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as rig:
        assert rig.stdout is not None and rig.stdin is not None
        assert rig.stdout.readline() == "idle\n"
        limit.set(resident(rig.pid) + MAX_PENDING_BYTES + 160 * MIB)
        limit.hold(rig.pid)
        said, _ = rig.communicate("go\n", timeout=180)
    assert rig.returncode == 0, f"it ended with {rig.returncode}: killed for its memory?"
    manifest = json.loads(said.splitlines()[-1])
    assert manifest["state"] == "recorded"
    with Take.open(tmp_path / "spool" / manifest["id"]) as take:
        assert take.ticks == manifest["ticks"] > 10
    cameras = manifest["counters"]["cameras"]
    dropped = sum(each["dropped"] for each in cameras.values())
    said_of = [mark for mark in manifest["marks"] if mark["code"] == "dropped_frames"]
    assert dropped > 0 and len(said_of) == sum(each["dropped"] > 0 for each in cameras.values())


def ticks_shown(product: Product) -> int:
    """How long the running take is, as the page would show it."""
    status = asked(product, "/api/rigs/rig1").get("status") or {}
    return int((status.get("take") or {}).get("ticks") or 0)


def test_a_rig_that_is_killed_for_its_memory_takes_nobody_along(product: Product, limit: Limit) -> None:
    until(lambda: asked(product, "/api/rigs/rig1").get("state") == "idle")
    assert product.ask("POST", "/api/datasets", {"title": "Big"})[0] == 201
    take = "5b0e4b9c-7a11-4d5e-9a6d-0c8f6f1f4b15"
    body = {"dataset": "big", "task": "push the cube", "countdown_s": 0, "take": take}
    assert product.ask("POST", "/api/rigs/rig1/record", body)[0] == 200
    rows = product.home / "spool" / take / "rows.arrow"
    until(lambda: rows.exists() and rows.stat().st_size > 12_000)
    until(lambda: ticks_shown(product) >= 20)  # two seconds: the promise is of what is older than one
    before = dict(reversed(item) for item in product.parts() if item[0] in {"web", "rig", "worker"})  # type: ignore[misc]
    rig = next(pid for pid, part in before.items() if part == "rig")
    limit.set(8 * MIB)  # what it has stays where it is; what it asks for now counts
    limit.hold(rig)
    until(lambda: "rig rig1 exited unexpectedly (signal SIGKILL)" in product.log.read_text())
    episode = until(lambda: found if (found := asked(product, f"/api/episodes/{take}")).get("state") else None)
    episode = until(lambda: (e := asked(product, f"/api/episodes/{take}")).get("state") == "interrupted" and e)
    assert episode["ticks"] > 0
    until(lambda: asked(product, "/api/rigs/rig1").get("state") == "idle")
    after = [pid for part, pid in product.parts() if part in {"web", "worker"}]
    assert after == [pid for pid, part in before.items() if part in {"web", "worker"}], "somebody else died"
