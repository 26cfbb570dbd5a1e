"""Ask the drivers of an interpreter for cameras that the system does not list, such as a RealSense."""

from __future__ import annotations

from robotdata.station.errors import AskRefused
from robotdata.station.kinds import interpreter
from robotdata.station.programs import ProgramFailed, Programs, why
from robotdata.station.protocol import FoundCameras

_SECONDS = 50.0
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
