"""Statistics that rule each other out, whatever the pixels were; those of any pixels at all do not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from robotdata.dataset.stats import ImageStats
from robotdata.dataset.verify.moments import impossible, overflown

Stat = dict[str, np.ndarray]


def counted(*pictures: np.ndarray) -> Stat:
    counts = ImageStats()
    for picture in pictures:
        counts.add(picture)
    return {name: np.ravel(value) for name, value in counts.result().items()}


def some_pixels(rng: np.random.Generator) -> np.ndarray:
    """Pixels of any distribution: uniform, of few levels, skewed, or two heaps, of any size."""
    size = (int(rng.integers(4, 40)), int(rng.integers(4, 40)), 3)
    kind = rng.integers(5)
    if kind == 0:
        low, high = sorted(rng.integers(0, 256, 2))
        return rng.integers(low, high + 1, size, dtype=np.uint8)
    if kind == 1:
        return rng.choice(rng.integers(0, 256, 3), size, p=rng.dirichlet(np.ones(3) / 3)).astype(np.uint8)
    if kind == 2:
        return (255 * rng.beta(*rng.uniform(0.05, 3, 2), size)).astype(np.uint8)
    if kind == 3:
        return np.full(size, rng.integers(0, 256), np.uint8)
    return np.where(rng.random(size) < rng.random(), rng.integers(0, 40, size), rng.integers(200, 256, size)).astype(
        np.uint8
    )


def test_no_pixels_have_impossible_statistics() -> None:
    rng = np.random.default_rng(1)
    for _ in range(400):
        stat = counted(*(some_pixels(rng) for _ in range(1)))
        assert impossible(stat) is None, stat
        assert not overflown(stat), stat
        without = {name: stat[name] for name in ("min", "max", "mean", "std")}
        assert impossible(without) is None and not overflown(without)


def test_means_of_lerobots_float32_are_possible() -> None:
    """It sums in float32: the mean is off by 0.35 % and the spread by 1.3 %."""
    rng = np.random.default_rng(2)
    for _ in range(100):
        stat = counted(some_pixels(rng))
        assert impossible({**stat, "mean": stat["mean"] * 1.0035, "std": stat["std"] * 0.987}) is None


CHANGES: dict[str, tuple[Callable[[Stat], Stat], str]] = {
    "a darker mean": (lambda s: {**s, "mean": s["mean"] - 0.1}, "mean"),
    "no spread": (lambda s: {**s, "std": s["std"] * 0}, "std"),
    "more spread": (lambda s: {**s, "std": s["std"] + 0.28}, "std"),
    "another middle": (lambda s: {**s, "q50": s["q50"] + 0.12, "q90": s["q90"] + 0.05}, "std"),
    "another one's spread": (lambda s: {**s, "std": s["std"] * 0.4}, "std"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_it_finds_what_no_pixels_have(name: str) -> None:
    scene = np.clip(np.random.default_rng(3).normal(0, 3, (60, 80, 3)) + np.linspace(40, 130, 80)[:, None], 0, 255)
    change, words = CHANGES[name]
    found = impossible(change(counted(scene.astype(np.uint8))))
    assert found is not None and found.startswith(words), found


def test_a_spread_that_was_counted_in_8_bits_is_known_as_that() -> None:
    """As LeRobot 0.4 to 0.5 do: squares of uint8, which overflow."""
    rng = np.random.default_rng(4)
    for _ in range(50):
        picture = (rng.integers(0, 256, (40, 60, 3)) * rng.random()).astype(np.uint8)
        stat = counted(picture)
        squares = (picture * picture).reshape(-1, 3).mean(axis=0)
        wrong = np.sqrt(np.maximum(0, squares - picture.reshape(-1, 3).mean(axis=0) ** 2)) / 255
        if np.abs(wrong - stat["std"]).max() > 0.05:
            assert overflown({**stat, "std": wrong})
