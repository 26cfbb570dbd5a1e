from __future__ import annotations

import asyncio
import sqlite3
import time
import uuid
from contextlib import closing
from typing import Any

import pytest

from recorder.live.rig_commands import PER_SECOND


async def make_dataset(web: Any, title: str = "") -> str:
    status, dataset = await web.ask("POST", "/datasets", {"title": title or f"Pushing {uuid.uuid4().hex[:8]}"})
    assert status == 201, dataset
    return str(dataset["slug"])


async def test_it_brings_a_command_to_the_rig_and_its_answer_back(web: Any, rig: Any) -> None:
    async with rig.running():
        status, reply = await web.ask("POST", f"/rigs/{rig.name}/commands/stop", {"args": {"take": "x"}})
        assert (status, reply["ok"]) == (200, True)
        assert [(c["name"], c["args"]) for c in rig.commands] == [("stop", {"take": "x"})]
        assert reply["id"] == rig.commands[0]["id"]


async def test_it_says_with_each_command_how_old_its_knowledge_of_the_rig_is(web: Any, rig: Any) -> None:
    rig.clock = 5123.25
    async with rig.running():
        assert (await web.ask("POST", f"/rigs/{rig.name}/commands/stop", {}))[0] == 200
        command = rig.commands[0]
        assert command["echo"] == 5123.25 and command["held_s"] >= 0


async def test_it_tells_the_rigs_own_reason_where_it_refuses(web: Any, rig: Any) -> None:
    differences = [{"what": "fps", "rig": 30, "dataset": 15}]
    said = {"code": "mismatch", "message": "this rig doesn't match", "differences": differences}
    rig.answer = lambda _command: {"ok": False, "error": said}
    async with rig.running():
        status, answer = await web.ask("POST", f"/rigs/{rig.name}/commands/stop", {})
        assert status == 409
        assert answer == {
            "error": {"code": "mismatch", "message": "this rig doesn't match", "detail": {"differences": differences}}
        }


async def test_a_command_that_no_rig_would_take_is_refused_and_the_rig_stays_connected(web: Any, rig: Any) -> None:
    async with rig.running():
        status, answer = await web.ask("POST", f"/rigs/{rig.name}/commands/stop", {"args": {"take": "x" * 1_100_000}})
        assert (status, answer["error"]["code"]) == (409, "too_large")
        status, reply = await web.ask("POST", f"/rigs/{rig.name}/commands/stop", {})
        assert (status, reply["ok"]) == (200, True)
        assert len(rig.commands) == 1


async def test_it_reaches_a_rig_whose_status_could_not_be_stored_for_some_seconds(web: Any, rig: Any) -> None:
    """As while the database was away: whoever looks first afterwards finds a rig that has said nothing for long."""
    async with rig.running():
        await rig.move("recording")
        with closing(sqlite3.connect(web.home / ".state/robotdata.sqlite3", timeout=60)) as rows, rows:
            rows.execute("UPDATE recorder_rig SET last_seen_at = '2020-01-01 00:00:00' WHERE name = ?", [rig.name])
        status, reply = await web.ask("POST", f"/rigs/{rig.name}/commands/stop", {})
        assert (status, [command["name"] for command in rig.commands]) == (200, ["stop"]), reply


async def test_it_refuses_at_once_where_the_rig_is_offline_or_unknown(web: Any, rig: Any) -> None:
    status, answer = await web.ask("POST", f"/rigs/{rig.name}/commands/stop", {})
    assert (status, answer["error"]["code"]) == (404, "no_rig")
    async with rig.running():
        pass
    await rig.is_shown("offline")
    status, answer = await web.ask("POST", f"/rigs/{rig.name}/commands/stop", {})
    assert (status, answer["error"]["code"]) == (409, "offline")
    assert "start the rig" in answer["error"]["message"]


async def test_it_does_not_wait_for_ever_for_a_rig_that_hangs(web: Any, rig: Any) -> None:
    rig.answer = lambda _command: None
    async with rig.running():
        status, answer = await web.ask("POST", f"/rigs/{rig.name}/commands/stop", {})
        assert (status, answer["error"]["code"]) == (504, "no_answer")


async def test_it_keeps_a_flood_of_commands_from_the_rig(web: Any, rig: Any) -> None:
    async with rig.running():
        began = time.monotonic()
        asked = [web.ask("POST", f"/rigs/{rig.name}/commands/stop", {}) for _ in range(60)]
        codes = {status for status, _ in await asyncio.gather(*asked)}
        assert 200 in codes and codes <= {200, 429}
        # A machine that takes three seconds over sixty calls has seen no flood.
        assert len(rig.commands) <= PER_SECOND * (time.monotonic() - began + 1)


