"""Look into files of other recorders in a thread: those of huge logs take minutes, and no request waits that long.

Each process has its own threads. An answer is given once; whoever asks again has the files read again. An account has
one question: a newer one stops the reading for the one before, as when a person changes a field.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass, field
from threading import Event, Lock, Thread

from recorder.errors import Refused
from robotdata.imports.preview import Preview
from robotdata.imports.stopping import Stopped

WAIT_S = 10.0
"""How long a request waits for its preview, in seconds."""
KEPT_S = 60.0
"""How long an answer waits for whoever asked, and how long is read for somebody who does not ask again, in seconds."""
RUNNING, REPLACED = "running", "replaced"
_MOST_RUNNING = 4
"""Threads of one account, with those that are still to notice that they are stopped."""

Look = Callable[[Event], Preview]

_lock = Lock()
_begun: dict[tuple[str, Hashable], _Begun] = {}
"""By account and question, what was asked and not given yet."""
_reading: list[_Begun] = []
"""Everything whose thread runs."""
_now = time.monotonic


@dataclass(eq=False, slots=True)
class _Begun:
    account: str
    asked_s: float
    stop: Event = field(default_factory=Event)
    future: Future[Preview] = field(default_factory=Future)
    done_s: float = 0.0

    @property
    def is_old(self) -> bool:
        return _now() - (self.done_s if self.future.done() else self.asked_s) > KEPT_S


def preview_soon(account: str, key: Hashable, look: Look) -> Preview:
    """Return what `look` returns, or raise what it raises, if that comes within WAIT_S; else raise Refused.

    `look` then continues in its thread, and the next call of the account with `key` waits for the same answer. `look`
    is given an event: it is set when the account asks with another `key`, and when nobody asked for KEPT_S. `look` then
    raises Stopped as soon as it can. Raise Refused (503) also for the question that was stopped, and while too many
    threads of the account have not stopped yet.
    """
    with _lock:
        begun = _begin(account, key, look)
    try:
        return begun.future.result(WAIT_S)
    except Stopped:
        raise _replaced() from None
    except NotYet:
        if begun.future.done():
            raise  # by a file system that did not answer in time
        if begun.stop.is_set():
            raise _replaced() from None
        message = "These files are large and are still being read. Ask again in a few seconds."
        raise Refused(RUNNING, message, 503) from None
    finally:
        with _lock:
            if begun.future.done() and _begun.get((account, key)) is begun:
                del _begun[account, key]


def _begin(account: str, key: Hashable, look: Look) -> _Begun:
    """Return what was begun for this question, or begin it. Raise Refused while too many threads of the account run."""
    for known, begun in list(_begun.items()):
        if begun.is_old or (begun.account == account and known != (account, key)):
            begun.stop.set()
            del _begun[known]
    begun = _begun.get((account, key)) or _Begun(account, _now())
    begun.asked_s = _now()
    if (account, key) not in _begun:
        if sum(each.account == account for each in _reading) >= _MOST_RUNNING:
            raise Refused(RUNNING, "Other files are still being read. Ask again in a few seconds.", 503)
        _begun[account, key] = begun
        _reading.append(begun)
        Thread(target=_run, args=(begun, look), name="preview of files", daemon=True).start()
    return begun


def _run(begun: _Begun, look: Look) -> None:
    try:
        preview = look(begun.stop)
    except BaseException as error:  # noqa: BLE001 - whoever asks gets it
        _end(begun)
        begun.future.set_exception(error)
    else:
        _end(begun)
        begun.future.set_result(preview)


def _end(begun: _Begun) -> None:
    begun.done_s = _now()
    with _lock:
        _reading.remove(begun)


def _replaced() -> Refused:
    message = "Files are being read for a newer question of this account. Ask again when it is answered."
    return Refused(REPLACED, message, 503)
