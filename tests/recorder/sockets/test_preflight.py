"""A preflight goes to the rig with what the server knows, and its result comes back with the rig's status."""

from __future__ import annotations

import asyncio
import time
import uuid
from typing import Any


async def args_at_rig(web: Any, rig: Any, **args: Any) -> dict[str, Any]:
    """What the rig is asked to check."""
    status, reply = await web.ask("POST", f"/rigs/{rig.name}/commands/preflight", {"args": args})
    assert status == 200, reply
    assert rig.commands[-1]["name"] == "preflight"
    return dict(rig.commands[-1]["args"])


async def test_the_rig_gets_the_dataset_and_how_its_clock_differs(web: Any, rig: Any) -> None:
    title = f"Checking {uuid.uuid4().hex[:8]}"
    _, dataset = await web.ask("POST", "/datasets", {"title": title})
    async with rig.running():
        assert await args_at_rig(web, rig, seconds=2) == {"seconds": 2, "clock_offset_s": 0.0}
        sent = await args_at_rig(web, rig, dataset=dataset["slug"])
        assert sent == {"dataset": dataset["slug"], "expect": None, "problem": "", "clock_offset_s": 0.0}


async def test_a_rig_whose_clock_is_behind_is_told_by_how_much(web: Any, rig: Any) -> None:
    async with rig.running():
        await rig.say({"type": "telemetry", "t": time.time() - 3600, "rows": []})
        await rig.move("saving")  # what came before is read
        assert abs((await args_at_rig(web, rig))["clock_offset_s"] - 3600) < 60


async def test_what_nobody_knows_is_refused_before_the_rig_is_asked(web: Any, rig: Any) -> None:
    async with rig.running():
        for args, code in (({"dataset": "no-such"}, 404), ({"dataset": 7}, 404), ({"expect": None}, 422)):
            status, answer = await web.ask("POST", f"/rigs/{rig.name}/commands/preflight", {"args": args})
            assert status == code and next(iter(args)) in answer["error"]["code"] + answer["error"]["message"]
        assert rig.commands == []


async def test_the_result_is_in_the_rigs_status_without_what_cannot_be_read(web: Any, rig: Any) -> None:
    good = {
        "code": "loop",
        "level": "ok",
        "device": "rig",
        "camera": None,
        "measured": {"rows": 90},
        "text": "",
        "remedy": "",
    }
    odd = {**good, "code": 7, "measured": None}
    async with rig.running():
        said = {"state": "done", "seconds": 3, "dataset": "", "age_s": 1.5, "checks": [good, odd, "x"]}
        rig.speaks = False
        await rig.say({**rig.status(), "preflight": said})
        async with asyncio.timeout(60):
            while "preflight" not in (shown := (await web.ask("GET", f"/rigs/{rig.name}"))[1]["status"]):
                await asyncio.sleep(0.05)
        assert shown["preflight"]["checks"][0] == good
        assert not any(each.get("code") == 7 for each in shown["preflight"]["checks"])
