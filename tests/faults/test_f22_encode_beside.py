"""F22: encoding beside recording. How late ticks are is a figure (`bench/record_load.py`); here: none is missing."""

from __future__ import annotations

import contextlib
import os
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from robotdata.spool import Take
from tests.support.soak_product import Product
from tests.support.whole import asked, started, until

pytestmark = pytest.mark.faults
RIG = """
[rig]
name = "rig1"
fps = 10
[robot]
kind = "sim"
[teleoperator]
kind = "autopilot"
""" + "".join(f'[cameras.{name}]\nkind = "sim"\nwidth = 640\nheight = 480\nfps = 10\n' for name in ("front", "top"))
PERIOD_S = 0.1
SLOW = {"codec": "libsvtav1", "preset": "0"}  # still at it on a machine of ten times the speed
OVER = {"recorded", "interrupted"}


@pytest.fixture
def product(tmp_path: Path) -> Iterator[Product]:
    if not Path("/proc/self/stat").exists():
        pytest.skip("needs /proc to see who gives way to whom")
    made = Product(tmp_path, 1)
    made.env["ROBOTDATA_JOB_LEASE_S"] = "20"
    (tmp_path / "rig1.toml").write_text(RIG)
    with started(made):
        yield made


def record(product: Product, seconds: float) -> str:
    take = str(uuid.uuid4())
    until(lambda: "record" in asked(product, "/api/rigs/rig1").get("controls", ()))
    body = {"dataset": "beside", "task": "push the cube", "countdown_s": 0, "episode_s": seconds, "take": take}
    status, said = product.ask("POST", "/api/rigs/rig1/record", body)
    assert status == 200, said
    return take


def threads(pid: int) -> list[tuple[int, int]]:
    """(nice, processor time in ticks) of every thread of a process."""
    found = []
    for entry in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):  # a thread that has just ended
            words = (entry / "stat").read_text().rpartition(")")[2].split()
            found.append((int(words[16]), int(words[11]) + int(words[12])))
    return found


class Witness(threading.Thread):
    """Does nothing, at the rig's rate and priority: where it is late, the machine has no room for a loop at all."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.latest_s = 0.0
        self.over = threading.Event()

    def run(self) -> None:
        due = time.monotonic()
        while not self.over.is_set():
            due = max(due + PERIOD_S, time.monotonic())
            time.sleep(max(0.0, due - time.monotonic()))
            self.latest_s = max(self.latest_s, time.monotonic() - due)


def test_no_tick_is_missing_while_an_encoder_that_gives_way_is_at_work(product: Product) -> None:
    assert product.ask("POST", "/api/datasets", {"title": "Beside", "encoding": SLOW})[0] == 201
    first = record(product, 6.0)
    until(lambda: asked(product, f"/api/episodes/{first}").get("state") in OVER)
    kept = {"verdict": "keep", "labels": ["rate accepted"]}
    assert product.ask("PATCH", f"/api/episodes/{first}", kept)[0] == 200
    assert product.ask("POST", "/api/batches", {"dataset": "beside"})[0] in {200, 201}

    def encoder() -> int | None:
        """The worker's child that is busy, and kind."""
        pids = [pid for part, pid in product.parts() if part == "encoder or clock"]
        busy = [pid for pid in pids if max(threads(pid))[0] >= 10 and sum(spent for _, spent in threads(pid)) > 50]
        return busy[0] if busy else None

    pid = until(encoder)
    witness = Witness()
    witness.start()
    second = record(product, 4.0)
    seen = []
    while asked(product, f"/api/episodes/{second}").get("state") not in OVER:
        seen.append(threads(pid))
        time.sleep(0.2)
    witness.over.set()
    witness.join()
    assert sum(spent for _, spent in seen[-1]) > sum(spent for _, spent in seen[0]), "nothing was encoded meanwhile"
    assert {nice for each in seen for nice, _ in each} == {10}, "every thread of the encoder gives way"
    rig = next(pid for part, pid in product.parts() if part == "rig")
    assert max(nice for nice, _ in threads(rig)) <= os.getpriority(os.PRIO_PROCESS, 0), "the robot's loop does not"
    with Take.open(product.home / "spool" / second) as take:
        assert take.manifest["state"] == "recorded" and take.ticks > 20
        assert np.array_equal(take.column("tick"), np.arange(take.ticks))
        if witness.latest_s < PERIOD_S / 4:
            counters = take.manifest["counters"]
            assert counters["dropped_ticks"] == 0
            assert all(each["dropped"] == 0 for each in counters["cameras"].values())
