"""The rig's side of the websocket to the server. Recording continues without a connection, and never waits for it."""

from __future__ import annotations

import asyncio
import logging
import math
import threading
from collections import deque
from collections.abc import Mapping
from typing import Any

from websockets.asyncio.client import ClientConnection

from robotdata.capture import clock
from robotdata.rig import protocol
from robotdata.rig.browser_inputs import InputDoor
from robotdata.rig.connection import Connection, LinkRejected
from robotdata.rig.machine import Machine
from robotdata.rig.presses import Presses
from robotdata.rig.previews import pack_preview
from robotdata.rig.protocol import CommandRefused
from robotdata.rig.ready_pool import ready_pool
from robotdata.rig.states import EMERGENCY_STOP, State
from robotdata.rig.status import Reporter
from robotdata.rig.wake import Wake
from robotdata.video.depth.colours import DepthColours

log = logging.getLogger(__name__)
STATUS_EVERY_S, TELEMETRY_EVERY_S = 0.25, 0.1
_AT_REST_STATUS_EVERY_S, _UNWATCHED_TELEMETRY_EVERY_S = 0.5, 1.0
GUARD_EVERY_S, SILENT_S = 0.5, 5.0
"""How often the server is asked whether it is there while a replay moves the robot, and how long it may be silent."""
_OUTBOX = 1000
_THREADS = 3
"""One for a command, one for the status, one that stops a replay whose link is lost."""
_PREVIEW_QUALITY = 85
_Arrived = tuple[Mapping[str, Any], int, float]
"""A command, how many emergency stops the rig had told of when it came (a later one stays in force), and when."""


