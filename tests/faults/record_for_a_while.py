"""Scenario: record on and on, saying each tick once it was written; the clock is a false one, 30 ticks a second.

`python -m tests.faults.record_for_a_while FOLDER`
"""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

from robotdata.capture import clock
from robotdata.spool import TakeWriter
from tests.faults.save_a_take import TAKE
from tests.support.takes import make_take

TICKS = 75
FPS = 30


def main(home: Path) -> None:
    ticks = itertools.count(1)
    add_row = TakeWriter.add_row

    def said(self: TakeWriter, row: object) -> None:
        add_row(self, row)  # type: ignore[arg-type]
        sys.stdout.write(f"tick {next(ticks)}\n")
        sys.stdout.flush()

    TakeWriter.add_row = said  # type: ignore[method-assign, assignment]
    seconds = itertools.count(0, 1 / (2 * FPS))  # asked twice a tick: after the frame and after the row
    clock.monotonic = lambda: next(seconds)
    make_take(home / "spool", TICKS, take_id=TAKE, cameras=("front",))
    sys.stdout.write("saved\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
