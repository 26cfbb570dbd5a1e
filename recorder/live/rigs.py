"""Rigs: their connections, their last status, and the takes that they report."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Case, F, Q, When
from django.utils import timezone

from recorder.actor import Actor
from recorder.catalog.takes import index_take as index_take
from recorder.errors import Refused
from recorder.live.messages import offline_status
from recorder.live.rig_messages import Hello
from recorder.models import Episode, Rig
from recorder.models.permissions import Action, require
from recorder.models.readiness import readiness_of
from recorder.models.states import EpisodeState, RigState
from robotdata.rig.protocol import VERSION
from robotdata.rig.states import parse_state

# In seconds. A rig sends its status four times a second, and its row is written once a second.
ALIVE_S = 3.0
_REPORTS_WITHIN_S = 2.0
_LOOK_EVERY_S = 0.1


def rig_connected(*, hello: Hello, connection: str, actor: Actor) -> Rig:
    """Return the row of the rig that sent hello; from now on only `connection` may update it.

    Raise Refused for another protocol version, or if another living rig has this name. The same process may reconnect
    at once, even if its old socket is still open.
    """
    require(actor, Action.LINK_RIG)
    if hello.protocol != VERSION:
        raise Refused(
            "protocol",
            f"The rig uses version {hello.protocol} of the rig protocol, this server {VERSION}: "
            "install the same release of robotdata on both.",
        )
    rig_info, now = hello.rig, timezone.now()
    rig, _ = Rig.objects.get_or_create(name=rig_info.name)
    host = f"{rig_info.host or 'unknown host'} (process {rig_info.pid})"[:120]
    claimable = Rig.objects.filter(pk=rig.pk).filter(
        Q(state=RigState.OFFLINE)
        | Q(host=host)
        | Q(connection="")
        | Q(last_seen_at=None)
        | Q(last_seen_at__lt=now - timedelta(seconds=ALIVE_S))
    )
    claimed = claimable.update(
        connection=connection,
        host=host,
        robot_type=rig_info.robot_type[:120],
        fps=rig_info.fps,
        features=rig_info.features,
        cameras=[camera.model_dump(include={"key", "name", "width", "height", "fps"}) for camera in rig_info.cameras],
        status={**_stored_fields(hello.status), **_connection_fields(hello, now)},
        **_state_of(hello.status),
        hidden=False,
        last_seen_at=now,
        updated_at=now,
    )
    rig.refresh_from_db()
    if not claimed:
        since = rig.status.get("connected_at")
        when = f" since {datetime.fromtimestamp(since, UTC):%H:%M:%S} UTC" if isinstance(since, int | float) else ""
        raise Refused(
            "in_use",
            f"The name {rig_info.name!r} is in use by the rig on {rig.host}{when}. "
            "Stop that one first, or give this rig another name in its TOML file.",
        )
    return rig


def rig_status(*, name: str, connection: str, status: Mapping[str, Any], moved: bool) -> bool:
    """Store the rig's last status; return False if another connection has taken over the rig.

    The row counts as changed only if `moved`, or if it was marked offline meanwhile: a person would see the difference.
    """
    now = timezone.now()
    stored_fields = _stored_fields(status)
    row = Rig.objects.filter(name=name, connection=connection)
    stored_status = row.values_list("status", flat=True).first() or {}
    connection_fields = {name: stored_status[name] for name in _CONNECTION_FIELDS if name in stored_status}
    changes = {"status": {**stored_fields, **connection_fields}, **_state_of(status), "last_seen_at": now}
    # In the same UPDATE: whoever calls a rig offline after a look at its row may do so between a look and a write here.
    is_back = When(state=RigState.OFFLINE, then=now)
    changes["updated_at"] = now if moved else Case(is_back, default=F("updated_at"))
    return bool(row.update(**changes))


def rig_silent(*, name: str, connection: str) -> bool:
    """Mark a connected but silent rig as offline until its next status; return False if it is offline or taken over."""
    now = timezone.now()
    row = Rig.objects.filter(name=name, connection=connection).exclude(state=RigState.OFFLINE)
    return bool(row.update(state=RigState.OFFLINE, state_since=now, updated_at=now))


def rig_disconnected(*, name: str, connection: str) -> bool:
    """Mark the rig as disconnected; return False, without a change, if another connection has taken over the rig."""
    now = timezone.now()
    row = Rig.objects.filter(name=name, connection=connection)
    return bool(row.update(state=RigState.OFFLINE, state_since=now, connection="", updated_at=now))


def first_rig(rigs: Iterable[Rig]) -> Rig | None:
    """Return the rig with which somebody new begins: one that is online, if possible a simulated one; or None."""
    online = [rig for rig in rigs if rig.is_online]
    return min(online, key=lambda rig: not rig.is_simulated, default=None)


def expire_rigs() -> int:
    """Mark rigs offline whose web process crashed; cheap enough to call before every list. Return how many."""
    now = timezone.now()
    silent = Rig.objects.online().filter(Q(last_seen_at=None) | Q(last_seen_at__lt=now - timedelta(seconds=ALIVE_S)))
    if not silent.exists():  # avoid the write lock if nothing changes
        return 0
    return silent.update(state=RigState.OFFLINE, state_since=now, updated_at=now)


def find_rig(*, name: str) -> Rig:
    """Return the rig. Raise Refused (404) if no rig of this name has ever connected."""
    expire_rigs()
    rig = Rig.objects.filter(name=name).first()
    if rig is None:
        raise Refused("no_rig", f"Rig {name!r} has never connected: start it, then try again.", 404)
    return rig


def find_rig_to_command(*, name: str) -> Rig:
    """Return the rig as `find_rig` does, but give one that was marked offline a moment ago the time to report again.

    While the database is down or held, no status is stored, and whoever looks first afterwards marks the rig offline. A
    person who stops a recording then would be told to start the rig.
    """
    rig = find_rig(name=name)
    for _ in range(round(_REPORTS_WITHIN_S / _LOOK_EVERY_S)):
        age_s = (timezone.now() - rig.state_since).total_seconds()
        if rig.is_online or not rig.connection or not 0 <= age_s < _REPORTS_WITHIN_S:
            break
        time.sleep(_LOOK_EVERY_S)
        rig = find_rig(name=name)
    return rig


def live_status(*, name: str) -> dict[str, Any]:
    """Return the status that a page shows until the rig sends one: its last status, and whether it is online."""
    expire_rigs()
    rig = Rig.objects.filter(name=name).first()
    if rig is None:
        unknown = offline_status(name, f"Rig {name} has never connected: start it.")
        return {**unknown, **readiness_of(RigState.OFFLINE, {}, []).as_dict()}
    if not rig.is_online:
        last_fields = {key: rig.status[key] for key in ("disk", "inputs") if key in rig.status}
        offline = offline_status(name, cut_off=rig.status.get("take"))
        status = {**offline, **last_fields, "since": rig.offline_since.timestamp()}
    else:
        status = {**rig.status, "type": "status", "rig": name, "online": True}
    return {**status, "cameras": rig.cameras, **rig.readiness.as_dict()}


def takes_to_index(*, takes: Sequence[tuple[str, str, int]]) -> list[str]:
    """Return the ids of those (id, state, ticks) on a rig's disk whose rows differ or are missing."""
    reported = {take_id: (state, ticks) for take_id, state, ticks in takes}
    ids = list(reported)
    for first in range(0, len(ids), 500):
        rows = Episode.objects.filter(pk__in=ids[first : first + 500]).values_list("pk", "state", "ticks")
        for pk, state, ticks in rows:
            on_rig = reported[str(pk)]
            is_raw = state in {"recording", "recorded", "interrupted"}
            if not is_raw or (state, ticks) == on_rig or (state == "recording" == on_rig[0]):
                del reported[str(pk)]
    return list(reported)


def unfinished_takes(*, name: str, current: str | None) -> list[str]:
    """Return up to 100 takes whose rows say that the rig records them, although it does not: their end was missed."""
    rows = Episode.objects.filter(rig__name=name, state=EpisodeState.RECORDING)
    return [str(pk) for pk in rows.values_list("pk", flat=True)[:100] if str(pk) != current]


_CONNECTION_FIELDS = ("connected_at", "started_as", "inputs")


def _connection_fields(hello: Hello, now: datetime) -> dict[str, Any]:
    """Return what hello contains and statuses do not repeat: when it came, the start command, what pages may drive."""
    return {"connected_at": now.timestamp(), "started_as": hello.rig.started_as, "inputs": hello.rig.inputs}


def _stored_fields(status: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in status.items() if key not in {"type", "seq", "v"}}


def _state_of(status: Mapping[str, Any]) -> dict[str, Any]:
    since = status.get("since")
    try:
        when = datetime.fromtimestamp(float(since or 0), UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        when = timezone.now()
    return {"state": parse_state(status.get("state")).value, "state_since": when if since else timezone.now()}
