"""The rigs of a station: save, remove, start, stop and try them; and forget rigs that are gone."""

from __future__ import annotations

from typing import Any

from asgiref.sync import async_to_sync
from django.utils import timezone

from recorder.actor import Actor
from recorder.errors import Refused
from recorder.live.rig_text import TextProblem, read_tables
from recorder.live.rigs import find_rig
from recorder.live.station_asks import ask_station
from recorder.live.station_messages import CheckedText, RigText, Written
from recorder.models import Rig, Station
from recorder.models.permissions import Action, require
from robotdata.capture.options import NAME

ORDERS = {"start": "start_rig", "stop": "stop_rig", "restart": "restart_rig"}
_ask = async_to_sync(ask_station)


def order_rig(*, station: Station, name: str, order: str, actor: Actor) -> None:
    """Start, stop or restart (one of ORDERS) a rig of the station. Raise Refused as `ask_station` does."""
    require(actor, Action.CONFIGURE_RIG, station)
    if order not in ORDERS:
        raise Refused("unknown_order", f"Unknown order {order!r:.40}: use one of {', '.join(ORDERS)}.", 404)
    _ask(station, ORDERS[order], {"name": name}, actor=actor)


def read_rig(*, station: Station, name: str, actor: Actor) -> RigText:
    """Return a rig file of the station, with its version. Raise Refused as `ask_station` does."""
    require(actor, Action.CONFIGURE_RIG, station)
    answer = _ask(station, "read_rig", {"name": name}, actor=actor)
    assert isinstance(answer, RigText)
    return answer


def check_text(*, station: Station, text: str, actor: Actor) -> tuple[dict[str, Any] | None, CheckedText]:
    """Return the text's values, None if it is not TOML, and what the station finds wrong with it."""
    require(actor, Action.CONFIGURE_RIG, station)
    answer = _ask(station, "check_text", {"text": text}, actor=actor)
    assert isinstance(answer, CheckedText)
    try:
        return read_tables(text), answer
    except TextProblem:
        return None, answer


def save_rig(*, station: Station, text: str, version: str | None, name: str | None, actor: Actor) -> tuple[str, str]:
    """Write a rig file and return the rig's name and the file's new version.

    `name` and `version` are those that were read, None for a new rig. Raise Refused: `invalid` (422) with the text's
    `errors` in its detail, `renamed`, `exists`, `changed`, and what `ask_station` raises.
    """
    require(actor, Action.CONFIGURE_RIG, station)
    text_name = _name_in(text)
    if name is not None and text_name != name:
        raise Refused(
            "renamed",
            f"The text calls the rig {text_name!r}, but its takes and sessions know it as {name!r}. "
            "Duplicate the rig to give it another name.",
        )
    try:
        answer = _ask(station, "write_rig", {"name": text_name, "text": text, "version": version}, actor=actor)
    except Refused as refusal:
        if refusal.code == "invalid":
            raise Refused("invalid", refusal.message, 422, refusal.detail) from refusal
        raise
    assert isinstance(answer, Written)
    return text_name, answer.version


def remove_rig(*, station: Station, name: str, actor: Actor) -> None:
    """Stop a rig and remove its file; its takes and datasets stay, and pages no longer list it."""
    require(actor, Action.CONFIGURE_RIG, station)
    _ask(station, "remove_rig", {"name": name}, actor=actor)
    for rig in Rig.objects.filter(name=name):
        _forget(rig)


def forget_rig(*, name: str, actor: Actor) -> None:
    """Take an offline rig that no station runs from the lists, until it connects again.

    Its row is deleted if no take and no session names it, and hidden otherwise. Raise Refused: `no_rig`, `online`,
    `has_station`.
    """
    rig = find_rig(name=name)
    require(actor, Action.CONFIGURE_RIG, rig)
    if rig.is_online:
        raise Refused("online", f"{rig.name} is running: stop it first, then remove it.")
    if (station := station_of(name)) is not None:
        message = f"{rig.name} is a rig of {station.name}: remove it there, so that its file goes too."
        raise Refused("has_station", message)
    _forget(rig)


def station_of(name: str) -> Station | None:
    """Return the station that keeps a rig of this name; one that is online comes first."""
    stations = Station.objects.order_by("-online", "name")
    return next((each for each in stations if any(rig["name"] == name for rig in each.rigs)), None)


def _forget(rig: Rig) -> None:
    if rig.is_online or rig.sessions.exists() or rig.episodes.exists():
        Rig.objects.filter(pk=rig.pk).update(hidden=True, updated_at=timezone.now())
    else:
        rig.delete()


def _name_in(text: str) -> str:
    rig = read_tables(text).get("rig")
    name = rig.get("name") if isinstance(rig, dict) else None
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise TextProblem(None, "want a name of 1 to 48 letters, digits, _ or -", "rig.name")
    return name
