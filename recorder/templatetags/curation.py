"""How the curation pages say marks, and where their links lead."""

from __future__ import annotations

import json
from typing import Any

from django import template

from recorder.frame_words import frame_range
from recorder.jobs.revisions import Revision
from recorder.models import Batch, Episode, UserKeys
from recorder.models.states import BatchKind

register = template.Library()

MARKS = {
    "nan": "a value that is no number",
    "rate": "the loop's rate is off",
    "gap": "the loop stood still",
    "no_motion": "nothing moves",
    "stuck": "a joint does not follow",
    "saturated": "a joint runs into its limit",
    "idle_start": "idle at the start",
    "idle_end": "idle at the end",
    "missing": "a camera is missing",
    "stale": "a camera fell silent",
    "frozen": "a camera repeats one picture",
    "dropped": "frames dropped",
    "late": "pictures late",
    "out_of_step": "cameras out of step",
    "black": "a black picture",
    "flat": "a picture without anything in it",
    "damaged": "damaged pictures",
    "clipped": "depth out of range",
    "resized": "a picture of another size",
    "unreadable": "cannot be read",
    "empty": "no rows",
    "length": "length unlike the others",
    "little_motion": "little motion",
    "dead": "a joint is dead",
    "spike": "a spike in a signal",
    "jump": "a jump in a signal",
    "jerk": "jerky",
    "disagree": "state and action disagree",
    "lag": "the robot lags behind",
    "light": "much lighter or darker than usual",
    "blurred": "blurred",
    "slow_camera": "a slow camera",
    "near_copy": "nearly a copy of another take",
    "lost": "a camera was lost",
    "tick_late": "a late tick",
}


PLANNED_WORDS = {"delete": "to be deleted", "relabel": "to be relabelled", "trim": "to be trimmed"}


@register.filter
def plans(episode: Episode) -> list[dict[str, str]]:
    """What is done to a committed episode when its dataset's changes are applied: in few words, and in more."""
    planned = episode.planned
    if planned.get("delete"):
        return [{"short": "will be deleted", "long": "deleted", "tone": "tone-bad"}]
    found = []
    if "task" in planned:
        said = f"relabelled, “{episode.committed_task}” becomes “{planned['task']}”"
        found.append({"short": "will be relabelled", "long": said, "tone": "tone-accent"})
    if "trim" in planned:
        first, end = planned["trim"]
        said = f"trimmed to {frame_range(first, end)}"
        said += ", with a few before them where no keyframe is" if first else ""
        found.append({"short": "will be trimmed", "long": said, "tone": "tone-accent"})
    return found


@register.filter
def revision_words(revision: Revision) -> str:
    """What made it of the state before: `deleted 3, trimmed 2`."""
    if revision.reverted_to is not None:
        return f"went back to revision {revision.reverted_to}"
    words = [f"{name} {count}" for name, count in revision.counts.items()]
    return ", ".join(words) or "changed"


@register.filter
def batch_does(batch: Batch) -> str:
    """What a batch without takes does: `delete 3, trim 2`."""
    if batch.kind == BatchKind.REVERT:
        return f"go back to revision {batch.about.get('revision')}"
    named = {"deleted": "delete", "relabelled": "relabel", "trimmed": "trim"}
    return ", ".join(f"{word} {batch.about[name]}" for name, word in named.items() if batch.about.get(name))


@register.filter
def mark_words(code: str) -> str:
    """A kind of mark in few words; an unknown one by its code."""
    return MARKS.get(code, str(code).replace("_", " "))


@register.simple_tag
def way(walk: str | None, view: str | None) -> str:
    """The query that takes a list along to the player; empty without one."""
    if walk:
        return f"?{walk}"
    return f"?list={view}" if view else ""


@register.simple_tag
def keys_of(user: Any) -> str:
    """Which keys this person has changed, as JSON for the page's head."""
    if not getattr(user, "is_authenticated", False):
        return "{}"
    changed = UserKeys.objects.filter(user=user.pk).values_list("changed", flat=True).first()
    return json.dumps(changed or {})


@register.filter
def share(part: Any, whole: Any) -> str:
    """Percent without decimals: `42 %`."""
    return f"{100 * float(part) / float(whole):.0f} %" if whole else "–"


@register.filter
def camera_name(key: str) -> str:
    """`front` of `observation.images.front`."""
    return key.removeprefix("observation.images.")
