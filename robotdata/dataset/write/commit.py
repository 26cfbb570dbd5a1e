"""Add episodes to a dataset, all or none. The next state is built beside the old one, read back, and swapped in."""

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
from robotdata.dataset.language import language_features
from robotdata.dataset.lock import dataset_lock
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.write.base_state import check_base, refuse_cached
from robotdata.dataset.write.commit_progress import CommitProgress
from robotdata.dataset.write.compose import compose
from robotdata.dataset.write.draft import new_info
from robotdata.dataset.write.episode_refs import EpisodeRef, NewRef, StoredRef, plan_parts
from robotdata.dataset.write.language_columns import with_language_columns
from robotdata.dataset.write.misfits import MISFITS, explain_misfit
from robotdata.dataset.write.new_episode import NewEpisode, check_actions, check_episodes, check_uuids
from robotdata.dataset.write.swap import NEXT, is_fresh, recover_dataset, swap_in, work_folder
from robotdata.video.errors import VideoError
from robotdata.video.facts import get_video_info
from robotdata.video.rates import exact_rate, plain_rate

LOCK_WAIT_S = 60.0
_SPOKEN = "spoken"
"""In the work folder: the old state with columns of language, while the next one is made of it."""
Progress = Callable[[int, int], None]
"""Called with (steps done, all steps). It may raise to cancel; the dataset is then unchanged."""


@dataclass(frozen=True, slots=True)
class DatasetSpec:
    """The properties of a new dataset. An existing dataset keeps its own settings, and its features must be equal."""

    fps: int | float
    robot_type: str | None
    features: Mapping[str, dict[str, Any]]
    data_files_size_in_mb: float = 100
    video_files_size_in_mb: float = 200


@dataclass(frozen=True, slots=True)
class CommitResult:
    """The result of a commit.

    `indices`: the number of every requested episode by UUID, including those that were in the dataset already.
    `first_index`: the lowest of them. `episodes` and `frames`: what this call added; 0 if the commit was repeated.
    `tasks`: the first task text of each episode by UUID, as it is in the dataset now.
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
    """Add `episodes` to the dataset in `root`, in this order; create the dataset if needed.

    Episodes that the dataset already has are not added again. If one is the first with subtasks or remarks, all others
    get the columns of language, empty, in the same revision. The first ones define its `recorded_action`, which all
    later ones must have. `work` must be on the file system of `root`; the old state becomes `revisions/<n>`. It takes
    `dataset_lock`. `made_by` is stored in the new revision's sidecar. Raises FeaturesDiffer, FeatureError, DatasetBusy,
    CommitError, and what opening a dataset raises; the dataset is then unchanged.
    """
    root = root.resolve()
    refuse_cached(root)
    check_uuids(episodes)
    with dataset_lock(root, wait_s=lock_wait_s):
        recover_dataset(root, work, revisions)
        base = None if is_fresh(root) else DatasetFolder.open(root)
        index_of = {e.uuid: e.index for e in base.episodes if e.uuid} if base else {}
        tasks = {e.uuid: e.tasks[0] for e in base.episodes if e.uuid and e.tasks} if base else {}
        added = [episode for episode in episodes if episode.uuid not in index_of]
        if added:
            features = _features(root, base, spec)
            speaks = any(episode.language for episode in added)
            features = {**features, **language_features()} if speaks else features
            check_episodes(added, features)
            check_actions(added, features, (base.recorded_action if base else "") or added[0].recorded_action)
            steps = CommitProgress(video_keys(features), progress)
            about = {"what": "committed", "committed": len(added), **(made_by or {})}
            with work_folder(root, work) as folder, steps.named():
                try:
                    spoken = with_language_columns(base, folder / _SPOKEN) if base and speaks else base
                    info = _starting_info(spoken, spec, features, added[0])
                    plan = plan_parts(spoken, features, spoken.fps if spoken else info["fps"], _refs(spoken, added))
                    compose(plan, folder / NEXT, info, about, steps)
                except MISFITS as error:
                    raise CommitError(f"cannot add to {root}: {explain_misfit(root, error)}") from error
                swap_in(root, folder, revisions, keep_revisions=keep_revisions)
            steps.step()
            index_of |= {part.source.uuid: part.index for part in plan.new}
            tasks |= {part.source.uuid: part.texts[0] for part in plan.new}
    revision = (base.revision if base else 0) + bool(added)
    indices = {episode.uuid: index_of[episode.uuid] for episode in episodes}
    frames = sum(episode.length for episode in added)
    return CommitResult(revision, min(indices.values(), default=0), len(added), frames, indices, tasks)


def _refs(base: DatasetFolder | None, new: Sequence[NewEpisode]) -> list[EpisodeRef]:
    """Return references to all stored episodes and then to the new ones."""
    stored = [StoredRef(episode) for episode in base.episodes] if base else []
    return [*stored, *(NewRef(episode) for episode in new)]


def _starting_info(
    base: DatasetFolder | None, spec: DatasetSpec, features: Features, first: NewEpisode
) -> dict[str, Any]:
    """Return `info.json` of the next state without its counters.

    The first episodes of a dataset define the `info` of its cameras.
    """
    if base and base.episodes:
        return {**base.info, "features": tidy_names(base.info["features"])}
    with_info = {key: dict(feature) for key, feature in features.items()}
    for key in video_keys(with_info):
        with_info[key]["info"] = _camera_info(first, key)
    if base:
        return {**base.info, "features": with_info}
    return new_info(
        with_info,
        fps=plain_rate(exact_rate(spec.fps)),
        robot_type=spec.robot_type or None,
        data_mb=spec.data_files_size_in_mb,
        video_mb=spec.video_files_size_in_mb,
    )


def _features(root: Path, base: DatasetFolder | None, spec: DatasetSpec) -> Features:
    """Return the features of the next state. Raises FeaturesDiffer."""
    requested = complete(spec.features)
    if base is None:
        return requested
    differing = differences(requested, base.features, spec.fps, base.fps)
    if differing:
        raise FeaturesDiffer(root, differing)
    check_base(base)
    return base.features


def _camera_info(episode: NewEpisode, key: str) -> dict[str, Any]:
    """Return the `info` of a new episode's camera."""
    if key in episode.camera_info:
        return dict(episode.camera_info[key])
    try:
        return get_video_info(episode.videos[key])
    except VideoError as error:
        raise CommitError(f"episode {episode.uuid}, camera {key}: {error}") from error
