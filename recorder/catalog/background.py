"""Values that take seconds or minutes to compute: a thread computes them, and no request waits.

Each process has its own; a page asks again until the value is there.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Generic, TypeVar

from django.utils import timezone

log = logging.getLogger(__name__)
T = TypeVar("T")
_MAX_KEPT = 32
_MAX_AT_ONCE = 2


@dataclass(frozen=True, slots=True)
class Computed(Generic[T]):
    """The newest value, when it was computed and how long that took. `running`: a newer one is being computed.

    `value` is None until the first one is there. `error` is the reason if the last attempt failed.
    """

    value: T | None = None
    at: datetime | None = None
    seconds: float = 0.0
    running: bool = False
    error: str = ""


class Background(Generic[T]):
    """Computed values by key; the least recently requested ones are forgotten."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._slots = threading.BoundedSemaphore(_MAX_AT_ONCE)
        self._stale: set[Hashable] = set()
        self._known: OrderedDict[Hashable, tuple[Hashable, Computed[T]]] = OrderedDict()

    def ask(self, key: Hashable, version: Hashable, compute: Callable[[], T], *, again: bool = False) -> Computed[T]:
        """Return what is known of `key` now. Compute it in a thread if `version` is another one, or `again`.

        An older value stays visible meanwhile if its version is the same. Errors of `compute` that say something to a
        person are `error`; call with `again` to try again.
        """
        nothing: Computed[T] = Computed()
        with self._lock:
            before_version, before = self._known.get(key, (None, nothing))
            if key in self._known:
                self._known.move_to_end(key)
            if before.running and again:
                self._stale.add(key)  # what it reads now may be from before the caller's change
            if before.running or (before_version == version and not again and (before.at or before.error)):
                return before
            kept = before if before_version == version else nothing
            running: Computed[T] = Computed(kept.value, kept.at, kept.seconds, running=True)
            self._known[key] = version, running
            while len(self._known) > _MAX_KEPT:
                self._known.popitem(last=False)
        threading.Thread(target=self._run, args=(key, version, compute), name=self._name, daemon=True).start()
        return running

    def _run(self, key: Hashable, version: Hashable, compute: Callable[[], T]) -> None:
        with self._slots:
            began = time.monotonic()
            made: Computed[T]
            try:
                made = Computed(compute(), timezone.now(), time.monotonic() - began)
            except Exception as error:  # the thread's outermost call: whoever asks gets the reason
                log.info("%s of %s failed", self._name, key, exc_info=True)
                made = Computed(error=str(error) or type(error).__name__)
        with self._lock:
            once_more = key in self._stale
            self._stale.discard(key)
            self._known[key] = version, replace(made, running=once_more)
        if once_more:
            self._run(key, version, compute)
