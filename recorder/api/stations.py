"""Stations: the devices of a computer, its rig files, and the rigs that it runs."""

from __future__ import annotations

from typing import Annotated, Any

from asgiref.sync import async_to_sync
from django.http import HttpRequest
from ninja import Path, Query, Router

from recorder.api.auth import actor_of
from recorder.api.paging import Limit, Page, by_name
from recorder.api.schemas import ERRORS, RigName
from recorder.api.station_schemas import (
    CameraIn,
    CheckedTextOut,
    DriverCameraIn,
    EditedOut,
    EditIn,
    KindsIn,
    OrderedOut,
    RateIn,
    RigTextIn,
    SavedRigOut,
    SignInIn,
    StationName,
    StationOut,
    TextIn,
)
from recorder.live import station_rigs
from recorder.live.rig_text import edit_text, read_tables, set_values
from recorder.live.station_asks import ask_station
from recorder.live.station_messages import (
    CameraStreams,
    CheckedRig,
    Devices,
    FoundCameras,
    Kinds,
    MeasuredRate,
    NetworkCameras,
    Preview,
    Pythons,
    RigText,
)
from recorder.live.stations import expire_stations, find_station, forget_station
from recorder.models import Station

router = Router(tags=["stations"])
Name = Annotated[StationName, Path()]
Rig = Annotated[RigName, Path()]


def _ask(request: HttpRequest, station: str, name: str, **args: Any) -> Any:
    return async_to_sync(ask_station)(find_station(name=station), name, args, actor=actor_of(request))


@router.get("/stations", response={200: Page[StationOut], **ERRORS})
def list_stations(
    request: HttpRequest, limit: Limit = 100, after: Annotated[StationName | None, Query()] = None
) -> dict[str, Any]:
    """List every computer whose station ever connected, with its rigs."""
    expire_stations()
    return by_name(Station.objects.all(), "name", limit=limit, after=after)


@router.get("/stations/{name}", response={200: StationOut, **ERRORS})
def get_station(request: HttpRequest, name: Name) -> Station:
    """Return one station with its rigs."""
    return find_station(name=name)


@router.delete("/stations/{name}", response={200: OrderedOut, **ERRORS})
def remove_station(request: HttpRequest, name: Name) -> dict[str, bool]:
    """Take an offline station from the lists, until it connects again; its files stay."""
    forget_station(name=name, actor=actor_of(request))
    return {"ok": True}


@router.get("/stations/{name}/devices", response={200: Devices, **ERRORS})
def list_devices(request: HttpRequest, name: Name) -> Any:
    """List the serial ports and cameras of the computer, with who uses them."""
    return _ask(request, name, "devices")


@router.post("/stations/{name}/kinds", response={200: Kinds, **ERRORS})
def list_kinds(request: HttpRequest, name: Name, body: KindsIn) -> Any:
    """List the kinds of devices that a rig may name there; `python` runs their drivers."""
    return _ask(request, name, "kinds", python=body.python)


@router.post("/stations/{name}/find-cameras", response={200: FoundCameras, **ERRORS})
def find_cameras(request: HttpRequest, name: Name, body: KindsIn) -> Any:
    """Let the drivers of the interpreter `python` look for cameras that the system does not list."""
    return _ask(request, name, "find_cameras", python=body.python)


@router.post("/stations/{name}/find-network-cameras", response={200: NetworkCameras, **ERRORS})
def find_network_cameras(request: HttpRequest, name: Name) -> Any:
    """Look for cameras of the computer's network that speak ONVIF, for two seconds."""
    return _ask(request, name, "find_network_cameras")


@router.post("/stations/{name}/camera-streams", response={200: CameraStreams, **ERRORS})
def list_camera_streams(request: HttpRequest, name: Name, body: SignInIn) -> Any:
    """Ask a network camera for its streams; each `url` has the user and password that are given."""
    return _ask(request, name, "camera_streams", service=body.service, user=body.user, password=body.password)


@router.get("/stations/{name}/pythons", response={200: Pythons, **ERRORS})
def list_pythons(request: HttpRequest, name: Name) -> Any:
    """List the environments of the computer that have LeRobot, those that can run a rig first."""
    return _ask(request, name, "pythons")


@router.post("/stations/{name}/preview", response={200: Preview, **ERRORS})
def preview_camera(request: HttpRequest, name: Name, body: CameraIn) -> Any:
    """Take one picture with a camera that no rig uses."""
    return _ask(request, name, "preview", url=body.url)


