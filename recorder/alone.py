"""Isolate failures: one take, dataset or step of the sweep that fails must not stop the others."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import Error, InterfaceError, InternalError, NotSupportedError, OperationalError, ProgrammingError

from recorder.errors import Refused
from robotdata.dataset.errors import DatasetError
from robotdata.spool.errors import SpoolError

DATABASE_ERRORS = (OperationalError, InterfaceError, InternalError, NotSupportedError, ProgrammingError)
"""Errors of the database itself. DataError and IntegrityError concern one row."""
_EXPECTED_ERRORS = (SpoolError, DatasetError, Refused, OSError)
_logged: set[str] = set()
_MOST_LOGGED = 1000


@contextmanager
def isolate_errors(what: str, log: logging.Logger, on_error: Callable[[str], None] | None = None) -> Iterator[None]:
    """Run one piece of work; an error ends only this piece.

    `on_error` is called with the error's message. An unexpected error is also logged with its traceback, once per
    `what` and message. Errors of the whole database are raised, because nothing else would succeed either.
    """
    try:
        yield
    except DATABASE_ERRORS:
        raise
    except _EXPECTED_ERRORS as error:
        if on_error is None:
            log.warning("%s: %s", what, error)
        else:
            on_error(str(error).rstrip("."))
    except Exception as error:  # noqa: BLE001 - files may hold anything; the next piece must still run
        message = unexpected_message(error)
        log_once(log, what, error)
        if on_error is not None:
            on_error(message)


def unexpected_message(error: Exception) -> str:
    """Return the message about an unexpected error for a person, without a full stop."""
    text = str(error).strip().split("\n", 1)[0][:200]
    kind = type(error).__name__
    if isinstance(error, MemoryError):
        return f"there is not enough memory to read it ({text or kind}); its files are untouched"
    if isinstance(error, Error):
        return f"the database cannot store one of its values ({text}); its files are untouched"
    return f"it cannot be read ({kind}: {text}); its files are untouched, see the log for details"


def log_once(log: logging.Logger, what: str, error: Exception) -> None:
    """Log the traceback the first time that `what` fails like this, because the sweep repeats every few seconds."""
    key = f"{what}: {type(error).__name__}: {error}"[:500]
    if key in _logged:
        return
    if len(_logged) >= _MOST_LOGGED:
        _logged.clear()
    _logged.add(key)
    log.error("%s failed", what, exc_info=error)
