"""The recorder's sockets for rigs and browsers. They forward messages and contain no rules."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import time
import uuid
from typing import Any
from urllib.parse import parse_qs

from recorder.actor import Actor, ActorKind
from recorder.errors import Refused
from recorder.live import rigs
from recorder.live.change_feed import moved_since, watcher
from recorder.live.emergency import stop_rig
from recorder.live.hub import SILENT_S, CameraRates, Feed, Viewer, hub
from recorder.live.inputs import InputRelay
from recorder.live.layer import LAYER_ERRORS, is_readable
from recorder.live.machine_socket import FENCED, TRY_AGAIN, MachineSocket
from recorder.live.messages import Moved
from recorder.live.relay import Inbound, Outbound, is_scaled_out, watch_group
from recorder.live.rig_messages import (
    BadTake,
    Heard,
    Hello,
    Reply,
    Status,
    TakeMoved,
    Telemetry,
    UnknownMessage,
    drawn_cameras,
    ping_number,
    read_card,
    read_json,
    read_message,
    wanted_cameras,
)
from recorder.live.rig_writer import RigRows, in_database
from recorder.live.sessions import ended_sessions
from robotdata.rig.messages import VERSION
from robotdata.rig.previews import MAX_BINARY_BYTES
from robotdata.rig.states import EMERGENCY_STOP, END_SESSION, PREFLIGHT
from robotdata.websocket import BadMessage, BrowserSocket, check_message, wire_text

log = logging.getLogger(__name__)

LONGEST_STOP = 200
_ASK_AGAIN_S = 1.0
_ANSWERED_WITHIN_S = 10.0
inbound = Inbound(hub) if is_scaled_out() else None


class RigConsumer(MachineSocket):
    """`/ws/rig/`: the server's side of docs/rig-protocol.md."""

    max_bytes = MAX_BINARY_BYTES
    feed: Feed | None = None
    rows: RigRows | None = None
    outbound: Outbound | None = None
    described: dict[str, Any] = {}
    inputs: InputRelay | None = None
    silent_s = SILENT_S
    clock: tuple[float, float] | None = None  # the rig's, in its newest status, and when that came

    async def on_bytes(self, data: bytes) -> None:
        """Publish a preview frame. Raise BadMessage if it is invalid or comes before hello."""
        if self.feed is None:
            raise BadMessage("send hello first")
        try:
            self.feed.publish_frame(data)
        except ValueError as error:
            raise BadMessage(str(error)) from error

    async def on_text(self, text: str) -> None:
        """Handle one message of the rig. Raise BadMessage if it is invalid or comes before hello."""
        try:
            message = read_message(text)
        except UnknownMessage:
            return
        if isinstance(message, Hello):
            await self.on_hello(message)
        elif self.feed is None or self.rows is None:
            raise BadMessage("send hello first")
        elif isinstance(message, Status):
            self.on_status(message.model_dump(mode="json"))
        elif isinstance(message, Telemetry):
            self.feed.publish_telemetry(message.model_dump(mode="json", exclude_none=True))
        elif isinstance(message, TakeMoved):
            await self.on_take(message.take, self.rows)
        elif isinstance(message, Reply):
            await self.answer(message.model_dump(mode="json"))
        elif isinstance(message, Heard) and self.inputs is not None:
            await self.inputs.answer(message)

    async def on_hello(self, hello: Hello) -> None:
        """Register the rig and start its feed, or refuse it. Raise BadMessage for a second hello."""
        if self.feed is not None:
            raise BadMessage("send hello only once")
        actor = Actor(hello.rig.name, ActorKind.RIG)
        try:
            rig = await in_database(rigs.rig_connected, hello=hello, connection=self.channel_name, actor=actor)
        except Refused as refusal:
            await self.refuse(refusal)
            return
        self.name = rig.name
        self.note_clock(hello.status)
        self.described = {"cameras": rig.cameras, "inputs": hello.rig.inputs}
        self.inputs = InputRelay(self.channel_layer, self.say, self.send)
        self.keep(self.inputs.run())
        await self.say({"type": "welcome", "protocol": VERSION})
        self.rows = RigRows(name=self.name, actor=actor, connection=self.channel_name, cameras=rig.cameras)
        self.keep(self.close_when_ended(self.rows))
        self.feed = hub.attach(self.name, self.on_rates, self.stop_now)
        self.feed.publish_status({**hello.status, "online": True, **self.described})
        if is_scaled_out():
            self.outbound = Outbound(hub, self.name)
            try:
                await self.channel_layer.group_add(watch_group(self.name), self.channel_name)
            except LAYER_ERRORS as error:
                log.warning("%s cannot be watched from other processes: %s", self.name, error)
                await self.close(TRY_AGAIN, reason="the channel layer is unreachable: reconnect later")
                return
        self.keep(self.index_takes(hello, self.rows))
        self.keep(self.end_sessions(hello))

    def on_status(self, status: dict[str, Any]) -> None:
        """Publish the rig's status and pass it to the writer of its row."""
        if self.feed is None or self.rows is None:
            return
        self.heard_at = time.monotonic()
        self.note_clock(status)
        self.feed.publish_status({**status, "online": True, **self.described})
        self.rows.status(status)

    def note_clock(self, status: dict[str, Any]) -> None:
        """Keep the rig's clock, by which it sees how late a command is."""
        rig_clock = status.pop("clock", None)
        self.clock = None if rig_clock is None else (rig_clock, time.monotonic())

    def age(self) -> dict[str, float]:
        """Return the newest clock that the rig has told, and for how long it has been here."""
        if self.clock is None:
            return {}
        rig_clock, came = self.clock
        return {"echo": rig_clock, "held_s": round(time.monotonic() - came, 3)}

    async def on_take(self, take: dict[str, Any], rows: RigRows) -> None:
        """Pass a changed take to the writer of its row."""
        if (card := await self.card_of(take, rows)) is not None:
            await rows.take(card[0], {**take, "id": card[0]})

    async def card_of(self, take: Any, rows: RigRows) -> tuple[str, str, int] | None:
        """Return (id, state, ticks) of a take.

        If the rig's description is invalid, store a line about the take and return None; the connection stays open.
        """
        try:
            return read_card(take)
        except BadTake as error:
            log.warning("%s: %s", self.name, error)
            await rows.not_listed(error.take_id, str(error))
        except BadMessage as error:
            log.warning("%s: %s", self.name, error)
        return None

    def stop_now(self, command_id: str, answer: asyncio.Future[dict[str, Any]]) -> None:
        """Send an emergency stop to the rig, before whatever waits for this socket's attention."""
        self.waiting.setdefault(command_id, []).append(answer)
        self.keep(self.say({"type": "command", "id": command_id, "name": EMERGENCY_STOP, "args": {}}))

    async def rig_command(self, event: dict[str, Any]) -> None:
        """Send a command to the rig. Called over the channel layer by `rig_commands.send_command`."""
        if self.feed is not None and is_readable(event) and event["name"] == PREFLIGHT:
            # Only this process hears the rig's clock.
            event = {**event, "args": {**event["args"], "clock_offset_s": self.feed.clock.offset_s}}
        await self.pass_on("command", event)

    async def rig_input(self, event: dict[str, Any]) -> None:
        """Send a browser's message to a device of the rig. Called over the channel layer by `InputConsumer`."""
        if self.inputs is not None and is_readable(event):
            self.inputs.take(event["sender"], event["device"], event["body"], event.get("jpeg"))

    async def rig_watch(self, event: dict[str, Any]) -> None:
        """Record what another web process watches. Called over the channel layer."""
        if self.outbound is not None and is_readable(event):
            self.outbound.record_request(event["process"], event["cameras"])

    def on_rates(self, rates: CameraRates) -> None:
        """Tell the rig which cameras are watched, and at how many frames per second."""
        self.keep(self.say({"type": "watch", "cameras": rates}))

    async def index_takes(self, hello: Hello, rows: RigRows) -> None:
        """Index those takes on the rig's disk whose rows differ or are missing."""
        found = [await self.card_of(take, rows) for take in hello.takes]
        cards = {card[0]: card for card in found if card is not None}
        for take_id in await in_database(rigs.takes_to_index, takes=list(cards.values())):
            _, state, ticks = cards[take_id]
            await rows.take(take_id, {"id": take_id, "state": state, "ticks": ticks})

    async def end_sessions(self, hello: Hello) -> None:
        """Tell the rig of a session that ended while it was away: a pedal or a timer would begin another take of it."""
        for session in await in_database(ended_sessions, named=hello.sessions):
            await self.tell_of_end(session)

    async def rig_session_ended(self, event: dict[str, Any]) -> None:
        """Tell the rig of a session that ended without its answer. Called over the channel layer by `sessions`."""
        if self.feed is not None and is_readable(event):
            self.keep(self.tell_of_end(event["session"]))

    async def tell_of_end(self, session: str) -> None:
        """Repeat that a session has ended until the rig hears it in time and records no take of it any more."""
        refused = True
        while refused:
            command_id, answer = str(uuid.uuid4()), asyncio.get_running_loop().create_future()
            self.waiting[command_id] = [answer]
            args = {"session": session}
            await self.say({"type": "command", "id": command_id, "name": END_SESSION, "args": args, **self.age()})
            try:
                async with asyncio.timeout(_ANSWERED_WITHIN_S):
                    reply = await answer
            except TimeoutError:  # the rig has said nothing, or so many asked that this question was dropped
                continue
            finally:
                self.waiting.pop(command_id, None)
            error = reply.get("error") or {}
            if refused := error.get("code") in ("not_allowed", "late"):
                await asyncio.sleep(_ASK_AGAIN_S)

    async def went_silent(self) -> None:
        """Mark the rig as offline until its next status."""
        if self.rows is not None:
            await self.rows.silent()

    async def close_when_ended(self, rows: RigRows) -> None:
        """Close the socket once the writer ends: after an error, or when another connection took over the rig."""
        await rows.ended.wait()
        if rows.failed:
            await self.close(TRY_AGAIN, reason="internal error, see the server's log: reconnect later")
        else:
            await self.close(FENCED, reason="another connection has taken over this rig")

    async def disconnect(self, code: int) -> None:
        """Stop all tasks, detach the feed and write the last rows."""
        self.end_tasks()
        if self.outbound is not None:
            self.outbound.stop()
        if self.feed is not None:
            hub.detach(self.name, self.on_rates)
        if self.rows is not None:
            rows, self.rows = self.rows, None
            await rows.close()
        if is_scaled_out() and self.name:
            with contextlib.suppress(*LAYER_ERRORS):  # then the layer removes the channel when it expires
                await self.channel_layer.group_discard(watch_group(self.name), self.channel_name)


