"""Add the columns of language to a dataset before its first episode with subtasks or remarks comes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from robotdata.dataset.language import LANGUAGE_COLUMNS
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.write.change_run import compose_change
from robotdata.dataset.write.feature_change import FeatureChange


def with_language_columns(base: DatasetFolder, folder: Path) -> DatasetFolder:
    """Return the dataset with the columns, empty, as a state in the new folder `folder`; the dataset is unchanged.

    The state is for the next one, which takes over its files: it is not a revision, and has the number of its base. A
    dataset that has the columns, or no episodes, is returned as it is. Raises as `change_features` does.
    """
    if not base.episodes or set(LANGUAGE_COLUMNS) <= base.features.keys():
        return base
    compose_change(base, FeatureChange(language={}), folder, {"what": "features"})
    opened = DatasetFolder.open(folder.resolve())
    return replace(opened, sidecar=replace(opened.sidecar, revision=base.revision))
