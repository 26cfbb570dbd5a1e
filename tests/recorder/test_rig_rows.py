"""The rows of one rig's connection: an error ends neither of its two tasks, and one that died is noticed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from recorder.actor import Actor, ActorKind
from recorder.live import rig_writer
from recorder.live.rig_writer import RigRows


async def ended(rows: RigRows) -> None:
    async with asyncio.timeout(30):
        await rows.ended.wait()


async def test_a_take_that_fails_does_not_keep_the_next_from_being_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[tuple[str, Any]] = []

    async def in_database(function: Any, **arguments: Any) -> Any:
        called.append((function.__name__, arguments.get("take_id")))
        if arguments.get("take_id") == "odd" and function.__name__ == "index_take":
            raise OverflowError("Python int too large")
        return []

    monkeypatch.setattr(rig_writer, "in_database", in_database)
    rows = RigRows(name="sim", actor=Actor("sim", ActorKind.RIG), connection="here")
    await rows.take("odd", {"fps": 1e308})
    await rows.take("good", {})
    await rows.close()
    assert [call for call in called if call[1]] == [("index_take", "odd"), ("note_take", "odd"), ("index_take", "good")]
    assert not rows.failed


async def test_a_task_that_died_closes_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    async def dies(_: RigRows) -> None:
        raise KeyError("odd")

    monkeypatch.setattr(RigRows, "_write_takes", dies)
    rows = RigRows(name="sim", actor=Actor("sim", ActorKind.RIG), connection="here")
    await ended(rows)
    assert rows.failed


async def test_it_looks_for_unfinished_takes_once_the_state_stays_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[str] = []

    async def in_database(function: Any, **arguments: Any) -> Any:
        called.append(function.__name__)
        return ["cut off"] if function.__name__ == "unfinished_takes" else [True]

    async def write(state: str) -> list[str]:
        called.clear()
        rows.status({"state": state})
        async with asyncio.timeout(30):
            while "rig_status" not in called or rows._takes.qsize():
                await asyncio.sleep(0.01)
        await rows._takes.join()
        return list(called)

    monkeypatch.setattr(rig_writer, "in_database", in_database)
    monkeypatch.setattr(rig_writer, "WRITE_EVERY_S", 0.0)
    rows = RigRows(name="sim", actor=Actor("sim", ActorKind.RIG), connection="here")
    moved = [await write("recording"), await write("idle")]
    assert moved == [["rig_status"], ["rig_status"]]
    assert await write("idle") == ["rig_status", "unfinished_takes", "index_take"]
    assert await write("idle") == ["rig_status"]
    await rows.close()


async def test_a_change_that_could_not_be_written_is_one_still(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next status looks the same to its connection, but pages have not heard of it."""
    moved: list[bool] = []

    async def in_database(function: Any, **arguments: Any) -> Any:
        if function.__name__ == "rig_status":
            moved.append(arguments["moved"])
            if len(moved) == 1:
                raise OverflowError("Python int too large")
        return [] if function.__name__ == "unfinished_takes" else [True]

    async def write(count: int) -> None:
        rows.status({"state": "recording"})
        async with asyncio.timeout(30):
            while len(moved) < count:
                await asyncio.sleep(0)

    monkeypatch.setattr(rig_writer, "in_database", in_database)
    monkeypatch.setattr(rig_writer, "WRITE_EVERY_S", 0.0)
    rows = RigRows(name="sim", actor=Actor("sim", ActorKind.RIG), connection="here")
    for count in (1, 2, 3):
        await write(count)
    assert moved == [True, True, False]
    rows.ended.set()
    await rows.close()
