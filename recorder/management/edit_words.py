"""The words of `robotdata edit`: lists of episodes, parts of a split, mapped names."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Mapping, Sequence

from robotdata.dataset.errors import EditError
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.write.fit import Names
from robotdata.dataset.write.transfer import shares
from robotdata.numbers import count

_MOST = 10_000_000
_PART = re.compile(r"(#?)(\d{1,8})(?:-(#?)(\d{1,8}))?", re.ASCII)
EPISODES = "indices of episodes from 0, such as 0,3,7-9, or numbers as on the pages in quotes, such as '#12,#20-#24'"

_SHARE = re.compile(r"0?\.\d+|1\.0*", re.ASCII)


class PageNumber(int):
    """An episode's number, as pages show it (#12); a plain int is its index in the dataset."""


def episode_numbers(text: str) -> list[int]:
    """Return the episodes of a list such as `0,3,7-9` or `#12,#20-#24`, the latter as PageNumber.

    Raises ArgumentTypeError.
    """
    numbers: list[int] = []
    for part in text.split(","):
        match = _PART.fullmatch(part.strip())
        first = int(match[2]) if match else 0
        last = int(match[4] or match[2]) if match else -1
        is_mixed = match is not None and match[3] == "#" and match[1] != "#"
        if is_mixed or last < first or len(numbers) + last - first > _MOST:
            raise argparse.ArgumentTypeError(
                f"{text!r} is not a list of episodes: write it like 0,3,7-9 or #12,#20-#24"
            )
        kind = PageNumber if match is not None and match[1] else int
        numbers += map(kind, range(first, last + 1))
    return numbers


def indices_of(dataset: DatasetFolder, episodes: Sequence[int]) -> list[int]:
    """Return the indices of these episodes. Raises EditError for a number on the pages that no episode has."""
    if not any(isinstance(each, PageNumber) for each in episodes):
        return list(episodes)
    by_number = {episode.number: episode.index for episode in dataset.episodes}
    missing = [f"#{each}" for each in episodes if isinstance(each, PageNumber) and each not in by_number]
    if missing:
        listed = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
        raise EditError(f"{dataset.root.name} has no episode {listed}: a deleted number is not given again")
    return [by_number[each] if isinstance(each, PageNumber) else each for each in episodes]


def frame_range(text: str) -> tuple[int, int]:
    """Return the frames [first, end) of a text such as `10:250`. Raises ArgumentTypeError."""
    match = re.fullmatch(r"(\d{1,9}):(\d{1,9})", text, re.ASCII)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a range of frames: write it like 10:250 (250 is left out)")
    return int(match[1]), int(match[2])


def parts_of(words: Sequence[str], total: int) -> dict[str, list[int]]:
    """Return the episodes of each part of a split: `train=0.8 val=0.2`, or `train=0-7 val=8,9`. Raises EditError."""
    named: dict[str, str] = {}
    for word in words:
        name, _, value = word.partition("=")
        if not name or not value or name in named:
            raise EditError(f"{word!r} is not a part: write each as NAME=SHARE (train=0.8) or NAME=EPISODES (val=8,9)")
        named[name] = value
    if all(_SHARE.fullmatch(value) for value in named.values()):
        return shares(total, {name: float(value) for name, value in named.items()})
    try:
        return {name: episode_numbers(value) for name, value in named.items()}
    except argparse.ArgumentTypeError as error:
        raise EditError(f"{error}, or give every part a share such as 0.8") from error


def rest_note(words: Sequence[str], parts: Mapping[str, Sequence[int]], total: int) -> str:
    """Return that the last part gets more than its share, because the shares leave some out; "" where it does not."""
    shared = [float(word.partition("=")[2]) for word in words if _SHARE.fullmatch(word.partition("=")[2])]
    if len(shared) < len(words) or math.isclose(sum(shared), 1):
        return ""
    name, numbers = list(parts.items())[-1]
    return (
        f"the shares make {sum(shared):g}, and the last part gets the rest: {name} has {len(numbers)} of "
        f"{count(total, 'episode')}. Name a part for the rest, such as rest={1 - sum(shared):g}"
    )


def names_of(features: Sequence[str], joints: Sequence[str], tasks: Sequence[str]) -> Names:
    """Return the map of `THEIRS=OURS` words; `THEIRS=` leaves a feature out. Raises EditError."""
    maps = []
    for words in (features, joints, tasks):
        pairs = [word.partition("=") for word in words]
        if wrong := next((word for word, pair in zip(words, pairs, strict=True) if not pair[0] or not pair[1]), None):
            raise EditError(f"{wrong!r} maps nothing: write THEIRS=OURS")
        maps.append({theirs: ours for theirs, _, ours in pairs})
    return Names({theirs: ours or None for theirs, ours in maps[0].items()}, maps[1], maps[2])
