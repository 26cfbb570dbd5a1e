"""Check one video file against its episodes: frame count, timestamps, gaps, decoding."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from robotdata.dataset.episode_list import EpisodeInfo, VideoSpan
from robotdata.dataset.features import frame_size, is_depth
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.verify.report import Report
from robotdata.numbers import count as count_of
from robotdata.video.codecs import DEPTH_PIX_FMT
from robotdata.video.depth.scale import DepthScale
from robotdata.video.errors import BrokenVideoError, FrameCountError, VideoError
from robotdata.video.index import PacketIndex, index_video
from robotdata.video.verify import Look, verify_video

_TIME_S = 1e-4


def check_video_file(
    dataset: DatasetFolder,
    key: str,
    path: Path,
    episodes: list[EpisodeInfo],
    report: Report,
    *,
    deep: bool,
    look: Look | None = None,
) -> PacketIndex | None:
    """Report what is wrong with the video of camera `key` at `path`; `deep` decodes all of it.

    `look` is called for every decoded frame. Return the video's index, or None if it has none.
    """
    ordered = sorted(episodes, key=lambda episode: episode.videos[key].from_timestamp)
    try:
        index = index_video(path)
    except VideoError as error:
        if path.exists() and path.stat().st_size:  # a missing file is reported with the episode
            report.add(path, str(error), *_episode_of(ordered, key, getattr(error, "frame", 0)))
        return None
    _check_shape(dataset, key, path, index, report)
    _check_grid(dataset, key, path, index, ordered, report)
    _check_tiling(dataset, key, path, index, ordered, report)
    _check_float32(dataset, key, path, index, ordered, report)
    if deep:
        _check_decoding(path, len(index), ordered, key, report, look)
    return index


def _check_shape(dataset: DatasetFolder, key: str, path: Path, index: PacketIndex, report: Report) -> None:
    width, height = frame_size(dataset.features[key])
    if (index.width, index.height) != (width, height):
        report.add(path, f"is {index.width}x{index.height}, the feature says {width}x{height}")
    if index.display_matrix:
        reason = "players and torchcodec rotate its frames (by a display matrix), LeRobot's pyav and these pages do not"
        report.note(f"{key}, {path.name}: {reason}; re-encode it to fix that")
    depth = is_depth(dataset.features[key])
    if depth and index.pix_fmt != DEPTH_PIX_FMT:
        report.add(path, f"holds {index.pix_fmt}, the feature says depth, which is {DEPTH_PIX_FMT}")
    elif not depth and index.pix_fmt == DEPTH_PIX_FMT:
        report.add(path, "holds depth codes, the feature does not say so (is_depth_map): they are read as gray images")
    if depth:
        _note_scale(dataset, key, report)


def _note_scale(dataset: DatasetFolder, key: str, report: Report) -> None:
    """Note missing values of a depth camera's `info`; LeRobot silently uses its defaults."""
    info = dataset.features[key].get("info") or {}
    missing = [name for name in DepthScale().info("mm") if info.get(name) is None and name != "is_depth_map"]
    note = f"{key}: info does not say {', '.join(missing)}; LeRobot reads its depth with the defaults"
    if missing and note not in report.notes:
        report.note(note)


def _check_grid(
    dataset: DatasetFolder, key: str, path: Path, index: PacketIndex, episodes: list[EpisodeInfo], report: Report
) -> None:
    times = _times(index)
    wrong = np.flatnonzero(np.abs(times - np.arange(len(times)) / dataset.fps) > _TIME_S)
    if len(wrong):
        at = int(wrong[0])
        problem = f"frame {at} of the file is at {times[at]:.6f} s, not {at / dataset.fps:.6f} s"
        problem += f" ({count_of(len(wrong), 'frame')})"
        report.add(path, problem, *_episode_of(episodes, key, at))


