"""F11: The wall clock of the whole product is set by a day and an hour while it records and while it encodes.

Ticks, leases and the dataset are not affected.
"""

from __future__ import annotations

import sqlite3
import struct
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from robotdata.spool import Take
from tests.faults.disk import need_preload
from tests.support.holding import SETTINGS, hold, release
from tests.support.nth_call import ROOT
from tests.support.soak_product import Product
from tests.support.whole import asked, until

pytestmark = pytest.mark.faults
QUICK = {"codec": "h264", "preset": "ultrafast"}
DAY, HOUR = 86_400, 3_600


class Clocked(Product):
    """A product whose wall clock can be set."""

    def __init__(self, home: Path, library: Path) -> None:
        super().__init__(home, 1)
        self.offset = home / "clock"
        self.set(0)
        self.env |= {"LD_PRELOAD": str(library), "CLOCK_JUMP": str(self.offset), "DJANGO_SETTINGS_MODULE": SETTINGS}

    def set(self, seconds: int) -> None:
        """So far from the machine's own; the file stays the same, for who has it mapped."""
        with self.offset.open("r+b" if self.offset.exists() else "wb") as file:
            file.write(struct.pack("q", seconds))


@pytest.fixture
def product(tmp_path: Path) -> Iterator[Clocked]:
    library = need_preload(tmp_path, ROOT / "tests/faults/clock_jump.c")
    (tmp_path / "home").mkdir()
    made = Clocked(tmp_path / "home", library)
    hold(tmp_path / "home", "half", 10)
    made.start()
    try:
        yield made
    finally:
        made.kill_everything()


def record(product: Clocked, seconds: float, jump: int) -> str:
    """A take, in whose middle the clock is set."""
    until(lambda: "record" in asked(product, "/api/rigs/rig1").get("controls", ()))
    take = str(uuid.uuid4())
    body = {"dataset": "clocked", "task": "push", "countdown_s": 0, "episode_s": seconds, "take": take}
    status, said = product.ask("POST", "/api/rigs/rig1/record", body)
    assert status == 200, said
    rows = product.home / "spool" / take / "rows.arrow"
    until(rows.exists)
    empty = rows.stat().st_size
    until(lambda: rows.stat().st_size > empty + 2000)  # some rows are written
    product.set(jump)
    until(lambda: asked(product, f"/api/episodes/{take}").get("state") == "recorded")
    return take


def lease_of_job(product: Clocked) -> float:
    """When the lease of the running job ends, in seconds since 1970; now if no job runs."""
    with closing(sqlite3.connect(product.home / ".state/robotdata.sqlite3", timeout=30)) as database:
        (until_then,) = database.execute("select max(lease_until) from recorder_job where state = 'running'").fetchone()
    if until_then is None:
        return time.time()
    return datetime.fromisoformat(until_then).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize("jump", [-DAY, HOUR])
def test_nothing_minds_that_the_clock_is_set(product: Clocked, jump: int) -> None:
    assert product.ask("POST", "/api/datasets", {"title": "Clocked", "encoding": QUICK})[0] == 201
    first = record(product, 5.0, jump)
    second = record(product, 5.0, 0)  # and back again
    for take in (first, second):
        episode = asked(product, f"/api/episodes/{take}")
        assert (episode["end_reason"], episode["state"]) == ("timer", "recorded") and episode["ticks"] >= 20
        with Take.open(product.home / "spool" / take) as whole:
            assert np.array_equal(whole.column("tick"), np.arange(whole.ticks))
            spent = np.diff(whole.column("monotonic_ns")) / 1e9
            wall = np.diff(whole.column("wall_ns")) / 1e9
        assert spent.min() > 0 and spent.sum() < 60, "ticks go by the clock that nobody sets"
        assert np.abs(wall).max() > HOUR / 2, "the clock was set in this take: else this test saw nothing"
        kept = {"verdict": "keep", "labels": ["rate accepted"]}
        assert product.ask("PATCH", f"/api/episodes/{take}", kept)[0] == 200
    status, operation = product.ask("POST", "/api/datasets/clocked/encode", {})
    assert status == 202, operation
    address = f"/api/operations/{operation['id']}"
    until(lambda: any(job["state"] == "running" for job in asked(product, address).get("jobs", ())))
    product.set(jump)
    until(lambda: abs(lease_of_job(product) - time.time()) > HOUR / 2)  # it is renewed by the new clock
    release(product.home)
    done = until(lambda: (found := asked(product, address)).get("state") in {"done", "failed"} and found)
    assert (done["state"], done["error"]) == ("done", "")
    rig = until(lambda: (found := asked(product, "/api/rigs/rig1")).get("state") == "idle" and found)
    assert "record" in rig["controls"], "it is not taken for dead"
    assert product.stop() == 0
    verified = product.manage("verify", "clocked", "--deep")
    assert "2 episodes" in verified.stdout and "nothing wrong" in verified.stdout, verified.stdout + verified.stderr
