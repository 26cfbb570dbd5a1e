"""Answer what the server asks a station. This is the one door: arguments are checked here."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from robotdata.station.ask_args import number, plain_table, text, whole
from robotdata.station.devices import Devices as DeviceWatch
from robotdata.station.devices import in_thread
from robotdata.station.dialog_asks import DialogAsks
from robotdata.station.errors import AskRefused
from robotdata.station.found_cameras import find_cameras, find_streams
from robotdata.station.kinds import interpreter, list_kinds
from robotdata.station.network_cameras import find_network_cameras
from robotdata.station.previews import V4L2, Previews, in_use_by_rig
from robotdata.station.programs import Programs
from robotdata.station.protocol import (
    ASKS,
    Answer,
    CameraStreams,
    CheckedRig,
    CheckedText,
    Devices,
    FoundCameras,
    Kinds,
    MeasuredRate,
    NetworkCamera,
    NetworkCameras,
    Preview,
    Pythons,
    RigText,
    Written,
)
from robotdata.station.pythons import find_pythons
from robotdata.station.rig_text import MAX_BYTES, read_rig_text
from robotdata.station.rigs import Rigs
from robotdata.station.tries import check_rig, devices_in

log = logging.getLogger(__name__)
MOST_AT_ONCE = 64
_PREVIEWS = 3
_WAIT_S = 2.0
_LONGEST_ID = 100
_ALWAYS = {"stop_rig", "dialog_end"}
"""What makes moving parts stop is never refused because too much else is asked."""
_QUERIES = {
    "devices",
    "preview",
    "preview_driver",
    "kinds",
    "find_cameras",
    "find_network_cameras",
    "camera_streams",
    "measure_rate",
    "pythons",
    "check_rig",
    "check_text",
    "read_rig",
    "dialog_read",
}
_LONGEST_PATH = 2000
Handler = Callable[[Mapping[str, Any]], Awaitable[Any]]


class Asks:
    """Answers asks about rigs and devices, many at a time. Few programs that try devices run at the same time."""

    def __init__(
        self, rigs: Rigs, devices: DeviceWatch, programs: Programs, previews: Previews, dialogs: DialogAsks
    ) -> None:
        self._rigs, self._devices, self._programs, self._previews = rigs, devices, programs, previews
        self._previewing, self._checking = asyncio.Semaphore(_PREVIEWS), asyncio.Semaphore(1)
        self._asking_cameras = asyncio.Semaphore(_PREVIEWS)
        self._searching: asyncio.Future[list[NetworkCamera]] | None = None
        self._handlers: dict[str, Handler] = {
            "devices": self._list_devices,
            "preview": self._preview,
            "preview_driver": self._preview_driver,
            "kinds": self._kinds,
            "find_cameras": self._find_cameras,
            "find_network_cameras": self._find_network_cameras,
            "camera_streams": self._camera_streams,
            "measure_rate": self._measure_rate,
            "check_rig": self._check_rig,
            "pythons": self._pythons,
            "read_rig": self._read_rig,
            "check_text": self._check_text,
            "write_rig": self._write_rig,
            "remove_rig": self._remove_rig,
            "start_rig": self._start_rig,
            "stop_rig": self._stop_rig,
            "restart_rig": self._restart_rig,
            **dialogs.handlers,
        }
        self._running: set[asyncio.Future[Any]] = set()

    async def answer(self, message: Mapping[str, Any]) -> Answer | None:
        """Return the answer to an ask; None if it has no usable id. It takes at most the seconds of ASKS.

        What takes longer continues, and the answer says so.
        """
        ask_id = message.get("id")
        if not isinstance(ask_id, str) or not 0 < len(ask_id) <= _LONGEST_ID:
            log.warning("an ask without a usable 'id'")
            return None
        answer: Answer = {"type": "answer", "id": ask_id, "ok": True, "result": {}, "error": None}
        try:
            answer["result"] = await self._handle(message) or {}
        except AskRefused as refusal:
            answer["ok"], answer["error"] = False, refusal.as_error()
        except Exception as failure:  # noqa: BLE001  every ask must get an answer; `_ended` logs it
            error = AskRefused("failed", f"internal error: {failure!r:.200}. See the station's terminal").as_error()
            answer["ok"], answer["error"] = False, error
        return answer

    async def _handle(self, message: Mapping[str, Any]) -> Any:
        name, args = message.get("name"), message.get("args") or {}
        if not isinstance(name, str) or name not in self._handlers:
            raise AskRefused("unknown_ask", f"unknown ask {name!r:.60}; want one of {', '.join(ASKS)}")
        if not isinstance(args, dict):
            raise AskRefused("bad_args", f"the args of {name!r} are not an object")
        if len(self._running) >= MOST_AT_ONCE and name not in _ALWAYS:
            raise AskRefused("busy", f"{MOST_AT_ONCE} asks are not answered yet: try again in a moment")
        task = asyncio.ensure_future(self._handlers[name](args))
        self._running.add(task)
        task.add_done_callback(self._ended)
        done, _ = await asyncio.wait({task}, timeout=ASKS[name])
        if not done and name in _QUERIES:
            task.cancel()  # else a driver that hangs would fill the places of all asks
            raise AskRefused("slow", f"no answer within {ASKS[name]:g} s: a driver may hang; unplug it, then try again")
        if not done:
            raise AskRefused(
                "slow", f"no result within {ASKS[name]:g} s; the station continues with it; check the rig in a moment"
            )
        if task.cancelled():
            raise AskRefused("ending", "this station is ending: start it again first")
        return task.result()

    async def end(self) -> None:
        """Give up what has no answer yet; programs that try devices release them first."""
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(set(self._running))
        await self._previews.release()

    def _ended(self, task: asyncio.Future[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None and not isinstance(error, AskRefused):
            log.error("an ask has failed", exc_info=error)

    async def _list_devices(self, args: Mapping[str, Any]) -> Devices:
        return await self._devices.look(self._rigs.pids(), self._previews.pids())

    async def _preview(self, args: Mapping[str, Any]) -> Preview:
        url = self._free_camera(args)
        async with _place(self._previewing):
            return await self._previews.picture(url, self._rigs.pids())

    async def _preview_driver(self, args: Mapping[str, Any]) -> Preview:
        python = text(args, "python", _LONGEST_PATH) if args.get("python") else ""
        async with _place(self._previewing):
            return await self._previews.driver_picture(plain_table(args, "table"), interpreter(python))

    async def _measure_rate(self, args: Mapping[str, Any]) -> MeasuredRate:
        sizes = {key: whole(args, key, 2, 16_384) for key in ("width", "height")}
        camera = {"url": self._free_camera(args), **sizes, "fps": number(args, "fps", 1, 240)}
        camera["pixel_format"] = text(args, "pixel_format") if args.get("pixel_format") else ""
        async with _place(self._previewing):
            return await self._previews.measure(camera, self._rigs.pids())

    def _free_camera(self, args: Mapping[str, Any]) -> str:
        """Return the url of a camera that no rig has. Raises AskRefused."""
        url = text(args, "url", _LONGEST_PATH)
        if url.startswith(V4L2):  # a rig that is starting has not opened it yet
            node = os.path.realpath(url.removeprefix(V4L2))
            for file in self._rigs.active_files():
                if node in devices_in(file.parsed.tables):
                    raise in_use_by_rig(file.name)
        return url

    async def _kinds(self, args: Mapping[str, Any]) -> Kinds:
        return await list_kinds(self._programs, text(args, "python", _LONGEST_PATH) if args.get("python") else "")

    async def _find_cameras(self, args: Mapping[str, Any]) -> FoundCameras:
        python = text(args, "python", _LONGEST_PATH) if args.get("python") else ""
        async with _place(self._checking), self._previews.paused():
            return await find_cameras(self._programs, python)

    async def _find_network_cameras(self, args: Mapping[str, Any]) -> NetworkCameras:
        if self._searching is None or self._searching.done():  # several pages share one probe
            self._searching = in_thread(find_network_cameras)
        return {"cameras": await asyncio.shield(self._searching)}

    async def _camera_streams(self, args: Mapping[str, Any]) -> CameraStreams:
        asked = {"service": text(args, "service", _LONGEST_PATH), "user": text(args, "user")}
        async with _place(self._asking_cameras):
            return await find_streams(self._programs, asked | {"password": text(args, "password")})

    async def _check_rig(self, args: Mapping[str, Any]) -> CheckedRig:
        rig_text = text(args, "text", MAX_BYTES)
        async with _place(self._checking), self._previews.paused():
            return await check_rig(self._programs, rig_text, self._rigs.running_files(), self._rigs.check_python)

    async def _pythons(self, args: Mapping[str, Any]) -> Pythons:
        return {"pythons": await asyncio.to_thread(find_pythons, self._rigs.files.folder, Path.home())}

    async def _read_rig(self, args: Mapping[str, Any]) -> RigText:
        file = self._rigs.files.read(text(args, "name"))
        errors = file.parsed.errors
        if file.problem and not errors:
            raise AskRefused("disk", file.problem)
        tables = {} if errors else file.parsed.tables
        return {"name": file.name, "text": file.text, "version": file.version, "tables": tables, "errors": errors}

    async def _check_text(self, args: Mapping[str, Any]) -> CheckedText:
        parsed = read_rig_text(text(args, "text", MAX_BYTES))
        return {"name": parsed.name, "tables": parsed.tables, "errors": parsed.errors}

    async def _write_rig(self, args: Mapping[str, Any]) -> Written:
        version = text(args, "version") if args.get("version") is not None else None
        file = await self._rigs.write(text(args, "name"), text(args, "text", MAX_BYTES), version)
        return {"version": file.version}

    async def _remove_rig(self, args: Mapping[str, Any]) -> None:
        await self._rigs.remove(text(args, "name"))

    async def _start_rig(self, args: Mapping[str, Any]) -> None:
        await self._rigs.start(text(args, "name"))
        await self._previews.release()  # it opens its cameras next; from now on no page gets them

    async def _stop_rig(self, args: Mapping[str, Any]) -> None:
        await self._rigs.stop(text(args, "name"))

    async def _restart_rig(self, args: Mapping[str, Any]) -> None:
        await self._rigs.restart(text(args, "name"))
        await self._previews.release()


@asynccontextmanager
async def _place(places: asyncio.Semaphore) -> AsyncIterator[None]:
    """Wait for a free place, but not so long that the answer would come too late. Raises AskRefused."""
    try:
        await asyncio.wait_for(places.acquire(), _WAIT_S)
    except TimeoutError:
        raise AskRefused("busy", "other devices are being tried: try again in a moment") from None
    try:
        yield
    finally:
        places.release()
