"""An episode to add to a dataset, and the checks of its columns, videos and tasks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robotdata.capture.actions import ACTION, SENT
from robotdata.capture.texts import tidy_task
from robotdata.dataset.errors import CommitError, DatasetError
from robotdata.dataset.features import DEFAULT_FEATURES, Features, camera_keys, depth_scale, is_depth, size_of
from robotdata.dataset.language import LANGUAGE_COLUMNS
from robotdata.dataset.scales import Scales
from robotdata.dataset.write.misfits import MISFITS
from robotdata.numbers import count
from robotdata.spool.language import Language
from robotdata.video.errors import VideoError


@dataclass(frozen=True, slots=True)
class NewEpisode:
    """One episode to add; `uuid` identifies it permanently.

    `tasks`: one text, or one per row. `columns`: every feature but cameras and the five defaults, (length,) or (length,
    d). `videos`: for each camera an MP4 of exactly `length` frames. `camera_stats`: its statistics. `camera_info`: the
    `info` of its feature, read from the file if missing. `extra`: stored in the sidecar (verdict, labels and others).
    `language`: its subtasks and remarks, by row.
    `recorded_action`: which of a tick's two actions the column `action` holds, SENT or REQUESTED; empty if unknown.
    `scales`: units and limits of its values, by feature, for a dataset that does not know them yet.
    """

    uuid: str
    tasks: str | Sequence[str]
    columns: Mapping[str, NDArray[Any] | Sequence[str]]
    length: int
    videos: Mapping[str, Path]
    camera_stats: Mapping[str, Mapping[str, Any]]
    extra: Mapping[str, Any] = field(default_factory=dict)
    camera_info: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    recorded_action: str = SENT
    language: Language = field(default_factory=Language)
    scales: Scales = field(default_factory=dict)


@contextmanager
def to_blame(episode: NewEpisode) -> Iterator[None]:
    """Attribute an error raised within to this episode: the CommitError names it in `reasons`."""
    try:
        yield
    except CommitError as error:
        raise CommitError(str(error), {episode.uuid: str(error)}) from error
    except DatasetError:
        raise
    except VideoError as error:
        message = f"episode {episode.uuid}: {error}"
        raise CommitError(message, {episode.uuid: message}) from error
    except MISFITS as error:
        message = f"episode {episode.uuid}: its values do not fit the dataset's features ({error}); encode it again"
        raise CommitError(message, {episode.uuid: message}) from error


def check_episodes(episodes: Sequence[NewEpisode], features: Features) -> None:
    """Raise CommitError with the reasons of all episodes that cannot be added."""
    reasons: dict[str, str] = {}
    for episode in episodes:
        try:
            with to_blame(episode):
                _check_episode(episode, features)
        except CommitError as error:
            reasons |= error.reasons
    if reasons:
        raise CommitError("; ".join(reasons.values()), reasons)


def check_actions(episodes: Sequence[NewEpisode], features: Features, recorded_action: str) -> None:
    """Raise CommitError with the reasons of all episodes whose `action` is another than `recorded_action`."""
    if ACTION not in features:
        return
    reasons = {
        each.uuid: f"episode {each.uuid}: its action is the {each.recorded_action} one, that of the dataset is the "
        f"{recorded_action} one; encode it again"
        for each in episodes
        if each.recorded_action != recorded_action
    }
    if reasons:
        raise CommitError("; ".join(reasons.values()), reasons)


def task_texts(episode: NewEpisode) -> list[str]:
    """Return the stripped task texts: one, or one per row."""
    return [tidy_task(text) for text in ([episode.tasks] if isinstance(episode.tasks, str) else episode.tasks)]


def check_uuids(episodes: Sequence[NewEpisode]) -> None:
    """Raise CommitError if a UUID is missing or occurs twice."""
    names = [episode.uuid for episode in episodes]
    if len(set(names)) < len(names) or not all(names):
        raise CommitError("two episodes of one commit have the same UUID, or one has none; give each its own")


def _check_episode(episode: NewEpisode, features: Features) -> None:
    where = f"episode {episode.uuid}"
    if episode.length < 1:
        raise CommitError(f"{where} has no rows; leave it out")
    tasks = task_texts(episode)
    if not isinstance(episode.tasks, str) and len(tasks) != episode.length:
        raise CommitError(
            f"{where} has {count(episode.length, 'row')} and {count(len(tasks), 'task')}; give one, or one per row"
        )
    if not all(tidy_task(text) for text in tasks):
        raise CommitError(f"{where} has no task; describe what the robot does")
    for key in camera_keys(features):
        if key not in episode.videos or key not in episode.camera_stats:
            raise CommitError(f"{where} has no video or no statistics of camera {key}")
        if is_depth(features[key]):
            _check_depth(f"{where}, camera {key}", episode.camera_info.get(key), features[key])
    for key, feature in features.items():
        if key not in {*DEFAULT_FEATURES, *camera_keys(features), *LANGUAGE_COLUMNS}:
            _check_column(where, key, episode, feature)


def _check_depth(where: str, info: Mapping[str, Any] | None, feature: Mapping[str, Any]) -> None:
    """Raise CommitError if the depth was encoded with another scale, which would be read as wrong depths."""
    if info is None or "video.depth_min" not in info:
        raise CommitError(f"{where}: its depth quantization is unknown; encode it again")
    actual, expected = depth_scale({"info": info}), depth_scale(feature)
    if actual != expected:
        raise CommitError(f"{where} was encoded with depth {actual}, the dataset has {expected}; encode it again")


def _check_column(where: str, key: str, episode: NewEpisode, feature: Mapping[str, Any]) -> None:
    if key not in episode.columns:
        raise CommitError(f"{where} has no values of {key}")
    values = np.asarray(episode.columns[key])
    if len(values) != episode.length or (values.size != episode.length * size_of(feature)):
        raise CommitError(f"{where}: {key} has shape {values.shape}, want ({episode.length}, {size_of(feature)})")
    if values.dtype.kind == "f":
        bad = ~np.isfinite(values.reshape(len(values), -1)).all(axis=1)
        if bad.any():
            raise CommitError(
                f"{where}: {key} is not a number at row {int(bad.argmax())}, and in {count(int(bad.sum()), 'row')} "
                "in all; LeRobot cannot train on that: trim these rows, or reject the take"
            )
