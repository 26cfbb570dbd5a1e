"""Count what goes over the network while it goes, report it, and stop it between two pieces."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from robotdata.dataset.exchange.contents import OwnFile
from robotdata.dataset.exchange.errors import Cancelled

_REPORT_EVERY_S = 0.25
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Step:
    """How far a push is: files and bytes of those that have to be sent."""

    files: int
    files_total: int
    bytes: int
    bytes_total: int


@dataclass
class Watch:
    """`report` is called a few times a second, and may raise to stop the push; `commit` before what readers see."""

    report: Callable[[Step], None] = lambda step: None
    commit: Callable[[], None] = lambda: None


@dataclass(frozen=True, slots=True)
class Pushed:
    """What a push did. `compared`: files whose hash there is the one here, afterwards.

    A bucket has no page (`url`), commits, pull requests and tags.
    """

    revision: int
    sent_files: int
    sent_bytes: int
    same_files: int
    removed_files: int
    compared: int
    compared_bytes: int
    url: str = ""
    commit: str = ""
    pull_request: str = ""
    tagged: bool = False


class Tally:
    """Counts the bytes of several uploads at once; a file that is sent again counts once."""

    def __init__(self, files: Sequence[OwnFile], stopped: threading.Event, sent: dict[str, int]) -> None:
        self.stopped, self._sent = stopped, sent
        self._sizes = {file.name: file.size for file in files}
        self._done: dict[str, int] = {}
        self._finished: set[str] = set()

    def at(self, name: str, position: int) -> None:
        """Note how far a file was read. Raises Cancelled."""
        if self.stopped.is_set():
            raise Cancelled("cancelled")
        self._sent[name] = self._sizes[name]
        self._done[name] = max(self._done.get(name, 0), min(position, self._sizes[name]))

    def finish(self, files: Sequence[OwnFile]) -> None:
        """Note that these files are there."""
        for file in files:
            self._done[file.name] = file.size
            self._finished.add(file.name)

    def step(self) -> Step:
        """Return how far it is."""
        done = sum(list(self._done.values()))
        return Step(len(self._finished), len(self._sizes), done, sum(self._sizes.values()))


def watched(work: Callable[[], T], tally: Tally, watch: Watch) -> T:
    """Do `work` in a thread, report meanwhile, and return what it does.

    If the report raises, the thread stops at its next piece.
    """
    results: list[T] = []
    ended: list[BaseException | None] = []

    def run() -> None:
        try:
            results.append(work())
            ended.append(None)
        except BaseException as error:  # noqa: BLE001 - it is raised again below, in the thread that waits
            ended.append(error)

    thread = threading.Thread(target=run, name="push", daemon=True)
    thread.start()
    try:
        while True:
            thread.join(_REPORT_EVERY_S)
            last = bool(ended)
            watch.report(tally.step())
            if last:
                break
    except BaseException:
        tally.stopped.set()  # it may wait for the network for a while: nobody waits for it
        raise
    if ended[0] is not None:
        raise ended[0]
    return results[0]
