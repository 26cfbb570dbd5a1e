"""What a recovery found and did."""

from __future__ import annotations

from dataclasses import dataclass, field

EXIT_INTACT, EXIT_LOST, EXIT_UNUSABLE = 0, 3, 1


@dataclass
class Report:
    """The result of a recovery: counts, `messages` for people, and what was `lost`.

    `unopened` names folders that are not opened although nothing is lost: of another version, name, kind or place.
    `corrections` names rows that did not agree with their folders and were corrected, many after a database backup.
    """

    takes: int = 0
    usable: int = 0
    adopted: int = 0
    interrupted: int = 0
    datasets: int = 0
    jobs_requeued: int = 0
    messages: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    corrections: list[str] = field(default_factory=list)
    unopened: list[str] = field(default_factory=list)

    @property
    def code(self) -> int:
        """Return the exit code: 0 all complete, 3 something lost, 1 nothing usable."""
        if not self.lost:
            return EXIT_INTACT
        return EXIT_LOST if self.usable or self.datasets else EXIT_UNUSABLE
