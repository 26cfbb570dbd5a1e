"""Scenario: record one take of two cameras; say `saved` once it is. `python -m tests.faults.save_a_take FOLDER`"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.support.takes import make_take

TAKE = "5b0e4b9c-7a11-4d5e-9a6d-0c8f6f1f4a01"
TICKS = 4


def main(home: Path) -> None:
    make_take(home / "spool", TICKS, take_id=TAKE)
    sys.stdout.write("saved\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
