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
            self.problems.append(Problem(self.name_of(file), episode, frame, what))

    def name_of(self, file: str | Path) -> str:
        """`file` as it is called within the dataset."""
        path = Path(file)
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else str(file)

    def note(self, what: str) -> None:
        if len(self.notes) < MOST:
            self.notes.append(what)


class Gathered:
    """Problems of one kind, found in one episode after the other: a line each where these are few, else one for all."""

    FEW = 3

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], list[tuple[Problem, int]]] = {}

    def add(self, kind: str, problem: Problem, rows: int = 0) -> None:
        """`kind` says what is wrong in all of them, of `rows` rows of this one's episode."""
        self._found.setdefault((problem.file, kind), []).append((problem, rows))

    def report(self, report: Report, total: int) -> None:
        """Put them into `report`; `total` is the number of episodes that were looked at."""
        for (file, kind), found in self._found.items():
            if len(found) <= self.FEW:
                for problem, _ in found:
                    report.add(file, problem.what, problem.episode, problem.frame)
                continue
            rows = sum(count for _, count in found)
            places = numbered([problem.episode for problem, _ in found if problem.episode is not None])
            counted = f", {rows} rows" if rows else ""
            first = found[0][0]
            said = kind == first.what.replace(f"episode {first.episode} ", "the episode ")
            example = "" if said else f"; first: {first.what}"
            report.add(file, f"{kind} in {len(found)} of {total} episodes{counted} ({places}){example}")


def numbered(episodes: list[int], most: int = 8) -> str:
    """`episodes 3, 5 to 9`; what is beyond `most` places is counted."""
    runs: list[list[int]] = []
    for number in sorted(set(episodes)):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    words = [str(a) if a == b else f"{a} to {b}" for a, b in runs[:most]]
    more = f" and {len(runs) - most} places more" if len(runs) > most else ""
    return f"episode{'s' if len(set(episodes)) != 1 else ''} {', '.join(words)}{more}"
