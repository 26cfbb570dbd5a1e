"""A camera's statistics against the pictures that its videos give.

They were made of the pictures before these were encoded, and an encoder promises nothing about what it gives back.
Minimum, maximum, quantiles and spread may become anything: a poor encode of noise is flat grey, one of a single
bright pixel is black, and hard edges ring beyond both. Even the means of red, green and blue move by 0.15 in a good
encode of saturated patterns, because 4:2:0 keeps one colour of four pixels and what then lies outside of the cube of
colours is clipped (measured: `bench/verify_alarms.py`). So none of these is held against a bound here; what
statistics rule out among themselves is `verify_moments.py`'s. Blamed is what can only be of other pictures:

- **Brightness.** A transform's constant coefficient comes back at most one quantizer step off. The largest step is
  228 (HEVC and H.264 at QP 51; AV1's is 167) and the smallest block 4x4, whose coefficient is four times its mean: 57
  levels, 0.22. Clipping takes up to 0.055 of the brightness of a picture: a block of two white and two red
  pixels loses 0.35 of red, which weighs 0.3, in half of its pixels. Both together are less than `_BRIGHTNESS`. LeRobot
  thins out large pictures; there single pixels are compared, for which the argument does not hold, and it is a note.
- **A ring of episodes or cameras** each of whose statistics fit the pictures of the next one several times better
  than their own: two that have changed places, or a table that is shifted by a row. What an encoder loses would have
  to be, for all of them at once and in six numbers, just what lies between their pictures.
- **A copy**: the very same numbers as another episode's, whose pictures they fit and whose video is of the same
  encoder and as many bytes, so that its quality is no other.
- **Red and blue in each other's place**, where that fits several times better.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robotdata.dataset.episode_list import EpisodeInfo
from robotdata.dataset.features import is_depth
from robotdata.dataset.findings import Report
from robotdata.dataset.reader import Dataset
from robotdata.dataset.verify_moments import overflown
from robotdata.dataset.verify_quantiles import SHARES
from robotdata.video.index import PacketIndex

_BRIGHTNESS = 0.3
_LUMA = np.array([0.299, 0.587, 0.114])
_USUAL = 0.02
_CLEAR, _SLIGHT, _REVERSED = 0.010, 0.004, 0.05
_CLOSER = 4.0
_PLAIN = 0.02  # a picture of less spread has as many bytes at every quality
_SAME_SIZE = 1.25
Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Seen:
    """What is stored of an episode's camera, and its pictures' own: mean and spread of three colours, (6,) each.

    `numbers` is all that is stored, `encoder` and `bytes_a_frame` say of what kind its video is.
    """

    key: str
    episode: int
    stored: Numbers
    pictures: Numbers
    numbers: bytes
    encoder: tuple[str, str | None, bytes]
    bytes_a_frame: float

    @property
    def reversed(self) -> Numbers:
        """As stored, with red and blue in each other's place."""
        return self.stored[[2, 1, 0, 5, 4, 3]]


class PictureCounter:
    """Counts levels of those pictures of a file that enter statistics, so that it is decoded once."""

    def __init__(self, key: str, episodes: list[EpisodeInfo]) -> None:
        self.key = key
        self.episodes = episodes
        self.levels: dict[int, NDArray[np.int64]] = {}
        self._wanted: dict[int, list[int]] = {}
        for episode in episodes:
            for n in sampled(episode.length):
                self._wanted.setdefault(episode.videos[key].first_frame + n, []).append(episode.index)

    def look(self, number: int, picture: Callable[[], NDArray[np.uint8]]) -> None:
        """Frame `number` of the file is `picture()`, RGB uint8 (H, W, 3)."""
        episodes = self._wanted.get(number, ())
        if episodes:
            levels = _levels(picture())
            for episode in episodes:
                self.levels[episode] = self.levels.get(episode, 0) + levels


