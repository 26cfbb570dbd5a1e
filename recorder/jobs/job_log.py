"""What a worker did with a job, line by line: kept in the job's row, for the page Encoding.

A line is written in the same UPDATE as the change that it reports, so a log costs no statement of its own.
"""

from __future__ import annotations

import os
import socket
from enum import StrEnum
from typing import Any

from django.utils import timezone

MOST_LINES = 40
MOST_CHARACTERS = 600


class Stage(StrEnum):
    """What a line of the log reports."""

    STARTED = "started"
    ENCODING = "encoding"
    REUSED = "reused"  # the video of an earlier attempt is whole and made from the same frames
    DONE = "encoded"
    WAITING = "waiting"  # for another attempt, or for space
    LOST = "worker lost"
    FAILED = "failed"


def with_line(log: list[dict[str, Any]], stage: Stage, text: str = "") -> list[dict[str, Any]]:
    """Return the log with one more line: `at` (ISO, UTC), `stage`, `text`. The oldest lines beyond 40 are dropped."""
    at = timezone.now().isoformat(timespec="milliseconds")
    shown = text if len(text) <= MOST_CHARACTERS else text[: MOST_CHARACTERS - 1] + "…"
    return [*log, {"at": at, "stage": str(stage), "text": shown}][-MOST_LINES:]


def worker_name() -> str:
    """Return the computer and the process of this worker."""
    return f"{socket.gethostname()}, process {os.getpid()}"
