"""A camera's statistics against the pictures that its videos give.

They were made of the pictures before these were encoded, and an encoder promises nothing about what it gives back.
Minimum, maximum, quantiles and spread may become anything: a poor encode of noise is flat grey, one of a single
bright pixel is black, and hard edges ring beyond both. Even the means of red, green and blue move by 0.15 in a good
encode of saturated patterns, because 4:2:0 keeps one colour of four pixels and what then lies outside of the cube of
colours is clipped (measured: `bench/verify_alarms.py`). So none of these is held against a bound here; what
statistics rule out among themselves is `moments.py`'s. Blamed is what can only be of other pictures:

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
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.verify.moments import overflown
from robotdata.dataset.verify.quantiles import SHARES
from robotdata.dataset.verify.report import Report
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
    def is_reversed(self) -> bool:
        """Return whether what is stored fits far better with red and blue in each other's place."""
        away = float(np.abs(self.stored - self.pictures)[:3].max())
        other = float(np.abs(self.stored[[2, 1, 0, 5, 4, 3]] - self.pictures).max())
        return away > _REVERSED and other * _CLOSER < away


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

    def __init__(
        self, dataset: DatasetFolder, report: Report, stored: Mapping[int, Mapping[str, Mapping[str, Any]]]
    ) -> None:
        self._dataset = dataset
        self._report = report
        self._stored = stored
        self._seen: list[_Seen] = []
        # Of all that were seen, (n, 6) each, when these are complete.
        self._stored_all: Numbers = np.empty(0)
        self._pictures_all: Numbers = np.empty(0)
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
        if self._seen:
            self._stored_all = np.stack([each.stored for each in self._seen])
            self._pictures_all = np.stack([each.pictures for each in self._seen])
        for key in dict.fromkeys(each.key for each in self._seen):
            self._match([at for at, each in enumerate(self._seen) if each.key == key])
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
        words = f"mean is {_short(each.stored[:3])}, its frames give {_short(each.pictures[:3])}"
        if thinned(*size) == 1:
            self._wrong[each.key, each.episode] = words
        else:
            self._report.note(f"statistics of {each.key}, episode {each.episode}: {words}; check that they are its own")

    def _match(self, mine: list[int]) -> None:
        """Of the mean an encoder loses much the same in all episodes of a camera, and far less than these differ.

        Spread that is lost speaks against nobody: how much that is depends on the encoder and on what was to be seen.
        """
        usual = _usual((self._stored_all - self._pictures_all)[mine])
        own = self._own(usual)
        rings = self._rings([at for at in mine if own[at] > _SLIGHT], usual)
        for at, other in rings.items():
            self._blame(self._seen[at], self._seen[other])
        for at in mine:
            each = self._seen[at]
            if own[at] > _CLEAR and at not in rings:
                copied = next((one for one in self._fitting(at, own, usual) if _is_copy(each, self._seen[one])), None)
                if copied is not None:
                    self._blame(each, self._seen[copied])
            if own[at] > _SLIGHT and each.is_reversed:
                means = f"mean is {_short(each.stored[:3])}, its frames give {_short(each.pictures[:3])}"
                self._wrong[each.key, each.episode] = f"{means}: red and blue are swapped"
        # In a table that is shifted by a row, the usual difference is that of two episodes, and hides what it is.
        nearest = [self._nearest(at, mine) for at in mine]
        usual = _usual(self._stored_all[mine] - self._pictures_all[nearest])
        own = self._own(usual)
        for at, other in self._rings([at for at in mine if own[at] > _CLEAR and at not in rings], usual).items():
            self._blame(self._seen[at], self._seen[other])

    def _own(self, usual: Numbers) -> Numbers:
        """How far everybody's statistics are from their own pictures."""
        return _beyond(self._stored_all - self._pictures_all, np.maximum(usual, [0, 0, 0, 1, 1, 1]))

    def _blame(self, each: _Seen, found: _Seen) -> None:
        whose = f"episode {found.episode}" if found.key == each.key else f"{found.key}, episode {found.episode}"
        pictures, theirs = (_short(values[:3]) for values in (each.pictures, each.stored))
        words = f"mean is {theirs}, its frames give {pictures}; they fit those of {whose}"
        self._wrong[each.key, each.episode] = words

    def _rings(self, begin: list[int], usual: Numbers) -> dict[int, int]:
        """All on a ring that leads through one of `begin`, each with the one whose pictures its statistics fit best.

        Lost spread counts here: all of them would have to have lost what the next one has.
        """
        own = _beyond(self._stored_all - self._pictures_all, usual)
        follows: dict[int, int] = {}
        found: dict[int, int] = {}
        for first in begin:
            at, path = first, []
            while at not in follows and own[at] > _SLIGHT and (fitting := self._fitting(at, own, usual)):
                path.append(at)
                follows[at] = at = fitting[0]
            ring = path[path.index(at) :] if at in path else []
            if all(np.abs(self._stored_all[one] - self._stored_all[follows[one]]).max() > _SLIGHT for one in ring):
                found |= {one: follows[one] for one in ring}
        return found

    def _fitting(self, at: int, own: Numbers, usual: Numbers) -> list[int]:
        """All whose pictures its statistics fit several times better than its own, the best one first.

        These must differ from its own by about as much: among pictures that are alike, chance decides who fits.
        """
        far = _beyond(self._stored_all[at] - self._pictures_all, usual)
        apart = np.abs(self._pictures_all[at] - self._pictures_all).max(axis=1)
        close = np.flatnonzero((far * _CLOSER < own[at]) & (apart > own[at] / 2))
        return [int(one) for one in close[np.argsort(far[close], kind="stable")]]

    def _nearest(self, at: int, among: list[int]) -> int:
        """The one of `among`, another than itself where there are others, whose means are nearest to what is stored."""
        far = np.abs(self._stored_all[at] - self._pictures_all[among])[:, :3].max(axis=1)
        far[among.index(at)] = np.inf if len(among) > 1 else 0
        return among[int(np.argmin(far))]


def _usual(away: Numbers) -> Numbers:
    return np.asarray(np.clip(np.median(away, axis=0), -_USUAL, _USUAL))


def _is_copy(each: _Seen, other: _Seen) -> bool:
    if each.numbers != other.numbers or each.encoder != other.encoder or min(each.pictures[3:]) < _PLAIN:
        return False
    small, large = sorted((each.bytes_a_frame, other.bytes_a_frame))
    return large <= small * _SAME_SIZE


def sampled(frames: int) -> list[int]:
    """Return the frames of an episode that LeRobot samples for a camera's statistics."""
    count = max(min(100, frames), min(int(frames**0.75), 10_000))
    return [int(n) for n in np.round(np.linspace(0, frames - 1, count))]


def thinned(height: int, width: int) -> int:
    """Return the stride in rows and columns with which LeRobot subsamples an image."""
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
