"""What the recorder answers when it will not do something: words for a person, a code for a program."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import DataError, IntegrityError


class Refused(Exception):
    """Asked for something that cannot be done now.

    `code` is a short name that programs compare (`not_allowed`, `mismatch`, `offline`, ...); `message` says what,
    where and what to do next; `status` is the HTTP status that carries it; `detail` is extra data for programs,
    such as a table of differences.
    """

    def __init__(self, code: str, message: str, status: int = 409, detail: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.detail = detail or {}

    def as_json(self) -> dict[str, Any]:
        """The one shape of an error: `{"code", "message"}`, and `"detail"` where there is any."""
        body: dict[str, Any] = {"code": self.code, "message": self.message}
        return {**body, "detail": self.detail} if self.detail else body


_BEFORE = ("locked", "refused", "readonly", "unable to open", "too many clients")
"""Of these the database speaks before it has taken anything; for errors without a code, as those of connecting."""
_SQLITE = {3, 5, 6, 8, 14, 26}
"""SQLITE_PERM, BUSY, LOCKED, READONLY, CANTOPEN, NOTADB."""
_POSTGRES = {"25006", "53300", "55P03", "57P03"}
"""Read-only, too many connections, a lock that cannot be acquired, starting or ending just now."""


def database_words(problem: Exception) -> str:
    """What to tell a person whose request the database did not bring to its end."""
    if _took_nothing(problem):
        return f"The database is unavailable ({problem}). Nothing was changed: try again in a moment."
    said = f"The database failed while saving ({problem}). The change may or may not have been saved:"
    return f"{said} check the disk, reload the page, then try again."


def other_version_words(problem: str) -> str:
    """Of a database that an earlier version of this program has left."""
    return (
        f"The database {settings.DATABASES['default']['NAME']} belongs to another version of robotdata ({problem}): "
        "`python manage.py migrate` updates it, as every start does."
    )


def unusable_words(problem: Exception) -> str:
    """What to tell who starts something on a database that it cannot use."""
    name = settings.DATABASES["default"]["NAME"]
    if isinstance(problem, IntegrityError | DataError):
        return (
            f"A row could not be written to the database ({problem}). The database itself is intact: `rebuild` would "
            "not help. This is a bug; please report it with the log above."
        )
    if any(word in str(problem) for word in ("no such column", "no such table", "does not exist")):
        return other_version_words(str(problem))
    return (
        f"The database {name} cannot be used ({problem}). Check that this user may write to it and to its folder. To "
        "rebuild a damaged one from the takes and datasets, run `python manage.py rebuild`."
    )


def _took_nothing(problem: Exception) -> bool:
    """By the driver's code, which Django keeps as the cause."""
    cause = problem.__cause__ or problem
    code, state = getattr(cause, "sqlite_errorcode", None), getattr(cause, "sqlstate", None)
    if code is not None:
        return code & 0xFF in _SQLITE  # an extended code has its kind in the last byte
    if state is not None:
        return state in _POSTGRES
    return any(word in str(problem) for word in _BEFORE)