@router.post("/stations/{name}/preview-driver", response={200: Preview, **ERRORS})
def preview_driver_camera(request: HttpRequest, name: Name, body: DriverCameraIn) -> Any:
    """Take one picture with a camera that `find-cameras` has found and no rig uses."""
    return _ask(request, name, "preview_driver", python=body.python, table=body.table)


@router.post("/stations/{name}/measure-rate", response={200: MeasuredRate, **ERRORS})
def measure_rate(request: HttpRequest, name: Name, body: RateIn) -> Any:
    """Open a camera that no rig uses as a rig would, for about a second, and return the rate that it delivers."""
    camera = {"width": body.width, "height": body.height, "fps": body.fps, "pixel_format": body.pixel_format}
    return _ask(request, name, "measure_rate", url=body.url, **camera)


@router.post("/stations/{name}/check-text", response={200: CheckedTextOut, **ERRORS})
def check_rig_text(request: HttpRequest, name: Name, body: TextIn) -> dict[str, Any]:
    """Check the text of a rig file without touching a device."""
    tables, checked = station_rigs.check_text(station=find_station(name=name), text=body.text, actor=actor_of(request))
    return {"name": checked.name, "tables": tables, "errors": checked.errors}


@router.post("/stations/{name}/check-rig", response={200: CheckedRig, **ERRORS})
def check_rig(request: HttpRequest, name: Name, body: TextIn) -> Any:
    """Connect every device of a text, read each once and release it; a robot is never moved."""
    return _ask(request, name, "check_rig", text=body.text)


@router.post("/stations/{name}/rigs", response={201: SavedRigOut, **ERRORS})
def create_rig(request: HttpRequest, name: Name, body: TextIn) -> Any:
    """Write a new rig file; its name is the one in the text."""
    saved = station_rigs.save_rig(
        station=find_station(name=name), text=body.text, version=None, name=None, actor=actor_of(request)
    )
    return 201, dict(zip(("name", "version"), saved, strict=True))


@router.get("/stations/{name}/rigs/{rig}", response={200: RigText, **ERRORS})
def read_rig(request: HttpRequest, name: Name, rig: Rig) -> RigText:
    """Return a rig file with its version, its values and its errors."""
    return station_rigs.read_rig(station=find_station(name=name), name=rig, actor=actor_of(request))


@router.put("/stations/{name}/rigs/{rig}", response={200: SavedRigOut, **ERRORS})
def write_rig(request: HttpRequest, name: Name, rig: Rig, body: RigTextIn) -> dict[str, str]:
    """Replace a rig file; 409 `changed` if it is not the `version` that was read. A running rig keeps the old one."""
    station = find_station(name=name)
    saved = station_rigs.save_rig(
        station=station, text=body.text, version=body.version, name=rig, actor=actor_of(request)
    )
    return dict(zip(("name", "version"), saved, strict=True))


@router.delete("/stations/{name}/rigs/{rig}", response={200: OrderedOut, **ERRORS})
def remove_rig(request: HttpRequest, name: Name, rig: Rig) -> dict[str, bool]:
    """Stop a rig and put its file aside, into the folder `removed`; its takes and datasets stay."""
    station_rigs.remove_rig(station=find_station(name=name), name=rig, actor=actor_of(request))
    return {"ok": True}


@router.post("/stations/{name}/rigs/{rig}/{order}", response={200: OrderedOut, **ERRORS})
def order_rig(
    request: HttpRequest, name: Name, rig: Rig, order: Annotated[str, Path(max_length=20)]
) -> dict[str, bool]:
    """Start, stop or restart a rig (`start`, `stop`, `restart`)."""
    station_rigs.order_rig(station=find_station(name=name), name=rig, order=order, actor=actor_of(request))
    return {"ok": True}


@router.post("/rig-files/edit", response={200: EditedOut, **ERRORS})
def edit_rig_text(request: HttpRequest, body: EditIn) -> dict[str, Any]:
    """Set values in the text of a rig file, where they are written, and keep its comments; nothing is saved."""
    tables = set_values(body.tables, [(value.path, value.toml) for value in body.values])
    edited = edit_text(body.text, tables)
    return {"text": edited.text, "tables": read_tables(edited.text), "lost": edited.lost}
