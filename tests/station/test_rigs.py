"""A station keeps rig files and runs rigs; real processes, and a real websocket."""

from __future__ import annotations

from tests.station.conftest import Station, sim


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
    running = await web.in_state("bench", "running")
    assert running["pid"] and any("rig bench is running" in line for line in running["last_words"])
    assert [rig["name"] for rig in web.rig_hellos] == ["bench"]
    await web.get("stop_rig", name="bench")
    stopped = await web.in_state("bench", "stopped")
    assert stopped["pid"] is None and "all takes are complete" in stopped["last_words"][-1]
