"""Scenario: convert a dataset in FOLDER to v3.0 or v2.1, and say `converted`. Done again, it completes it.

`python -m tests.faults.convert_a_dataset FOLDER`, which has a file `what`: `newer` (`old`,
v2.1), `first` (v1.6) or `older` (`dataset`).
"""

from __future__ import annotations

import sys
from pathlib import Path

from robotdata.dataset.convert.older import convert_to_older
from robotdata.dataset.convert.run import convert_dataset
from robotdata.dataset.write.swap import is_fresh, recover_dataset


def main(home: Path) -> None:
    what = (home / "what").read_text()
    convert = convert_to_older if what == "older" else convert_dataset
    source = {"newer": "old", "first": "first", "older": "dataset"}[what]
    recover_dataset(home / "made", home / "work", home / "work/none")
    if is_fresh(home / "made"):
        convert(home / source, home / "made", work=home / "work")
    sys.stdout.write("converted\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
