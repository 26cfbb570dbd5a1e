"""Why a station refuses what the server asked."""

from __future__ import annotations

from collections.abc import Sequence

from robotdata.station.protocol import AnswerError, TextError


class AskRefused(Exception):
    """An ask is refused: a code, and the reason with what to do, for a person; `errors` are those of a rig file."""

    def __init__(self, code: str, message: str, errors: Sequence[TextError] = ()) -> None:
        super().__init__(message)
        self.code, self.message, self.errors = code, message, list(errors)

    def as_error(self) -> AnswerError:
        """Return the error as an answer holds it."""
        error: AnswerError = {"code": self.code, "message": self.message}
        if self.errors:
            error["errors"] = self.errors
        return error
