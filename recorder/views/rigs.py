"""The page Rigs: every computer with its rigs. And the page that adds or edits a rig."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from csp.constants import SELF, UNSAFE_INLINE
from csp.decorators import csp_update
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from recorder.live.rig_joints import joints_of
from recorder.live.rig_start import StartCommand, start_command, station_command
from recorder.live.rig_text import free_name, new_text
from recorder.live.rigs import expire_rigs
from recorder.live.station_rigs import station_of
from recorder.live.stations import expire_stations
from recorder.models import Rig, Station
from recorder.views.request import Request
from robotdata.rig.states import PREFLIGHT
from robotdata.station.calibrations import KIND
from robotdata.station.driver_packages import DEFAULT, LEROBOT_VERSION, PACKAGES

_TONES = {"running": "accent", "starting": "accent", "failed": "bad"}
_STILL = {"sim", "replay"}
"""Robots that cannot fall."""


@dataclass(frozen=True, slots=True)
class ListedRig:
    """A rig of a station as the page shows it: what the station says of its process, and its row if it connected."""

    process: dict[str, Any]
    row: Rig | None
    label: str
    tone: str

    @property
    def since(self) -> datetime:
        """Return since when its process has this state."""
        return datetime.fromtimestamp(self.process.get("since") or 0, UTC)

    @property
    def last_words(self) -> str:
        """Return the newest lines of its output."""
        return "\n".join(self.process.get("last_words") or [])

    @property
    def is_running(self) -> bool:
        """Return whether there is a process to stop, or one that the station starts again."""
        return self.process["state"] in {"running", "starting", "failed"}

    @property
    def is_outdated(self) -> bool:
        """Return whether its file has changed since its process began."""
        running = self.process.get("running_version")
        return bool(running) and running != self.process.get("version")

    @property
    def is_recording(self) -> bool:
        """Return whether a take would end with it."""
        return self.row is not None and self.row.state in ("recording", "saving")

    @property
    def is_unchecked(self) -> bool:
        """Return whether it can be checked now and was not since it started."""
        status = self.row.status if self.row is not None else {}
        return PREFLIGHT in (status.get("controls") or []) and not status.get("preflight")

    @property
    def calibrated(self) -> list[tuple[str, str]]:
        """Return role and kind of its devices that LeRobot drives, and so calibrates."""
        older = {role: str(self.process.get(role) or "") for role in ("robot", "teleoperator")}
        kinds = self.process.get("devices") or older
        return [(role, kind) for role, kind in kinds.items() if kind.partition(" ")[0] == KIND]

    @property
    def may_fall(self) -> bool:
        """Return whether its robot may lose its torque when the rig ends."""
        return str(self.process.get("robot") or "sim").split(" ")[0] not in _STILL


@require_GET
def rigs(request: Request) -> HttpResponse:
    """The page with all rigs, or for htmx its lists."""
    expire_rigs()
    expire_stations()
    rows = {rig.name: rig for rig in Rig.objects.defer("features")}
    stations = list(Station.objects.all())
    kept = {process["name"] for station in stations for process in station.rigs}
    others = [rig for rig in rows.values() if rig.name not in kept and not rig.hidden]
    context = {
        "stations": [(station, [_listed(station, each, rows) for each in station.rigs]) for station in stations],
        "others": [(rig, _start(request, rig)) for rig in others],
        "command": station_command(request.get_host(), secure=request.is_secure()),
    }
    return render(request, "recorder/_rigs.html" if request.htmx else "recorder/rigs.html", context)


@require_GET
def rig_add(request: Request) -> HttpResponse:
    """The page that adds a rig: an empty one, the simulated one (`from=sim`) or a copy (`like=<name>`)."""
    expire_stations()
    stations = list(Station.objects.all())
    chosen = _chosen(stations, request.GET.get("station", ""))
    like = request.GET.get("like", "")
    simulated = request.GET.get("from") == "sim"
    taken = {process["name"] for each in stations for process in each.rigs}
    taken |= set(Rig.objects.listed().values_list("name", flat=True))
    name = free_name(like or ("sim" if simulated else "my-rig"), taken)
    joints = joints_of(Rig.objects.filter(name=like).first())
    start = {"text": new_text(name, simulated=simulated), "read": like, "name": name, "joints": joints}
    return _form(request, stations, chosen, start, simulated=simulated)


@require_GET
def rig_edit(request: Request, name: str) -> HttpResponse:
    """The page that edits a rig of a station. Answers 404 if no station has it."""
    expire_stations()
    station = request.GET.get("station") or getattr(station_of(name), "name", "")
    chosen = get_object_or_404(Station, name=station)
    joints = joints_of(Rig.objects.filter(name=name).first())
    start = {"text": "", "read": name, "name": "", "joints": joints}
    return _form(request, [chosen], chosen, start, edited=name)


# The terminal pane writes its own style elements. The decorator is typed for HttpRequest alone.
@csp_update({"style-src": [SELF, UNSAFE_INLINE]})  # type: ignore[arg-type]
@require_GET
def rig_calibrate(request: Request, name: str) -> HttpResponse:
    """The page that calibrates the devices of a rig. Answers 404 if no station has it."""
    expire_stations()
    station = get_object_or_404(Station, name=request.GET.get("station") or getattr(station_of(name), "name", ""))
    process = next((each for each in station.rigs if each["name"] == name), None)
    if process is None:
        raise Http404(f"The station of {station.name} has no rig {name}.")
    rig = _listed(station, process, {row.name: row for row in Rig.objects.filter(name=name)})
    roles = rig.calibrated
    named = request.GET.get("role")
    role = named if named in dict(roles) else (roles[0][0] if roles else "")
    context = {"station": station, "rig": rig, "name": name, "roles": roles, "role": role}
    return render(request, "recorder/rig_calibrate.html", context)


# As above.
@csp_update({"style-src": [SELF, UNSAFE_INLINE]})  # type: ignore[arg-type]
@require_GET
def rig_drivers(request: Request) -> HttpResponse:
    """The page that installs drivers on the computer of a station; it leads back to the rig named by `rig`."""
    expire_stations()
    station = get_object_or_404(Station, name=request.GET.get("station", ""))
    rig = request.GET.get("rig", "")
    context = {
        "station": station,
        "rig": rig if any(process["name"] == rig for process in station.rigs) else "",
        "packages": PACKAGES.values(),
        "chosen": request.GET.getlist("package") or DEFAULT,
        "version": LEROBOT_VERSION,
    }
    return render(request, "recorder/rig_drivers.html", context)


def _form(
    request: Request, stations: list[Station], chosen: Station | None, start: dict[str, Any], **more: Any
) -> HttpResponse:
    context = {
        "stations": stations,
        "station": chosen,
        "start": start,
        "command": station_command(request.get_host(), secure=request.is_secure()),
        **more,
    }
    return render(request, "recorder/rig_form.html", context)


def _chosen(stations: list[Station], name: str) -> Station | None:
    online = [station for station in stations if station.online]
    named = [station for station in stations if station.name == name]
    return next(iter(named or online or stations), None)


def _listed(station: Station, process: dict[str, Any], rows: dict[str, Rig]) -> ListedRig:
    row = rows.get(process["name"])
    if row is not None and row.is_online:
        return ListedRig(process, row, row.readiness.label, row.readiness.tone)
    if not station.online:
        return ListedRig(process, row, "unknown", "")
    label = "connecting" if process["state"] == "running" else process["state"]
    return ListedRig(process, row, label, _TONES.get(process["state"], ""))


def _start(request: Request, rig: Rig) -> StartCommand:
    return start_command(rig, request.get_host(), secure=request.is_secure())
