"""The socket of stations: it stores what they report and passes on what they are asked."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

from recorder.actor import Actor, ActorKind
from recorder.alone import log_once
from recorder.errors import Refused
from recorder.live import stations
from recorder.live.machine_socket import FENCED, MachineSocket
from recorder.live.rig_messages import UnknownMessage
from recorder.live.rig_writer import in_database
from recorder.live.station_messages import Answer, Hello, State, read_message
from robotdata.station.protocol import SILENT_S, VERSION
from robotdata.websocket import BadMessage

log = logging.getLogger(__name__)


class StationConsumer(MachineSocket):
    """`/ws/station/`: the server's side of `robotdata.station.protocol`."""

    silent_s = SILENT_S
    newest: State | None = None

    async def on_text(self, text: str) -> None:
        """Handle one message of the station. Raise BadMessage if it is invalid or comes before hello."""
        try:
            message = read_message(text)
        except UnknownMessage:
            return
        if isinstance(message, Hello):
            await self.on_hello(message)
        elif not self.name:
            raise BadMessage("send hello first")
        elif isinstance(message, State):
            self.heard_at = time.monotonic()
            self.newest = message
            self.wake.set()
        elif isinstance(message, Answer):
            await self.answer(message.model_dump(mode="json"))

    async def on_hello(self, hello: Hello) -> None:
        """Register the station, or refuse it. Raise BadMessage for a second hello."""
        if self.name:
            raise BadMessage("send hello only once")
        actor = Actor(hello.station.name, ActorKind.STATION)
        try:
            await in_database(stations.station_connected, hello=hello, connection=self.channel_name, actor=actor)
        except Refused as refusal:
            await self.refuse(refusal)
            return
        self.name, self.wake = hello.station.name, asyncio.Event()
        self.heard_at = time.monotonic()
        self.keep(self.write_states())
        await self.say({"type": "welcome", "protocol": VERSION})

    async def write_states(self) -> None:
        """Store the newest state whenever there is one; end the connection when another one took over."""
        while True:
            await self.wake.wait()
            self.wake.clear()
            if self.newest is None:
                continue
            state, self.newest = self.newest, None
            try:
                ours = await in_database(
                    stations.station_state, name=self.name, connection=self.channel_name, state=state
                )
            except Exception as error:  # noqa: BLE001 - the next state, in two seconds, may succeed
                log_once(log, f"Writing the state of the station {self.name}", error)
                continue
            if not ours:
                await self.close(FENCED, reason="another connection has taken over this station")
                return

    async def went_silent(self) -> None:
        """Mark the station as offline until its next state."""
        await in_database(stations.station_silent, name=self.name, connection=self.channel_name)

    async def station_ask(self, event: dict[str, Any]) -> None:
        """Ask the station. Called over the channel layer by `station_asks.ask_station`."""
        await self.pass_on("ask", event)

    async def disconnect(self, code: int) -> None:
        """Stop all tasks and mark the station as disconnected."""
        self.end_tasks()
        if self.name:
            await in_database(stations.station_disconnected, name=self.name, connection=self.channel_name)
