"""The play socket: a door between a browser and its Player. It decides nothing about frames."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from uvicorn.protocols.utils import ClientDisconnected

from robotdata.spool.plain_json import read_json
from robotdata.websocket import BrowserSocket, check_message
from viewer.errors import BadRequest, Busy, ViewerError
from viewer.frames import FRAMES
from viewer.locate import Hold, hold_source, trim_in_frames
from viewer.playback import Player
from viewer.sources import FrameSource, describe

log = logging.getLogger(__name__)
MOST_PLAYERS = 16
"""Of one person: in several tabs."""
ALL_PLAYERS = 128
MOST_MESSAGE = 65_536
NOT_FOUND, TOO_MANY, BROKEN = 4404, 4429, 4410
_players: set[PlayConsumer] = set()


class PlayConsumer(BrowserSocket):
    """`/ws/play/<episode uuid>/`; see the module `playback` for what is sent."""

    max_text = MOST_MESSAGE
    per_second = 600  # a pointer that drags asks 200 times, and each picture that comes is acknowledged
    hold: Hold | None = None
    player: Player | None = None
    work: asyncio.Task[None] | None = None

    async def opened(self) -> None:
        try:
            _make_room(self.scope["user"].pk)
            _players.add(self)
            source, trim = await self.reopen()
        except ViewerError as error:
            _players.discard(self)
            await self.send_message({"type": "error", "message": str(error)})
            await self.close(code={404: NOT_FOUND, 503: TOO_MANY}.get(error.status, BROKEN))
            return
        self.player = Player(source, self, trim)
        self.work = asyncio.create_task(self.player.run())
        self.work.add_done_callback(_report)

    async def on_text(self, text: str) -> None:
        if self.player is None:
            return
        try:
            message = parse_message(text)
            check_message(message)
            self.player.handle(message)
        except BadRequest as error:
            await self.send_message({"type": "error", "message": str(error)})

    async def disconnect(self, code: int) -> None:
        try:
            if self.work is not None:
                self.work.cancel()
                await asyncio.wait([self.work])
            if self.hold is not None:
                self.hold.close()
        finally:
            _players.discard(self)  # its place is free once its files are

    async def send_bundle(self, data: bytes) -> None:
        await self.send(bytes_data=data)

    async def send_message(self, message: dict[str, Any]) -> None:
        await self.say(message)

    async def reopen(self) -> tuple[FrameSource, tuple[int, int] | None]:
        new = await hold_source(self.scope["url_route"]["kwargs"]["episode_id"], FRAMES)
        if self.hold is not None:
            self.hold.close()
        self.hold = new
        trim = trim_in_frames(new.place, new.source)
        await self.send_message({"type": "opened", **describe(new.source), "trim": trim})
        return new.source, trim


def _make_room(person: int) -> None:
    """Raise Busy where this person, or everybody together, has too many players open."""
    if sum(player.scope["user"].pk == person for player in _players) >= MOST_PLAYERS:
        raise Busy(f"{MOST_PLAYERS} players are already open: close one of them")
    if len(_players) >= ALL_PLAYERS:
        raise Busy(f"{ALL_PLAYERS} players of all users are already open: try again in a moment")


def parse_message(text: str | None) -> dict[str, Any]:
    """An op as JSON; raises BadRequest."""
    if text is None or len(text) > MOST_MESSAGE:
        raise BadRequest(f"send operations as JSON text of at most {MOST_MESSAGE} characters")
    try:
        message = read_json(text)
    except ValueError:
        raise BadRequest(f"not valid JSON: {text[:40]!r}") from None
    if not isinstance(message, dict):
        raise BadRequest('send an object such as {"op": "seek", "frame": 0, "seq": 1}')
    return message


def _report(work: asyncio.Task[None]) -> None:
    if work.cancelled() or (error := work.exception()) is None:
        return
    if not isinstance(error, ClientDisconnected):  # who leaves in the middle of a picture is no error
        log.error("a player ended with an internal error", exc_info=error)
