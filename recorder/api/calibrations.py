"""Calibrations: LeRobot's own dialog with a device of a rig, on the terminal of its station."""

from __future__ import annotations

from typing import Annotated, Any

from asgiref.sync import async_to_sync
from django.http import HttpRequest
from ninja import Path, Query, Router
from pydantic import Field, StringConstraints

from recorder.api.auth import actor_of
from recorder.api.schemas import ERRORS, Body, RigName, text
from recorder.api.station_schemas import OrderedOut, StationName
from recorder.live.station_asks import ask_station
from recorder.live.station_messages import Begun, DialogOutput
from recorder.live.stations import find_station
from robotdata.station.dialogs import COLUMNS, LEAST_COLUMNS, LONGEST_INPUT, MOST_COLUMNS
from robotdata.station.driver_packages import DEFAULT, PACKAGES

router = Router(tags=["stations"])
Station = Annotated[StationName, Path()]
DriverName = Annotated[str, StringConstraints(pattern=f"^({'|'.join(PACKAGES)})$")]
Dialog = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{1,64}$"), Path()]


class TerminalIn(Body):
    """The width in characters of the terminal of a dialog; one that runs already keeps its own."""

    columns: Annotated[int, Field(ge=LEAST_COLUMNS, le=MOST_COLUMNS)] = COLUMNS


class CalibrateIn(TerminalIn):
    """The device to calibrate: `role` is robot, teleoperator or, of several teleoperators, `teleoperator arm`."""

    rig: RigName
    role: Annotated[str, StringConstraints(pattern=r"^(robot|teleoperator( [A-Za-z0-9_-]{1,48})?)$")]


class TypedIn(Body):
    """What is typed on the terminal: "\\r" is Enter, "\\u0003" is Ctrl-C."""

    text: Annotated[str, text(LONGEST_INPUT, 1)]


class InstallIn(TerminalIn):
    """The drivers to install, at least one of the fixed table: by default those of the common arms."""

    packages: Annotated[list[DriverName], Field(min_length=1, max_length=len(PACKAGES))] = list(DEFAULT)


@router.post("/stations/{name}/calibrations", response={201: Begun, **ERRORS})
def begin_calibration(request: HttpRequest, name: Station, body: CalibrateIn) -> Any:
    """Begin to calibrate a device of a rig that is stopped; the motors lose their torque."""
    return 201, _ask(request, name, "calibrate", name=body.rig, role=body.role, columns=body.columns)


@router.post("/stations/{name}/install-drivers", response={201: Begun, **ERRORS})
def install_drivers(request: HttpRequest, name: Station, body: InstallIn | None = None) -> Any:
    """Begin to install LeRobot and drivers on the computer, in an environment beside its rig files."""
    asked = body or InstallIn()
    return 201, _ask(request, name, "install_drivers", packages=asked.packages, columns=asked.columns)


@router.get("/stations/{name}/dialogs/{dialog}", response={200: DialogOutput, **ERRORS})
def read_dialog(
    request: HttpRequest, name: Station, dialog: Dialog, after: Annotated[int, Query(), Field(ge=0, lt=2**53)] = 0
) -> Any:
    """Return what the terminal has shown after a position, at once or within half a second."""
    return _ask(request, name, "dialog_read", dialog=dialog, after=after)


@router.post("/stations/{name}/dialogs/{dialog}", response={200: OrderedOut, **ERRORS})
def type_into_dialog(request: HttpRequest, name: Station, dialog: Dialog, body: TypedIn) -> dict[str, bool]:
    """Type text on the terminal."""
    _ask(request, name, "dialog_write", dialog=dialog, text=body.text)
    return {"ok": True}


@router.delete("/stations/{name}/dialogs/{dialog}", response={200: OrderedOut, **ERRORS})
def end_dialog(request: HttpRequest, name: Station, dialog: Dialog) -> dict[str, bool]:
    """End the program of the terminal; the device is released."""
    _ask(request, name, "dialog_end", dialog=dialog)
    return {"ok": True}


def _ask(request: HttpRequest, station: str, what: str, /, **args: Any) -> Any:
    return async_to_sync(ask_station)(find_station(name=station), what, args, actor=actor_of(request))
