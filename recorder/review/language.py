"""The subtasks and remarks of takes, as people set them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from recorder.errors import Refused
from recorder.models import Episode
from robotdata.spool.language import Language, LanguageError


def checked_language(value: Any, episodes: Sequence[Episode]) -> dict[str, Any] | None:
    """Return the language as a row and `take.json` keep it. Raise Refused if it does not fit one of the takes."""
    found: dict[str, Any] | None = None
    for episode in episodes:
        if episode.is_committed:
            message = f"{episode} is in its dataset: set its subtasks there, which makes a revision."
            raise Refused("committed", message, 409)
        try:
            found = Language.parse(value, episode.ticks).as_json()
        except LanguageError as error:
            raise Refused("invalid", f"{episode}: {error}.", 422) from error
    return found
