"""Devices ask for things themselves: a pedal records, a button labels the take, a person takes over from a policy."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robotdata.capture.config import parse_config
from robotdata.capture.registry import Registry
from robotdata.dataset import DatasetFolder, DatasetSpec, commit_episodes, verify_dataset
from robotdata.export import encode_camera, load_encoded, new_episode, plan_take
from robotdata.rig import status
from robotdata.rig.machine import Machine
from robotdata.rig.protocol import CommandRefused, as_command
from robotdata.rig.rig import Rig
from robotdata.rig.status import Reporter
from robotdata.spool import Take, read_manifest
from robotdata.video import EncodeSettings
from tests.rig.conftest import FRONT, until

JOINTS = {"dtype": "float32", "shape": [2], "names": ["a", "b"]}


class Pedal:
    """A robot and its teleoperator; the events that a test puts into `waiting` are given one a tick."""

    robot_type = "pedal"
    features: dict[str, Any] = {"action": JOINTS, "observation.state": JOINTS}
    interventions = True

    def __init__(self) -> None:
        self.waiting: list[Any] = []
        self.acts = 0

    def connect(self) -> None: ...

    def disconnect(self) -> None: ...

    def observe(self) -> Any:
        return {"observation.state": np.zeros(2, np.float32)}

    def action(self, observation: Any) -> Any:
        return np.zeros(2, np.float32)

    def act(self, action: Any) -> Any:
        self.acts += 1
        return action

    def events(self) -> Any:
        return [self.waiting.pop(0)] if self.waiting else []


class Leader:
    """A teleoperator without events."""

    connect, disconnect, action = Pedal.connect, Pedal.disconnect, Pedal.action


class Desk:
    """A rig with a pedal, in this process."""

    def __init__(self, spool: Path, pedal: Any, leader: Any) -> None:
        self.pedal, self.leader, self.spool = pedal, leader, spool
        registry = Registry()
        registry.add("robot", "pedal", lambda context, options: pedal)
        registry.add("teleoperator", "leader", lambda context, options: leader)
        tables = {"rig": {"name": "desk", "fps": 100}, "robot": {"kind": "pedal"}, "teleoperator": {"kind": "leader"}}
        tables |= {"cameras": {"front": {"kind": "sim", "width": 64, "height": 48, "sync": "tick"}}}
        self.machine = Machine(Rig(parse_config(tables, "test"), spool, registry=registry))
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.machine.on_take = lambda event, manifest: self.told.append((event, dict(manifest)))
        self.machine.start()
        until(lambda: self.machine.state == "idle")

    def press(self, event: str) -> None:
        self.pedal.waiting.append(event)

    def record(self, **args: Any) -> None:
        self.machine.execute(as_command("record", task="push", **args))
        self.ticks(3)

    def ticks(self, count: int) -> None:
        until(lambda: self.machine.take is not None and self.machine.take.ticks >= count)

    def ended(self) -> list[dict[str, Any]]:
        return [manifest for event, manifest in self.told if event != "started"]


def committed(desk: Desk) -> DatasetFolder:
    """A dataset of the first take that has ended."""
    work = desk.spool.parent
    with Take.open(desk.spool / desk.ended()[0]["id"]) as take:
        plan, path = plan_take(take, accept_rate=True), work / "front.mp4"
        encode_camera(take, plan, FRONT, path, EncodeSettings(codec="h264", preset="ultrafast", g=2), token="one")
        encoded = load_encoded(path)
        assert encoded is not None
        episode = new_episode(take, plan, "push", {FRONT: encoded}, take.id, {})
        spec = DatasetSpec(100, "pedal", take.manifest["features"])
        root = work / "datasets/pedal"
        commit_episodes(root, spec, [episode], work=work / "datasets/.work", revisions=work / "datasets/.old")
    return DatasetFolder.open(root)


@pytest.fixture
def make_desk(tmp_path: Path) -> Iterator[Callable[..., Desk]]:
    made: list[Desk] = []

    def make(pedal: Any = None, leader: Any = None) -> Desk:
        made.append(Desk(tmp_path / "spool", pedal or Pedal(), leader or Leader()))
        return made[-1]

    yield make
    for desk in made:
        desk.machine.stop()


@pytest.fixture
def desk(make_desk: Callable[..., Desk]) -> Desk:
    return make_desk()


def test_a_pedal_stops_and_starts_takes(desk: Desk) -> None:
    desk.press("start")
    until(lambda: "press Record" in (desk.machine.message or ""))
    desk.record()
    desk.press("stop")
    until(lambda: len(desk.ended()) == 1)
    desk.press("start")
    desk.ticks(3)
    desk.press("discard")
    until(lambda: len(desk.ended()) == 2)
    first, second = desk.ended()
    assert (first["end_reason"], second["end_reason"], second["task"]) == ("stop", "discard", "push")
    assert first["id"] != second["id"] and second["curation"]["verdict"] == "reject"


def test_a_take_has_the_row_of_the_tick_whose_event_ends_it(desk: Desk, monkeypatch: Any) -> None:
    """Although that tick's action takes long: a simulator says *stop* with the observation that ends its episode."""
    over = False

    def observe() -> Any:
        nonlocal over
        over = over or bool(desk.pedal.waiting)
        return {"observation.state": np.full(2, over, np.float32)}

    def act(action: Any) -> Any:
        if over:
            time.sleep(0.3)
        return action

    desk.record()
    monkeypatch.setattr(desk.pedal, "observe", observe)
    monkeypatch.setattr(desk.pedal, "events", lambda: [desk.pedal.waiting.pop()] if over and desk.pedal.waiting else [])
    monkeypatch.setattr(desk.pedal, "act", act)
    desk.press("stop")
    until(lambda: len(desk.ended()) == 1)
    with Take.open(desk.spool / desk.ended()[0]["id"]) as take:
        assert take.manifest["end_reason"] == "stop" and take.signal("observation.state")[-1, 0] == 1


