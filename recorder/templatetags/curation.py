"""Template filters of the curation pages: flags, pending changes, links."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django import template

from recorder.catalog import older_copies
from recorder.catalog.transfer_undo import can_undo, made_datasets
from recorder.jobs.operation_types import TypeSpec, spec_of
from recorder.jobs.revisions import Revision
from recorder.models import Dataset, Episode, Operation, UserKeys
from robotdata.numbers import frame_range
from robotdata.quality.codes import LABELS
from robotdata.spool.annotation import OUTCOMES

register = template.Library()

_RESHAPED = {
    "reordered": "episodes in another order",
    "cut": "frames cut out",
    "reencoded": "videos encoded again",
    "retimed": "frames dropped",
    "to_videos": "images changed to videos",
    "to_pictures": "videos changed to images",
}
PLANNED_LABELS = {"delete": "to be deleted", "relabel": "to be relabelled", "trim": "to be trimmed"}


@register.filter
def pending_changes(episode: Episode) -> list[dict[str, str]]:
    """Return the pending changes of a committed episode as short and long texts."""
    planned = episode.planned
    if planned.get("delete"):
        return [{"short": "will be deleted", "long": "deleted", "tone": "tone-bad"}]
    pending = []
    if "task" in planned:
        long_text = f"relabelled, “{episode.committed_task}” becomes “{planned['task']}”"
        pending.append({"short": "will be relabelled", "long": long_text, "tone": "tone-accent"})
    if "trim" in planned:
        first, end = planned["trim"]
        long_text = f"trimmed to {frame_range(first, end)}"
        long_text += ", or a few frames earlier (cuts snap to keyframes)" if first else ""
        pending.append({"short": "will be trimmed", "long": long_text, "tone": "tone-accent"})
    return pending


@register.filter
def revision_summary(revision: Revision) -> str:
    """Return what made the revision from the one before: `deleted 3, trimmed 2`."""
    if revision.what == "converted":
        return "converted from an older version"
    if revision.what == "rescued":
        return "made of what was whole"
    if revision.what == "repaired":
        return "repaired"
    if revision.what in _RESHAPED:
        return _RESHAPED[revision.what]
    if revision.reverted_to is not None:
        return f"reverted to revision {revision.reverted_to}"
    counts = ", ".join(f"{name} {count}" for name, count in revision.counts.items())
    if revision.what == "features":
        return f"features: {counts}" if counts else "statistics computed again"
    return counts or "changed"


@register.filter
def type_of(operation: Operation) -> TypeSpec:
    """Return the description of the operation's type."""
    return spec_of(operation)


@register.filter
def operation_summary(operation: Operation) -> str:
    """Return what an operation without takes does: `delete 3, trim 2`."""
    return spec_of(operation).summary(operation)


@register.filter
def undoable(operation: Operation) -> bool:
    """Return whether the operation can be undone by one press."""
    return can_undo(operation)


@register.filter
def older_copy(operation: Operation) -> Path | None:
    """Return the folder v2.1 that the operation wrote, if it is there."""
    return older_copies.older_copy(operation)


@register.filter
def made(operation: Operation) -> list[Dataset]:
    """Return the datasets that got the operation's episodes."""
    return made_datasets(operation)


@register.filter
def mark_name(code: str) -> str:
    """Return the name of a kind of flag; the code if it is unknown."""
    return LABELS.get(code, str(code).replace("_", " "))


@register.simple_tag
def list_query(walk: str | None, view: str | None) -> str:
    """Return the query that keeps the list in a link to the player; empty without a list."""
    if walk:
        return f"?{walk}"
    return f"?list={view}" if view else ""


@register.simple_tag
def keys_of(user: Any) -> str:
    """Return the keys that this person has changed, as JSON for the page's head."""
    if not getattr(user, "is_authenticated", False):
        return "{}"
    changed = UserKeys.objects.filter(user=user.pk).values_list("changed", flat=True).first()
    return json.dumps(changed or {})


@register.filter
def share(part: Any, total: Any) -> str:
    """Return a percentage without decimals: `42 %`."""
    return f"{100 * float(part) / float(total):.0f} %" if total else "–"


@register.filter
def camera_name(key: str) -> str:
    """Return `front` for `observation.images.front`."""
    return key.removeprefix("observation.images.")


@register.filter
def label_chips(labels: Sequence[str]) -> list[dict[str, str]]:
    """Return each label with the CSS class of its tone; how the take went comes first."""
    tones = dict(zip(OUTCOMES, ("tone-good", "tone-bad"), strict=True))
    ordered = sorted(labels, key=lambda label: label not in tones)
    return [{"label": label, "tone": tones.get(label, "")} for label in ordered]


@register.filter
def outcome_of(labels: Sequence[str]) -> str:
    """Return how the take went, one of OUTCOMES; empty if nobody has said it."""
    return next((label for label in labels if label in OUTCOMES), "")
