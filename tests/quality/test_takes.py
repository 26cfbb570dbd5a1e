"""From takes on disk, with one thing wrong at a time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from robotdata.quality import Mark, TakeMetrics, marks_of, take_metrics
from robotdata.spool import Take
from robotdata.video.jpeg import encode_jpeg
from tests.quality.conftest import FRONT, PERIOD_NS, SIZE, WRIST, MakeTake, packet, scene


def measured(folder: Path) -> TakeMetrics:
    with Take.open(folder) as take:
        return take_metrics(take)


def found(folder: Path) -> dict[str, Mark]:
    return {mark.code: mark for mark in marks_of(measured(folder), [])}


def test_it_has_nothing_to_say_of_an_ordinary_take(make_take: MakeTake) -> None:
    folder = make_take()
    assert found(folder) == {}
    take = measured(folder)
    camera = take.cameras[FRONT]
    assert (take.ticks, camera.frames, camera.repeated, camera.dropped) == (150, 150, 0.0, 0)
    assert camera.age_p50_ms == 5.0 and camera.rate_hz == pytest.approx(30, abs=0.1)


def test_it_finds_a_camera_that_repeats_one_picture(make_take: MakeTake) -> None:
    folder = make_take(frames={WRIST: lambda t: (t, packet(min(t, 40) if t < 94 else t, 1))})
    assert found(folder)["frozen"].text == (
        "Camera wrist repeats the same image from 1.3 s to 3.1 s (54 frames), while the robot moves."
    )


def test_it_does_not_call_a_still_scene_frozen(make_take: MakeTake) -> None:
    action = np.zeros((150, 4)) + np.random.default_rng(0).normal(0, 1e-3, (150, 4))
    folder = make_take(action=action, frames={WRIST: lambda t: (t, packet(0, 1))})
    assert set(found(folder)) == {"no_motion"}


def test_it_finds_a_camera_that_hangs(make_take: MakeTake) -> None:
    folder = make_take(frames={WRIST: lambda t: None if 60 <= t < 84 else (t, packet(t, 1))})
    mark = found(folder)["stale"]
    assert mark.text == "Camera wrist: no new frames from 2.0 s to 2.8 s (24 ticks)."
    assert (mark.from_tick, mark.to_tick, mark.severity) == (60, 84, "warn")
    assert "frozen" not in found(folder)


def test_it_does_not_list_every_hiccup(make_take: MakeTake) -> None:
    folder = make_take(frames={WRIST: lambda t: None if t % 20 > 10 else (t, packet(t, 1))})
    marks = [mark for mark in marks_of(measured(folder), []) if mark.code == "stale"]
    assert len(marks) == 3 and marks[0].text.endswith("(9 ticks), and 4 more times.")


def test_it_knows_that_a_slow_camera_is_not_stale(make_take: MakeTake) -> None:
    folder = make_take(frames={WRIST: lambda t: (t // 3, packet(t, 1)) if t % 3 == 0 else None})
    assert found(folder) == {}
    assert measured(folder).cameras[WRIST].rate_hz == pytest.approx(10, abs=0.1)


@pytest.mark.parametrize(("code", "value"), [("black", 3), ("flat", 128)])
def test_it_finds_a_covered_camera(make_take: MakeTake, code: str, value: int) -> None:
    plain = np.full((SIZE[1], SIZE[0], 3), value, np.uint8)
    covered = {FRONT: lambda t: (t, encode_jpeg(plain + np.uint8(t % 2)) if 60 <= t < 90 else packet(t))}
    mark = found(make_take(frames=covered))[code]
    assert (mark.from_tick, mark.to_tick, mark.severity, mark.camera) == (60, 90, "warn", FRONT)
    assert "from 2.0 s to 3.0 s" in mark.text


def test_it_counts_lost_frames_and_says_where(make_take: MakeTake) -> None:
    folder = make_take(frames={FRONT: lambda t: (t if t < 90 else t + 9, packet(t))})
    mark = found(folder)["dropped"]
    assert mark.text == "Camera front lost 9 of 159 frames (5.7 %), 9 of them at 3.0 s."
    assert mark.severity == "warn"


def test_it_finds_damaged_pictures_and_torn_packets(make_take: MakeTake) -> None:
    garbage = {FRONT: lambda t: (t, packet(t)[:200] if 60 <= t < 70 else packet(t))}
    assert "2 frames cannot be decoded, first at 2.0 s" in found(make_take(frames=garbage))["damaged"].text
    folder = make_take()
    data = bytearray((folder / f"{WRIST}.mkv").read_bytes())
    data[len(data) // 2 : len(data) * 3 // 4] = bytes(len(data) * 3 // 4 - len(data) // 2)
    (folder / f"{WRIST}.mkv").write_bytes(data)
    assert found(folder)["damaged"].camera == WRIST


def test_it_finds_a_picture_of_another_size(make_take: MakeTake) -> None:
    small = {FRONT: lambda t: (t, encode_jpeg(scene(t, 0, (96, 90))) if t >= 90 else packet(t))}
    assert found(make_take(frames=small))["resized"].from_tick == 90


def test_it_says_that_a_camera_is_missing(make_take: MakeTake) -> None:
    folder = make_take()
    (folder / f"{WRIST}.mkv").unlink()
    assert found(folder)["missing"].camera == WRIST
    assert found(make_take(frames={WRIST: lambda t: None}))["missing"].severity == "bad"
    late = found(make_take(frames={WRIST: lambda t: (t, packet(t, 1)) if t >= 36 else None}))["missing"]
    assert "1.2 s" in late.text and late.code == "missing"


def test_it_sees_the_true_rate_and_where_the_loop_stood_still(make_take: MakeTake) -> None:
    marks = found(make_take(period_ns=PERIOD_NS * 5 // 4))
    assert marks["rate"].severity == "bad" and "24.0 Hz instead of 30 Hz" in marks["rate"].text
    marks = found(make_take(pause_at=45))
    assert marks["gap"].text == "Control loop stalled for 0.7 s at 1.5 s."


def test_it_sees_a_camera_that_lags_behind_the_others(make_take: MakeTake) -> None:
    marks = found(make_take(age_ns={WRIST: 200_000_000}))
    assert marks["out_of_step"].camera == marks["late"].camera == WRIST
    assert found(make_take(age_ns={WRIST: 38_000_000})) == {}


@dataclass(frozen=True)
class Part:
    first_tick: int
    end_tick: int


def test_it_measures_the_part_that_a_plan_names(make_take: MakeTake) -> None:
    folder = make_take(frames={WRIST: lambda t: None if 60 <= t < 84 else (t, packet(t, 1))})
    with Take.open(folder) as take:
        part = take_metrics(take, Part(50, 120))
        before = take_metrics(take, Part(0, 55))
    stale = next(mark for mark in marks_of(part, []) if mark.code == "stale")
    assert (part.ticks, stale.from_tick, stale.to_tick) == (70, 60, 84)
    assert not [mark for mark in marks_of(before, []) if mark.camera]
