"""List a dataset's revisions: the operation that made each, when and by whom."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from recorder.jobs.change_words import CHANGE_COUNTS
from recorder.jobs.operation_types import EDIT_COUNTS
from recorder.models import Dataset
from robotdata.dataset.errors import DatasetError
from robotdata.dataset.layout import INFO
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.sidecar import Sidecar, read_sidecar
from robotdata.dataset.write.draft import NOTES
from robotdata.dataset.write.swap import list_revisions
from robotdata.spool.fields import parse_timestamp

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision, as the API returns it; `what` made it (committed, edited, features ...), empty if unknown.

    `episodes` and `frames` are None (null) if it cannot be read; `notes` list what could not be carried over into it.
    """

    number: int
    present: bool
    at: datetime
    episodes: int | None
    frames: int | None
    what: str
    by: str
    counts: dict[str, int]
    reverted_to: int | None
    notes: list[str]


def revisions_of(dataset: Dataset) -> list[Revision]:
    """Return the present revision and those kept for a revert, newest first; empty if the folder cannot be read."""
    try:
        if not (dataset.path / INFO).is_file():
            return []
        numbers = reversed(list_revisions(dataset.revisions_path))
        return [
            _revision(dataset.path, None),
            *(_revision(dataset.revisions_path / str(number), number) for number in numbers),
        ]
    except OSError as error:
        log.warning("The revisions of %s cannot be read: %s", dataset, error)
        return []


def _revision(root: Path, number: int | None) -> Revision:
    sidecar = read_sidecar(root, [])
    made_by = sidecar.made_by
    names = ("committed", "copied", *EDIT_COUNTS, *CHANGE_COUNTS)
    counts = {name: made_by[name] for name in names if type(made_by.get(name)) is int}
    reverted_to = made_by.get("reverted_to")
    episodes, frames = _counts_of(root, sidecar)
    return Revision(
        number=sidecar.revision if number is None else number,
        present=number is None,
        at=_made_at(made_by.get("at"), root),
        episodes=episodes,
        frames=frames,
        what=str(made_by.get("what") or ""),
        by=str(made_by.get("by") or ""),
        counts=counts,
        reverted_to=reverted_to if type(reverted_to) is int else None,
        notes=notes_of(sidecar),
    )


def notes_of(sidecar: Sidecar) -> list[str]:
    """Return, as sentences, what the operation that made a revision could not carry over or found invalid."""
    notes = sidecar.made_by.get(NOTES)
    return [str(note)[:500] for note in notes[:20]] if isinstance(notes, list) else []


def _counts_of(root: Path, sidecar: Sidecar) -> tuple[int | None, int | None]:
    """Return the numbers of episodes and frames; from the tables if the revision is too old to have a sidecar."""
    if sidecar.episodes and sidecar.revision:
        lengths = [entry.get("length") for entry in sidecar.episodes]
        return len(lengths), sum(length for length in lengths if type(length) is int)
    try:
        opened = DatasetFolder.open(root)
    except DatasetError as error:
        log.warning("Cannot measure the size of %s: %s", root, error)
        return None, None
    return len(opened.episodes), opened.total_frames


def _made_at(value: Any, root: Path) -> datetime:
    return parse_timestamp(value) or datetime.fromtimestamp((root / INFO).stat().st_mtime, UTC)
