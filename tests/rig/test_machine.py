from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from robotdata.capture import camera_thread, clock
from robotdata.rig import machine as machines
from robotdata.rig import replaying
from robotdata.rig.protocol import Command, CommandRefused, as_command
from robotdata.rig.states import CONTROLS, NEXT, State
from robotdata.rig.status import Reporter
from robotdata.spool import Take, read_manifest
from robotdata.video import barcode
from robotdata.video.jpeg import decode_jpeg
from tests.rig.conftest import FRONT, TOP, Bench, until


def test_it_records_what_the_cameras_saw_at_each_tick(bench: Bench) -> None:
    for _ in range(2):
        bench.do("record", task="push", dataset="cubes", session="s1", operator="olga")
        bench.ticks(8)
        bench.do("stop")
        bench.idle()
    for episode, manifest in enumerate(bench.ended(), start=1):
        assert manifest["state"] == "recorded"
        assert (manifest["task"], manifest["dataset"], manifest["operator"]) == ("push", "cubes", "olga")
        with Take.open(bench.spool / manifest["id"]) as take:
            for place, key in enumerate((FRONT, TOP)):
                frames = take.frame_index(key)
                seen = [barcode.read(decode_jpeg(take.camera(key).packet(int(i)))) for i in frames]
                assert seen == [barcode.Barcode(tick, episode, place) for tick in range(take.ticks)]
            assert take.signal("action").shape == (take.ticks, 6)


def test_it_counts_down_and_can_be_called_off(bench: Bench) -> None:
    bench.do("record", countdown_s=30)
    assert (bench.machine.state, bench.machine.controls) == ("countdown", ["cancel", "discard", "pause"])
    bench.do("cancel")
    assert bench.machine.state == "idle"
    bench.do("record", countdown_s=0.1)
    bench.ticks(1)
    assert not bench.ended()


def test_it_goes_on_by_itself_with_episode_and_reset_timers(bench: Bench) -> None:
    bench.do("record", episode_s=0.2, reset_s=0.2)
    until(lambda: len(bench.ended()) >= 3)

    def cancelled() -> bool:
        try:
            bench.do("cancel")
        except CommandRefused:  # while a take runs
            return False
        return True

    until(cancelled)
    assert {manifest["end_reason"] for manifest in bench.ended()} == {"timer"}
    assert len({manifest["id"] for manifest in bench.ended()}) == len(bench.ended())


def test_it_begins_the_next_take_at_once_when_the_reset_is_finished(bench: Bench) -> None:
    bench.do("record", reset_s=60)
    bench.ticks(2)
    bench.do("stop")
    assert bench.machine.state == "resetting"
    bench.do("finish_reset")
    bench.ticks(2)


def test_it_freezes_the_reset_while_it_is_paused(bench: Bench) -> None:
    bench.do("record", reset_s=30)
    bench.ticks(2)
    bench.do("pause")  # armed: the take goes on
    assert bench.machine.state == "recording"
    assert "resume" in bench.machine.controls
    bench.do("stop")
    assert (bench.machine.state, bench.machine.ends_at) == ("paused", None)
    bench.do("resume")
    assert bench.machine.state == "resetting"
    bench.do("pause")
    assert bench.machine.state == "paused"
    bench.do("resume")
    assert bench.machine.total_s == 30


def test_it_keeps_a_discarded_take_on_disk_as_rejected(bench: Bench) -> None:
    bench.do("record")
    bench.ticks(2)
    bench.do("discard")
    bench.idle()
    event, manifest = bench.events[-1]
    assert (event, manifest["end_reason"]) == ("discarded", "discard")
    assert read_manifest(bench.spool / manifest["id"])["curation"]["verdict"] == "reject"


def test_it_records_again_with_the_same_words(bench: Bench) -> None:
    bench.do("record", task="push", countdown_s=0.05)
    bench.ticks(2)
    bench.do("rerecord")
    assert bench.machine.state == "countdown"
    bench.ticks(2)
    bench.do("stop")
    bench.idle()
    verdicts = {manifest["end_reason"]: manifest["curation"]["verdict"] for manifest in bench.ended()}
    assert verdicts == {"rerecord": "reject", "stop": "unreviewed"}
    assert {manifest["task"] for manifest in bench.ended()} == {"push"}


def test_it_rejects_the_last_take_when_asked_for_another_while_resetting(bench: Bench) -> None:
    bench.do("record", reset_s=60)
    bench.ticks(2)
    bench.do("stop")
    bench.do("rerecord")
    until(lambda: any(event == "discarded" for event, _ in bench.events))
    bench.ticks(1)
    bench.do("stop")


