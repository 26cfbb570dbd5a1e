"""What an examination reports: findings that a repair puts right, and what no repair can."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from robotdata.dataset.episode_names import named_episodes
from robotdata.numbers import count as count_of


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a repair puts right. `code` names its kind; `episodes` and `rows` count what it concerns."""

    code: str
    text: str
    episodes: int = 0
    rows: int = 0

    def __str__(self) -> str:
        return self.text


@dataclass
class RepairReport:
    """The result of an examination. `left`: sentences about what cannot be repaired, and why."""

    root: Path
    episodes: int = 0
    frames: int = 0
    findings: list[Finding] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    numbers: Mapping[int, int | None] = field(default_factory=dict)
    """By an episode's place in the table its number on the pages, where the sidecar says it."""

    @property
    def counts(self) -> dict[str, int]:
        """The number of affected episodes by code; 1 for what concerns the whole dataset."""
        counts: dict[str, int] = {}
        for finding in self.findings:
            counts[finding.code] = counts.get(finding.code, 0) + max(1, finding.episodes)
        return counts

    def add(self, code: str, text: str, episodes: Iterable[int] = (), rows: int = 0) -> None:
        """Add a finding about these episodes, or about the whole dataset."""
        indices = list(episodes)
        counted = f", {count_of(rows, 'row')}" if rows else ""
        where = (
            f" ({len(indices)} of {self.episodes} episodes{counted}: {named_episodes(indices, self.numbers)})"
            if indices
            else ""
        )
        self.findings.append(Finding(code, text + where, len(indices), rows))
