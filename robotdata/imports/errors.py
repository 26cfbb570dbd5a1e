"""ImportsError            base class of the errors of an import
├─ MissingPackage    the package that reads this kind of file is not installed
├─ BadSource         the file is damaged, hostile, or of a kind that cannot be read
├─ BadMapping        the mapping is invalid
└─ MisfitMapping     the recording cannot be imported with this mapping
"""

from __future__ import annotations

from pathlib import Path

from robotdata.distribution import extra_command


class ImportsError(Exception):
    """Base class of the errors of an import; the message says what failed, where, and what to do."""


class MissingPackage(ImportsError):
    """The package that reads this kind of file is not installed."""

    def __init__(self, what: str, package: str) -> None:
        super().__init__(f"reading {what} needs the package {package}: install it with `{extra_command('imports')}`")


class BadSource(ImportsError):
    """The file is damaged, hostile, or of a kind that cannot be read; `problem` is the predicate of the message."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path.name} {problem}")
        self.problem = problem


class BadMapping(ImportsError):
    """The mapping is invalid."""


class MisfitMapping(ImportsError):
    """The recording cannot be imported with this mapping; the message lists the reasons."""
