"""Datasets without committed episodes: whether episodes of another dataset fit their takes, or those they had."""

from __future__ import annotations

from dataclasses import replace

from recorder.models import Dataset
from robotdata.capture.actions import ACTION
from robotdata.dataset.errors import Difference
from robotdata.dataset.features import differences
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.write.transfer_preview import Preview


def differing_from_takes(theirs: DatasetFolder, dataset: Dataset) -> list[Difference]:
    """Return how episodes of `theirs` differ from what a dataset without episodes records; empty if it has no features.

    The value `rig` of a difference is that of `theirs`.
    """
    if dataset.fps is None or not dataset.features:
        return []
    found = differences(theirs.features, dataset.features, float(theirs.fps), dataset.fps)
    actions = theirs.recorded_action, dataset.recorded_action
    if ACTION in dataset.features and all(actions) and actions[0] != actions[1]:
        found.append(Difference("recorded action", *actions))
    return found


def compared_with_takes(preview: Preview, theirs: DatasetFolder, dataset: Dataset) -> Preview:
    """Return the preview of a copy into a dataset without episodes, with what differs from what it records."""
    name = theirs.root.name
    differing = [(name, each) for each in differing_from_takes(theirs, dataset)]
    notes = list(preview.notes)
    if dataset.robot_type and dataset.robot_type != theirs.robot_type:
        notes.append((name, Difference("robot type", theirs.robot_type or "not given", dataset.robot_type)))
    return replace(preview, differing=differing, notes=notes)
