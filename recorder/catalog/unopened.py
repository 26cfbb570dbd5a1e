"""Store lines about takes and datasets that could not be opened, for the pages. They survive a restart."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from django.conf import settings

from recorder.models import Unopened
from recorder.models.unopened import UnopenedKind
from recorder.text import sanitize_json

TAKE_CURE = (
    "Fix the file, or restore it from a backup: it is read again within seconds. "
    "To discard the take, delete its folder."
)
RIG_CURE = "Its files are on the rig. Fix its take.json there, then restart the rig."
_MAX_LINES = 1000
"""The maximum number of lines: a failing disk would produce one for every take."""


def note_unopened(*, kind: str, name: str, what: str, why: str, cure: str, state: str = "", remedy: str = "") -> None:
    """Store one line about the folder `name`, replacing an older one; nothing once `_MAX_LINES` lines are stored."""
    fields = {"what": what[:200], "why": why[:2000], "cure": cure[:2000], "state": state[:100], "remedy": remedy}
    if Unopened.objects.filter(kind=kind).count() >= _MAX_LINES:
        return
    Unopened.objects.update_or_create(kind=kind, name=sanitize_json(name[:255]), defaults=sanitize_json(fields))


def note_take(*, take_id: str, why: str) -> None:
    """Store a line about a take on this disk or on a rig's."""
    is_local = take_path(take_id).is_dir()
    what = f"a take in {settings.SPOOL_DIR}" if is_local else "a take on a rig's disk"
    why = why.removeprefix(f"take {take_id}: ").rstrip(".")
    fields = {"what": what, "why": f"{why}.", "cure": TAKE_CURE if is_local else RIG_CURE}
    note_unopened(kind=UnopenedKind.TAKE, name=take_id, **fields, state=state_of_take(take_id))


def take_path(take_id: str) -> Path:
    """Return the take's folder in the spool."""
    return Path(settings.SPOOL_DIR) / take_id


def state_of_take(take_id: str) -> str:
    """Return a value that changes with the take's `take.json`; empty if there is none."""
    try:
        stat = (take_path(take_id) / "take.json").stat()
    except OSError:
        return ""
    return f"{stat.st_ino} {stat.st_size} {stat.st_ctime_ns}"


def forget_unopened(*, kind: str, name: str) -> None:
    """Delete the line about a folder that can be opened now, or is gone."""
    rows = Unopened.objects.filter(kind=kind, name=name)
    if rows.exists():  # avoid the write lock if there is nothing to delete
        rows.delete()


def forget_except(*, kind: str, names: Collection[str]) -> None:
    """Delete all lines of this kind except those about `names`."""
    for row in Unopened.objects.filter(kind=kind):
        if row.name not in names:
            row.delete()
