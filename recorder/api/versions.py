"""The version of an episode that a request was made for, read from its text."""

from __future__ import annotations

from datetime import UTC, datetime

from recorder.errors import Refused


def version_of(version: str | None) -> datetime | None:
    """Return the version that GET returned as text; None without one. Raise Refused for another text."""
    if version is None:
        return None
    try:
        read_at = datetime.fromisoformat(version)
        if read_at.tzinfo is not None:
            return read_at.astimezone(UTC)
    except (ValueError, OverflowError):  # OverflowError: the year does not exist in UTC
        pass
    raise Refused("invalid", f"version={version!r} is not valid: send the `version` that GET returned.", 422)