class LiveConsumer(BrowserSocket):
    """`/ws/live/<rig>/`: status, telemetry and frames of one rig, no faster than the browser draws them."""

    per_second = 150  # the browser reports drawn frames about sixty times a second
    viewer: Viewer | None = None
    pump: asyncio.Task[None] | None = None
    stopping: asyncio.Task[None] | None = None

    async def opened(self) -> None:
        """Join the rig's feed and start sending."""
        self.name = self.scope["url_route"]["kwargs"]["name"]
        self.viewer = Viewer(paced=True)
        feed = hub.join(self.name, self.viewer)
        if feed.status is None:
            status = await in_database(rigs.live_status, name=self.name)
            if feed.status is None:  # the rig may have sent one meanwhile
                self.viewer.offer_status(wire_text(status))
        self.pump = asyncio.create_task(self.run(self.viewer))

    async def on_text(self, text: str) -> None:
        """Handle `watch`, `drawn` or `ping` of the browser. Raise BadMessage for anything else."""
        message = read_json(text)
        check_message(message)
        if self.viewer is None:
            return
        match message.get("type"):
            case "watch":
                hub.watch(self.name, self.viewer, wanted_cameras(message.get("cameras")))
            case "drawn":
                self.viewer.record_drawn(drawn_cameras(message.get("cameras")))
            case "ping":
                self.viewer.answer_ping(ping_number(message.get("id")))
            case emergency if emergency == EMERGENCY_STOP:
                self.stopping = asyncio.create_task(self.stop_rig(str(message.get("id"))[:64]))
            case _:
                raise BadMessage('want {"type": "watch", "cameras": {...}}, "drawn", "ping" or "emergency_stop"')

    def is_urgent(self, text: str) -> bool:
        """Return whether the message is an emergency stop, to which no limit applies."""
        return len(text) < LONGEST_STOP and f'"{EMERGENCY_STOP}"' in text

    async def stop_rig(self, command_id: str) -> None:
        """Stop the rig, and tell the browser what it has confirmed."""
        try:
            reply = await stop_rig(self.name, by=self.scope["user"].get_username(), command_id=command_id)
        except Refused as refusal:
            error = {"code": refusal.code, "message": refusal.message}
            reply = {"type": "reply", "id": command_id, "ok": False, "error": error}
        await self.say(reply)

    async def run(self, viewer: Viewer) -> None:
        """Send the viewer's messages as they become available."""
        while True:
            news = await viewer.next()
            if isinstance(news, bytes):
                await self.send(bytes_data=news)
            else:
                await self.send(text_data=news)

    async def disconnect(self, code: int) -> None:
        """Leave the rig's feed and stop sending."""
        if self.viewer is not None:
            hub.leave(self.name, self.viewer)
        if self.pump is not None:
            self.pump.cancel()


