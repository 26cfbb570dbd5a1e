"""The websocket of a player. It passes messages between a browser and its `Player`, and opens the episode's source."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from uvicorn.protocols.utils import ClientDisconnected

from robotdata.files.plain_json import read_json
from robotdata.websocket import BrowserSocket, check_message
from viewer.errors import BadRequest, Busy, ViewerError
from viewer.frames import FRAMES
from viewer.locate import SourceHandle, acquire_source, trim_in_frames
from viewer.playback import Player
from viewer.sources import FrameSource, describe

log = logging.getLogger(__name__)
MAX_PLAYERS = 16
"""Open players of one user, in all tabs."""
ALL_PLAYERS = 128
"""Open players of all users."""
MAX_MESSAGE = 65_536
"""Characters of one message."""
NOT_FOUND, TOO_MANY, BROKEN = 4404, 4429, 4410
"""Close codes of the websocket."""
_players: set[PlayConsumer] = set()


class PlayConsumer(BrowserSocket):
    """`/ws/play/<episode uuid>/`. The module `playback` describes the messages."""

    max_text = MAX_MESSAGE
    per_second = 600  # dragging sends up to 200 seeks, and every bundle is acknowledged
    source_handle: SourceHandle | None = None
    player: Player | None = None
    work: asyncio.Task[None] | None = None

    async def opened(self) -> None:
        """Open the episode and start the player. If that fails, send the error and close with a close code."""
        try:
            _check_limits(self.scope["user"].pk)
            _players.add(self)
            source, trim = await self.reopen()
        except ViewerError as error:
            _players.discard(self)
            await self.send_message({"type": "error", "message": str(error)})
            await self.close(code={404: NOT_FOUND, 503: TOO_MANY}.get(error.status, BROKEN))
            return
        self.player = Player(source, self, trim)
        self.work = asyncio.create_task(self.player.run())
        self.work.add_done_callback(_log_failure)

    async def on_text(self, text: str) -> None:
        """Pass one message to the player; send an error if it is invalid."""
        if self.player is None:
            return
        try:
            message = parse_message(text)
            check_message(message)
            self.player.handle(message)
        except BadRequest as error:
            await self.send_message({"type": "error", "message": str(error)})

    async def disconnect(self, code: int) -> None:
        """Stop the player, then release its files."""
        try:
            if self.work is not None:
                self.work.cancel()
                await asyncio.wait([self.work])
            if self.source_handle is not None:
                self.source_handle.close()
        finally:
            _players.discard(self)  # last, so that the limits count the player until its files are closed

    async def send_bundle(self, data: bytes) -> None:
        """Send one bundle of frames."""
        await self.send(bytes_data=data)

    async def send_message(self, message: dict[str, Any]) -> None:
        """Send one JSON message."""
        await self.say(message)

    async def reopen(self) -> tuple[FrameSource, tuple[int, int] | None]:
        """Open the episode's files as they are now; send `opened`. Return the source and the trim in frames."""
        handle = await acquire_source(self.scope["url_route"]["kwargs"]["episode_id"], FRAMES)
        if self.source_handle is not None:
            self.source_handle.close()
        self.source_handle = handle
        trim = trim_in_frames(handle.place, handle.source)
        await self.send_message({"type": "opened", **describe(handle.source), "trim": trim})
        return handle.source, trim


def _check_limits(user_id: int) -> None:
    """Raise Busy if this user, or all users together, have too many players open."""
    if sum(player.scope["user"].pk == user_id for player in _players) >= MAX_PLAYERS:
        raise Busy(f"{MAX_PLAYERS} players are already open: close one of them")
    if len(_players) >= ALL_PLAYERS:
        raise Busy(f"{ALL_PLAYERS} players of all users are already open: try again in a moment")


def parse_message(text: str | None) -> dict[str, Any]:
    """Parse an operation as a JSON object. Raises BadRequest."""
    if text is None or len(text) > MAX_MESSAGE:
        raise BadRequest(f"send operations as JSON text of at most {MAX_MESSAGE} characters")
    try:
        message = read_json(text)
    except ValueError:
        raise BadRequest(f"not valid JSON: {text[:40]!r}") from None
    if not isinstance(message, dict):
        raise BadRequest('send an object such as {"op": "seek", "frame": 0, "seq": 1}')
    return message


def _log_failure(work: asyncio.Task[None]) -> None:
    """Log a player that ended with an exception."""
    if work.cancelled() or (error := work.exception()) is None:
        return
    if not isinstance(error, ClientDisconnected):  # a browser may leave at any time
        log.error("a player ended with an internal error", exc_info=error)
