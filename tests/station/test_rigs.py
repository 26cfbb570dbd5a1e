"""A station keeps rig files and runs rigs; real processes, and a real websocket."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import pytest

from robotdata.rig.lock import RigLock
from robotdata.spool import list_takes, read_manifest
from robotdata.spool.manifest import ROWS
from robotdata.station.protocol import ASKS, MAX_RIGS
from tests.station.conftest import ROOT, Station, alive, sim, soon, station_at
from tests.support import programs


async def running(station: Station, name: str = "bench", text: str = "") -> dict[str, Any]:
    """Write a rig's file, start it, and return its report once it runs."""
    await station.web.get("write_rig", name=name, text=text or sim(name), version=None)
    await station.web.get("start_rig", name=name)
    return await station.web.in_state(name, "running")


async def recording(station: Station) -> None:
    """Ask the rig for a take until one has rows: a rig that has not seen its camera yet, or is late, refuses."""
    rig = await soon(lambda: station.web.rig_sockets.get("bench"))
    async with asyncio.timeout(60):
        for number in itertools.count():
            await rig.send(
                json.dumps({"type": "command", "id": f"{number}", "name": "record", "args": {"countdown_s": 0}})
            )
            with contextlib.suppress(TimeoutError):
                await soon(lambda: list_takes(station.spool), 2.0)
                break
        await soon(lambda: any((take / ROWS).exists() for take in list_takes(station.spool)))


async def test_it_says_who_it_is(station: Station) -> None:
    hello = station.web.of("hello")[0]
    assert station.process is not None
    assert (hello["protocol"], hello["station"]["name"], hello["station"]["pid"]) == (
        1,
        "bench-pc",
        station.process.pid,
    )
    assert hello["station"]["rigs"] == str(station.rigs) and hello["rigs"] == []
    assert station.web.tokens[0] == "Bearer secret"


async def test_a_rig_is_written_started_and_stopped(station: Station) -> None:
    web = station.web
    written = await web.get("write_rig", name="bench", text=sim(), version=None)
    report = await web.in_state("bench", "stopped")
    assert (report["version"], report["robot"], report["cameras"]) == (written["version"], "sim", ["front"])
    await web.get("start_rig", name="bench")
    report = await web.in_state("bench", "running")
    assert report["pid"]
    await soon(lambda: any("rig bench is running" in line for line in web.rig("bench").get("last_words", [])))
    assert report["running_version"] == report["version"]
    await soon(lambda: "bench" in web.rig_sockets)
    await web.get("stop_rig", name="bench")
    stopped = await web.in_state("bench", "stopped")
    assert stopped["pid"] is None and "all takes are complete" in stopped["last_words"][-1]
    await soon(lambda: "[bench] rig: rig bench is running" in station.log.read_text())


async def test_a_take_is_saved_before_its_rig_is_stopped_while_the_station_answers(station: Station) -> None:
    await running(station)
    await recording(station)
    stopping = asyncio.create_task(station.web.get("stop_rig", name="bench"))
    assert (await station.web.get("read_rig", name="bench"))["text"] == sim()
    await stopping
    (take,) = list_takes(station.spool)
    assert read_manifest(take)["state"] == "recorded"


# It would wait so long for a connection that does not close.
PATIENT = "from robotdata.station import process; process._CLOSE_S = 600; process.main()"


async def test_it_says_how_its_rigs_have_ended_and_then_ends_without_a_wait(tmp_path: Path) -> None:
    async with station_at(tmp_path) as station:
        station.program = ["-c", PATIENT]
        await station.start()
        await running(station)
        assert await station.end() == 0
        assert station.web.rig("bench")["state"] == "stopped"


async def test_the_rigs_that_ran_run_again_with_the_next_station(tmp_path: Path) -> None:
    async with station_at(tmp_path) as station:
        await station.start()
        first = await running(station)
        await station.web.get("write_rig", name="spare", text=sim("spare"), version=None)
        assert await station.end() == 0
        assert not alive(first["pid"])
        await station.start()
        again = await station.web.in_state("bench", "running")
        assert again["pid"] != first["pid"] and station.web.rig("spare")["state"] == "stopped"


async def test_rigs_end_with_a_station_that_is_killed_and_start_with_the_next(tmp_path: Path) -> None:
    async with station_at(tmp_path) as station:
        await station.start()
        first = await running(station)
        await station.end(signal.SIGKILL)
        await station.start()  # its rig waits for the first, which saves its take
        again = await station.web.in_state("bench", "running")
        assert again["pid"] != first["pid"] and not alive(first["pid"])


