"""The text of a task as it is kept, whichever door it comes in by: two that look alike are one."""

from __future__ import annotations

from recorder.errors import Refused
from robotdata.capture.texts import tidy_task


def checked_task(text: str) -> str:
    """`text` without needless space. Raises Refused where nothing is left."""
    tidy = tidy_task(text)
    if not tidy:
        raise Refused("invalid", "A task needs at least one visible character: policies are trained on it.", 422)
    return tidy
