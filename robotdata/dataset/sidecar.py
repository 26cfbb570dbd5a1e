"""`meta/robotdata.json`: what LeRobot's format does not store.

Revision, UUIDs, verdicts, labels and hashes, and which of a tick's two actions the dataset holds.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from robotdata.dataset.errors import UnsafePath
from robotdata.dataset.layout import SIDECAR, contained
from robotdata.files import open_real
from robotdata.files.plain_json import read_json
from robotdata.spool.fields import short_repr

FORMAT = "robotdata-dataset"
VERSION = 1
MAX_BYTES = 256 << 20
RECORDED_ACTION = "recorded_action"


@dataclass(frozen=True, slots=True)
class Sidecar:
    """The content of the sidecar.

    `episodes` has one entry per episode, in order: `uuid` (None if unknown), `length` (frames), and annotations. `more`
    holds all other fields.
    """

    revision: int = 0
    episodes: list[dict[str, Any]] = field(default_factory=list)
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def made_by(self) -> dict[str, Any]:
        """What the commit or edit that made this revision wrote of itself; empty if there is nothing readable."""
        value = self.more.get("made_by")
        return value if isinstance(value, dict) else {}

    @property
    def recorded_action(self) -> str:
        """Which of a tick's two actions the dataset's `action` is, as text; empty if the sidecar does not say it."""
        value = self.more.get(RECORDED_ACTION, "")
        return value if isinstance(value, str) else short_repr(value)

    def entry(self, index: int, length: int) -> dict[str, Any]:
        """Return the entry of episode `index`; empty if another program has changed the episodes since."""
        if index >= len(self.episodes):
            return {}
        entry = self.episodes[index]
        return entry if entry.get("length") == length else {}

    def to_json(self) -> str:
        """Return JSON with one line per episode, which is fast: it is written at each verdict."""
        value = {**self.more, "format": FORMAT, "version": VERSION, "revision": self.revision}
        head = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False)
        write = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
        entries = ",\n".join(f"  {write(entry)}" for entry in self.episodes)
        return f'{head[:-2]},\n "episodes": [\n{entries}\n ]\n}}'


def read_sidecar(root: Path, problems: list[str]) -> Sidecar:
    """Return the sidecar of the dataset; an empty one if it is missing or, with a problem, unreadable."""
    path = root / SIDECAR
    if not path.is_file():
        return Sidecar()
    try:
        with os.fdopen(open_real(contained(root, SIDECAR)), "rb") as file:
            value = read_json(file.read(MAX_BYTES))
        return _sidecar(value)
    except (OSError, UnsafePath, ValueError) as error:
        problems.append(f"{SIDECAR} cannot be read: {error}; verdicts and UUIDs are unknown")
        return Sidecar()


def _sidecar(value: Any) -> Sidecar:
    """Return the sidecar in a JSON value. Raises ValueError if it is invalid."""
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise ValueError(f"its format is not {FORMAT!r}")
    if value.get("version") != VERSION:
        raise ValueError(f"it has version {value.get('version')!r}, this program reads {VERSION}")
    revision, episodes = value.get("revision"), value.get("episodes")
    if type(revision) is not int or revision < 0 or not isinstance(episodes, list):
        raise ValueError("it has no revision or no list of episodes")
    if not all(isinstance(entry, dict) for entry in episodes):
        raise ValueError("an episode's entry is not an object")
    more = {key: item for key, item in value.items() if key not in {"format", "version", "revision", "episodes"}}
    return Sidecar(revision, episodes, more)
