"""The time zone in which pages show times and count days."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from tzlocal import get_localzone_name

NEUTRAL = "UTC"


def time_zone(asked: str) -> str:
    """Return the name of a time zone: `asked`, or this computer's if that is empty; UTC if the computer has none.

    Names are those of the IANA database, as `Europe/Berlin`. Raises ValueError if `asked` is not one.
    """
    if asked:
        if not _is_known(asked):
            raise ValueError(f"{asked!r} is not a time zone: write a name as Europe/Berlin, or UTC")
        return asked
    try:
        found = get_localzone_name()
    except (LookupError, OSError, ValueError):  # the system's files name none, several, or one that is unknown
        return NEUTRAL
    return found if found and _is_known(found) else NEUTRAL


def _is_known(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (LookupError, OSError, ValueError):  # unknown, a path, or a name that no file can have
        return False
    return True
