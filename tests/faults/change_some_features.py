"""Scenario: remove a camera, rename another and a column, and write a column in FOLDER/dataset; say `changed`.

`python -m tests.faults.change_some_features FOLDER`
"""

from __future__ import annotations

import sys
from pathlib import Path

from robotdata.dataset import DatasetFolder, dataset_lock, recover_dataset
from robotdata.dataset.write.change_run import change_features
from robotdata.dataset.write.feature_change import Added, Constant, FeatureChange

WEIGHT = Added("weight", Constant(1.5))


def what(dataset: DatasetFolder) -> FeatureChange:
    first, *others = dataset.video_keys
    rename = {key: f"{key}.again" for key in [*others, "action"]}
    return FeatureChange(remove=[first], rename=rename, add=[WEIGHT], statistics="numbers")


def main(home: Path) -> None:
    """Change it, unless that was done."""
    root, work, revisions = home / "dataset", home / "work", home / "revisions"
    with dataset_lock(root):
        recover_dataset(root, work, revisions)
        dataset = DatasetFolder.open(root)
        if WEIGHT.name not in dataset.features:
            change_features(root, what(dataset), work=work, revisions=revisions)
    sys.stdout.write("changed\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
