"""Scenario: recover the take in FOLDER/spool. `python -m tests.faults.recover_a_take FOLDER`"""

from __future__ import annotations

import sys
from pathlib import Path

from robotdata.spool import recover_take
from tests.faults.save_a_take import TAKE


def main(home: Path) -> None:
    recover_take(home / "spool" / TAKE)
    sys.stdout.write("recovered\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
