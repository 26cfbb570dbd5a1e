"""What messages call episodes: by the index in the dataset and, where it is known, by the number on the pages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

_MOST_RUNS = 8


def named_episode(index: int, number: int | None) -> str:
    """Return an episode's index and, where it is known, its number on the pages: `episode 7 (#12)`."""
    return f"episode {index}" if number is None else f"episode {index} (#{number})"


def named_episodes(indices: Iterable[int], numbers: Mapping[int, int | None] | None = None) -> str:
    """Return one or more episodes in runs, such as `episodes 3, 5 to 9 (#4, #6 to #10)`.

    `numbers` gives the numbers on the pages by index; they are named if all of these episodes have one. Only the first
    eight runs are named, and what follows them is counted: `episodes 0, 2, 4, … and 3 more`.
    """
    every = sorted(set(indices))
    if len(every) == 1:
        return named_episode(every[0], (numbers or {}).get(every[0]))
    shown = [number for number in (numbers.get(index) for index in every) if number is not None] if numbers else []
    suffix = f" ({_runs(sorted(shown), '#')})" if len(shown) == len(every) else ""
    return f"episodes {_runs(every)}{suffix}"


def _runs(ascending: list[int], mark: str = "") -> str:
    """Return ascending numbers, each with `mark` before it, with `3 to 5` for a run of them."""
    runs: list[list[int]] = []
    for number in ascending:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    listed = [f"{mark}{a}" if a == b else f"{mark}{a} to {mark}{b}" for a, b in runs[:_MOST_RUNS]]
    more = sum(b - a + 1 for a, b in runs[_MOST_RUNS:])
    return ", ".join(listed) + (f" and {more} more" if more else "")
