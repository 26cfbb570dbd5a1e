"""Refusals of the recorder and messages about database errors: a text for people, a code for programs."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import DataError, IntegrityError


class Refused(Exception):
    """A request that cannot be fulfilled now.

    `code` is a short name that programs compare (`not_allowed`, `mismatch`, `offline`, ...); `message` states the
    problem, the place and the remedy; `status` is the HTTP status; `detail` is extra data for programs, such as a table
    of differences.
    """

    def __init__(self, code: str, message: str, status: int = 409, detail: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.detail = detail or {}

    def as_json(self) -> dict[str, Any]:
        """Return the error as `{"code", "message"}`, with `"detail"` if there is any."""
        body: dict[str, Any] = {"code": self.code, "message": self.message}
        return {**body, "detail": self.detail} if self.detail else body


_EARLY_ERROR_TEXTS = ("locked", "refused", "readonly", "unable to open", "too many clients")
"""Texts of errors that occur before the database changes anything, for errors without a code, as of connecting."""
_SQLITE_CODES = {3, 5, 6, 8, 14, 26}
"""SQLITE_PERM, BUSY, LOCKED, READONLY, CANTOPEN, NOTADB."""
_POSTGRES_CODES = {"25006", "53300", "55P03", "57P03"}
"""Read-only, too many connections, a lock that cannot be acquired, starting up or shutting down."""


def database_message(problem: Exception) -> str:
    """Return the message for a person whose request failed in the database."""
    if _changed_nothing(problem):
        return f"The database is unavailable ({problem}). Nothing was changed: try again in a moment."
    message = f"The database failed while saving ({problem}). The change may or may not have been saved:"
    return f"{message} check the disk, reload the page, then try again."


def other_version_message(problem: str) -> str:
    """Return the message about a database of an earlier version."""
    return (
        f"The database {settings.DATABASES['default']['NAME']} belongs to another version of robotdata ({problem}): "
        "`python manage.py migrate` updates it, as every start does."
    )


def unusable_message(problem: Exception) -> str:
    """Return the message for a person who starts the program on an unusable database."""
    name = settings.DATABASES["default"]["NAME"]
    if isinstance(problem, IntegrityError | DataError):
        return (
            f"A row could not be written to the database ({problem}). The database itself is intact: `rebuild` would "
            "not help. This is a bug; please report it with the log above."
        )
    if any(text in str(problem) for text in ("no such column", "no such table", "does not exist")):
        return (
            f"The database {name} was made by an unreleased version of robotdata ({problem}), and no migration leads "
            "from it. `python manage.py rebuild --fresh` makes a new one from the takes and datasets and keeps the "
            "old file; a PostgreSQL database must be replaced by an empty one first."
        )
    return (
        f"The database {name} cannot be used ({problem}). Check that this user may write to it and to its folder. To "
        "rebuild a damaged one from the takes and datasets, run `python manage.py rebuild`."
    )


def _changed_nothing(problem: Exception) -> bool:
    """Return whether the error occurred before any change, by the driver's code, which Django keeps as the cause."""
    cause = problem.__cause__ or problem
    code, state = getattr(cause, "sqlite_errorcode", None), getattr(cause, "sqlstate", None)
    if code is not None:
        return code & 0xFF in _SQLITE_CODES  # the last byte of an extended code is its kind
    if state is not None:
        return state in _POSTGRES_CODES
    return any(text in str(problem) for text in _EARLY_ERROR_TEXTS)