def test_a_pedals_stop_ends_a_countdown_and_a_check(desk: Desk) -> None:
    desk.machine.execute(as_command("record", task="push", countdown_s=60))
    assert desk.machine.state == "countdown"
    desk.press("stop")
    until(lambda: desk.machine.state == "idle")
    desk.machine.execute(as_command("preflight"))
    assert desk.machine.state == "checking"
    desk.press("stop")
    until(lambda: desk.machine.state == "idle")
    assert not desk.ended() and desk.machine.take is None


def test_a_pedal_records_again_and_ends_a_reset(desk: Desk) -> None:
    desk.record(reset_s=60)
    desk.press("rerecord")
    until(lambda: len(desk.ended()) == 1)
    desk.ticks(3)
    desk.press("stop")
    until(lambda: desk.machine.state == "resetting")
    desk.press("start")
    desk.ticks(3)
    assert desk.ended()[0]["end_reason"] == "rerecord"


def test_a_pedal_neither_begins_nor_replaces_a_take_of_a_session_that_has_ended(desk: Desk) -> None:
    desk.record(session="s1")
    with pytest.raises(CommandRefused, match="stop the take first"):
        desk.machine.execute(as_command("end_session", session="s1"))
    desk.press("stop")
    until(lambda: len(desk.ended()) == 1 and desk.machine.state == "idle")
    desk.machine.execute(as_command("end_session", session="s0"))
    assert desk.machine.events.record_args is not None, "another session has ended"
    desk.machine.execute(as_command("end_session", session="s1"))
    assert desk.machine.controls == ["record", "replay", "preflight"]
    for event, asks in (("start", "asks to record:"), ("rerecord", "asks to record again:")):
        desk.press(event)
        until(lambda asks=asks: asks in (desk.machine.message or ""))  # type: ignore[misc]
        assert desk.machine.state == "idle"
    assert read_manifest(desk.spool / desk.ended()[0]["id"])["curation"]["verdict"] == "unreviewed"


@pytest.mark.parametrize("state", ["resetting", "paused"])
def test_a_session_that_ends_ends_the_reset_phase_or_the_pause(desk: Desk, state: str) -> None:
    desk.record(session="s1", reset_s=60)
    desk.press("stop")
    until(lambda: desk.machine.state == "resetting")
    if state == "paused":
        desk.machine.execute(as_command("pause"))
    desk.machine.execute(as_command("end_session", session="s1"))
    assert desk.machine.state == "idle"


def test_a_session_that_ends_has_a_name(desk: Desk) -> None:
    with pytest.raises(CommandRefused, match="session: is missing"):
        desk.machine.execute(as_command("end_session"))


def test_a_pedal_does_not_replace_a_take_after_its_series_was_called_off(desk: Desk) -> None:
    desk.record(reset_s=60)
    desk.press("stop")
    until(lambda: len(desk.ended()) == 1 and desk.machine.state == "resetting")
    desk.machine.execute(as_command("cancel"))
    desk.press("rerecord")
    until(lambda: "asks to record again:" in (desk.machine.message or ""))
    assert read_manifest(desk.spool / desk.ended()[0]["id"])["curation"]["verdict"] == "unreviewed"


def test_what_is_not_allowed_now_is_said_and_changes_nothing(desk: Desk) -> None:
    desk.press("stop")
    until(lambda: "cannot stop while the rig is idle" in (desk.machine.message or ""))
    assert desk.machine.state == "idle"


def test_success_and_failure_label_the_running_take_and_the_last_one(desk: Desk) -> None:
    desk.record()
    desk.press("failure")
    desk.press("success")
    until(lambda: desk.machine.take is not None and desk.machine.take.remarks.outcome == "success")
    desk.press("stop")
    until(lambda: desk.ended())
    folder = desk.spool / desk.ended()[0]["id"]
    assert read_manifest(folder)["curation"]["labels"] == ["success"]
    desk.press("failure")
    until(lambda: read_manifest(folder)["curation"]["labels"] == ["failure"])
    assert desk.told[-1][0] == "saved"


