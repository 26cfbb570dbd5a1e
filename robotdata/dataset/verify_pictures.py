"""A camera's statistics against the pictures that its videos give: what an encoder loses is allowed, no more.

The limits were measured (docs/dataset.md): what real and artificial pictures lose in AV1, H.264 and HEVC, up to the
worst quality of each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robotdata.dataset.episode_list import EpisodeInfo
from robotdata.dataset.features import is_depth
from robotdata.dataset.findings import Report
from robotdata.dataset.reader import Dataset
from robotdata.dataset.verify_quantiles import SHARES
from robotdata.video.decode import VideoDecoder, open_video
from robotdata.video.errors import VideoError

_MEAN = 0.05  # lost at worst: 0.03
_USUAL = 0.02
_MORE_SPREAD = 0.015  # a decoded picture has hardly more spread than its source: 0.006
_LOST_SPREAD = 0.09  # of the variance: all of it, where the source is noise
_SIDE = 0.06  # how far decoded values go beyond the source's: 0.035
_RANK = 0.11
_CLEAR, _SLIGHT = 0.010, 0.004  # how far from its own pictures statistics are that may be another's
_CLOSER = 4.0
Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Seen:
    """What is stored of an episode's camera, and its pictures' own: mean and spread of three colours, (6,) each."""

    key: str
    episode: int
    stored: Numbers
    pictures: Numbers


class PictureCheck:
    """Takes one video file after the other; `finish` finds the statistics that are of other pictures."""

    def __init__(self, dataset: Dataset, report: Report, stored: Mapping[int, Mapping[str, Mapping[str, Any]]]) -> None:
        self._dataset = dataset
        self._report = report
        self._stored = stored
        self._seen: list[_Seen] = []
        self._wrong: dict[tuple[str, int], str] = {}

    def check_file(self, key: str, path: Path, episodes: list[EpisodeInfo]) -> None:
        """The statistics of the episodes in the file at `path`; one that cannot be decoded is said elsewhere."""
        if is_depth(self._dataset.features[key]):
            return  # in its own unit, and of what its codes have clipped
        try:
            with open_video(path) as video:
                for episode in episodes:
                    self._check(key, episode, video)
        except VideoError:
            return

    def finish(self) -> None:
        """Blame what is wrong, and say of whom it is where it fits somebody else's pictures far better."""
        for key in dict.fromkeys(each.key for each in self._seen):
            self._match([each for each in self._seen if each.key == key])
        for (key, episode), words in sorted(self._wrong.items(), key=lambda item: (item[0][1], item[0][0])):
            self._report.add("meta/episodes", f"statistics of {key}: {words}", episode)

    def _check(self, key: str, episode: EpisodeInfo, video: VideoDecoder) -> None:
        stored = {name: _three(value) for name, value in self._stored.get(episode.index, {}).get(key, {}).items()}
        mean, std = stored.get("mean"), stored.get("std")
        span = episode.videos[key]
        if mean is None or std is None or span.first_frame + episode.length > len(video):
            return
        counts = sum(_levels(video.frame(span.first_frame + n)) for n in sampled(episode.length))
        pictures = np.concatenate(_mean_and_spread(np.asarray(counts)))
        self._seen.append(_Seen(key, episode.index, np.concatenate([mean, std]), pictures))
        words = _unlike(stored, np.asarray(counts), pictures)
        if words:
            self._wrong[key, episode.index] = words

    def _match(self, mine: list[_Seen]) -> None:
        """Of the mean an encoder loses much the same in all episodes of a camera, and far less than these differ.

        Spread that is lost speaks against nobody: how much that is depends on the encoder and on what was to be seen.
        """
        away = np.stack([each.stored - each.pictures for each in mine])
        usual = np.clip(np.median(away, axis=0), -_USUAL, _USUAL)
        lost = np.maximum(usual, [0, 0, 0, 1, 1, 1])
        own = _beyond(away, lost)
        calm = len(mine) > 3 and 6 * float(np.median(own)) < _SLIGHT
        for at in np.flatnonzero(own > _SLIGHT):
            each = mine[at]
            found = self._whose(each, float(own[at]), usual)
            if found is None:
                continue
            back = _beyond((found.stored - each.pictures)[None], usual)[0] * _CLOSER < own[at]
            if own[at] > _CLEAR or calm or back or (each.key, each.episode) in self._wrong:
                self._blame(each, found)
                if back:
                    self._blame(found, each)

    def _blame(self, each: _Seen, found: _Seen) -> None:
        whose = f"episode {found.episode}" if found.key == each.key else f"{found.key}, episode {found.episode}"
        pictures, theirs = (_short(values[:3]) for values in (each.pictures, each.stored))
        words = f"mean is {theirs}, its pictures give {pictures}; they fit those of {whose}"
        self._wrong[each.key, each.episode] = words

    def _whose(self, each: _Seen, own: float, usual: Numbers) -> _Seen | None:
        """Somebody whose pictures they fit several times better; None where nobody's do."""
        others = [one for one in self._seen if (one.key, one.episode) != (each.key, each.episode)]
        if not others:
            return None
        far = _beyond(each.stored - np.stack([one.pictures for one in others]), usual)
        best = int(np.argmin(far))
        return others[best] if far[best] * _CLOSER < own else None


