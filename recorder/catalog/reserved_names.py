"""Names of datasets that an open copy, move, split, merge or duplicate will make: nobody else may take them."""

from __future__ import annotations

import unicodedata
from typing import Any

from recorder.errors import Refused
from recorder.models import Operation
from recorder.models.states import TRANSFERS


def is_reserved(slug: str) -> bool:
    """Return whether a worker will make a folder of this name, in any case, as some disks do not tell them apart."""
    return any(str(part["slug"]).casefold() == slug.casefold() for part in _new_parts())


def refuse_reserved(title: str) -> None:
    """Raise Refused if a worker will make a dataset with this title, ignoring case."""
    for part in _new_parts():
        if unicodedata.normalize("NFC", str(part["title"])).casefold() == title.casefold():
            message = f"Dataset {part['title']!r} is being made already: choose another title, or wait and reload."
            raise Refused("exists", message, 409)


def _new_parts() -> list[dict[str, Any]]:
    """Return the destinations that open operations create. A failed one is checked again when it is retried."""
    arguments = Operation.objects.open().filter(type__in=TRANSFERS).values_list("arguments", flat=True)
    return [part for each in arguments for part in each.get("into", []) if part.get("new")]
