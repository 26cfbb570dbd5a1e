"""Encode new videos of stored episodes beside the dataset, one file for each, before its next state is built.

A file has a name made of what it is encoded from and how, and appears when it is complete. So the next run
continues a killed one, and a video of an episode that was changed meanwhile is never taken for another's.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from robotdata.dataset.episode_list import EpisodeInfo, file_problem
from robotdata.dataset.errors import EditError
from robotdata.dataset.features import is_depth
from robotdata.dataset.reader import DatasetFolder
from robotdata.video.codecs import EncodeSettings
from robotdata.video.depth.video import DEPTH_SETTINGS
from robotdata.video.encode import Progress, resolve
from robotdata.video.errors import VideoError
from robotdata.video.index import PacketIndex, index_video
from robotdata.video.recoding import recode_frames

EncodedPaths = dict[str, dict[int, Path]]
"""By camera and episode number, the new video."""


@dataclass(frozen=True, slots=True)
class EncodedSoFar:
    """The progress of encoding, over all cameras."""

    frames: int
    frames_total: int
    episodes: int
    episodes_total: int


Report = Callable[[EncodedSoFar], None]
"""Called every few frames; it may raise to cancel. Complete videos stay for the next run."""


@dataclass(frozen=True, slots=True)
class EncodeTask:
    """A video to be encoded: of `frames` frames, under `name`, by `encode(path, progress)`."""

    key: str
    episode: int
    frames: int
    name: str
    encode: Callable[[Path, Progress], object]


@dataclass(frozen=True, slots=True)
class Recoding:
    """How videos are encoded again: `size` (width, height) in pixels, or as it is; every `step`-th frame, at `fps`."""

    settings: EncodeSettings
    fps: float
    size: tuple[int, int] | None = None
    step: int = 1


def video_tasks(base: DatasetFolder, keys: Sequence[str], how: Recoding) -> list[EncodeTask]:
    """Return what is to be encoded of these cameras. Raises EditError if a video is missing."""
    indexes: dict[Path, PacketIndex] = {}
    effective = resolve(how.settings)
    return [
        _video_task(base, episode, key, replace(how, settings=effective), indexes)
        for key in keys
        for episode in base.episodes
    ]


def _video_task(
    base: DatasetFolder, episode: EpisodeInfo, key: str, how: Recoding, indexes: dict[Path, PacketIndex]
) -> EncodeTask:
    span = episode.videos.get(key)
    if span is None or (fault := file_problem(span.path)):
        why = f"its video {fault}" if span else "; ".join(episode.problems[:1]) or "it has no video"
        raise EditError(
            f"{episode.name} of {base.root.name}, camera {key}: {why}. Download or copy it there, then retry"
        )
    if is_depth(base.features[key]):
        how = replace(how, settings=replace(DEPTH_SETTINGS, threads=how.settings.threads))
    numbers = range(span.first_frame, span.first_frame + episode.length, how.step)

    def encode(path: Path, progress: Progress) -> None:
        if span.path not in indexes:
            indexes[span.path] = index_video(span.path)
        settings, size, index = how.settings, how.size, indexes[span.path]
        recode_frames(
            span.path, numbers, path, fps=how.fps, settings=settings, size=size, index=index, progress=progress
        )

    unthreaded = replace(how, settings=replace(how.settings, threads=None))
    name = name_of(span.path, [span.first_frame, episode.length], key, asdict(unthreaded))
    return EncodeTask(key, episode.index, len(numbers), name, encode)


def name_of(source: Path, part: Sequence[int], key: str, how: Mapping[str, Any]) -> str:
    """Return the name of a video that is encoded from a part of the file `source`, which is told by its identity."""
    stat = source.stat()
    made_from = [stat.st_ino, stat.st_size, stat.st_mtime_ns, list(part), key, dict(how)]
    text = json.dumps(made_from, sort_keys=True, default=str)
    return f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.mp4"


def encode_tasks(tasks: Sequence[EncodeTask], folder: Path, report: Report | None = None) -> EncodedPaths:
    """Encode what is not in `folder` yet, episode by episode; return the videos. Raises VideoError."""
    total, left = sum(task.frames for task in tasks), remaining(tasks)
    episodes = len(left)
    folder.mkdir(parents=True, exist_ok=True)
    done = 0

    def tell(frames: int) -> None:
        if report is not None:
            report(EncodedSoFar(frames, total, episodes - sum(map(bool, left.values())), episodes))

    paths: EncodedPaths = {}
    for task in sorted(tasks, key=lambda each: each.episode):
        path = folder / task.name
        tell(done)
        if not _is_complete(path, task.frames):
            task.encode(path, lambda frames, before=done: tell(before + frames))  # type: ignore[misc]
        paths.setdefault(task.key, {})[task.episode] = path
        done += task.frames
        left[task.episode] -= 1
    tell(done)
    return paths


def remaining(tasks: Iterable[EncodeTask]) -> dict[int, int]:
    """Return how many videos each episode needs."""
    counts: dict[int, int] = {}
    for task in tasks:
        counts[task.episode] = counts.get(task.episode, 0) + 1
    return counts


def ready(tasks: Sequence[EncodeTask], folder: Path) -> EncodedPaths | None:
    """Return the videos if all of them are in `folder`."""
    paths: EncodedPaths = {}
    for task in tasks:
        path = folder / task.name
        if not _is_complete(path, task.frames):
            return None
        paths.setdefault(task.key, {})[task.episode] = path
    return paths


def _is_complete(path: Path, frames: int) -> bool:
    if not path.exists():
        return False
    try:
        if len(index_video(path)) == frames:
            return True
    except VideoError:
        pass  # it was damaged after it was written
    path.unlink()
    return False
