"""A flag for the invalid fields of a take's files that were left out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from recorder.text import sanitize_json
from robotdata.spool.fields import OddField

_MAX_NAMED = 5


def odd_marks(odd: Sequence[OddField], ticks: int, source: str = "take.json") -> list[dict[str, Any]]:
    """Return a flag that names the fields left out; empty if there are none. It is stored in the row alone."""
    if not odd:
        return []
    listed = "; ".join(str(field) for field in odd[:_MAX_NAMED])
    others = f"; and {len(odd) - _MAX_NAMED} more" if len(odd) > _MAX_NAMED else ""
    text = f"Ignored in {source}: {listed}{others}."
    where = {"camera": None, "feature": None, "from_tick": 0, "to_tick": ticks, "frame": 0}
    fields = [field.field for field in odd]
    mark = {"code": "unreadable", "severity": "warn", "text": text, "source": source, "fields": fields}
    return [sanitize_json({**mark, **where})]


def is_odd_mark(mark: Any) -> bool:
    """Return whether the flag names fields that were left out, while the take itself is readable."""
    return isinstance(mark, dict) and mark.get("code") == "unreadable" and "fields" in mark