async def test_a_rig_with_a_python_of_its_own_ends_with_its_station(tmp_path: Path) -> None:
    venv.create(tmp_path / "lab")
    site = next((tmp_path / "lab").glob("lib/python*/site-packages"))
    (site / "ours.pth").write_text("\n".join([str(ROOT), *(each for each in sys.path if each.endswith("-packages"))]))
    text = sim().replace("fps = 10", f'fps = 10\npython = "{tmp_path / "lab/bin/python"}"')
    async with station_at(tmp_path) as station:
        await station.start()
        report = await running(station, text=text)
        assert str(tmp_path / "lab") in Path(f"/proc/{report['pid']}/cmdline").read_text()
        await station.end(signal.SIGKILL)
        await soon(lambda: not alive(report["pid"]))


async def test_a_rig_that_dies_is_started_again(station: Station) -> None:
    report = await running(station)
    os.kill(report["pid"], signal.SIGKILL)
    failed = await station.web.in_state("bench", "failed")
    assert "signal SIGKILL" in failed["problem"] and failed["pid"] is None
    again = await station.web.in_state("bench", "running")
    assert again["pid"] != report["pid"] and again["problem"] == ""


async def test_a_rig_with_wrong_settings_is_not_started_again_and_says_why(station: Station) -> None:
    text = sim().replace('kind = "sim"\n[tele', 'kind = "sin"\n[tele')
    await station.web.get("write_rig", name="bench", text=text, version=None)
    await station.web.get("start_rig", name="bench")
    failed = await station.web.in_state("bench", "failed")
    assert "unknown robot kind 'sin'" in failed["problem"] and "started again" not in failed["problem"]
    written = await station.web.get("write_rig", name="bench", text=sim(), version=failed["version"])
    await station.web.get("start_rig", name="bench")
    report = await station.web.in_state("bench", "running")
    assert (report["problem"], report["running_version"]) == ("", written["version"])


async def test_a_rig_that_waits_for_its_next_start_is_stopped_at_once(station: Station) -> None:
    await station.web.get("write_rig", name="bench", text=sim(), version=None)
    station.spool.mkdir(exist_ok=True)
    lock = RigLock(station.spool, "bench")  # somebody runs it by hand
    await station.web.get("start_rig", name="bench")
    await soon(lambda: any("in use by pid" in line for line in station.web.rig("bench").get("last_words", [])))
    await station.web.get("stop_rig", name="bench")
    assert (await station.web.in_state("bench", "stopped"))["pid"] is None
    lock.release()


async def test_a_changed_file_reaches_the_rig_with_a_restart(station: Station) -> None:
    report = await running(station)
    slower = sim().replace("fps = 10", "fps = 5")
    await station.web.get("write_rig", name="bench", text=slower, version=report["version"])
    changed = await soon(lambda: (rig := station.web.rig("bench")) and rig["fps"] == 5 and rig)
    assert changed["running_version"] == report["version"] != changed["version"] and changed["pid"] == report["pid"]
    await station.web.get("restart_rig", name="bench")
    again = await station.web.in_state("bench", "running")
    assert again["pid"] != report["pid"] and again["running_version"] == changed["version"]


async def test_a_removed_rig_ends_and_its_file_is_kept(station: Station) -> None:
    report = await running(station)
    await station.web.get("remove_rig", name="bench")
    await soon(lambda: not station.web.rig("bench"))
    assert not alive(report["pid"])
    assert (station.rigs / "removed/bench.toml").read_text() == sim()
    await station.web.get("write_rig", name="bench", text=sim(), version=None)
    await station.web.get("remove_rig", name="bench")
    assert sorted(path.name for path in (station.rigs / "removed").iterdir()) == ["bench-2.toml", "bench.toml"]