def _check_tiling(
    dataset: DatasetFolder, key: str, path: Path, index: PacketIndex, episodes: list[EpisodeInfo], report: Report
) -> None:
    fps, expected = dataset.fps, 0
    for episode in episodes:
        span = episode.videos[key]
        off = abs(span.from_timestamp * fps - round(span.from_timestamp * fps)) / fps
        if off > _TIME_S:
            report.add(
                "meta/episodes",
                f"{key}: from_timestamp {span.from_timestamp} is not the time of a frame",
                episode.index,
            )
        if span.first_frame != expected:
            report.add(
                "meta/episodes",
                f"{key}: begins at frame {span.first_frame} of {path.name}, the episode before ends at {expected}",
                episode.index,
            )
        if span.first_frame + episode.length > len(index):
            frame = max(0, len(index) - span.first_frame)
            report.add(
                path,
                f"has {count_of(len(index), 'frame')}, this episode's end at {span.first_frame + episode.length}",
                episode.index,
                frame,
            )
        expected = span.first_frame + episode.length
    if len(index) > expected:
        report.add(
            path,
            f"has {count_of(len(index), 'frame')}, its episodes {expected}",
            episodes[-1].index if episodes else None,
        )


def _check_float32(
    dataset: DatasetFolder, key: str, path: Path, index: PacketIndex, episodes: list[EpisodeInfo], report: Report
) -> None:
    """Report frames that LeRobot cannot find.

    It compares times as float32, which are too coarse late in a long file.
    """
    times = _times(index).astype(np.float32)
    if _all_found(dataset, times, [(episode.videos[key], episode.length) for episode in episodes]):
        return
    for episode in episodes:
        span = episode.videos[key]
        frame_times = times[span.first_frame : span.first_frame + episode.length]
        stamps = (np.arange(len(frame_times)) / dataset.fps).astype(np.float32).astype(np.float64)
        requested = (span.from_timestamp + stamps).astype(np.float32)
        wrong = np.flatnonzero(np.abs(requested - frame_times) >= _TIME_S)
        if len(wrong) and abs(span.from_timestamp - span.first_frame / dataset.fps) < _TIME_S:
            problem = (
                f"{len(wrong)} frames are further than {_TIME_S} s from the time that LeRobot asks for, in float32"
            )
            report.add(path, problem, episode.index, int(wrong[0]))


def _all_found(dataset: DatasetFolder, times: NDArray[np.float32], spans: list[tuple[VideoSpan, int]]) -> bool:
    """Return whether LeRobot finds all frames of these spans, each with its length, without a look at each alone."""
    every = range(len(times))
    lengths = np.array([len(every[span.first_frame : span.first_frame + length]) for span, length in spans], np.int64)
    begins = np.array([span.first_frame for span, _ in spans], np.int64)
    rows = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    stamps = (rows / dataset.fps).astype(np.float32).astype(np.float64)
    starts = np.repeat(np.array([span.from_timestamp for span, _ in spans], np.float64), lengths)
    requested = (starts + stamps).astype(np.float32)
    return not (np.abs(requested - times[np.repeat(begins, lengths) + rows]) >= _TIME_S).any()


def _check_decoding(
    path: Path, packets: int, episodes: list[EpisodeInfo], key: str, report: Report, look: Look | None
) -> None:
    try:
        verify_video(path, expected_frames=packets, look=look)
    except BrokenVideoError as error:
        report.add(path, str(error), *_episode_of(episodes, key, error.frame))
    except FrameCountError as error:
        report.add(path, str(error), *_episode_of(episodes, key, error.counted))
    except VideoError as error:
        report.add(path, str(error))


def _times(index: PacketIndex) -> NDArray[np.float64]:
    times: NDArray[np.float64] = index.pts[index.order].astype(np.float64) * float(index.time_base)
    return times


def _episode_of(episodes: list[EpisodeInfo], key: str, frame: int) -> tuple[int | None, int | None]:
    """Return the episode of frame `frame` of the file, and its row."""
    for episode in episodes:
        span = episode.videos[key]
        if span.first_frame <= frame < span.first_frame + episode.length:
            return episode.index, frame - span.first_frame
    return (episodes[-1].index, None) if episodes else (None, None)
