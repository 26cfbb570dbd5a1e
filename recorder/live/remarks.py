"""Say how a take went, and a note, while its rig records it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from typing import Any

from asgiref.sync import async_to_sync

from recorder.actor import Actor
from recorder.errors import Refused
from recorder.live.rig_commands import send_command
from recorder.live.rigs import find_rig
from recorder.models import Episode
from recorder.models.permissions import Action, require
from recorder.models.states import EpisodeState

_INDEXED_WITHIN_S = 5.0
_LOOK_EVERY_S = 0.1


def remark_on_take(*, rig_name: str, take_id: uuid.UUID, fields: Mapping[str, Any], actor: Actor) -> Episode | None:
    """Give the rig `outcome` (success, failure or None), `note` or both; it writes them with the take.

    Return None if the rig keeps them, whatever becomes of the web; the episode, to which nothing was done, if the take
    has ended. Raise Refused as `send_command` does, and (404) for a take that nobody records and nobody knows.
    """
    rig = find_rig(name=rig_name)
    require(actor, Action.EDIT, rig)
    if (episode := _ended(take_id)) is not None:
        return episode
    try:
        async_to_sync(send_command)(rig.name, "annotate", {"take": str(take_id), **fields}, actor=actor, rig=rig)
    except Refused as refusal:
        if refusal.code not in ("no_take", "not_allowed"):
            raise
        return _soon_ended(take_id)  # its end is on its way to us
    return None


def _ended(take_id: uuid.UUID) -> Episode | None:
    takes = Episode.objects.select_related("dataset").exclude(state=EpisodeState.RECORDING)
    return takes.filter(pk=take_id).first()


def _soon_ended(take_id: uuid.UUID) -> Episode:
    end = time.monotonic() + _INDEXED_WITHIN_S
    while (episode := _ended(take_id)) is None:
        if time.monotonic() > end:
            raise Refused("no_take", f"The take {take_id} is not being recorded, and no episode has this id.", 404)
        time.sleep(_LOOK_EVERY_S)
    return episode
