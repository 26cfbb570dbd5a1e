"""Scenario: repair FOLDER/dataset; say `repaired`.

`python -m tests.faults.repair_a_dataset FOLDER`
"""

from __future__ import annotations

import sys
from pathlib import Path

from robotdata.dataset.repair.run import repair


def main(home: Path) -> None:
    repair(home / "dataset", work=home / "work", revisions=home / "revisions")
    sys.stdout.write("repaired\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
