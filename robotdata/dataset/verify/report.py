"""The result of a verification: problems, each with its file, episode and frame, and notes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from robotdata.dataset.episode_names import named_episode, named_episodes
from robotdata.numbers import count as count_of

MOST = 500
"""Most problems that are listed; all are counted."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem in `file` (relative to the dataset), of `episode`, at its row `frame`; None if unknown."""

    file: str
    episode: int | None
    frame: int | None
    what: str
    number: int | None = None
    """The episode's number on the pages, where it is known."""

    def __str__(self) -> str:
        place = [self.file]
        if self.episode is not None:
            place.append(named_episode(self.episode, self.number))
        if self.frame is not None:
            place.append(f"frame {self.frame}")
        return f"{', '.join(place)}: {self.what}"


@dataclass
class Report:
    """The result of a verification. `problems` break a reader; `notes` are oddities that readers accept.

    `episodes` and `frames` were checked. `count` is the number of all problems, including those not listed.
    """

    root: Path
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    episodes: int = 0
    frames: int = 0
    count: int = 0
    numbers: Mapping[int, int | None] = field(default_factory=dict)
    """By an episode's index its number on the pages, where the sidecar says it."""

    @property
    def ok(self) -> bool:
        """Whether there are no problems."""
        return not self.count

    def add(self, file: str | Path, what: str, episode: int | None = None, frame: int | None = None) -> None:
        """Add a problem."""
        self.count += 1
        if len(self.problems) < MOST:
            number = None if episode is None else self.numbers.get(episode)
            self.problems.append(Problem(self.name_of(file), episode, frame, what, number))

    def name_of(self, file: str | Path) -> str:
        """Return the path of `file` relative to the dataset."""
        path = Path(file)
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else str(file)

    def note(self, what: str) -> None:
        """Add a note."""
        if len(self.notes) < MOST:
            self.notes.append(what)


class Gathered:
    """Problems of one kind in several episodes: one line each if they are few, else one for all."""

    FEW = 3

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], list[tuple[Problem, int]]] = {}

    def add(self, kind: str, problem: Problem, rows: int = 0) -> None:
        """Add a problem of the kind described by `kind`, in `rows` rows of its episode."""
        self._found.setdefault((problem.file, kind), []).append((problem, rows))

    def report(self, report: Report, total: int) -> None:
        """Add them to `report`; `total` is the number of checked episodes."""
        for (file, kind), problems in self._found.items():
            if len(problems) <= self.FEW:
                for problem, _ in problems:
                    report.add(file, problem.what, problem.episode, problem.frame)
                continue
            rows = sum(count for _, count in problems)
            indices = [problem.episode for problem, _ in problems if problem.episode is not None]
            places = named_episodes(indices, report.numbers)
            counted = f", {count_of(rows, 'row')}" if rows else ""
            first = problems[0][0]
            is_same = kind == first.what.replace(f"episode {first.episode} ", "the episode ")
            example = "" if is_same else f"; first: {first.what}"
            report.add(file, f"{kind} in {len(problems)} of {total} episodes{counted} ({places}){example}")