async def test_it_begins_a_session_and_a_take_in_one_call(web: Any, rig: Any) -> None:
    slug = await make_dataset(web)
    body = {"dataset": slug, "task": "push the cube", "countdown_s": 0, "reset_s": 4.5}
    async with rig.running():
        status, reply = await web.ask("POST", f"/rigs/{rig.name}/record", body)
        assert status == 200, reply
        args = rig.commands[0]["args"]
        assert (args["dataset"], args["task"], args["operator"]) == (slug, "push the cube", "olga")
        assert (args["countdown_s"], args["episode_s"], args["reset_s"]) == (0, None, 4.5)
        assert args["session"] == reply["session"] and args["expect"] is None
        status, again = await web.ask("POST", f"/rigs/{rig.name}/record", body | {"task": "push it back"})
        assert again["session"] == reply["session"]
        _, shown = await web.ask("GET", f"/sessions?rig={rig.name}")
        assert [(s["task"], s["ended_at"]) for s in shown["items"]] == [("push it back", None)]


async def test_it_leaves_no_session_behind_where_the_rig_refuses_the_first_take(web: Any, rig: Any) -> None:
    slug = await make_dataset(web)
    rig.answer = lambda _command: {"ok": False, "error": {"code": "camera_missing", "message": "front is away"}}
    async with rig.running():
        status, answer = await web.ask("POST", f"/rigs/{rig.name}/record", {"dataset": slug, "task": "push"})
        assert (status, answer["error"]["message"]) == (409, "front is away")
        assert (await web.ask("GET", f"/sessions?rig={rig.name}"))[1]["items"] == []


async def test_it_gives_two_tabs_that_press_record_one_session(web: Any, rig: Any) -> None:
    slug = await make_dataset(web)
    body = {"dataset": slug, "task": "push", "take": str(uuid.uuid4())}
    async with rig.running():
        answers = await asyncio.gather(*(web.ask("POST", f"/rigs/{rig.name}/record", body) for _ in range(6)))
        assert {status for status, _ in answers} == {200}
        assert len({reply["session"] for _, reply in answers}) == 1


async def test_it_switches_datasets_only_between_takes(web: Any, rig: Any) -> None:
    first, second = await make_dataset(web, "First"), await make_dataset(web, "Second")
    async with rig.running():
        await web.ask("POST", f"/rigs/{rig.name}/record", {"dataset": first, "task": "push"})
        await rig.move("recording")
        status, answer = await web.ask("POST", f"/rigs/{rig.name}/record", {"dataset": second, "task": "push"})
        assert (status, answer["error"]["code"]) == (409, "not_allowed")
        assert "First" in answer["error"]["message"]
        await rig.move("idle")
        status, _ = await web.ask("POST", f"/rigs/{rig.name}/record", {"dataset": second, "task": "push"})
        _, shown = await web.ask("GET", f"/sessions?rig={rig.name}&running=true")
        assert (status, [s["dataset"] for s in shown["items"]]) == (200, [second])


async def test_it_ends_a_session_so_that_no_take_begins_by_itself(web: Any, rig: Any) -> None:
    slug = await make_dataset(web)
    async with rig.running():
        _, reply = await web.ask("POST", f"/rigs/{rig.name}/record", {"dataset": slug, "task": "push", "reset_s": 5})
        await rig.move("recording")
        status, answer = await web.ask("POST", f"/sessions/{reply['session']}/end")
        assert (status, answer["error"]["code"]) == (409, "not_allowed")
        await rig.move("resetting")
        status, ended = await web.ask("POST", f"/sessions/{reply['session']}/end")
        assert status == 200 and ended["session"]["ended_at"] and ended["operation"] is None
        told = [(command["name"], command["args"]) for command in rig.commands[-2:]]
        assert told == [("cancel", {}), ("end_session", {"session": reply["session"]})]
        assert (await web.ask("POST", f"/sessions/{reply['session']}/end"))[1] == ended


def as_a_rig(rig: Any, *, after_stop: str) -> None:
    """Let the rig obey its states; a countdown is over as soon as it has refused a command."""
    allowed = {"countdown": {"cancel"}, "recording": {"stop"}, "resetting": {"cancel"}, "idle": {"record"}}

    def answer(command: dict[str, Any]) -> dict[str, Any]:
        name, state = command["name"], rig.state
        if name == "end_session" and state not in ("countdown", "recording"):
            return {"ok": True, "error": None}
        if name not in allowed[state]:
            rig.state = "recording" if state == "countdown" else state
            return {"ok": False, "error": {"code": "not_allowed", "message": f"cannot {name} while {state}"}}
        rig.state = after_stop if name == "stop" else "idle"
        return {"ok": True, "error": None}

    rig.answer = answer


