"""F05, F50: The spool's disk fills up, or becomes read-only, while a take is recorded."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest

from robotdata.rig.protocol import CommandRefused
from robotdata.spool import Take
from tests.faults.conftest import SmallDisk
from tests.rig.conftest import FRONT, Bench, config, until

pytestmark = pytest.mark.faults


@pytest.fixture
def disk(small_disk: Callable[[str], SmallDisk]) -> SmallDisk:
    return small_disk("64m")


@pytest.fixture
def bench(disk: SmallDisk) -> Iterator[Bench]:
    made = Bench(disk.path / "spool", config(fps=10))
    yield made
    made.machine.stop()


def test_it_keeps_the_take_up_to_the_last_frame_that_fitted(bench: Bench, disk: SmallDisk) -> None:
    bench.do("record")
    bench.ticks(5)
    filler = disk.fill()
    until(lambda: bench.machine.take is None)
    bench.idle()
    manifest = bench.ended()[0]
    assert (manifest["state"], manifest["end_reason"]) == ("recorded", "disk_full")
    words = bench.machine.message or ""
    assert str(bench.spool) in words and f"kept up to frame {manifest['ticks']}" in words and "Free some" in words
    with Take.open(bench.spool / manifest["id"]) as take:
        assert take.rows.num_rows == manifest["ticks"] >= 4
        assert all(take.camera(FRONT).packet(n) for n in range(take.camera(FRONT).count))
    until(lambda: bench.machine.rig.disk.minutes_left < 2)
    with pytest.raises(CommandRefused, match="room for 0.0 minutes"):
        bench.do("record")
    filler.unlink()
    until(lambda: bench.machine.rig.disk.minutes_left > 2)
    bench.do("record")  # without a restart
    bench.ticks(3)
    bench.do("stop")
    bench.idle()
    assert bench.ended()[1]["end_reason"] == "stop"


def test_it_says_that_the_disk_may_not_be_written_to_and_goes_on_when_it_may(bench: Bench, disk: SmallDisk) -> None:
    disk.again("ro")
    bench.do("record")
    until(lambda: bench.machine.take is None)
    bench.idle()
    assert "Read-only file system" in (bench.machine.message or "") and not bench.ended()
    disk.again("rw")
    bench.do("record")
    bench.ticks(3)
    bench.do("stop")
    bench.idle()
    assert bench.ended()[0]["ticks"] >= 3


def test_it_begins_no_take_where_the_disk_has_no_files_left(small_disk: Callable[[str], SmallDisk]) -> None:
    """Gigabytes are free, but few inodes: a take would end a moment after it began."""
    spool = small_disk("1g,nr_inodes=60").path / "spool"
    with contextlib.ExitStack() as stack:
        bench = Bench(spool, config(fps=10))
        stack.callback(bench.machine.stop)
        kept = 0
        with pytest.raises(CommandRefused, match="inodes") as refused:
            for _ in range(10):
                bench.machine.rig.disk._measured_at = float("-inf")  # it asks twice a second
                bench.do("record")
                bench.ticks(3)
                bench.do("stop")
                bench.idle()
                kept += 1
        assert refused.value.code == "disk_full" and kept >= 1
        assert bench.machine.rig.disk.minutes_left > 100
        assert [manifest["end_reason"] for manifest in bench.ended()] == ["stop"] * kept
        assert sum((spool / manifest["id"]).is_dir() for manifest in bench.ended()) == kept
        assert len([path for path in spool.iterdir() if path.is_dir()]) == kept  # no folder without a take
