"""A question of the rig's socket that is never answered is asked again, and leaves nothing behind."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from recorder.live import consumers
from recorder.live.consumers import RigConsumer
from recorder.live.layer import layer_message
from recorder.live.machine_socket import QUESTIONS_WAITING

PATIENCE_S = 60


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumers, "_ANSWERED_WITHIN_S", 0.01, raising=False)


class Heard(RigConsumer):
    """The socket of a rig that answers only the `answered`-th time that it is told of the end of a session."""

    def __init__(self, answered: int, *, others: int = 0) -> None:
        super().__init__()
        self.waiting = {}
        self.answered, self.others = answered, others
        self.told: list[str] = []

    async def say(self, message: dict[str, Any]) -> None:
        if message["name"] != "end_session":
            return
        self.told.append(message["id"])
        if len(self.told) == self.answered:
            await self.answer({"type": "reply", "id": message["id"], "ok": True, "error": None})
        elif len(self.told) == 1:
            for number in range(self.others):
                question = layer_message("rig.command", id=f"{number}", name="stop", args={}, reply_to="somebody")
                await self.pass_on("command", question)


async def test_the_end_of_a_session_is_told_again_to_a_rig_that_does_not_answer(impatient: None) -> None:
    rig = Heard(answered=3)
    await asyncio.wait_for(rig.tell_of_end("a session"), PATIENCE_S)
    assert len(set(rig.told)) == 3 and rig.waiting == {}


async def test_it_is_told_again_where_too_many_questions_were_open(impatient: None) -> None:
    rig = Heard(answered=2, others=QUESTIONS_WAITING)
    await asyncio.wait_for(rig.tell_of_end("a session"), PATIENCE_S)
    assert len(rig.told) == 2 and not set(rig.told) & rig.waiting.keys()
