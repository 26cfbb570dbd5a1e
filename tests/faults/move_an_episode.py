"""Scenario: move episodes of FOLDER/dataset to FOLDER/other, a new dataset; say `moved`. Done again, it completes it.

Episode 0 is moved, or all of them if there is a file FOLDER/what.

`python -m tests.faults.move_an_episode FOLDER`
"""

from __future__ import annotations

import sys
from pathlib import Path

from robotdata.dataset import DatasetFolder, recover_dataset
from robotdata.dataset.lock import dataset_locks
from robotdata.dataset.write.transfer import Where, move_episodes


def where(root: Path) -> Where:
    return Where(root.parent / "work", root.parent / "revisions" / root.name)


def main(home: Path) -> None:
    source, dest = home / "dataset", home / "other"
    with dataset_locks([source, dest]):
        for root in (source, dest):
            recover_dataset(root, where(root).work, where(root).revisions)
    there = len(DatasetFolder.open(source).episodes)
    if numbers := range(there if (home / "what").exists() else int(there > 1)):
        move_episodes(source, numbers, dest, where(source), where(dest))
    sys.stdout.write("moved\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