@pytest.mark.parametrize(
    ("name", "args", "code"),
    [
        ("explode", {}, "unknown_ask"),
        ("read_rig", {"name": "../../etc/passwd"}, "bad_args"),
        ("write_rig", {"name": "a/b", "text": "", "version": None}, "bad_args"),
        ("write_rig", {"name": "bench", "text": "\ud800", "version": None}, "bad_args"),
        ("read_rig", {"name": 5}, "bad_args"),
        ("start_rig", {"name": "nobody"}, "unknown_rig"),
        ("stop_rig", {"name": "nobody"}, "unknown_rig"),
        ("restart_rig", {"name": "nobody"}, "unknown_rig"),
        ("remove_rig", {"name": "nobody"}, "unknown_rig"),
        ("write_rig", {"name": "bench", "text": "[rig]\nname = 'other'\n", "version": None}, "invalid"),
        ("write_rig", {"name": "bench", "text": "[rig]", "version": "0"}, "unknown_rig"),
        ("check_text", {"text": "x" * 300_000}, "bad_args"),
    ],
)
async def test_what_cannot_be_done_is_refused_in_words(
    station: Station, name: str, args: dict[str, Any], code: str
) -> None:
    error = await station.web.refusal(name, **args)
    assert error["code"] == code and error["message"]
    assert sorted(path.name for path in station.rigs.iterdir()) == [".station.lock"]


async def test_a_rig_is_not_overwritten_by_mistake(station: Station) -> None:
    web = station.web
    written = await web.get("write_rig", name="bench", text=sim(), version=None)
    assert (await web.refusal("write_rig", name="bench", text=sim(), version=None))["code"] == "exists"
    assert (await web.refusal("write_rig", name="BENCH", text=sim("BENCH"), version=None))["code"] == "exists"
    (station.rigs / "bench.toml").write_text(sim() + "# by hand\n")
    error = await web.refusal("write_rig", name="bench", text=sim(), version=written["version"])
    assert error["code"] == "changed" and (station.rigs / "bench.toml").read_text().endswith("# by hand\n")


async def test_a_wrong_file_is_listed_with_its_line_and_is_not_started(station: Station) -> None:
    (station.rigs / "bench.toml").write_text(sim().replace("fps = 10", "fps = 0"))
    report = await soon(lambda: station.web.rig("bench"))
    assert report["problem"].startswith("bench.toml: line 3: rig.fps: is 0")
    error = await station.web.refusal("start_rig", name="bench")
    assert (error["code"], error["errors"][0]["line"]) == ("invalid", 3)
    read = await station.web.get("read_rig", name="bench")
    assert "fps = 0" in read["text"] and read["errors"] == error["errors"] and read["tables"] == {}


async def test_it_keeps_no_more_rigs_than_it_can_show(station: Station) -> None:
    for number in range(MAX_RIGS):
        (station.rigs / f"rig{number}.toml").write_text(sim(f"rig{number}"))
    assert (await station.web.refusal("write_rig", name="more", text=sim("more"), version=None))["code"] == "too_many"


async def test_it_connects_again_when_the_server_was_away(station: Station) -> None:
    report = await running(station)
    assert station.web.socket is not None
    station.web.socket.transport.abort()
    await soon(lambda: len(station.web.of("hello")) == 2)
    (rig,) = station.web.of("hello")[1]["rigs"]
    assert (rig["state"], rig["pid"]) == ("running", report["pid"])


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [("--name", "my computer", "want letters"), ("--url", "http://server/", "want ws://host:port/ws/station/")],
)
def test_it_says_what_is_wrong_with_its_options(tmp_path: Path, option: str, value: str, words: str) -> None:
    options = {"--rigs": str(tmp_path), "--spool": str(tmp_path), "--url": "ws://127.0.0.1:9/ws/station/"}
    words_of_it = [word for pair in (options | {option: value}).items() for word in pair]
    command = [sys.executable, "-m", "robotdata.station", *words_of_it]
    done = programs.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2 and f"{option} is {value!r}, {words}" in done.stderr


async def test_a_second_station_on_the_same_folder_says_who_has_it(station: Station) -> None:
    options = {"cwd": ROOT, "env": station.environment, "stderr": subprocess.PIPE, "text": True}
    with programs.Popen(station.command, **options) as second:
        assert second.stderr is not None and station.process is not None
        assert f"locked by pid {station.process.pid}" in second.stderr.readline()
        await station.end()
        hello = await soon(lambda: len(station.web.of("hello")) == 2 and station.web.of("hello")[1])
        assert hello["station"]["pid"] == second.pid
        second.terminate()


async def test_every_ask_of_the_protocol_is_answered(station: Station) -> None:
    for name in ASKS:
        answer = await station.web.ask(name)
        assert answer["ok"] or answer["error"]["code"] != "unknown_ask", answer
