"""The text of a task, normalised on every input, so that texts which look alike are one task."""

from __future__ import annotations

from recorder.errors import Refused
from robotdata.capture.texts import tidy_task


def checked_task(text: str) -> str:
    """Return `text` with normalised whitespace. Raise Refused if it is empty."""
    tidy = tidy_task(text)
    if not tidy:
        raise Refused("invalid", "A task needs at least one visible character: policies are trained on it.", 422)
    return tidy
