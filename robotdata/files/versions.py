"""Check the versions of files and messages. Each one has a version; a newer one than this program knows is refused."""

from __future__ import annotations

from typing import Any


def check_version(found: Any, known: int, what: str) -> None:
    """Raise ValueError if `found` is above `known`, or is not a whole number above 0.

    `what` names the file or message in the error. A missing version (None) counts as 1, because early files have none.
    """
    if found is None:
        return
    if type(found) is not int or found < 1:
        raise ValueError(f"{what} has version {found!r:.40}, which is not a whole number above 0")
    if found > known:
        raise ValueError(
            f"{what} has version {found}, this program reads up to {known}. Bring both to the same release of robotdata"
        )
