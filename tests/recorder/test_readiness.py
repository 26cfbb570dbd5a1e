from __future__ import annotations

from typing import Any

import pytest

from recorder.live.rig_writer import visible
from recorder.models.readiness import readiness_of

FRONT, WRIST = "observation.images.front", "observation.images.wrist"
CAMERAS = [{"key": FRONT, "name": "front"}, {"key": WRIST, "name": "wrist"}]
OK = {"fps": 30.0, "dropped": 0, "age_s": 0.01, "state": "ok"}


def status(**more: Any) -> dict[str, Any]:
    counters = {"cameras": {FRONT: OK, WRIST: more.pop("wrist", OK)}}
    return {"controls": ["record"], "counters": counters, "disk": {"minutes_left": 90}, "warnings": [], **more}


def test_a_rig_with_all_that_it_needs_can_record() -> None:
    ready = readiness_of("idle", status(), CAMERAS)
    assert (ready.label, ready.tone, ready.can_record, ready.blockers) == ("ready", "good", True, ())


@pytest.mark.parametrize("wrist", [{**OK, "state": "lost"}, {**OK, "age_s": None, "state": "stale"}])
def test_a_camera_without_pictures_is_missing_with_the_reason_that_the_rig_gives(wrist: dict[str, Any]) -> None:
    why = "Camera wrist is gone (/dev/video7: no such file)"
    ready = readiness_of(
        "idle", status(wrist=wrist, warnings=[{"code": "lost", "camera": WRIST, "text": why}]), CAMERAS
    )
    assert (ready.label, ready.tone, ready.can_record) == ("1 camera missing", "warn", False)
    assert [(each.camera, each.text) for each in ready.blockers] == [(WRIST, why)]
    assert "wrist" in readiness_of("idle", status(wrist=wrist), CAMERAS).blockers[0].text


def test_no_room_on_the_disk_and_no_control_are_reasons() -> None:
    assert "1.2 minutes" in readiness_of("idle", status(disk={"minutes_left": 1.2}), CAMERAS).blockers[0].text
    assert readiness_of("idle", status(controls=[], message="no arm"), CAMERAS).blockers[0].text == "no arm"


def test_what_the_rig_says_itself_goes_before_what_is_found() -> None:
    lost = {**OK, "state": "lost"}
    assert readiness_of("idle", status(wrist=lost, cannot_record=[]), CAMERAS).can_record
    problems = [
        {"code": "camera_missing", "camera": FRONT, "text": "front: refused"},
        {"code": "busy", "camera": None},
        3,
    ]
    ready = readiness_of("idle", status(cannot_record=problems), CAMERAS)
    assert (ready.label, ready.can_record) == ("1 camera missing", False)
    assert [(each.camera, each.text) for each in ready.blockers[:2]] == [(FRONT, "front: refused"), (None, "busy")]


@pytest.mark.parametrize("state", ["recording", "offline", "error", "connecting", "countdown"])
def test_a_rig_that_is_not_before_a_take_is_called_by_its_state(state: str) -> None:
    ready = readiness_of(state, status(wrist={**OK, "state": "lost"}), CAMERAS)
    assert not ready.can_record and not ready.blockers


@pytest.mark.parametrize("odd", [None, 3, "x", [], {}, [[]], {"cameras": 4}, {FRONT: 1}, {"cameras": {FRONT: [1]}}])
@pytest.mark.parametrize("name", ["counters", "warnings", "disk", "controls", "message", "cannot_record"])
def test_it_survives_a_status_of_any_shape(name: str, odd: Any) -> None:
    readiness_of("idle", {**status(), name: odd}, [*CAMERAS, odd])


def test_a_page_is_told_of_another_reason_but_not_of_a_number_that_counts_on() -> None:
    def said(text: str) -> tuple[Any, ...]:
        return visible({"state": "idle", "warnings": [{"code": "lost", "camera": FRONT, "text": text}]}, CAMERAS)

    assert said("no answer for 3.1 s") == said("no answer for 12.4 s")
    assert said("no answer for 3 s") != said("connection refused")
