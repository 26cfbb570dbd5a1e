"""Stations: their connections, what they last reported, and the question whether they are there."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone

from recorder.actor import Actor
from recorder.errors import Refused
from recorder.live.station_messages import Hello, State
from recorder.models import Station
from recorder.models.permissions import Action, require
from robotdata.station.protocol import SILENT_S, VERSION

_SILENT = timedelta(seconds=SILENT_S)


def station_connected(*, hello: Hello, connection: str, actor: Actor) -> Station:
    """Return the row of the station that sent hello; from now on only `connection` may update it.

    Raise Refused for another protocol version, or if another living station has this name. The same process may
    reconnect at once, even if its old socket is still open.
    """
    require(actor, Action.LINK_RIG)
    if hello.protocol != VERSION:
        raise Refused(
            "protocol",
            f"The station uses version {hello.protocol} of its protocol, this server {VERSION}: "
            "install the same release of robotdata on both.",
        )
    info, now = hello.station, timezone.now()
    station, _ = Station.objects.get_or_create(name=info.name)
    claimable = Station.objects.filter(pk=station.pk).filter(
        Q(online=False) | Q(pid=info.pid) | Q(connection="") | Q(last_seen_at=None) | Q(last_seen_at__lt=now - _SILENT)
    )
    claimed = claimable.update(
        connection=connection,
        online=True,
        online_since=now,
        pid=info.pid,
        folder=info.rigs[:1000],
        software=info.software[:120],
        python=info.python[:1000],
        state=_stored(hello),
        last_seen_at=now,
        updated_at=now,
    )
    station.refresh_from_db()
    if not claimed:
        raise Refused(
            "in_use",
            f"The name {info.name!r} is in use by another station (process {station.pid}). "
            "Stop that one first; one station runs all rigs of a computer.",
        )
    return station


def station_state(*, name: str, connection: str, state: State) -> bool:
    """Store what a station reports; return False if another connection has taken over the station.

    The row counts as changed only if a person would see the difference.
    """
    now = timezone.now()
    row = Station.objects.filter(name=name, connection=connection)
    before = row.values("state", "online").first()
    if before is None:
        return False
    stored = _stored(state)
    changes: dict[str, Any] = {"last_seen_at": now}
    if not before["online"]:
        changes |= {"online": True, "online_since": now}
    if before["state"] != stored or not before["online"]:
        changes |= {"state": stored, "updated_at": now}
    return bool(row.update(**changes))


def station_silent(*, name: str, connection: str) -> bool:
    """Mark a connected but silent station as offline until its next state; return False if it is so already."""
    now = timezone.now()
    row = Station.objects.online().filter(name=name, connection=connection)
    return bool(row.update(online=False, online_since=now, updated_at=now))


def station_disconnected(*, name: str, connection: str) -> bool:
    """Mark the station as disconnected; return False, without a change, if another connection has taken it over."""
    now = timezone.now()
    row = Station.objects.filter(name=name, connection=connection)
    was_online = row.values_list("online", flat=True).first()
    changes: dict[str, Any] = {"online": False, "online_since": now} if was_online else {}
    return bool(row.update(connection="", updated_at=now, **changes))


def expire_stations() -> int:
    """Mark stations offline whose web process crashed; cheap enough to call before every list. Return how many."""
    now = timezone.now()
    silent = Station.objects.online().filter(Q(last_seen_at=None) | Q(last_seen_at__lt=now - _SILENT))
    if not silent.exists():  # avoid the write lock if nothing changes
        return 0
    return silent.update(online=False, online_since=now, updated_at=now)


def find_station(*, name: str) -> Station:
    """Return the station. Raise Refused (404) if none of this name has ever connected."""
    expire_stations()
    station = Station.objects.filter(name=name).first()
    if station is None:
        raise Refused(
            "no_station", f"No station {name!r:.130} has ever connected: start it there, then try again.", 404
        )
    return station


def forget_station(*, name: str, actor: Actor) -> None:
    """Take an offline station from the lists, until it connects again; its files stay. Raise Refused: `online`."""
    station = find_station(name=name)
    require(actor, Action.CONFIGURE_RIG, station)
    if not Station.objects.filter(pk=station.pk, online=False).delete()[0]:
        raise Refused("online", f"The station of {name} is running: stop it first, then remove it.")


def _stored(reported: Hello | State) -> dict[str, Any]:
    return {"rigs": [rig.model_dump(mode="json") for rig in reported.rigs], "devices_seq": reported.devices_seq}
