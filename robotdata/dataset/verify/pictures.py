"""Compare a camera's statistics with the frames of its videos.

The statistics were computed before encoding, and an encoder guarantees little about what it returns. Minimum, maximum,
quantiles and std may change completely: a poor encode of noise is flat gray, one of a single bright pixel is black, and
hard edges ring beyond both. Even the means of red, green and blue move by 0.15 in a good encode of saturated patterns,
because 4:2:0 keeps one colour of four pixels, and values outside of the colour cube are clipped (measured:
`bench/verify_alarms.py`). So none of these has a bound here; `moments.py` checks whether statistics contradict each
other. Only what must belong to other frames is reported:

- **Brightness.** The constant coefficient of a transform returns at most one quantizer step off. The largest step is
  228 (HEVC and H.264 at QP 51; AV1's is 167) and the smallest block 4x4, whose coefficient is four times its mean: 57
  levels, 0.22. Clipping changes the brightness of an image by up to 0.055: a block of two white and two red pixels
  loses 0.35 of red, which weighs 0.3, in half of its pixels. The sum of both is less than `_BRIGHTNESS`. LeRobot
  subsamples large frames; there single pixels are compared, to which this bound does not apply, so it is a note.
- **A ring of episodes or cameras** each of whose statistics fit the frames of the next one several times better than
  their own: two that were swapped, or a table that is shifted by a row. Encoder losses would have to equal the
  difference of their frames for all of them at once, in six numbers.
- **A copy**: the same numbers as another episode's, whose frames they fit, and whose video has the same encoder and
  size in bytes, so that its quality is equal.
- **Red and blue swapped**, if that fits several times better.
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
_MAX_USUAL = 0.02
_CLEAR, _SLIGHT, _REVERSED = 0.010, 0.004, 0.05
_CLOSER = 4.0
_PLAIN = 0.02  # frames with less std have the same size in bytes at every quality
_SAME_SIZE = 1.25
Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Measured:
    """The stored statistics of an episode's camera, and those of its decoded frames.

    `stored` and `pictures`: mean and std of three colours, (6,) each. `numbers`: all stored numbers as bytes. `encoder`
    and `bytes_per_frame` describe its video.
    """

    key: str
    episode: int
    stored: Numbers
    pictures: Numbers
    numbers: bytes
    encoder: tuple[str, str | None, bytes]
    bytes_per_frame: float

    @property
    def is_reversed(self) -> bool:
        """Whether the stored statistics fit much better with red and blue swapped."""
        error = float(np.abs(self.stored - self.pictures)[:3].max())
        swapped_error = float(np.abs(self.stored[[2, 1, 0, 5, 4, 3]] - self.pictures).max())
        return error > _REVERSED and swapped_error * _CLOSER < error


class PictureCounter:
    """Counts the levels of the sampled frames of a file while it is decoded, so that it is decoded once."""

    def __init__(self, key: str, episodes: list[EpisodeInfo]) -> None:
        self.key = key
        self.episodes = episodes
        self.levels: dict[int, NDArray[np.int64]] = {}
        self._sampled_by: dict[int, list[int]] = {}
        for episode in episodes:
            for n in sampled(episode.length):
                self._sampled_by.setdefault(episode.videos[key].first_frame + n, []).append(episode.index)

    def look(self, number: int, picture: Callable[[], NDArray[np.uint8]]) -> None:
        """Take frame `number` of the file; `picture()` returns it as RGB uint8 (H, W, 3)."""
        episodes = self._sampled_by.get(number, ())
        if episodes:
            levels = _levels(picture())
            for episode in episodes:
                self.levels[episode] = self.levels.get(episode, 0) + levels


class PictureCheck:
    """Collects the counts of all files; `finish` then reports statistics that belong to other frames."""

    def __init__(
        self, dataset: DatasetFolder, report: Report, stored: Mapping[int, Mapping[str, Mapping[str, Any]]]
    ) -> None:
        self._dataset = dataset
        self._report = report
        self._stored = stored
        self._measured: list[_Measured] = []
        # Of all measured cameras and episodes, (n, 6) each; set by `finish`.
        self._stored_all: Numbers = np.empty(0)
        self._pictures_all: Numbers = np.empty(0)
        self._wrong: dict[tuple[str, int], str] = {}

    def counter(self, key: str, episodes: list[EpisodeInfo]) -> PictureCounter | None:
        """Return a counter for the frames of one file; None for depth, which has its own unit and clipped values."""
        return None if is_depth(self._dataset.features[key]) else PictureCounter(key, episodes)

    def add(self, counter: PictureCounter, index: PacketIndex) -> None:
        """Keep the counts of a file without other problems; `index` is the file's."""
        for episode in counter.episodes:
            self._add(counter.key, episode, counter.levels.get(episode.index), index)

    def finish(self) -> None:
        """Report the statistics that are wrong, and whose frames they fit."""
        if self._measured:
            self._stored_all = np.stack([each.stored for each in self._measured])
            self._pictures_all = np.stack([each.pictures for each in self._measured])
        for key in dict.fromkeys(each.key for each in self._measured):
            self._match([at for at, each in enumerate(self._measured) if each.key == key])
        for (key, episode), problem in sorted(self._wrong.items(), key=lambda item: (item[0][1], item[0][0])):
            self._report.add("meta/episodes", f"statistics of {key}: {problem}", episode)

    def _add(self, key: str, episode: EpisodeInfo, levels: NDArray[np.int64] | None, index: PacketIndex) -> None:
        """Keep the statistics of one episode."""
        cells = self._stored.get(episode.index, {}).get(key, {})
        stored = {name: three for name, value in cells.items() if (three := _three(value)) is not None}
        span = episode.videos[key]
        if not {"mean", "std"} <= stored.keys() or levels is None:
            return
        pictures = np.concatenate(_mean_and_spread(levels))
        std = (
            pictures[3:] if overflown(stored) else stored["std"]
        )  # the stored std is meaningless then, and is noted elsewhere
        sizes = index.size[index.order[span.first_frame : span.first_frame + episode.length]]
        each = _Measured(
            key,
            episode.index,
            np.concatenate([stored["mean"], std]),
            pictures,
            b"".join(stored[name].tobytes() for name in ("min", "max", "mean", "std", *SHARES) if name in stored),
            (index.codec, index.pix_fmt, bytes(index.extradata)),
            float(sizes.mean()),
        )
        self._measured.append(each)
        self._check_brightness(each, (index.height, index.width))

    def _check_brightness(self, each: _Measured, size: tuple[int, int]) -> None:
        """Report a difference in brightness that no encoder causes."""
        if abs(_LUMA @ (each.stored - each.pictures)[:3]) <= _BRIGHTNESS:
            return
        difference = f"mean is {_short(each.stored[:3])}, its frames give {_short(each.pictures[:3])}"
        if thinned(*size) == 1:
            self._wrong[each.key, each.episode] = difference
        else:
            self._report.note(
                f"statistics of {each.key}, episode {each.episode}: {difference}; check that they are its own"
            )

    def _match(self, own_positions: list[int]) -> None:
        """Find rings, copies and swapped colours of one camera.

        The loss of the mean is similar in all episodes of a camera, and small compared with their differences. A loss
        of std proves nothing, because it depends on the encoder and the content.
        """
        usual = _usual((self._stored_all - self._pictures_all)[own_positions])
        own = self._own(usual)
        rings = self._rings([at for at in own_positions if own[at] > _SLIGHT], usual)
        for at, other in rings.items():
            self._blame(self._measured[at], self._measured[other])
        for at in own_positions:
            each = self._measured[at]
            if own[at] > _CLEAR and at not in rings:
                copied = next(
                    (
                        candidate
                        for candidate in self._fitting(at, own, usual)
                        if _is_copy(each, self._measured[candidate])
                    ),
                    None,
                )
                if copied is not None:
                    self._blame(each, self._measured[copied])
            if own[at] > _SLIGHT and each.is_reversed:
                means = f"mean is {_short(each.stored[:3])}, its frames give {_short(each.pictures[:3])}"
                self._wrong[each.key, each.episode] = f"{means}: red and blue are swapped"
        # In a table that is shifted by a row, the usual difference is that between two episodes, which hides the shift.
        nearest = [self._nearest(at, own_positions) for at in own_positions]
        usual = _usual(self._stored_all[own_positions] - self._pictures_all[nearest])
        own = self._own(usual)
        for at, other in self._rings(
            [at for at in own_positions if own[at] > _CLEAR and at not in rings], usual
        ).items():
            self._blame(self._measured[at], self._measured[other])

    def _own(self, usual: Numbers) -> Numbers:
        """Return how far all statistics are from their own frames."""
        return _beyond(self._stored_all - self._pictures_all, np.maximum(usual, [0, 0, 0, 1, 1, 1]))

    def _blame(self, each: _Measured, fitting: _Measured) -> None:
        """Record that the statistics of `each` fit the frames of `fitting`."""
        owner = f"episode {fitting.episode}" if fitting.key == each.key else f"{fitting.key}, episode {fitting.episode}"
        pictures, stored = (_short(values[:3]) for values in (each.pictures, each.stored))
        problem = f"mean is {stored}, its frames give {pictures}; they fit those of {owner}"
        self._wrong[each.key, each.episode] = problem

    def _rings(self, begin: list[int], usual: Numbers) -> dict[int, int]:
        """Return all members of rings through `begin`, each with the one whose frames its statistics fit best.

        The loss of std counts here: all of them would have to have lost what the next one has.
        """
        own = _beyond(self._stored_all - self._pictures_all, usual)
        follows: dict[int, int] = {}
        members: dict[int, int] = {}
        for first in begin:
            at, path = first, []
            while at not in follows and own[at] > _SLIGHT and (fitting := self._fitting(at, own, usual)):
                path.append(at)
                follows[at] = at = fitting[0]
            ring = path[path.index(at) :] if at in path else []
            if all(
                np.abs(self._stored_all[member] - self._stored_all[follows[member]]).max() > _SLIGHT for member in ring
            ):
                members |= {member: follows[member] for member in ring}
        return members

    def _fitting(self, at: int, own: Numbers, usual: Numbers) -> list[int]:
        """Return all whose frames these statistics fit several times better than their own, the best first.

        Their frames must differ from the own frames by about as much, because among similar frames the best fit is
        random.
        """
        far = _beyond(self._stored_all[at] - self._pictures_all, usual)
        apart = np.abs(self._pictures_all[at] - self._pictures_all).max(axis=1)
        close = np.flatnonzero((far * _CLOSER < own[at]) & (apart > own[at] / 2))
        return [int(position) for position in close[np.argsort(far[close], kind="stable")]]

    def _nearest(self, at: int, among: list[int]) -> int:
        """Return the one of `among`, not itself if possible, whose means are nearest to the stored ones."""
        far = np.abs(self._stored_all[at] - self._pictures_all[among])[:, :3].max(axis=1)
        far[among.index(at)] = np.inf if len(among) > 1 else 0
        return among[int(np.argmin(far))]


