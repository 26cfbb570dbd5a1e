"""ask_station: ask a station, on whichever web process its socket is, and wait for its checked answer."""

from __future__ import annotations

import uuid
from typing import Any

from recorder.actor import Actor
from recorder.errors import Refused
from recorder.live.asking import Question, Rate, ask, refusal
from recorder.live.station_messages import Plain, read_result
from recorder.live.stations import find_station
from recorder.models import Station
from recorder.models.permissions import Action, require
from robotdata.station.protocol import ASKS

PER_SECOND = 20
CHANGING = {
    "write_rig",
    "remove_rig",
    "start_rig",
    "stop_rig",
    "restart_rig",
    "calibrate",
    "install_drivers",
    "dialog_write",
}
"""These are not sent again to a station that reconnects: nobody knows whether the first was carried out."""
_ON_THE_WAY_S = 1.0
"""A station says itself that it took too long; its answer has this time to arrive."""
rate = Rate(PER_SECOND)


async def ask_station(station: Station, name: str, args: dict[str, Any] | None = None, *, actor: Actor) -> Plain:
    """Ask a station for one of ASKS and return its checked answer, a model of `station_messages`.

    Raise Refused: `unknown_ask` (404), `offline`, `too_many` (429), `no_answer` (504),
    `bad_answer` (500), `no_layer` (503), or the code and message of the station's own refusal.
    """
    if name not in ASKS:
        raise Refused("unknown_ask", f"Unknown question {name!r:.40}: use one of {', '.join(ASKS)}.", 404)
    require(actor, Action.CONFIGURE_RIG, station)
    if not station.online or not station.connection:
        raise Refused(
            "offline", f"The station of {station.name} is offline: run `robotdata station` there, then try again."
        )
    if not rate.allows(station.name):
        raise Refused("too_many", f"More than {PER_SECOND} questions a second for {station.name}: wait a moment.", 429)
    asked = f"The station of {station.name}"
    answer = await ask(
        Question(
            kind="station.ask",
            id=str(uuid.uuid4()),
            name=name,
            args=args or {},
            asked=asked,
            connection=station.connection,
            find_connection=lambda: find_station(name=station.name).connection,
            timeout=ASKS[name] + _ON_THE_WAY_S,
            late="The page Rigs shows what it does; try again when that has ended.",
            repeatable=name not in CHANGING,
        )
    )
    if not answer.get("ok"):
        raise refusal(asked, name.replace("_", " "), answer.get("error") or {})
    try:
        return read_result(name, answer.get("result"))
    except ValueError as error:
        raise Refused(
            "bad_answer",
            f"{asked} gave an answer that cannot be read ({error}): install the same release of robotdata there.",
            500,
        ) from error
