"""Versions of what we write: every file and message names one, and what a newer program wrote is refused in words."""

from __future__ import annotations

from typing import Any


def check_version(found: Any, known: int, what: str) -> None:
    """Raise ValueError where `what` has a version above `known`, or none that is a whole number.

    None counts as 1: what was written before versions were.
    """
    if found is None:
        return
    if type(found) is not int or found < 1:
        raise ValueError(f"{what} has version {found!r:.40}, which is no whole number above 0")
    if found > known:
        raise ValueError(
            f"{what} has version {found}, this program reads up to {known}. Bring both to the same release of robotdata"
        )
