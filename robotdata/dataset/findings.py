"""What a verification found: problems, each with its file, episode and frame, and notes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

MOST = 500
"""Problems that are listed; all are counted."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong: in `file` (relative to the dataset), of `episode`, at its row `frame`; None: unknown."""

    file: str
    episode: int | None
    frame: int | None
    what: str

    def __str__(self) -> str:
        place = [self.file]
        if self.episode is not None:
            place.append(f"episode {self.episode}")
        if self.frame is not None:
            place.append(f"frame {self.frame}")
        return f"{', '.join(place)}: {self.what}"


@dataclass
class Report:
    """`problems` break a promise or a reader; `notes` are oddities that readers live with.

    `episodes` and `frames` were counted, `count` is the number of problems, also of those beyond the list's end.
    """

    root: Path
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    episodes: int = 0
    frames: int = 0
    count: int = 0

    @property
    def ok(self) -> bool:
        return not self.count

    def add(self, file: str | Path, what: str, episode: int | None = None, frame: int | None = None) -> None:
        self.count += 1
        if len(self.problems) < MOST:
            path = Path(file)
            name = path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else str(file)
            self.problems.append(Problem(name, episode, frame, what))

    def note(self, what: str) -> None:
        if len(self.notes) < MOST:
            self.notes.append(what)
