"""Scenario: say a word of an episode of FOLDER/dataset, and apply what is planned of it; say `said`, then `applied`.

`python -m tests.faults.edit_a_dataset FOLDER`
"""

from __future__ import annotations

import sys
from pathlib import Path

from robotdata.dataset import DatasetFolder, dataset_lock, recover_dataset
from robotdata.dataset.annotations import planned_edit, write_annotations
from robotdata.dataset.write.edit import apply_edit

TRIM = [2, 5]


def edit(home: Path) -> None:
    """The first episode rejected, the second trimmed; then that applied. Done again, it goes on where it was."""
    root, work, revisions = home / "dataset", home / "work", home / "revisions"
    with dataset_lock(root):
        recover_dataset(root, work, revisions)
        episodes = DatasetFolder.open(root).episodes
        if len(episodes) > 1:
            first, second = episodes[0], episodes[1]
            said = {str(first.uuid): {"verdict": "reject"}, str(second.uuid): {"planned": {"trim": TRIM}}}
            lengths = {str(episode.uuid): episode.length for episode in (first, second)}
            write_annotations(root, said, lengths, lambda info: str(info.uuid))
            sys.stdout.write("said\n")
            sys.stdout.flush()
    apply_edit(root, planned_edit, work=work, revisions=revisions)
    sys.stdout.write("applied\n")


def main(home: Path) -> None:
    edit(home)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
