"""The kinds of devices that rig files of this computer may name: robotdata's own, and LeRobot's in any interpreter."""

from __future__ import annotations

import sys
from importlib import metadata
from typing import Any

from robotdata.distribution import install_command
from robotdata.rig.interpreter import find_program
from robotdata.station.built_in import BUILT_IN, WITH_PACKAGES, with_common
from robotdata.station.errors import AskRefused
from robotdata.station.programs import ProgramFailed, Programs, why
from robotdata.station.protocol import DeviceKind, Kinds

_GROUP = "robotdata.devices"
_ROLES = ("robot", "teleoperator", "camera")
_SECONDS = 50.0
_MODULE = "robotdata.devices.lerobot"


async def list_kinds(programs: Programs, python: str) -> Kinds:
    """Return what an interpreter offers (empty: this one). Raises AskRefused if there is no such program.

    LeRobot is imported in a child, which may take long, hang or crash; then `failed` says so.
    """
    program = interpreter(python)
    kinds, failed = [*BUILT_IN, *WITH_PACKAGES, *_plug_ins()], {}
    version = ""
    try:
        result = await programs.run(_MODULE, ["--json"], seconds=_SECONDS, python=program)
    except ProgramFailed as error:
        raise AskRefused("bad_python", str(error)) from error
    if result.objects:
        answer = result.objects[-1]
        version = str(answer.get("lerobot", ""))
        kinds += [_with_common(kind) for kind in answer.get("kinds", [])]
        failed = {str(module): str(reason) for module, reason in answer.get("failed", {}).items()}
    elif result.timed_out:
        failed["lerobot"] = (
            f"its import has not ended within {_SECONDS:g} s: try `{program} -m {_MODULE}` in a terminal"
        )
    elif "No module named 'robotdata" in result.last_error or "No module named robotdata" in result.last_error:
        failed["robotdata"] = f"is not installed there: run {install_command(program)}"
    else:
        failed["lerobot"] = f"{program} -m {_MODULE} has failed: {why(result)}"
    return {"python": program, "lerobot": version, "kinds": kinds, "failed": failed}


def interpreter(python: str) -> str:
    """Return the path of a Python, this one for an empty text. Raises AskRefused."""
    if not python:
        return sys.executable
    program = find_program(python)
    if program is None:
        raise AskRefused(
            "bad_python",
            f"there is no program {python!r:.200}: give the path of a Python, such as /home/me/lab/bin/python",
        )
    return program


def _plug_ins() -> list[DeviceKind]:
    """Return the kinds of other packages installed beside the station; their keys are in their documentation."""
    kinds: list[DeviceKind] = []
    for entry in metadata.entry_points(group=_GROUP):
        role, _, kind = entry.name.partition(".")
        if role in _ROLES and kind:
            text = f"Of the package {entry.dist.name if entry.dist else entry.value}."
            fields = with_common(role, ())
            kinds.append({"role": role, "kind": kind, "type": "", "label": kind, "help": text, "fields": fields})
    return kinds


def _with_common(kind: Any) -> DeviceKind:
    """Return a kind of LeRobot's with the keys that robotdata gives every robot and camera."""
    found: DeviceKind = kind
    return {**found, "fields": with_common(found["role"], found["fields"])}
