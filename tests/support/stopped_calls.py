"""Stop a change of a dataset at the n-th call that changes the disk, as a kill or a full disk would."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from robotdata.dataset.write import swap


class Killed(BaseException):
    """What a kill looks like from inside: no handler of errors runs on it."""


class NthCall:
    """Counts calls that change the disk, and notes their names; the n-th does not happen any more, nor any after it.

    With n = 0 all happen.
    """

    def __init__(self, n: int, how: Callable[[], BaseException]) -> None:
        self.left = n
        self.how = how
        self.dead = False
        self.names: list[str] = []

    def wrap(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            self.left -= 1
            self.names.append(getattr(real, "__name__", "fsync"))
            if self.left == 0 or self.dead:
                self.dead = self.dead or self.how is Killed
                raise self.how()
            return real(*args, **kwargs)

        return call


def break_calls(monkeypatch: pytest.MonkeyPatch, nth: NthCall) -> None:
    for name in ("link", "mkdir"):
        monkeypatch.setattr(os, name, nth.wrap(getattr(os, name)))
    # Counted, but not waited for: this disk loses no power here.
    monkeypatch.setattr(os, "fsync", nth.wrap(lambda _handle: None))
    for name in ("rename", "replace"):
        monkeypatch.setattr(Path, name, nth.wrap(getattr(Path, name)))
    for name in ("exchange", "remove_tree"):
        monkeypatch.setattr(swap, name, nth.wrap(getattr(swap, name)))
