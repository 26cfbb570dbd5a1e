"""Collect a take's marks: which camera had which fault, from which tick to which."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from robotdata.capture.health import TEXTS

_MOST = 500


class Marks:
    """The marks of one take, at most `_MOST`."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[str, int]] = {}
        self._closed: list[dict[str, Any]] = []

    def add(self, tick: int, states: Mapping[str, str]) -> None:
        """Take note of the cameras' states (`CameraHealth.state`, by key) at `tick`."""
        for key, state in states.items():
            open_mark = self._open.get(key)
            if open_mark is not None and open_mark[0] != state:
                self._close(key, tick)
            if state != "ok" and key not in self._open:
                self._open[key] = (state, tick)

    def finish(self, ticks: int) -> list[dict[str, Any]]:
        """Return all marks of a take of `ticks` ticks; `to_tick` is the first tick after the fault."""
        for key in list(self._open):
            self._close(key, ticks)
        return self._closed

    def _close(self, key: str, tick: int) -> None:
        code, first = self._open.pop(key)
        if len(self._closed) < _MOST:
            text = f"Camera {camera_name(key)} {TEXTS.get(code, code)}"
            self._closed.append({"code": code, "camera": key, "from_tick": first, "to_tick": tick, "text": text})


def camera_name(key: str) -> str:
    """Return the name in a camera's key: `front` for `observation.images.front`."""
    return key.rpartition(".")[2]
