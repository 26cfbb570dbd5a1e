"""From which number on a check of the preflight warns, and what it says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from robotdata.capture.config import parse_config
from robotdata.capture.device_files import Roots
from robotdata.capture.loop_time import LoopCounters
from robotdata.quality import Mark, TakeMetrics
from robotdata.quality.metrics import CameraMetrics
from robotdata.rig.device_nodes import Carried, Node, nodes_of, port_checks, usb_checks
from robotdata.rig.preflight_checks import (
    CameraAsked,
    Recording,
    camera_check,
    clock_check,
    loop_check,
    space_check,
    speed_check,
    tick_check,
    worst_first,
)
from robotdata.rig.preflight_info import check
from robotdata.rig.scratch import DiskSpeed

KEY = "observation.images.front"
FRONT = CameraAsked(KEY, "front", 640, 480, 30.0)
SPOOL = Path("/spool")


def recording(
    *, frames: int = 90, marks: list[Mark] | None = None, noted: tuple[str, ...] = (), late: int = 0, skipped: int = 0
) -> Recording:
    """A test recording of 3 s at 30 Hz with one camera."""
    metrics = TakeMetrics(fps=30, ticks=90, rate_hz=30.0, cameras={KEY: CameraMetrics(frames=frames, light=0.4)})
    manifest = {
        "duration_s": 3.0,
        "counters": {"cameras": {KEY: {"frames": frames, "dropped": 0}}},
        "marks": [{"code": code, "camera": KEY, "text": f"Camera front {code}. Look"} for code in noted],
    }
    return Recording(manifest, LoopCounters(90, late, skipped, 30.0, 0.5), metrics, marks or [], 3_000_000)


def mark(code: str, severity: Any, camera: str | None = KEY) -> Mark:
    return Mark(code, camera, None, 0, 10, severity, f"{code} was measured.")


@pytest.mark.parametrize(
    ("frames", "level"), [(92, "ok"), (90, "ok"), (86, "ok"), (84, "warn"), (72, "warn"), (70, "bad"), (0, "bad")]
)
def test_a_camera_must_reach_the_rate_that_the_rig_file_asks_for(frames: int, level: str) -> None:
    found = camera_check(FRONT, recording(frames=frames))
    assert (found["level"], found["measured"]["frames"]) == (level, frames)
    assert found["measured"]["rate_hz"] == pytest.approx(frames / 3, abs=0.001) and "of 30 per second" in found["text"]
    assert bool(found["remedy"]) == (level != "ok")


@pytest.mark.parametrize(
    ("code", "severity", "level"),
    [("stale", "note", "ok"), ("stale", "warn", "warn"), ("black", "bad", "bad"), ("no_motion", "bad", "ok")],
)
def test_what_quality_measures_of_a_camera_counts_and_joints_may_rest(code: str, severity: str, level: str) -> None:
    camera = None if code == "no_motion" else KEY
    whole = recording(marks=[mark(code, severity, camera)])
    assert camera_check(FRONT, whole)["level"] == level
    assert loop_check(whole)["level"] == "ok"


@pytest.mark.parametrize(("code", "level"), [("frozen", "bad"), ("lost", "bad"), ("flat", "warn"), ("stale", "ok")])
def test_what_the_rig_noted_of_a_camera_while_it_recorded_counts(code: str, level: str) -> None:
    """A gap of a few frames does not: how long it was is measured afterwards."""
    found = camera_check(FRONT, recording(noted=(code,)))
    assert found["level"] == level and "Look" not in found["text"], "the remedy stands apart"


@pytest.mark.parametrize(
    ("late", "skipped", "level"), [(0, 0, "ok"), (9, 0, "ok"), (10, 0, "warn"), (0, 1, "warn"), (0, 2, "bad")]
)
def test_late_and_skipped_ticks_are_counted(late: int, skipped: int, level: str) -> None:
    found = loop_check(recording(late=late, skipped=skipped))
    measured = found["measured"]
    assert (found["level"], measured["late_ticks"], measured["skipped_ticks"]) == (level, late, skipped)


def test_a_stall_of_the_loop_is_named() -> None:
    found = loop_check(recording(marks=[mark("gap", "bad", None)]))
    assert found["level"] == "bad" and "gap was measured" in found["text"]


def test_the_slowest_device_of_a_tick_is_named() -> None:
    found = tick_check({"observe": (20.0, 26.0), "act": (1.0, 2.0), "wait": (12.0, 14.0)}, 1000 / 30)
    assert found is not None and found["level"] == "warn" and found["text"].endswith("observe")
    assert found["measured"]["busy_p99_ms"] == 28
    assert tick_check({}, 33.3) is None


@pytest.mark.parametrize(
    ("minutes", "takes", "level"),
    [(60, None, "ok"), (60, 1000, "ok"), (9, 1000, "warn"), (1, None, "bad"), (60, 10, "warn"), (60, 1, "bad")],
)
def test_the_room_on_the_disk_is_told_in_minutes(minutes: int, takes: int | None, level: str) -> None:
    found = space_check(SPOOL, minutes * 60_000_000, 1e6, takes)
    assert (found["level"], found["measured"]["minutes"]) == (level, minutes)


@pytest.mark.parametrize(("megabytes", "level"), [(100, "ok"), (20, "warn"), (5, "bad")])
def test_a_disk_must_be_faster_than_what_is_recorded(megabytes: int, level: str) -> None:
    assert speed_check(SPOOL, DiskSpeed(megabytes * 1_000_000, 1.0), 1e7)["level"] == level


@pytest.mark.parametrize(
    ("offset", "level", "says"), [(0.4, "ok", "less"), (-12.0, "warn", "ahead"), (9, "warn", "behi")]
)
def test_the_clocks_of_rig_and_server_are_compared(offset: float, level: str, says: str) -> None:
    found = clock_check(offset)
    assert found["level"] == level and says in found["text"] and found["measured"]["offset_s"] == offset


def test_the_worst_comes_first() -> None:
    checks = [check(level, level, "rig", "") for level in ("ok", "warn", "bad")]  # type: ignore[arg-type]
    assert [each["code"] for each in worst_first(checks)] == ["bad", "warn", "ok"]


def config(**tables: Any) -> Any:
    whole = {"rig": {"name": "arm"}, "robot": {"kind": "lerobot"}, "teleoperator": {"kind": "lerobot"}, **tables}
    return parse_config(whole, "test")


def test_the_device_files_are_those_that_the_rig_file_names() -> None:
    found = nodes_of(
        config(
            robot={
                "kind": "lerobot",
                "type": "so101_follower",
                "port": "/dev/ttyACM0",
                "arms": {"left": {"p": ["/dev/a"]}},
            },
            cameras={
                "front": {"kind": "pyav", "url": "v4l2:/dev/video2"},
                "top": {"kind": "lerobot", "type": "opencv", "index_or_path": 4},
                "net": {"kind": "pyav", "url": "http://camera/dev/video0"},
            },
        )
    )
    assert [(node.path, node.device) for node in found] == [
        ("/dev/ttyACM0", "robot"),
        ("/dev/a", "robot"),
        ("/dev/video2", "camera front"),
        ("/dev/video4", "camera top"),
    ]


def test_a_port_that_is_not_there_or_is_held_by_another_process_is_bad(tmp_path: Path) -> None:
    roots = Roots(tmp_path / "dev", tmp_path / "sys", tmp_path / "proc")
    free, held = tmp_path / "dev/ttyACM0", tmp_path / "dev/ttyACM1"
    free.parent.mkdir()
    free.touch()
    held.touch()
    (roots.proc / "4711/fd").mkdir(parents=True)
    (roots.proc / "4711/comm").write_text("python3\n")
    (roots.proc / "4711/fd/3").symlink_to(held)
    nodes = [Node(str(path), "robot") for path in (free, held, tmp_path / "dev/ttyACM9")]
    good, taken, missing = port_checks(nodes, roots)
    assert [each["level"] for each in (good, taken, missing)] == ["ok", "bad", "bad"]
    assert "4711" in taken["text"] and taken["remedy"].startswith("stop") and "find" in missing["remedy"]


def test_the_load_of_a_usb_bus_is_the_sum_of_its_cameras(tmp_path: Path) -> None:
    roots = Roots(tmp_path / "dev", tmp_path / "sys", tmp_path / "proc")
    bus = tmp_path / "sys/devices/usb1"
    bus.mkdir(parents=True)
    (bus / "speed").write_text("480")
    for number in (0, 2):
        device = bus / f"1-{number + 1}"
        device.mkdir()
        (device / "idVendor").write_text("046d")
        place = tmp_path / f"sys/class/video4linux/video{number}"
        place.mkdir(parents=True)
        (place / "device").symlink_to(device)
    nodes = [Node(f"/dev/video{number}", f"camera {number}", str(number)) for number in (0, 2)]
    (found,) = usb_checks(nodes, {"0": Carried(1e8, True), "2": Carried(2e8, True)}, roots)
    assert (found["level"], found["measured"]) == ("ok", {"mbit_per_s": 300, "usable_mbit_per_s": 384})
    (found,) = usb_checks(nodes, {"0": Carried(1e8, True), "2": Carried(3e8, False)}, roots)
    assert found["level"] == "warn" and "at least 400" in found["text"] and "camera 0, camera 2" in found["text"]
    assert usb_checks([Node("/dev/video7", "camera 7", "7")], {"7": Carried(1e9, True)}, roots) == []
