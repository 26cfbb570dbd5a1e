"""Try a whole rig in a child process: a driver may hang, and what a running rig holds is left alone."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from robotdata.station.errors import AskRefused
from robotdata.station.previews import V4L2
from robotdata.station.programs import ProgramFailed, Programs, why
from robotdata.station.protocol import CheckedRig, CheckLine
from robotdata.station.rig_files import RigFile
from robotdata.station.rig_text import describe, read_rig_text

_CHECK_S = 50.0
_ERROR_PREFIX = "rig: "


async def check_rig(
    programs: Programs,
    text: str,
    running: Sequence[RigFile],
    check_python: Callable[[str, str], None] = lambda name, python: None,
) -> CheckedRig:
    """Try every device of the rig that `text` describes. `running` are the files of the rigs that run.

    Raises AskRefused if the text has errors, if a running rig holds one of the devices, or as `check_python` does with
    the rig's name and its Python.
    """
    parsed = read_rig_text(text)
    if parsed.config is None:
        raise AskRefused("invalid", describe(parsed.errors[0]), parsed.errors)
    check_python(parsed.config.name, parsed.config.python)
    devices = devices_in(parsed.tables)
    for file in running:
        shared = sorted(devices[each] for each in devices.keys() & devices_in(file.parsed.tables).keys())
        if shared:
            raise AskRefused("in_use", f"rig {file.name} runs and has {', '.join(shared)}: stop it, then check again")
    with tempfile.TemporaryDirectory(prefix="robotdata-check-") as folder:
        path = Path(folder) / f"{parsed.config.name}.toml"
        path.write_text(text, encoding="utf-8")
        try:
            result = await programs.run("robotdata.rig", [str(path), "--check"], seconds=_CHECK_S)
        except ProgramFailed as error:
            raise AskRefused("failed", str(error)) from error
    lines: list[CheckLine] = [
        {"device": str(each["device"]), "ok": each["ok"] is True, "text": str(each.get("text", ""))}
        for each in result.objects
        if "device" in each and "ok" in each
    ]
    if not lines:
        late = f"it has not ended within {_CHECK_S:g} s: a driver hangs; switch the devices off and on"
        reason = late if result.timed_out else why(result).removeprefix(_ERROR_PREFIX)
        lines = [{"device": "rig", "ok": False, "text": reason.removeprefix(f"{path.name}: ")}]
    return {"lines": lines}


def devices_in(tables: Mapping[str, Any]) -> dict[str, str]:
    """Return the device files that a rig's tables name: real path -> as it is written."""
    found = {}
    for key, value in _values(tables):
        if key == "index_or_path" and isinstance(value, int) and not isinstance(value, bool):
            value = f"/dev/video{value}"
        if isinstance(value, str) and value.removeprefix(V4L2).startswith("/dev/"):
            node = value.removeprefix(V4L2)
            found[os.path.realpath(node)] = node
    return found


def _values(table: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(table, Mapping):
        for name, value in table.items():
            yield from _values(value, str(name))
    elif isinstance(table, list):
        for value in table:
            yield from _values(value, key)
    else:
        yield key, table
