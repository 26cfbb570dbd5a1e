"""Ask the other side again while it fails in a way that passes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TypeVar

from robotdata.dataset.exchange.errors import Cancelled, Passing, TransferError

log = logging.getLogger(__name__)

TRIES = 6
_FIRST_PAUSE_S, _LONGEST_PAUSE_S, _LONGEST_ASKED_S = 0.5, 15.0, 300.0
_LONGEST_SHORT_S = 5.0
T = TypeVar("T")


def ask_again(
    question: Callable[[], T],
    failure_of: Callable[[Exception], TransferError],
    retry_after: Callable[[Exception], str],
    *,
    stopped: threading.Event,
    tries: int = TRIES,
) -> T:
    """Return the answer. `failure_of` puts an error of the client into words; `retry_after` is what the header says.

    With fewer `tries` than TRIES, somebody waits for the answer: it pauses for at most 5 s between two of them,
    whatever the other side asks for. Raises that failure, if it is not Passing or after some tries, and Cancelled as
    soon as `stopped` is set.
    """
    longest_s = _LONGEST_ASKED_S if tries >= TRIES else _LONGEST_SHORT_S
    for attempt in range(tries):
        if stopped.is_set():
            raise Cancelled("cancelled")
        try:
            return question()
        except Exception as error:  # clients raise many kinds: `failure_of` tells them apart
            failure = failure_of(error)
            if not isinstance(failure, Passing) or attempt + 1 == tries:
                raise failure from error
            log.info("Asked again: %s", failure)
            stopped.wait(min(_pause(retry_after(error), attempt), longest_s))
    raise AssertionError("unreachable")


def _pause(asked: str, attempt: int) -> float:
    if asked.isascii() and asked.isdigit() and len(asked) < 6:
        return min(float(asked), _LONGEST_ASKED_S)
    return float(min(_FIRST_PAUSE_S * 2**attempt, _LONGEST_PAUSE_S))


def clean_text(text: str, length: int = 200) -> str:
    """Return text of the other side on one line, and short."""
    text = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return text if len(text) <= length else text[:length] + "..."
