"""Answer what the server asks about dialogs: calibrations, and the installation of LeRobot's drivers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from robotdata.station.ask_args import names, position, text, whole
from robotdata.station.calibrations import Calibrations
from robotdata.station.dialogs import COLUMNS, LEAST_COLUMNS, LONGEST_INPUT, MOST_COLUMNS, ROWS, Dialog
from robotdata.station.driver_packages import DEFAULT
from robotdata.station.protocol import Begun, DialogOutput

READ_WAIT_S = 0.5
_MOST_READERS = 32


class DialogAsks:
    """The asks about the dialogs of `calibrations`; `handlers` has them by name."""

    def __init__(self, calibrations: Calibrations) -> None:
        self._calibrations = calibrations
        # Not asyncio's own few threads: an answer to somebody else must not wait for a reader of a quiet dialog.
        self._threads = ThreadPoolExecutor(_MOST_READERS, thread_name_prefix="dialog")
        self.handlers: dict[str, Callable[[Mapping[str, Any]], Awaitable[Any]]] = {
            "calibrate": self._calibrate,
            "install_drivers": self._install_drivers,
            "dialog_read": self._read,
            "dialog_write": self._write,
            "dialog_end": self._end,
        }

    async def _calibrate(self, args: Mapping[str, Any]) -> Begun:
        name, role = text(args, "name"), text(args, "role")
        return self._begun(await self._in_thread(self._calibrations.begin, name, role, _columns(args)))

    async def _install_drivers(self, args: Mapping[str, Any]) -> Begun:
        packages = names(args, "packages", DEFAULT)
        return self._begun(await self._in_thread(self._calibrations.install, packages, _columns(args)))

    async def _read(self, args: Mapping[str, Any]) -> DialogOutput:
        output = await self._in_thread(self._dialog(args).read, position(args, "after"), READ_WAIT_S)
        return {"text": output.text, "first": output.first, "next": output.next, "exit_code": output.exit_code}

    async def _write(self, args: Mapping[str, Any]) -> None:
        await self._in_thread(self._dialog(args).write, text(args, "text", LONGEST_INPUT))

    async def _end(self, args: Mapping[str, Any]) -> None:
        await self._in_thread(self._dialog(args).end)

    def _begun(self, key: str) -> Begun:
        return {"dialog": key, "rows": ROWS, "columns": self._calibrations.get(key).columns}

    def _dialog(self, args: Mapping[str, Any]) -> Dialog:
        return self._calibrations.get(text(args, "dialog"))

    async def _in_thread(self, function: Callable[..., Any], *args: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *args)


def _columns(args: Mapping[str, Any]) -> int:
    return whole(args, "columns", LEAST_COLUMNS, MOST_COLUMNS) if "columns" in args else COLUMNS