def sampled(frames: int) -> list[int]:
    """The frames of an episode that LeRobot takes for a camera's statistics."""
    count = max(min(100, frames), min(int(frames**0.75), 10_000))
    return [int(n) for n in np.round(np.linspace(0, frames - 1, count))]


def thinned(height: int, width: int) -> int:
    """Of how many rows and columns LeRobot takes one."""
    if max(height, width) < 300:
        return 1
    return max(1, (width if width > height else height) // 150)


def _levels(picture: NDArray[np.uint8]) -> NDArray[np.int64]:
    """How often each of 256 levels occurs in each colour, (3, 256)."""
    step = thinned(*picture.shape[:2])
    thin = picture[::step, ::step]
    return np.stack([np.bincount(thin[..., colour].ravel(), minlength=256) for colour in range(3)])


def _mean_and_spread(counts: NDArray[np.int64]) -> tuple[Numbers, Numbers]:
    share = counts / counts.sum(axis=1, keepdims=True)
    levels = np.arange(256) / 255
    mean = share @ levels
    return mean, np.sqrt(np.maximum(0, share @ levels**2 - mean**2))


def _unlike(stored: Mapping[str, Numbers | None], counts: NDArray[np.int64], pictures: Numbers) -> str | None:
    """In words, the first of the stored statistics that these pictures cannot have had before they were encoded."""
    mean, std = pictures[:3], pictures[3:]
    low, high = (np.array([np.flatnonzero(row)[at] for row in counts]) / 255 for at in (0, -1))
    is_, spread = stored["mean"], stored["std"]
    assert is_ is not None and spread is not None
    if not np.all(np.abs(is_ - mean) <= _MEAN):
        return _said("mean", is_, mean)
    if not np.all(spread >= std - _MORE_SPREAD):
        hint = "; LeRobot before 0.6 counted it in 8 bits, which overflow" if not spread.any() else ""
        return _said("std", spread, std) + hint
    if not np.all(spread**2 <= std**2 + _LOST_SPREAD):
        return _said("std", spread, std)
    for name, found, sign in (("min", low, 1), ("max", high, -1)):
        value = stored.get(name)
        if value is not None and not np.all(sign * (value - found) <= _SIDE):
            return _said(name, value, found)
    return _odd_quantile(stored, counts)


def _odd_quantile(stored: Mapping[str, Numbers | None], counts: NDArray[np.int64]) -> str | None:
    reached = np.cumsum(counts / counts.sum(axis=1, keepdims=True), axis=1)
    for name, share in SHARES.items():
        value = stored.get(name)
        if value is None:
            continue
        for colour in range(3):
            below, above = (_share_below(reached[colour], value[colour] + by) for by in (-_SIDE, _SIDE))
            if below > share + _RANK or above < share - _RANK:
                near = np.array([np.searchsorted(row, share) / 255 for row in reached])
                return _said(name, value, near)
    return None


def _share_below(reached: Numbers, value: float) -> float:
    at = int(np.floor(value * 255 + 1e-6))
    return 0.0 if at < 0 else float(reached[min(at, 255)])


def _beyond(away: Numbers, usual: Numbers) -> Numbers:
    """How far differences (n, 6) lie outside of what lies between nothing and the usual loss."""
    low, high = np.minimum(0, usual), np.maximum(0, usual)
    return np.asarray(np.maximum(low - away, away - high).max(axis=1))


def _three(value: Any) -> Numbers | None:
    try:
        made = np.asarray(value, np.float64).reshape(-1)
    except (TypeError, ValueError):
        return None
    return made if made.shape == (3,) and np.isfinite(made).all() else None


def _said(name: str, stored: Numbers, found: Numbers) -> str:
    return f"{name} is {_short(stored)}, the pictures give {_short(found)}"


def _short(values: Numbers) -> str:
    return ", ".join(f"{value:.3g}" for value in values)