def test_it_records_the_take_again_that_has_just_ended(bench: Bench) -> None:
    assert "rerecord" not in bench.machine.controls
    bench.do("record", task="push", session="s1", countdown_s=0.05)
    bench.ticks(2)
    bench.do("stop")
    bench.idle()
    first = bench.ended()[0]
    last = Reporter(bench.machine).status()["last_take"]
    assert last == {"id": first["id"], "ticks": first["ticks"], "task": "push", "dataset": "", "session": "s1"}
    bench.do("record", task="lift", countdown_s=30)
    bench.do("cancel")  # no take: the last one is still the one before
    bench.do("rerecord", take=first["id"])
    bench.ticks(2)
    bench.do("stop")
    bench.idle()
    until(lambda: read_manifest(bench.spool / first["id"])["curation"]["verdict"] == "reject")
    assert [manifest["task"] for manifest in bench.ended()] == ["push"] * len(bench.ended())
    with pytest.raises(CommandRefused, match="already ended"):
        bench.do("rerecord", take=first["id"])  # another take has ended since


def test_it_keeps_what_is_said_of_a_take_until_the_take_is_on_the_disk(bench: Bench) -> None:
    with pytest.raises(CommandRefused, match="cannot annotate while the rig is idle"):
        bench.do("annotate", take="x", outcome="success")
    bench.do("record")
    bench.ticks(1)
    assert bench.machine.take is not None
    take = bench.machine.take.id
    bench.do("annotate", take=take, outcome="success", note="slips")
    bench.do("annotate", take=take, outcome="failure")
    shown = Reporter(bench.machine).status()["take"]
    assert shown is not None and (shown["outcome"], shown["note"]) == ("failure", "slips")
    with pytest.raises(CommandRefused, check=lambda refused: refused.code == "no_take"):
        bench.do("annotate", take=str(uuid.uuid4()), outcome="success")
    bench.do("stop")
    bench.idle()
    curation = read_manifest(bench.spool / take)["curation"]
    assert (curation["labels"], curation["note"], curation["verdict"]) == (["failure"], "slips", "unreviewed")
    told = Reporter(bench.machine).take_event("saved", bench.ended()[0])["take"]
    assert told["curation"] == {"labels": ["failure"], "note": "slips"}


@pytest.mark.parametrize(
    "args", [{}, {"take": 3}, {"outcome": "good"}, {"outcome": 1}, {"note": None}, {"note": "x" * 10_001}]
)
def test_it_names_what_is_wrong_in_a_remark(bench: Bench, args: dict[str, Any]) -> None:
    bench.do("record")
    with pytest.raises(CommandRefused, match=next(reversed(args), "take")) as refused:
        bench.do("annotate", **({"take": "a"} | args if args else {}))
    assert refused.value.code == "bad_args"


def test_its_status_says_what_the_devices_take_of_a_tick(bench: Bench) -> None:
    bench.do("record")
    bench.ticks(3)
    times = Reporter(bench.machine).status()["counters"]["loop"]
    assert times is not None and times["period_ms"] == pytest.approx(1000 / 60, abs=0.01)
    assert list(times["parts"]) == ["observe", "teleoperate", "act", "cameras", "wait"]
    assert times["parts"]["observe"]["p99_ms"] >= times["parts"]["observe"]["p50_ms"] > 0
    bench.machine.stop()
    assert Reporter(bench.machine).status()["counters"]["loop"] is None