class EventsConsumer(BrowserSocket):
    """`/ws/events/`: changed rows, each with its newest state; too many become one refresh."""

    pending: dict[tuple[str, str], Moved] | None = None
    pump: asyncio.Task[None] | None = None

    async def opened(self) -> None:
        """Listen to the change feed, beginning with the changes while the page was loading."""
        self.pending = {}
        self.wake = asyncio.Event()
        watcher.add(self.moved)
        before = await in_database(moved_since, drawn_at=self.drawn_at())
        since, self.pending = self.pending, {}
        self.moved(before)
        self.moved(None if since is None else list(since.values()))  # these last: `before` may have been read earlier
        self.pump = asyncio.create_task(self.run())

    def drawn_at(self) -> int | None:
        """Return when the page says that it was drawn, in Unix seconds; None if it does not say so."""
        said = parse_qs(self.scope["query_string"].decode("latin-1")).get("since", [""])[0]
        return int(said) if re.fullmatch("[0-9]{1,10}", said) else None

    def moved(self, news: list[Moved] | None) -> None:
        """Collect changes for the next send; None, or too many, becomes a refresh."""
        if news is None or (self.pending is not None and len(self.pending) > 500):
            self.pending = None
        elif self.pending is not None:
            self.pending.update({(row["kind"], row["id"]): row for row in news})
        self.wake.set()

    async def run(self) -> None:
        """Send the collected changes whenever there are any."""
        while True:
            await self.wake.wait()
            self.wake.clear()
            rows, self.pending = self.pending, {}
            if rows is None:
                await self.say({"type": "refresh"})
            for row in (rows or {}).values():
                await self.say(dict(row))

    async def disconnect(self, code: int) -> None:
        """Stop listening to the change feed."""
        watcher.remove(self.moved)
        if self.pump is not None:
            self.pump.cancel()
