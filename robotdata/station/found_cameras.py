"""Ask programs for cameras that the system does not list: drivers for a RealSense, a network camera for its streams."""

from __future__ import annotations

import json
from collections.abc import Mapping

from robotdata.station.errors import AskRefused
from robotdata.station.kinds import interpreter
from robotdata.station.programs import ProgramFailed, Programs, why
from robotdata.station.protocol import CameraStreams, FoundCameras

_SECONDS = 50.0
_STREAMS_S = 15.0
_STREAMS = "robotdata.station.camera_streams"
_MODULE = "robotdata.devices.find_cameras"


async def find_cameras(programs: Programs, python: str) -> FoundCameras:
    """Return what the drivers of an interpreter find (empty: this one). Raises AskRefused if there is no such program.

    They run in a child, which may take long, hang or crash; then `failed` says so.
    """
    program = interpreter(python)
    try:
        result = await programs.run(_MODULE, [], seconds=_SECONDS, python=program)
    except ProgramFailed as error:
        raise AskRefused("bad_python", str(error)) from error
    if result.objects:
        answer = result.objects[-1]
        return {"cameras": answer.get("cameras", []), "failed": answer.get("failed", {})}
    problem = f"has not ended within {_SECONDS:g} s" if result.timed_out else f"has failed: {why(result)}"
    return {"cameras": [], "failed": {"drivers": f"{program} -m {_MODULE} {problem}"}}


async def find_streams(programs: Programs, asked: Mapping[str, str]) -> CameraStreams:
    """Return the streams of a network camera; `asked` has its `service`, `user` and `password`. Raises AskRefused."""
    try:
        result = await programs.run(_STREAMS, [], seconds=_STREAMS_S, stdin=json.dumps(dict(asked)).encode())
    except ProgramFailed as error:
        raise AskRefused("failed", str(error)) from error
    answer = result.objects[-1] if result.objects else {}
    if "streams" in answer:
        return {"streams": answer["streams"]}
    if refusal := answer.get("error"):
        raise AskRefused(refusal["code"], refusal["message"])
    problem = f"has not answered within {_STREAMS_S:g} s" if result.timed_out else f"cannot be asked: {why(result)}"
    raise AskRefused("no_picture", f"the camera {problem}")
