"""F22: The product encodes beside a recording: the encoder gives way, and every missing tick is counted.

How many ticks are late or dropped is a measurement, not a test (`bench/record_load.py`).
"""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from robotdata.spool import Take
from tests.support.rigs import rows_in, ticks_gone_unsaid
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


def work_of(of: list[tuple[int, int]]) -> int:
    """Processor time of all threads together, in ticks."""
    return sum(spent for _, spent in of)


def test_no_tick_is_missing_unsaid_while_an_encoder_that_gives_way_is_at_work(product: Product) -> None:
    assert product.ask("POST", "/api/datasets", {"title": "Beside", "encoding": SLOW})[0] == 201
    first = record(product, 6.0)
    until(lambda: asked(product, f"/api/episodes/{first}").get("state") in OVER)
    kept = {"verdict": "keep", "labels": ["rate accepted"]}
    assert product.ask("PATCH", f"/api/episodes/{first}", kept)[0] == 200
    assert product.ask("POST", "/api/datasets/beside/encode", {})[0] == 202

    def encoder() -> int | None:
        """The worker's child that is busy, and kind."""
        pids = [pid for part, pid in product.parts() if part == "encoder or clock"]
        busy = [pid for pid in pids if max(threads(pid))[0] >= 10 and work_of(threads(pid)) > 50]
        return busy[0] if busy else None

    pid = until(encoder)
    second = record(product, 600.0)
    folder, seen = product.home / "spool" / second, [threads(pid)]

    def both_went_on() -> bool:
        """The take has grown beyond its first moments, and the encoder has worked meanwhile."""
        seen.append(threads(pid))
        return rows_in(folder) > 20 and work_of(seen[-1]) > work_of(seen[0])

    until(both_went_on)
    assert product.ask("POST", "/api/rigs/rig1/commands/stop", {})[0] == 200
    until(lambda: asked(product, f"/api/episodes/{second}").get("state") in OVER)
    assert {nice for each in seen for nice, _ in each} == {10}, "every thread of the encoder gives way"
    rig = next(pid for part, pid in product.parts() if part == "rig")
    assert max(nice for nice, _ in threads(rig)) <= os.getpriority(os.PRIO_PROCESS, 0), "the robot's loop does not"
    with Take.open(folder) as take:
        assert take.manifest["state"] == "recorded" and take.ticks > 20
        assert np.array_equal(take.column("tick"), np.arange(take.ticks))
    # A machine that has no room for the loop itself drops ticks, and counts them: how many is `bench/record_load.py`'s.
    assert ticks_gone_unsaid(folder) <= 3, "a tick is missing that nobody counted"
