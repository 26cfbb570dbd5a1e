"""Takes and datasets that could not be opened, as lines for the pages. They outlive a restart."""

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
_MOST = 1000
"""So many lines are kept: a disk that dies makes one of every take."""


def note_unopened(*, kind: str, name: str, what: str, why: str, cure: str, state: str = "") -> None:
    """Keep one line for the folder `name`; its older line goes."""
    said = {"what": what[:200], "why": why[:2000], "cure": cure[:2000], "state": state[:100]}
    if Unopened.objects.filter(kind=kind).count() >= _MOST:
        return
    Unopened.objects.update_or_create(kind=kind, name=sanitize_json(name[:255]), defaults=sanitize_json(said))


def note_take(*, take_id: str, why: str) -> None:
    """The same for a take, on this disk or a rig's."""
    here = take_path(take_id).is_dir()
    what = f"a take in {settings.SPOOL_DIR}" if here else "a take on a rig's disk"
    why = why.removeprefix(f"take {take_id}: ").rstrip(".")
    said = {"what": what, "why": f"{why}.", "cure": TAKE_CURE if here else RIG_CURE}
    note_unopened(kind=UnopenedKind.TAKE, name=take_id, **said, state=state_of_take(take_id))


def take_path(take_id: str) -> Path:
    return Path(settings.SPOOL_DIR) / take_id


def state_of_take(take_id: str) -> str:
    """What tells one `take.json` from another; empty where there is none."""
    try:
        stat = (take_path(take_id) / "take.json").stat()
    except OSError:
        return ""
    return f"{stat.st_ino} {stat.st_size} {stat.st_ctime_ns}"


def forget_unopened(*, kind: str, name: str) -> None:
    """It can be opened, or has gone."""
    rows = Unopened.objects.filter(kind=kind, name=name)
    if rows.exists():  # no write lock for nothing
        rows.delete()


def keep_only(*, kind: str, names: Collection[str]) -> None:
    """Forget all lines of this kind but these."""
    for row in Unopened.objects.filter(kind=kind):
        if row.name not in names:
            row.delete()
