"""Restore an episode to its state after an earlier change. This is a change too: it is listed and can be undone."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from recorder.actor import Actor
from recorder.errors import Refused
from recorder.jobs.encoding import apply_policy
from recorder.models import Change, Episode
from recorder.models.states import Verdict
from recorder.review.change_many import change_all
from recorder.text import describe_fields


def revert(
    *, episode: Episode, change: int | None, actor: Actor, version: datetime | None = None, own: bool = False
) -> Change:
    """Restore the state right after `change`; None means as recorded. Return the new change.

    Raise Refused if the change is not in the episode's history or was undone, if nothing differs, or, given the
    `version` that was read, if anybody (with `own`, anybody else) changed the episode since.
    """
    fields = _fields_at(episode, change)
    versions = None if version is None else {episode.pk: version}
    outcome = change_all(
        episodes=[episode], fields_for=lambda _: fields, actor=actor, group=uuid.uuid4(), versions=versions, own=own
    )
    new_change = outcome.changes.get(episode.pk)
    if new_change is None:
        raise Refused("same", f"{episode} is already in that state ({describe_fields(fields)}): nothing was changed.")
    if new_change.after.get("verdict", Verdict.REJECT) != Verdict.REJECT:
        apply_policy(dataset=episode.dataset)
    return new_change


def _applicable_fields(change: Change, episode: Episode) -> dict[str, Any]:
    """Return the previous values, without a trim that refers to frames which the episode no longer has."""
    frames_changed = change.superseded and episode.is_committed
    return {name: value for name, value in change.before.items() if not (frames_changed and name.startswith("trim_"))}


def _fields_at(episode: Episode, change: int | None) -> dict[str, Any]:
    """Return the fields that were changed since, with their values then; the oldest change decides."""
    rows = episode.changes.filter(undone_at=None)
    if change is not None and not rows.filter(pk=change).exists():
        raise Refused(
            "no_change",
            f"Change {change} is not in the history of {episode}, or it was undone. Reload the page.",
            404,
        )
    fields: dict[str, Any] = {}
    for later in rows.order_by("-id"):
        if later.pk == change:
            break
        fields |= _applicable_fields(later, episode)
    if not fields:
        raise Refused("same", f"{episode} is already in that state: nobody has changed it since.")
    return fields
