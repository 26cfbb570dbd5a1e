"""The steps of a commit, to report its progress and to name the step that failed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

_NOTE = "while "


class CommitProgress:
    """Counts the steps. `progress` is called with (steps done, all steps)."""

    def __init__(self, cameras: Sequence[str], progress: Callable[[int, int], None] | None) -> None:
        videos = [f"writing the videos of {key}" for key in cameras]
        self._names = [
            "beginning the next state",
            "writing its rows",
            *videos,
            "writing its meta",
            "putting it in place",
        ]
        self._progress = progress
        self._done = 0

    def step(self) -> None:
        """Count the next step as done."""
        self._done += 1
        if self._progress is not None:
            self._progress(min(self._done, len(self._names)), len(self._names))

    @contextmanager
    def named(self) -> Iterator[None]:
        """Record the current step in an error raised within (see `step_of`)."""
        try:
            yield
        except Exception as error:
            error.add_note(_NOTE + self._names[min(self._done, len(self._names) - 1)])
            raise


def step_of(error: BaseException) -> str:
    """Return the step at which `error` was raised (`writing the videos of front`), or "" if unknown."""
    notes: list[str] = getattr(error, "__notes__", [])
    return next((note.removeprefix(_NOTE) for note in notes if note.startswith(_NOTE)), "")
