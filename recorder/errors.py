"""What the recorder answers when it will not do something: words for a person, a code for a program."""

from __future__ import annotations

from typing import Any


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
"""Of these the database speaks before it has taken anything."""


def database_words(problem: Exception) -> str:
    """What to tell a person whose request the database did not bring to its end."""
    if any(word in str(problem) for word in _BEFORE):
        return f"The database is not to be had ({problem}). Nothing was changed: try again in a moment."
    said = f"The database failed in the middle ({problem}): it may have been done all the same."
    return f"{said} Look at its disk, and reload the page before you try again."
