"""Ask a rig or a station, on whichever web process its socket is, and wait for the answer: over the channel layer."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from channels.db import database_sync_to_async
from channels.layers import get_channel_layer

from recorder.errors import Refused
from recorder.live.layer import LAYER_ERRORS, is_readable, layer_message

LOOK_AGAIN_S = 0.3
_NAMES_REMEMBERED = 256


class Rate:
    """A limit of calls per second and name, counted in this process."""

    def __init__(self, per_second: int) -> None:
        self.per_second = per_second
        self._times: OrderedDict[str, deque[float]] = OrderedDict()

    def allows(self, name: str) -> bool:
        """Count a call for `name`; return False, without counting it, if the limit is reached."""
        times = self._times.setdefault(name, deque(maxlen=self.per_second))
        self._times.move_to_end(name)
        if len(self._times) > _NAMES_REMEMBERED:
            self._times.popitem(last=False)
        now = time.monotonic()
        if len(times) == self.per_second and now - times[0] < 1.0:
            return False
        times.append(now)
        return True


@dataclass(frozen=True, slots=True)
class Question:
    """What one rig or station is asked. `kind` is the consumer's handler, such as `rig.command`.

    `connection` is the channel of its socket, and `find_connection` returns the present one, or "" while there is none.
    A question that is `repeatable` is sent again to a new connection; another one ends then, as nobody knows whether
    the first was carried out. `late` completes the message for somebody who waited `timeout` seconds without an answer.
    """

    kind: str
    id: str
    name: str
    args: dict[str, Any]
    asked: str
    connection: str
    find_connection: Callable[[], str]
    timeout: float
    late: str
    repeatable: bool = True


async def ask(question: Question) -> dict[str, Any]:
    """Return the reply to the question. Raise Refused: `no_answer` (504), `no_layer` (503)."""
    layer = get_channel_layer()
    message = layer_message(question.kind, id=question.id, name=question.name, args=question.args)
    try:
        channel = await layer.new_channel()
        try:
            async with asyncio.timeout(question.timeout):
                answer = await _answer(layer, channel, question, {**message, "reply_to": channel})
        finally:
            await _forget(layer, channel)
    except TimeoutError:
        raise Refused(
            "no_answer", f"{question.asked} did not answer within {question.timeout:g} s. {question.late}", 504
        ) from None
    except LAYER_ERRORS as error:
        raise Refused("no_layer", f"The channel layer (CHANNEL_URL) is unreachable: {error}.", 503) from error
    if not is_readable(answer):
        raise Refused(
            "no_answer",
            f"{question.asked} answered through a web process of a newer release, which this one cannot read. "
            "Restart all web processes with the same release.",
            504,
        )
    return dict(answer["reply"])


def refusal(asked: str, name: str, error: dict[str, Any]) -> Refused:
    """Return the refusal that `asked` gave as the reason why it does not do `name`."""
    code = str(error.get("code") or "refused")[:40]
    message = str(error.get("message") or f"{asked} refused to {name} and gave no reason.")[:2000]
    detail = {key: value for key, value in error.items() if key not in {"code", "message"}}
    return Refused(code, message, detail=detail)


async def _answer(layer: Any, channel: str, question: Question, message: dict[str, Any]) -> dict[str, Any]:
    """Return the reply on `channel`, whichever connection it comes from."""
    asked = question.connection
    await layer.send(asked, message)
    waiting = asyncio.ensure_future(layer.receive(channel))
    try:
        while not (await asyncio.wait({waiting}, timeout=LOOK_AGAIN_S))[0]:
            connection = await database_sync_to_async(question.find_connection)()
            if connection == asked:
                continue
            if not question.repeatable:
                lost = f"{question.asked} lost its connection before it answered. {question.late}"
                raise Refused("no_answer", lost, 504)
            if connection:
                asked = connection
                await layer.send(asked, message)
        return dict(waiting.result())
    finally:
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)


async def _forget(layer: Any, channel: str) -> None:
    # A layer ends its subscription only when a waiting receive is cancelled.
    waiting = asyncio.ensure_future(layer.receive(channel))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