def test_it_rejects_nothing_where_no_take_could_follow(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.do("record")
    bench.ticks(2)
    bench.do("stop")
    bench.idle()
    monkeypatch.setattr(type(bench.machine.rig.disk), "free_bytes", property(lambda self: 1_000_000))
    with pytest.raises(CommandRefused, check=lambda refused: refused.code == "disk_full"):
        bench.do("rerecord")
    bench.machine.stop()
    assert read_manifest(bench.spool / bench.ended()[0]["id"])["curation"]["verdict"] == "unreviewed"


def test_it_does_a_command_once_however_often_it_comes(bench: Bench) -> None:
    take = str(uuid.uuid4())
    record = Command("click-1", "record", {"take": take})
    bench.machine.execute(record)
    bench.ticks(2)
    bench.machine.execute(record)
    bench.machine.execute(Command("click-2", "record", {"take": take}))
    assert bench.machine.take is not None and bench.machine.take.id == take
    bench.do("stop")
    bench.idle()
    bench.machine.execute(record)
    assert bench.machine.state == "idle"
    assert [manifest["id"] for manifest in bench.ended()] == [take]


def test_it_does_not_end_the_next_take_by_a_late_click(bench: Bench) -> None:
    bench.do("record")
    bench.ticks(1)
    with pytest.raises(CommandRefused, match="already ended"):
        bench.do("stop", take=str(uuid.uuid4()))
    assert bench.machine.state == "recording"


def test_it_says_what_is_possible_when_it_refuses(bench: Bench) -> None:
    with pytest.raises(CommandRefused, match="stop while the rig is idle; allowed now: record"):
        bench.do("stop")


def test_it_refuses_a_dataset_that_it_does_not_fit(bench: Bench) -> None:
    features = {key: dict(value) for key, value in bench.machine.rig.features.items()}
    bench.machine.execute(as_command("record", expect={"fps": 60, "features": features}))
    bench.do("stop")
    features["action"] = features["action"] | {"shape": [7], "names": None}
    with pytest.raises(CommandRefused) as refused:
        bench.do("record", expect={"fps": 25, "features": features})
    error = refused.value.as_error()
    assert error["code"] == "mismatch"
    assert {row["what"].split()[0] for row in error["differences"]} == {"fps", "action"}


@pytest.mark.parametrize("expect", [{}, {"fps": "x", "features": {}}, {"fps": 30, "features": 5}])
def test_it_refuses_an_expectation_that_is_none(bench: Bench, expect: dict[str, Any]) -> None:
    with pytest.raises(CommandRefused) as refused:
        bench.do("record", expect=expect)
    assert refused.value.code in ("bad_args", "mismatch")


def test_it_takes_only_a_new_uuid_for_a_take(bench: Bench) -> None:
    with pytest.raises(CommandRefused, match="want a UUID"):
        bench.do("record", take="../../etc")
    take = str(uuid.uuid4())
    (bench.spool / take).mkdir()
    with pytest.raises(CommandRefused, match="on this rig's disk already"):
        bench.do("record", take=take)


def test_it_tells_of_a_take_once_it_is_on_the_disk(bench: Bench) -> None:
    there: list[bool] = []
    tell = bench.machine.on_take

    def told(event: str, manifest: Mapping[str, Any]) -> None:
        there.append((bench.spool / manifest["id"] / "take.json").exists())
        tell(event, manifest)

    bench.machine.on_take = told
    for _ in range(3):
        bench.do("record")
        bench.do("stop")
        bench.idle()
    assert [event for event, _ in bench.events][::2] == ["started"] * 3
    assert all(there) and len(there) == 6


def test_it_tells_nobody_of_a_take_that_the_disk_did_not_take(bench: Bench) -> None:
    kept = bench.spool.with_name("kept")
    bench.spool.rename(kept)
    bench.spool.write_text("in the way")
    bench.do("record")
    until(lambda: bench.machine.state != "recording" and not bench.machine.saving)
    assert bench.events == [] and bench.machine.message
    bench.spool.unlink()
    kept.rename(bench.spool)


def test_it_ends_the_running_take_when_it_is_told_to_stop(bench: Bench) -> None:
    bench.do("record")
    bench.ticks(3)
    assert bench.machine.stop()
    assert bench.ended()[0]["end_reason"] == "shutdown"


def test_it_knows_only_moves_and_controls_that_exist() -> None:
    assert all(following <= set(State) for following in NEXT.values())
    elsewhere = {"annotate", "preflight", *replaying.COMMANDS}  # what a take, a check or a replay does
    commands = {control for controls in CONTROLS.values() for control in controls} - elsewhere
    assert all(hasattr(machines.Machine, f"_{name}") for name in commands)


@pytest.mark.parametrize("sync", ["free", "tick"])
def test_a_take_begins_with_current_frames_though_nobody_watched(
    make_bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch, sync: str
) -> None:
    monkeypatch.setattr(camera_thread, "IDLE_EVERY_NS", 10**15)  # the first frame alone is encoded while nobody records
    monkeypatch.setattr(machines, "_WAKE_S", 30)
    bench = make_bench(camera={"kind": "sim", "barcode": True, "sync": sync})
    until(lambda: all(camera.health.frames > 5 and camera.is_behind for camera in bench.machine.rig.cameras))
    assert {camera.newest.seq for camera in bench.machine.rig.cameras if camera.newest} == {0}
    asked_ns = clock.monotonic_ns()
    bench.do("record")
    bench.ticks(3)
    bench.do("stop")
    bench.idle()
    with Take.open(bench.spool / bench.ended()[0]["id"]) as take:
        for key in (FRONT, TOP):
            first = take.frame_index(key)[0]
            assert first >= 0 and take.camera(key).captured_ns[first] >= asked_ns
