"""Move a dataset's folder together with what belongs to it: its revisions and its saved settings.

The folder itself moves by one rename. What is being moved is written down before, in `.trash`, so that a killed process
leaves the old state or the new one: the row of the database decides which of the two it is.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recorder.models.paths import REVISIONS, datasets_root, trash_root
from robotdata.files.json_files import replace_json
from robotdata.files.plain_json import read_json
from robotdata.files.sync import sync_path

ENTRY = "trashed.json"
SETTINGS = "settings.json"
_RENAME = ".rename-"
_GONE = ".gone-"
_MAX_BYTES = 1 << 20

Pair = tuple[Path, Path]


@dataclass(frozen=True, slots=True)
class Note:
    """What a process wrote down before it moved files: where that is, and what it says."""

    path: Path
    said: dict[str, Any]

    def name(self, key: str) -> str:
        """Return the name of a folder that the note gives; empty if it gives none, or no single name."""
        value = self.said.get(key)
        return value if isinstance(value, str) and "/" not in value and value not in {".", ".."} else ""


def places(slug: str) -> list[Path]:
    """Return what belongs to a dataset that is not in the trash: settings, revisions, and last its folder."""
    root = datasets_root()
    return [root / ".settings" / f"{slug}.json", root / REVISIONS / slug, root / slug]


def places_in_trash(name: str, slug: str) -> list[Path]:
    """Return the places of the same in the trash, under `name`."""
    entry = trash_root() / name
    return [entry / SETTINGS, entry / REVISIONS / slug, entry / slug]


def move_all(pairs: Sequence[Pair]) -> None:
    """Rename the files that exist, durably. A renamed one is skipped, so a second call completes the first."""
    for source, target in pairs:
        if not (source.exists() or source.is_symlink()):
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        source.rename(target)
        sync_path(target.parent)
        sync_path(source.parent)


def turned(pairs: Sequence[Pair]) -> list[Pair]:
    """Return the pairs that move everything back, the last one first."""
    return [(target, source) for source, target in reversed(pairs)]


def begin_rename(slug: str, new: str) -> Path:
    """Write down that a dataset is being renamed; return the note's path, which the caller removes afterwards."""
    trash_root().mkdir(parents=True, exist_ok=True)
    path = trash_root() / f"{_RENAME}{secrets.token_hex(4)}.json"
    replace_json(path, {"slug": slug, "to": new})
    return path


def write_entry(name: str, said: dict[str, Any]) -> None:
    """Write down that a dataset is in the trash under `name`, or is on its way."""
    (trash_root() / name).mkdir(parents=True, exist_ok=True)
    replace_json(trash_root() / name / ENTRY, said)
    sync_path(trash_root())


def remove_entry(name: str) -> None:
    """Remove the empty folder of a dataset that has left the trash. Whatever else is in it stays."""
    entry = trash_root() / name
    (entry / ENTRY).unlink(missing_ok=True)
    with suppress(OSError):  # not empty
        (entry / REVISIONS).rmdir()
    with suppress(OSError):
        entry.rmdir()


def rename_notes() -> Iterator[Note]:
    """Yield the renames that were begun and not ended."""
    yield from _notes(f"{_RENAME}*.json")


def entries() -> Iterator[Note]:
    """Yield what is in the trash; the name of the note's folder is the dataset's name there."""
    yield from _notes(f"[!.]*/{ENTRY}")


def gone_entries() -> Iterator[Path]:
    """Yield the folders of datasets that were being deleted permanently."""
    root = trash_root()
    yield from sorted(root.glob(f"{_GONE}*")) if root.is_dir() else ()


def gone_path(name: str) -> Path:
    """Return where the folder of the trash goes before it is deleted."""
    return trash_root() / f"{_GONE}{name}"


def name_of_gone(path: Path) -> str:
    """Return the name in the trash that the folder had."""
    return path.name.removeprefix(_GONE)


def read_note(path: Path) -> dict[str, Any]:
    """Return what a note says; empty if it cannot be read."""
    try:
        with path.open("rb") as file:
            value = read_json(file.read(_MAX_BYTES))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _notes(pattern: str) -> Iterator[Note]:
    root = trash_root()
    for path in sorted(root.glob(pattern)) if root.is_dir() else ():
        yield Note(path, read_note(path))
