"""Answer what the server asks a station. This is the one door: arguments are checked here."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from robotdata.station.calibrations import Calibrations
from robotdata.station.dialogs import COLUMNS, LONGEST_INPUT, ROWS, Dialog
from robotdata.station.errors import AskRefused
from robotdata.station.kinds import list_kinds
from robotdata.station.programs import Programs
from robotdata.station.protocol import (
    ASKS,
    Answer,
    Begun,
    CheckedRig,
    CheckedText,
    Devices,
    DialogOutput,
    Kinds,
    Preview,
    Pythons,
    RigText,
    Written,
)
from robotdata.station.pythons import find_pythons
from robotdata.station.rig_text import MAX_BYTES, read_rig_text
from robotdata.station.rigs import Rigs
from robotdata.station.tries import check_rig, preview

log = logging.getLogger(__name__)
MOST_AT_ONCE = 64
READ_WAIT_S = 0.5
_LONGEST_ID = 100
_LONGEST_PATH = 2000
Handler = Callable[[Mapping[str, Any]], Awaitable[Any]]


class Asks:
    """Answers asks about `rigs` and their calibrations, many at a time."""

    def __init__(self, rigs: Rigs, calibrations: Calibrations) -> None:
        self._rigs = rigs
        self._calibrations = calibrations
        self._waiting = ThreadPoolExecutor(MOST_AT_ONCE, thread_name_prefix="dialog")
        self._handlers: dict[str, Handler] = {
            "devices": self._list_devices,
            "preview": self._preview,
            "kinds": self._kinds,
            "pythons": self._pythons,
            "check_rig": self._check_rig,
            "read_rig": self._read_rig,
            "check_text": self._check_text,
            "write_rig": self._write_rig,
            "remove_rig": self._remove_rig,
            "start_rig": self._start_rig,
            "stop_rig": self._stop_rig,
            "restart_rig": self._restart_rig,
            "calibrate": self._calibrate,
            "install_drivers": self._install_drivers,
            "dialog_read": self._dialog_read,
            "dialog_write": self._dialog_write,
            "dialog_end": self._dialog_end,
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
        if len(self._running) >= MOST_AT_ONCE:
            raise AskRefused("busy", f"{MOST_AT_ONCE} asks are not answered yet: try again in a moment")
        task = asyncio.ensure_future(self._handlers[name](args))
        self._running.add(task)
        task.add_done_callback(self._ended)
        done, _ = await asyncio.wait({task}, timeout=ASKS[name])
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

    def _ended(self, task: asyncio.Future[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None and not isinstance(error, AskRefused):
            log.error("an ask has failed", exc_info=error)

    async def _list_devices(self, args: Mapping[str, Any]) -> Devices:
        return await self._devices.look(self._rigs.pids())

    async def _preview(self, args: Mapping[str, Any]) -> Preview:
        url = _text(args, "url", _LONGEST_PATH)
        async with _place(self._previewing):
            return await preview(self._programs, url, self._rigs.pids())

    async def _kinds(self, args: Mapping[str, Any]) -> Kinds:
        return await list_kinds(self._programs, _text(args, "python", _LONGEST_PATH) if args.get("python") else "")

    async def _check_rig(self, args: Mapping[str, Any]) -> CheckedRig:
        text = _text(args, "text", MAX_BYTES)
        async with _place(self._checking):
            return await check_rig(self._programs, text, self._rigs.running_files())

    async def _pythons(self, args: Mapping[str, Any]) -> Pythons:
        return {"pythons": await asyncio.to_thread(find_pythons, self._rigs.files.folder, Path.home())}

    async def _read_rig(self, args: Mapping[str, Any]) -> RigText:
        file = self._rigs.files.read(_text(args, "name"))
        errors = file.parsed.errors
        if file.problem and not errors:
            raise AskRefused("disk", file.problem)
        tables = {} if errors else file.parsed.tables
        return {"name": file.name, "text": file.text, "version": file.version, "tables": tables, "errors": errors}

    async def _check_text(self, args: Mapping[str, Any]) -> CheckedText:
        parsed = read_rig_text(_text(args, "text", MAX_BYTES))
        return {"name": parsed.name, "tables": parsed.tables, "errors": parsed.errors}

    async def _write_rig(self, args: Mapping[str, Any]) -> Written:
        version = _text(args, "version") if args.get("version") is not None else None
        file = await self._rigs.write(_text(args, "name"), _text(args, "text", MAX_BYTES), version)
        return {"version": file.version}

    async def _remove_rig(self, args: Mapping[str, Any]) -> None:
        await self._rigs.remove(_text(args, "name"))

    async def _start_rig(self, args: Mapping[str, Any]) -> None:
        await self._rigs.start(_text(args, "name"))

    async def _stop_rig(self, args: Mapping[str, Any]) -> None:
        await self._rigs.stop(_text(args, "name"))

    async def _restart_rig(self, args: Mapping[str, Any]) -> None:
        await self._rigs.restart(_text(args, "name"))

    async def _calibrate(self, args: Mapping[str, Any]) -> Begun:
        key = await self._in_thread(self._calibrations.begin, _text(args, "name"), _text(args, "role"))
        return {"dialog": key, "rows": ROWS, "columns": COLUMNS}

    async def _install_drivers(self, args: Mapping[str, Any]) -> Begun:
        key = await self._in_thread(self._calibrations.install)
        return {"dialog": key, "rows": ROWS, "columns": COLUMNS}

    async def _dialog_read(self, args: Mapping[str, Any]) -> DialogOutput:
        after = args.get("after")
        if not isinstance(after, int) or isinstance(after, bool) or after < 0:
            raise AskRefused("bad_args", f"after: want a position from 0, got {after!r:.60}")
        output = await self._in_thread(self._dialog(args).read, after, READ_WAIT_S)
        return {"text": output.text, "first": output.first, "next": output.next, "exit_code": output.exit_code}

    async def _dialog_write(self, args: Mapping[str, Any]) -> None:
        await self._in_thread(self._dialog(args).write, _text(args, "text", LONGEST_INPUT))

    async def _dialog_end(self, args: Mapping[str, Any]) -> None:
        await self._in_thread(self._dialog(args).end)

    def _dialog(self, args: Mapping[str, Any]) -> Dialog:
        return self._calibrations.get(_text(args, "dialog"))

    async def _in_thread(self, function: Callable[..., Any], *args: Any) -> Any:
        # Not asyncio's own few threads: an answer to somebody else must not wait for a reader of a quiet dialog.
        return await asyncio.get_running_loop().run_in_executor(self._waiting, function, *args)


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


def _text(args: Mapping[str, Any], key: str, limit: int = 200) -> str:
    value = args.get(key)
    if not isinstance(value, str) or len(value) > limit:
        raise AskRefused("bad_args", f"{key}: want text of at most {limit} characters, got {value!r:.60}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise AskRefused("bad_args", f"{key}: holds half a character, which no file can hold: {value!r:.60}") from None
    return value
