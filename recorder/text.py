"""Text: replace characters that cannot be stored, and format values for people."""

from __future__ import annotations

import re
import uuid
from datetime import datetime
from typing import Any

from django.utils import timezone

# PostgreSQL cannot store NUL in text or jsonb, and a lone surrogate cannot be encoded.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_REPLACEMENT = "\ufffd"
NO_NUL = r"^[^\x00]*$"
"""The pattern of a text that PostgreSQL can hold."""


def sanitize_json(value: Any) -> Any:
    """Return the JSON value with U+FFFD for every character that a database cannot store, in keys too."""
    if isinstance(value, str):
        return _UNSTORABLE.sub(_REPLACEMENT, value)
    if isinstance(value, dict):
        return {sanitize_json(key): sanitize_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [sanitize_json(item) for item in value]
    return value


def parse_uuid(value: object) -> uuid.UUID | None:
    """Return the value's text as a UUID; None if it is not one."""
    try:
        return uuid.UUID(str(value))
    except ValueError:
        return None


def describe_fields(fields: dict[str, Any]) -> str:
    """Return fields and their values as a phrase for people: `verdict to keep and rating to 4`."""
    phrases = []
    for name, value in fields.items():
        if name == "language" and isinstance(value, dict):
            value = [f"{len(items)} {kind}" for kind, items in value.items()]
        text = ", ".join(map(str, value)) if isinstance(value, list) else "nothing" if value is None else str(value)
        phrases.append(f"{name.replace('_', ' ')} to {text if len(text) <= 60 else text[:57] + '...'}")
    return " and ".join(phrases)


def format_time(when: datetime) -> str:
    """Return the time of day in UTC, with the date when it is not today."""
    today = timezone.now().date() == when.date()
    return f"{when:%H:%M:%S} UTC" if today else f"{when:%Y-%m-%d %H:%M} UTC"
