"""Adds episodes to a dataset, all or none: the next state is built beside the old one, read back, swapped in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robotdata.dataset.errors import CommitError, FeaturesDiffer
from robotdata.dataset.features import (
    Features,
    complete,
    differences,
    tidy_names,
    video_keys,
)
from robotdata.dataset.lock import dataset_lock
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.write.base_state import check_base, refuse_cached
from robotdata.dataset.write.commit_progress import CommitProgress
from robotdata.dataset.write.compose import compose
from robotdata.dataset.write.draft import new_info
from robotdata.dataset.write.episode_refs import EpisodeRef, NewRef, StoredRef, plan_parts
from robotdata.dataset.write.misfits import MISFITS, misfit_words
from robotdata.dataset.write.new_episode import NewEpisode, check_episodes, check_uuids
from robotdata.dataset.write.swap import NEXT, is_fresh, recover_dataset, swap_in, work_folder
from robotdata.video.errors import VideoError
from robotdata.video.facts import get_video_info
from robotdata.video.rates import exact_rate, plain_rate

LOCK_WAIT_S = 60.0
Progress = Callable[[int, int], None]
"""Called with (steps done, steps in all); may raise to cancel: the dataset is then as it was."""


@dataclass(frozen=True, slots=True)
class DatasetSpec:
    """What a dataset is made of. Where it exists already its own settings stand, and features must be equal."""

    fps: int | float
    robot_type: str | None
    features: Mapping[str, dict[str, Any]]
    data_files_size_in_mb: float = 100
    video_files_size_in_mb: float = 200


@dataclass(frozen=True, slots=True)
class CommitResult:
    """`indices` gives every asked-for episode's number by UUID, also of those that were there already.

    `first_index` is the lowest of them, `episodes` and `frames` what was added by this call: 0 for a repeated one.
    `tasks` gives the text of each episode's (first) task by UUID, as it is in the dataset now.
    """

    revision: int
    first_index: int
    episodes: int
    frames: int
    indices: dict[str, int]
    tasks: dict[str, str]


def commit_episodes(
    root: Path,
    spec: DatasetSpec,
    episodes: Sequence[NewEpisode],
    *,
    work: Path,
    revisions: Path,
    keep_revisions: int = 10,
    progress: Progress | None = None,
    lock_wait_s: float = LOCK_WAIT_S,
    made_by: Mapping[str, Any] | None = None,
) -> CommitResult:
    """Add `episodes` to the dataset in `root`, in this order, or make it. Those it has already are not added again.

    `work` must lie on the file system of `root`; the old state becomes `revisions/<n>`. Takes `dataset_lock`. `made_by`
    is kept in the new revision's sidecar.
    Raises FeaturesDiffer, FeatureError, DatasetBusy, CommitError, and what opening a dataset raises; the dataset
    is then as it was.
    """
    root = root.resolve()
    refuse_cached(root)
    check_uuids(episodes)
    with dataset_lock(root, wait_s=lock_wait_s):
        recover_dataset(root, work, revisions)
        base = None if is_fresh(root) else DatasetFolder.open(root)
        known = {e.uuid: e.index for e in base.episodes if e.uuid} if base else {}
        tasks = {e.uuid: e.tasks[0] for e in base.episodes if e.uuid and e.tasks} if base else {}
        fresh = [episode for episode in episodes if episode.uuid not in known]
        revision = base.revision if base else 0
        if fresh:
            features = _features(root, base, spec)
            check_episodes(fresh, features)
            steps = CommitProgress(video_keys(features), progress)
            about = {"what": "committed", "committed": len(fresh), **(made_by or {})}
            info = _starting_info(base, spec, features, fresh[0])
            plan = plan_parts(base, features, base.fps if base else info["fps"], _refs(base, fresh))
            with work_folder(root, work) as folder, steps.named():
                try:
                    compose(plan, folder / NEXT, info, about, steps)
                except MISFITS as error:
                    raise CommitError(f"cannot add to {root}: {misfit_words(root, error)}") from error
                swap_in(root, folder, revisions, keep_revisions=keep_revisions)
            steps.step()
            known |= {part.source.uuid: part.index for part in plan.new}
            tasks |= {part.source.uuid: part.texts[0] for part in plan.new}
            revision += 1
    indices = {episode.uuid: known[episode.uuid] for episode in episodes}
    frames = sum(episode.length for episode in fresh)
    return CommitResult(revision, min(indices.values(), default=0), len(fresh), frames, indices, tasks)


def _refs(base: DatasetFolder | None, new: Sequence[NewEpisode]) -> list[EpisodeRef]:
    """All episodes as they are, then the new ones."""
    stored = [StoredRef(episode) for episode in base.episodes] if base else []
    return [*stored, *(NewRef(episode) for episode in new)]


def _starting_info(
    base: DatasetFolder | None, spec: DatasetSpec, features: Features, first: NewEpisode
) -> dict[str, Any]:
    """`info.json` of the next state but for its counters; a dataset without episodes learns its cameras' `info`."""
    if base and base.episodes:
        declared = base.info["features"]
        return {**base.info, "features": {key: tidy_names(feature) for key, feature in declared.items()}}
    made = {key: dict(feature) for key, feature in features.items()}
    for key in video_keys(made):
        made[key]["info"] = _camera_info(first, key)
    if base:
        return {**base.info, "features": made}
    return new_info(
        made,
        fps=plain_rate(exact_rate(spec.fps)),
        robot_type=spec.robot_type or None,
        data_mb=spec.data_files_size_in_mb,
        video_mb=spec.video_files_size_in_mb,
    )


def _features(root: Path, base: DatasetFolder | None, spec: DatasetSpec) -> Features:
    mine = complete(spec.features)
    if base is None:
        return mine
    unlike = differences(mine, base.features, spec.fps, base.fps)
    if unlike:
        raise FeaturesDiffer(root, unlike)
    check_base(base)
    return base.features


def _camera_info(episode: NewEpisode, key: str) -> dict[str, Any]:
    if key in episode.camera_info:
        return dict(episode.camera_info[key])
    try:
        return get_video_info(episode.videos[key])
    except VideoError as error:
        raise CommitError(f"episode {episode.uuid}, camera {key}: {error}") from error