class Link:
    """Connects `machine` to the server at `url`, in a thread of its own, until `stop`."""

    def __init__(self, machine: Machine, url: str, token: str) -> None:
        self._machine = machine
        self._reporter = Reporter(machine)
        self._outbox: deque[Mapping[str, Any]] = deque(maxlen=_OUTBOX)
        self._changed = threading.Event()
        self._wake = Wake()
        self._stopping = threading.Event()
        self._connection = Connection(url, token, self._stopping)
        self._presses = Presses()
        self._watched: dict[str, float] = {}
        self._sent: dict[str, tuple[int, float]] = {}
        self._colours = {camera.key: DepthColours(follow=True) for camera in machine.rig.cameras}
        machine.on_change = self._note_change
        for camera in machine.rig.cameras:
            camera.on_watched_frame = self._wake.set
        machine.on_take = self._on_take
        machine.replaying.is_linked = lambda: self.problem is None
        self._thread = threading.Thread(target=self._run, name="rig-link", daemon=True)

    @property
    def problem(self) -> str | None:
        """Return why there is no connection, or None."""
        return self._connection.problem

    def start(self) -> None:
        """Connect, and reconnect with growing pauses, until `stop`."""
        self._thread.start()

    def stop(self, timeout_s: float = 2.0) -> None:
        """Send the waiting messages and end; give up after `timeout_s`."""
        self._stopping.set()
        self._wake.set()
        self._thread.join(timeout_s)

    def _note_change(self) -> None:
        """Send a status now; any thread may call it."""
        self._changed.set()
        self._wake.set()

    def _on_take(self, event: str, manifest: Mapping[str, Any]) -> None:
        # Without a connection the event is dropped, because the next `hello` lists every take.
        if self.problem is None:
            self._outbox.append(self._reporter.take_event(event, manifest))
            self._note_change()

    def _run(self) -> None:
        asyncio.run(self._keep())

    async def _keep(self) -> None:
        asyncio.get_running_loop().set_default_executor(ready_pool(_THREADS, "rig-link"))
        await self._connection.keep(self._serve)

    async def _serve(self, socket: ClientConnection) -> None:
        self._sent = {}
        self._outbox.clear()
        hello = await asyncio.to_thread(self._reporter.hello)
        await socket.send(protocol.encode(hello))
        self._connection.established()
        commands: asyncio.Queue[_Arrived] = asyncio.Queue()
        inputs = InputDoor(self._machine.rig.inputs)
        works = (
            self._receive(socket, commands, inputs),
            self._execute(commands),
            self._send(socket),
            self._guard(socket),
            inputs.send(socket.send),
        )
        tasks = {asyncio.create_task(work) for work in works}
        try:
            done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in pending:
                task.cancel()
            await asyncio.gather(*pending, return_exceptions=True)
        finally:
            self._watch({})
            await asyncio.to_thread(self._machine.replaying.link_lost)
        self._connection.problem = "connection lost"
        for task in done:
            task.result()

    async def _receive(self, socket: ClientConnection, commands: asyncio.Queue[_Arrived], inputs: InputDoor) -> None:
        """Take in messages, and never wait for a command: an emergency stop may come next."""
        async for data in socket:
            if isinstance(data, bytes):
                inputs.take_picture(data)
                continue
            message = protocol.decode(data)
            if message["type"] == "refused":
                raise LinkRejected(f"the server refuses this rig: {message.get('message') or message.get('code')}")
            if message["type"] == "watch":
                self._watch(protocol.parse_watch(message))
            elif message["type"] == "command" and message.get("name") == EMERGENCY_STOP:
                if self._presses.is_new(message.get("id")):
                    self._machine.emergency_stop()
                    self._presses.remember(message.get("id"))
                reply = {"type": "reply", "id": str(message.get("id"))[:100], "ok": True, "error": None}
                await socket.send(protocol.encode(reply))
            elif message["type"] == "command":
                commands.put_nowait((message, self._machine.devices.stops, clock.monotonic()))
            elif message["type"] == "input":
                inputs.take(message)

    def _watch(self, watched: dict[str, float]) -> None:
        """Send previews of these cameras at so many frames per second, and of no others."""
        self._watched = watched
        for camera in self._machine.rig.cameras:
            camera.watch(watched.get(camera.key, 0.0))
        self._wake.set()

    def _telemetry_every_s(self) -> float:
        """Return how often joint values are sent: rarely while nobody watches a camera, if there is one to watch."""
        can_wait = self._machine.rig.cameras and not self._watched
        return _UNWATCHED_TELEMETRY_EVERY_S if can_wait else TELEMETRY_EVERY_S

    def _status_every_s(self) -> float:
        """Return how often a status is sent if nothing changes: rarely while the rig is ready and nobody watches."""
        at_rest = self._machine.state == State.IDLE and not self._watched
        return _AT_REST_STATUS_EVERY_S if at_rest else STATUS_EVERY_S

    async def _execute(self, commands: asyncio.Queue[_Arrived]) -> None:
        """Execute the commands one after the other, in the order in which they came."""
        while True:
            await self._command(*await commands.get())

    async def _command(self, message: Mapping[str, Any], stops: int, came: float) -> None:
        error = None
        try:
            command = protocol.parse_command(message, came)
            # In a thread, so that a robot that hangs does not block the link.
            await asyncio.to_thread(self._machine.execute, command, stops)
        except CommandRefused as refusal:
            error = refusal.as_error()
        except Exception as failure:  # every command must get a reply
            log.exception("command %s", message.get("name"))
            error = CommandRefused("busy", f"internal error: {failure!r}. See the rig's log").as_error()
        self._outbox.append({"type": "reply", "id": message.get("id"), "ok": error is None, "error": error})
        self._note_change()

    async def _send(self, socket: ClientConnection) -> None:
        status_at = telemetry_at = -math.inf
        sent_names = False
        while not (self._stopping.is_set() and not self._outbox):
            now = clock.monotonic()
            changed = self._changed.is_set()
            if changed or now >= status_at + self._status_every_s():
                self._changed.clear()
                while self._outbox:
                    await socket.send(protocol.encode(self._outbox.popleft()))
                # In a thread: the status waits for the machine's lock and for the disk, and the link must not.
                status = await asyncio.to_thread(self._reporter.status)
                await socket.send(protocol.encode(status))
                status_at = now
            if now >= telemetry_at + self._telemetry_every_s():
                telemetry = self._reporter.telemetry(with_names=not sent_names)
                telemetry_at = now
                if telemetry is not None:
                    await socket.send(protocol.encode(telemetry))
                    sent_names = True
            await self._previews(socket, now)
            due = min(status_at + self._status_every_s(), telemetry_at + self._telemetry_every_s())
            await self._wake.wait(due - clock.monotonic())

    async def _guard(self, socket: ClientConnection) -> None:
        """Stop a replay if the server does not answer: whoever watches it could not stop it."""
        while True:
            await asyncio.sleep(GUARD_EVERY_S)
            if self._machine.state != State.REPLAYING:
                continue
            try:
                async with asyncio.timeout(SILENT_S):
                    await (await socket.ping())
            except TimeoutError:
                log.warning("the server has not answered for %g s: the replay is stopped", SILENT_S)
                await asyncio.to_thread(self._machine.replaying.link_lost)

    async def _previews(self, socket: ClientConnection, now: float) -> None:
        """Send the newest frame of every watched camera that has a new one and is due."""
        watched = self._watched
        for index, camera in enumerate(self._machine.rig.cameras):
            fps, frame = watched.get(camera.key), camera.newest
            if not fps or frame is None:
                continue
            seq, due = self._sent.get(camera.key, (-1, 0.0))
            if frame.seq == seq or now < due:
                continue
            # Due a quarter of a period early: else jitter would drop every other frame at the camera's own rate.
            period = 1 / fps
            self._sent[camera.key] = (frame.seq, max(due + period, now) - 0.25 * period)
            jpeg = frame.packet
            if camera.config.depth:  # coloured only for previews that are sent
                jpeg = await asyncio.to_thread(self._colours[camera.key].jpeg, jpeg, _PREVIEW_QUALITY)
            await socket.send(pack_preview(index, frame.seq, frame.wall_ns, jpeg))
