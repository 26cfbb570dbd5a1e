"""Read, create, edit and verify LeRobotDataset v3.0 folders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from robotdata.files.lazy_names import import_on_use

if TYPE_CHECKING:
    from robotdata.dataset.episode_list import EpisodeInfo, VideoSpan
    from robotdata.dataset.errors import (
        CommitError,
        DamagedFile,
        DatasetBusy,
        DatasetError,
        Difference,
        EditError,
        FeatureError,
        FeaturesDiffer,
        NoSuchEpisode,
        NotADataset,
        OldVersion,
        UnsafePath,
    )
    from robotdata.dataset.features import camera_keys, complete, differences, flat_names
    from robotdata.dataset.lock import dataset_lock
    from robotdata.dataset.reader import DatasetFolder
    from robotdata.dataset.verify.check import Problem, Report, verify_dataset
    from robotdata.dataset.write.commit import CommitResult, DatasetSpec, commit_episodes
    from robotdata.dataset.write.edit import (
        EditResult,
        delete_episodes,
        edit_episodes,
        revert,
        set_tasks,
        trim_episodes,
    )
    from robotdata.dataset.write.new_episode import NewEpisode
    from robotdata.dataset.write.swap import Recovered, list_revisions, recover_dataset

__all__ = [
    "CommitError",
    "CommitResult",
    "DamagedFile",
    "DatasetFolder",
    "DatasetBusy",
    "DatasetError",
    "DatasetSpec",
    "Difference",
    "EditError",
    "EditResult",
    "EpisodeInfo",
    "FeatureError",
    "FeaturesDiffer",
    "NewEpisode",
    "NoSuchEpisode",
    "NotADataset",
    "OldVersion",
    "Problem",
    "Recovered",
    "Report",
    "UnsafePath",
    "VideoSpan",
    "camera_keys",
    "commit_episodes",
    "complete",
    "dataset_lock",
    "delete_episodes",
    "differences",
    "edit_episodes",
    "flat_names",
    "list_revisions",
    "recover_dataset",
    "revert",
    "set_tasks",
    "trim_episodes",
    "verify_dataset",
]

_NAMES_BY_MODULE = {
    "dataset.episode_list": ["EpisodeInfo", "VideoSpan"],
    "dataset.errors": [
        "CommitError",
        "DamagedFile",
        "DatasetBusy",
        "DatasetError",
        "Difference",
        "EditError",
        "FeatureError",
        "FeaturesDiffer",
        "NoSuchEpisode",
        "NotADataset",
        "OldVersion",
        "UnsafePath",
    ],
    "dataset.features": ["camera_keys", "complete", "differences", "flat_names"],
    "dataset.lock": ["dataset_lock"],
    "dataset.reader": ["DatasetFolder"],
    "dataset.verify.check": ["Problem", "Report", "verify_dataset"],
    "dataset.write.commit": ["CommitResult", "DatasetSpec", "commit_episodes"],
    "dataset.write.edit": ["EditResult", "delete_episodes", "edit_episodes", "revert", "set_tasks", "trim_episodes"],
    "dataset.write.new_episode": ["NewEpisode"],
    "dataset.write.swap": ["Recovered", "list_revisions", "recover_dataset"],
}
_MODULE_OF = {name: f"robotdata.{module}" for module, names in _NAMES_BY_MODULE.items() for name in names}
__getattr__ = import_on_use(__name__, _MODULE_OF)


def __dir__() -> list[str]:
    return __all__
