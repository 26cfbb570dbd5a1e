"""Announcer: what is wrong with a rig's devices, in its terminal, once per change."""

from __future__ import annotations

import logging
import re

from robotdata.rig.protocol import Status

log = logging.getLogger(__name__)
_NUMBER = re.compile(r"\d+(\.\d+)?")


class Announcer:
    """Looks at one status after another. What is gone by the next look was a hiccup and is not logged."""

    def __init__(self) -> None:
        self._seen: dict[str, str] = {}
        self._logged: dict[str, str] = {}

    def look(self, status: Status) -> None:
        """Log what this status and the one before say, and the last logged one did not."""
        texts = _texts_of(status)
        for device, text in texts.items():
            lasting = _without_numbers(text) == _without_numbers(self._seen.get(device, ""))
            if lasting and _without_numbers(text) != _without_numbers(self._logged.get(device, "")):
                self._logged[device] = text
                log.warning("%s", text)
        for device in [device for device in self._logged if device not in texts and device not in self._seen]:
            log.info("%s: that is over", self._logged.pop(device))
        self._seen = texts


def _texts_of(status: Status) -> dict[str, str]:
    """What is wrong, by device: each camera's warning, and the message of the rig."""
    # A camera that is stale for long is lost, and a moment of it is in the take's marks.
    warnings = [each for each in status["warnings"] if each["camera"] and each["code"] != "stale"]
    texts: dict[str, str] = {str(each["camera"]): each["text"] for each in warnings}
    if status["message"]:
        texts[""] = status["message"]
    return texts


def _without_numbers(text: str) -> str:
    return _NUMBER.sub("#", text)