def test_an_emergency_stop_of_a_device_comes_before_its_next_action(desk: Desk) -> None:
    desk.record()
    seen: list[int] = []
    acting = desk.pedal.events

    def events() -> Any:
        found = acting()
        if "emergency_stop" in found:
            seen.append(desk.pedal.acts)
        return found

    desk.pedal.events = events
    desk.press("emergency_stop")
    until(lambda: desk.machine.state == "error" and desk.ended())
    assert desk.ended()[0]["end_reason"] == "emergency_stop" and desk.pedal.acts == seen[0]


@pytest.mark.parametrize("later", [7, OSError("unplugged")])
def test_an_emergency_stop_counts_although_a_later_device_fails(make_desk: Callable[..., Desk], later: Any) -> None:
    """The robot is asked first and then the teleoperator, whose answer may be of any kind."""
    pedal = Pedal()
    desk = make_desk(pedal, leader=Pedal())
    leader = desk.leader
    asked: list[int] = []

    def events() -> Any:
        if not pedal.waiting:
            return []
        asked.append(1)
        if isinstance(later, Exception):
            raise later
        return later

    leader.events = events
    pedal.events = lambda: list(pedal.waiting)
    desk.press("emergency_stop")
    until(lambda: desk.machine.state == "error")
    assert desk.machine.problem is not None and desk.machine.problem.code == "emergency_stop"
    assert desk.machine.rig.loop.stopped


@pytest.mark.parametrize("count", [100, 5000])
def test_an_emergency_stop_counts_behind_any_number_of_events(desk: Desk, count: int) -> None:
    desk.pedal.events = lambda: [*["success"] * count, "emergency_stop"]
    until(lambda: desk.machine.state == "error")
    assert desk.machine.problem is not None and desk.machine.problem.code == "emergency_stop"


def test_an_event_that_comes_with_an_emergency_stop_does_not_hide_it(desk: Desk) -> None:
    desk.record()
    desk.pedal.events = lambda: ["emergency_stop", "stop", "rerecord"]
    until(lambda: desk.machine.state == "error")
    until(lambda: not desk.machine.rig.loop.events._events)
    with desk.machine._lock:  # the step that took the events has ended
        assert "Emergency stop of rig desk" in (desk.machine.message or "")


def test_an_intervention_is_in_the_rows_of_its_time(desk: Desk) -> None:
    desk.record()
    desk.press("intervention_on")
    until(lambda: desk.machine.rig.loop.events.intervenes)
    assert desk.machine.take is not None
    desk.ticks(desk.machine.take.ticks + 3)
    desk.press("intervention_off")
    until(lambda: not desk.machine.rig.loop.events.intervenes)
    desk.ticks(desk.machine.take.ticks + 3)
    desk.press("stop")
    until(lambda: desk.ended())
    with Take.open(desk.spool / desk.ended()[0]["id"]) as take:
        flags = take.signal("intervention").reshape(-1).astype(int)
    assert flags[0] == flags[-1] == 0 and flags.sum() >= 3 and np.abs(np.diff(flags)).sum() == 2
    dataset = committed(desk)
    assert np.array_equal(dataset.rows(0)["intervention"].reshape(-1).astype(int), flags)
    report = verify_dataset(dataset.root, deep=True)
    assert (report.problems, report.notes) == ([], [])


def test_a_device_that_does_not_declare_interventions_adds_no_feature(make_desk: Callable[..., Desk]) -> None:
    pedal = Pedal()
    pedal.interventions = False
    desk = make_desk(pedal)
    assert "intervention" not in desk.machine.rig.features
    desk.press("intervention_on")
    until(lambda: desk.machine.events.unknown)


def test_an_unknown_event_is_one_warning(desk: Desk) -> None:
    for _ in range(5):
        desk.press("dance")
    until(lambda: not desk.pedal.waiting)
    until(lambda: desk.machine.events.unknown)
    warnings = [each for each in Reporter(desk.machine).status()["warnings"] if each["code"] == "unknown_event"]
    assert len(warnings) == 1 and "'dance'" in warnings[0]["text"] and warnings[0]["device"] == "robot"


def test_a_status_is_whole_although_another_unknown_event_comes_meanwhile(desk: Desk, monkeypatch: Any) -> None:
    """The machine's thread notes it while the link's builds the warnings."""
    made = status._warning

    def slow(*about: Any) -> Any:
        desk.machine.events._note("robot", f"event {len(desk.machine.events.unknown)}")
        return made(*about)

    desk.machine.events._note("robot", "dance")
    monkeypatch.setattr(status, "_warning", slow)
    warnings = Reporter(desk.machine).status()["warnings"]
    assert [each["code"] for each in warnings] == ["unknown_event"]


@pytest.mark.parametrize("rubbish", ["stop", 7, None, ["stop", 3]])
def test_a_device_whose_events_are_none_fails_like_any_other(desk: Desk, rubbish: Any) -> None:
    desk.pedal.events = lambda: rubbish
    until(lambda: desk.machine.state == "error")
    assert desk.machine.problem is not None and "events returns" in desk.machine.problem.reason