def _usual(away: Numbers) -> Numbers:
    """Return the median difference, limited to _MAX_USUAL."""
    return np.asarray(np.clip(np.median(away, axis=0), -_MAX_USUAL, _MAX_USUAL))


def _is_copy(each: _Measured, other: _Measured) -> bool:
    """Return whether both have the same numbers, encoder and bytes per frame."""
    if each.numbers != other.numbers or each.encoder != other.encoder or min(each.pictures[3:]) < _PLAIN:
        return False
    small, large = sorted((each.bytes_per_frame, other.bytes_per_frame))
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
    """Return the number of pixels of each of 256 levels in each colour, (3, 256)."""
    step = thinned(*picture.shape[:2])
    thin = picture[::step, ::step]
    return np.stack([np.bincount(thin[..., colour].ravel(), minlength=256) for colour in range(3)])


def _mean_and_spread(counts: NDArray[np.int64]) -> tuple[Numbers, Numbers]:
    """Return mean and std of each colour, (3,) each, in [0, 1]."""
    share = counts / counts.sum(axis=1, keepdims=True)
    levels = np.arange(256) / 255
    mean = share @ levels
    return mean, np.sqrt(np.maximum(0, share @ levels**2 - mean**2))


def _beyond(differences: Numbers, usual: Numbers) -> Numbers:
    """Return how far differences (n, 6) are outside of the range between zero and the usual loss."""
    low, high = np.minimum(0, usual), np.maximum(0, usual)
    return np.asarray(np.maximum(low - differences, differences - high).max(axis=1))


def _three(value: Any) -> Numbers | None:
    """Return three finite numbers as an array, or None."""
    try:
        numbers = np.asarray(value, np.float64).reshape(-1)
    except (TypeError, ValueError):
        return None
    return numbers if numbers.shape == (3,) and np.isfinite(numbers).all() else None


def _short(values: Numbers) -> str:
    return ", ".join(f"{value:.3g}" for value in values)