@pytest.mark.parametrize(("state", "after_stop"), [("countdown", "idle"), ("recording", "resetting")])
async def test_it_ends_a_session_for_sure_whatever_begins_meanwhile(
    web: Any, rig: Any, state: str, after_stop: str
) -> None:
    slug = await make_dataset(web)
    async with rig.running():
        _, reply = await web.ask("POST", f"/rigs/{rig.name}/record", {"dataset": slug, "task": "push", "reset_s": 5})
        await rig.move(state)
        as_a_rig(rig, after_stop=after_stop)
        status, ended = await web.ask("POST", f"/sessions/{reply['session']}/end", {"stop": True})
        assert status == 200 and ended["session"]["ended_at"] and rig.state == "idle"


@pytest.mark.parametrize("code", ["not_allowed", "late"])
async def test_it_does_not_end_a_session_that_the_rig_goes_on_with(web: Any, rig: Any, code: str) -> None:
    slug = await make_dataset(web)
    async with rig.running():
        _, reply = await web.ask("POST", f"/rigs/{rig.name}/record", {"dataset": slug, "task": "push"})
        await rig.move("idle")
        rig.answer = lambda _command: {"ok": False, "error": {"code": code, "message": "stop the take first"}}
        for body in ({"stop": True}, {"stop": False}):
            status, answer = await web.ask("POST", f"/sessions/{reply['session']}/end", body)
            assert (status, answer["error"]["message"]) == (409, "stop the take first")
        assert (await web.ask("GET", f"/sessions?rig={rig.name}&running=true"))[1]["items"]
        other = await make_dataset(web)
        status, _ = await web.ask("POST", f"/rigs/{rig.name}/record", {"dataset": other, "task": "push"})
        assert status == 409
        assert [
            each["dataset"] for each in (await web.ask("GET", f"/sessions?rig={rig.name}&running=true"))[1]["items"]
        ] == [slug]


async def test_it_ends_a_session_on_a_rig_that_does_not_know_the_command(web: Any, rig: Any) -> None:
    slug = await make_dataset(web)
    async with rig.running():
        _, reply = await web.ask("POST", f"/rigs/{rig.name}/record", {"dataset": slug, "task": "push"})
        await rig.move("idle")
        rig.answer = lambda _command: {"ok": False, "error": {"code": "bad_args", "message": "unknown command"}}
        status, ended = await web.ask("POST", f"/sessions/{reply['session']}/end")
        assert status == 200 and ended["session"]["ended_at"]


async def test_a_rig_hears_that_its_session_ends_when_another_begins(web: Any, rig: Any) -> None:
    first, second = await make_dataset(web), await make_dataset(web)
    async with rig.running():
        _, reply = await web.ask("POST", f"/rigs/{rig.name}/record", {"dataset": first, "task": "push"})
        await rig.move("idle")
        await web.ask("POST", f"/rigs/{rig.name}/record", {"dataset": second, "task": "push"})
        ended, record = rig.commands[-2:]
        assert (ended["name"], ended["args"]) == ("end_session", {"session": reply["session"]})
        assert record["name"] == "record"


async def test_a_session_that_ended_without_an_answer_is_told_again_until_the_rig_hears_it(
    web: Any, rig: Any, listen: Any
) -> None:
    slug = await make_dataset(web)
    async with rig.running():
        _, reply = await web.ask("POST", f"/rigs/{rig.name}/record", {"dataset": slug, "task": "push"})
        await rig.move("idle")
        rig.commands.clear()
        late = {"ok": False, "error": {"code": "late", "message": "no"}}
        answers = [None, late, {"ok": True, "error": None}]
        rig.answer = lambda _command: answers.pop(0)
        assert (await web.ask("POST", f"/sessions/{reply['session']}/end"))[0] == 200
        await listen.until(lambda: not answers)
        told = [(command["name"], command["args"]) for command in rig.commands]
        assert told == [("end_session", {"session": reply["session"]})] * 3
        assert len({command["id"] for command in rig.commands}) == 3


async def test_a_rig_that_was_away_hears_that_its_session_has_ended(web: Any, rig: Any, listen: Any) -> None:
    slug = await make_dataset(web)
    async with rig.running():
        _, reply = await web.ask("POST", f"/rigs/{rig.name}/record", {"dataset": slug, "task": "push"})
        await rig.move("idle")
    await rig.is_shown("offline")
    assert (await web.ask("POST", f"/sessions/{reply['session']}/end"))[0] == 200
    facts = {"id": str(uuid.uuid4()), "ticks": 30, "task": "push", "dataset": slug}
    rig.last_take = facts | {"session": reply["session"]}
    rig.commands.clear()
    refusals = [{"ok": False, "error": {"code": code, "message": "no"}} for code in ("not_allowed", "late")]
    answers = [*refusals, {"ok": True, "error": None}]
    rig.answer = lambda _command: answers.pop(0)
    async with rig.running():
        await listen.until(lambda: len(rig.commands) == 3)
        told = [(command["name"], command["args"]) for command in rig.commands]
        assert told == [("end_session", {"session": reply["session"]})] * 3