class PictureCheck:
    """Is given what was counted of one file after the other; `finish` finds statistics that are of other pictures."""

    def __init__(self, dataset: Dataset, report: Report, stored: Mapping[int, Mapping[str, Mapping[str, Any]]]) -> None:
        self._dataset = dataset
        self._report = report
        self._stored = stored
        self._seen: list[_Seen] = []
        self._wrong: dict[tuple[str, int], str] = {}

    def counter(self, key: str, episodes: list[EpisodeInfo]) -> PictureCounter | None:
        """Counts the pictures of one file while it is decoded; None for depth.

        That is in a unit of its own, and of what its codes have clipped.
        """
        return None if is_depth(self._dataset.features[key]) else PictureCounter(key, episodes)

    def add(self, counter: PictureCounter, index: PacketIndex) -> None:
        """Keep what was counted in a file of which nothing else is wrong; `index` is the file's."""
        for episode in counter.episodes:
            self._add(counter.key, episode, counter.levels.get(episode.index), index)

    def finish(self) -> None:
        """Blame what is wrong, and say of whom it is."""
        for key in dict.fromkeys(each.key for each in self._seen):
            self._match([each for each in self._seen if each.key == key])
        for (key, episode), words in sorted(self._wrong.items(), key=lambda item: (item[0][1], item[0][0])):
            self._report.add("meta/episodes", f"statistics of {key}: {words}", episode)

    def _add(self, key: str, episode: EpisodeInfo, levels: NDArray[np.int64] | None, index: PacketIndex) -> None:
        cells = self._stored.get(episode.index, {}).get(key, {})
        stored = {name: three for name, value in cells.items() if (three := _three(value)) is not None}
        span = episode.videos[key]
        if not {"mean", "std"} <= stored.keys() or levels is None:
            return
        pictures = np.concatenate(_mean_and_spread(levels))
        std = pictures[3:] if overflown(stored) else stored["std"]  # it says nothing then, and is noted elsewhere
        sizes = index.size[index.order[span.first_frame : span.first_frame + episode.length]]
        each = _Seen(
            key,
            episode.index,
            np.concatenate([stored["mean"], std]),
            pictures,
            b"".join(stored[name].tobytes() for name in ("min", "max", "mean", "std", *SHARES) if name in stored),
            (index.codec, index.pix_fmt, bytes(index.extradata)),
            float(sizes.mean()),
        )
        self._seen.append(each)
        self._check_brightness(each, (index.height, index.width))

    def _check_brightness(self, each: _Seen, size: tuple[int, int]) -> None:
        if abs(_LUMA @ (each.stored - each.pictures)[:3]) <= _BRIGHTNESS:
            return
        words = f"mean is {_short(each.stored[:3])}, its pictures give {_short(each.pictures[:3])}"
        if thinned(*size) == 1:
            self._wrong[each.key, each.episode] = words
        else:
            self._report.note(
                f"statistics of {each.key}, episode {each.episode}: {words}; look whether they are its own"
            )

    def _match(self, mine: list[_Seen]) -> None:
        """Of the mean an encoder loses much the same in all episodes of a camera, and far less than these differ.

        Spread that is lost speaks against nobody: how much that is depends on the encoder and on what was to be seen.
        """
        away = np.stack([each.stored - each.pictures for each in mine])
        usual = _usual(away)
        lost = np.maximum(usual, [0, 0, 0, 1, 1, 1])
        own = _beyond(away, lost)
        for at in np.flatnonzero(own > _SLIGHT):
            each, far = mine[at], float(own[at])
            if not self._blame_ring(each, far, usual) and far > _CLEAR:
                copied = next((one for one in self._fitting(each, far, usual) if _is_copy(each, one)), None)
                if copied is not None:
                    self._blame(each, copied)
            red = float(np.abs(away[at, :3]).max())
            if red > _REVERSED and np.abs(each.reversed - each.pictures).max() * _CLOSER < red:
                self._wrong[each.key, each.episode] = (
                    f"mean is {_short(each.stored[:3])}, its pictures give {_short(each.pictures[:3])}: "
                    "red and blue have changed places"
                )
        # In a table that is shifted by a row, the usual difference is that of two episodes, and hides what it is.
        nearest = _usual(np.stack([each.stored - _nearest(each, mine).pictures for each in mine]))
        for each, far in zip(mine, _beyond(away, np.maximum(nearest, [0, 0, 0, 1, 1, 1])), strict=True):
            if far > _CLEAR and (each.key, each.episode) not in self._wrong:
                self._blame_ring(each, float(far), nearest)

    def _blame_ring(self, each: _Seen, own: float, usual: Numbers) -> bool:
        ring = self._ring(each, own, usual)
        for one, following in ring:
            self._blame(one, following)
        return bool(ring)

    def _blame(self, each: _Seen, found: _Seen) -> None:
        whose = f"episode {found.episode}" if found.key == each.key else f"{found.key}, episode {found.episode}"
        pictures, theirs = (_short(values[:3]) for values in (each.pictures, each.stored))
        words = f"mean is {theirs}, its pictures give {pictures}; they fit those of {whose}"
        self._wrong[each.key, each.episode] = words

    def _ring(self, each: _Seen, own: float, usual: Numbers) -> list[tuple[_Seen, _Seen]]:
        """`each` and the one whose pictures its statistics fit, and so on, until that is `each`; empty without end."""
        found: list[tuple[_Seen, _Seen]] = []
        one, far = each, own
        while len(found) < len(self._seen):
            fitting = self._fitting(one, far, usual)
            if not fitting:
                return []
            found.append((one, fitting[0]))
            one = fitting[0]
            if one is each:
                return found
            far = float(_beyond((one.stored - one.pictures)[None], usual)[0])
            if far <= _SLIGHT or any(one is before for before, _ in found):
                return []
        return []

    def _fitting(self, each: _Seen, own: float, usual: Numbers) -> list[_Seen]:
        """All whose pictures its statistics fit several times better than its own, the best one first."""
        others = [one for one in self._seen if one is not each]
        if not others:
            return []
        far = _beyond(each.stored - np.stack([one.pictures for one in others]), usual)
        return [others[at] for at in np.argsort(far, kind="stable") if far[at] * _CLOSER < own]


def _usual(away: Numbers) -> Numbers:
    return np.asarray(np.clip(np.median(away, axis=0), -_USUAL, _USUAL))


def _nearest(each: _Seen, all_of_them: list[_Seen]) -> _Seen:
    """The one of `all_of_them`, other than itself where there are others, whose means are nearest to what is stored."""
    others = [one for one in all_of_them if one is not each] or all_of_them
    return min(others, key=lambda one: float(np.abs(each.stored - one.pictures)[:3].max()))


def _is_copy(each: _Seen, other: _Seen) -> bool:
    if each.numbers != other.numbers or each.encoder != other.encoder or min(each.pictures[3:]) < _PLAIN:
        return False
    small, large = sorted((each.bytes_a_frame, other.bytes_a_frame))
    return large <= small * _SAME_SIZE


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


def _short(values: Numbers) -> str:
    return ", ".join(f"{value:.3g}" for value in values)
