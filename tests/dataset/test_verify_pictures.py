"""A camera's statistics are those of its pictures: what an encoder loses raises no alarm, what is another's does."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from robotdata.dataset import NewEpisode, trim_episodes, verify_dataset
from robotdata.dataset.stats import ImageStats
from robotdata.video.codecs import EncodeSettings
from robotdata.video.encode import encode_frames
from tests.dataset.conftest import CAMERAS, FPS, FRONT, H264, HEIGHT, TOP, WIDTH, Bench, columns
from tests.support.cells import EPISODES, rewrite, set_cell, set_json

WHICH, OTHER, EVERY = 3, 1, 5
STATS = ("min", "max", "mean", "std", "count", "q01", "q10", "q50", "q90", "q99")
LENGTH = 6
Table = dict[str, list[Any]]
Change = Callable[[Table], None]


def scene(tick: int, episode: int, camera: int) -> np.ndarray:
    """Alike in all episodes: each is a little brighter than the one before, by less than an encoder may lose."""
    across, down = np.meshgrid(np.linspace(0, 60, WIDTH), np.linspace(0, 30, HEIGHT))
    chance = np.random.default_rng(100 * episode + tick)
    grey = across + down + 4 * episode + chance.normal(0, 3, (HEIGHT, WIDTH))
    tint = np.array([70, 90, 110]) + (25 if camera else 0) * np.array([1, 0, -1])
    return np.asarray((grey[..., None] + tint).clip(0, 255), np.uint8)


def noise(tick: int, episode: int, camera: int) -> np.ndarray:
    """What an encoder loses most of."""
    chance = np.random.default_rng(1000 * camera + 100 * episode + tick)
    return chance.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)


def record(home: Path, made: Callable[[int, int, int], np.ndarray], settings: Iterable[EncodeSettings]) -> Bench:
    """One episode with each of the settings."""
    bench = Bench(home)
    home.mkdir(exist_ok=True)
    for number, each in enumerate(settings):
        videos, stats = {}, {}
        for camera, key in enumerate(CAMERAS):
            pictures = [made(tick, number, camera) for tick in range(LENGTH)]
            videos[key] = home / f"{number}-{camera}.mp4"
            encode_frames(pictures, videos[key], fps=FPS, settings=each)
            counted = ImageStats()
            for picture in pictures:
                counted.add(picture)
            stats[key] = counted.result()
        uuid = f"00000000-0000-0000-0000-{number:012d}"
        bench.commit([NewEpisode(uuid, "push", columns(LENGTH, number), LENGTH, videos, stats)])
    return bench


@pytest.fixture(scope="module")
def _scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("scenes")
    record(home, scene, [H264] * EVERY)
    return home


@pytest.fixture
def scenes(tmp_path: Path, _scenes: Path) -> Bench:
    shutil.copytree(_scenes, tmp_path / "home")
    return Bench(tmp_path / "home")


def changed(bench: Bench, change: Change) -> None:
    """The table of episodes with other statistics, and the whole's made to follow from them."""
    table: Table = pq.read_table(bench.root / EPISODES).to_pydict()
    before = copy.deepcopy(table)
    change(table)
    for name, values in table.items():
        for row, value in enumerate(values):
            if value != before[name][row]:
                rewrite(bench.root / EPISODES, lambda t, at=(name, row, value): set_cell(t, *at))


def swapped(one: tuple[str, int], other: tuple[str, int]) -> Change:
    def change(table: Table) -> None:
        for name in STATS:
            mine, theirs = table[f"stats/{one[0]}/{name}"], table[f"stats/{other[0]}/{name}"]
            mine[one[1]], theirs[other[1]] = theirs[other[1]], mine[one[1]]

    return change


def taken(of: int) -> Change:
    def change(table: Table) -> None:
        for name in STATS:
            table[f"stats/{FRONT}/{name}"][WHICH] = table[f"stats/{FRONT}/{name}"][of]

    return change


def reckoned(by: Callable[[str, np.ndarray], np.ndarray], *names: str) -> Change:
    def change(table: Table) -> None:
        for name in names or STATS:
            if name != "count":
                cells = table[f"stats/{FRONT}/{name}"]
                cells[WHICH] = by(name, np.array(cells[WHICH])).tolist()

    return change


ONE = [("meta/episodes", WHICH)]
DEEP: dict[str, tuple[Change, list[tuple[str, int]], str]] = {
    "cameras swapped": (swapped((FRONT, WHICH), (TOP, WHICH)), ONE * 2, f"they fit those of {TOP}, episode {WHICH}"),
    "episodes swapped": (
        swapped((FRONT, WHICH), (FRONT, OTHER)),
        [("meta/episodes", OTHER), *ONE],
        f"they fit those of episode {WHICH}",
    ),
    "another episode's": (taken(WHICH - 1), ONE, f"they fit those of episode {WHICH - 1}"),
    "0 to 255": (reckoned(lambda _, value: value * 255), ONE, "its frames give"),
    "blue first": (reckoned(lambda _, value: value[::-1]), ONE, "red and blue"),
    "quite another scene": (reckoned(lambda name, value: value if name == "std" else value * 0.3), ONE, "mean is"),
    "mean overflown": (reckoned(lambda _, value: value - 0.1, "mean"), ONE, "mean is"),
    "spread doubled": (reckoned(lambda _, value: value + 0.28, "std"), ONE, "std is"),
    "too little light": (reckoned(lambda _, value: value * 0 + 0.5, "max"), ONE, "is above max"),
    "too much light": (reckoned(lambda _, value: value * 0 + 0.45, "min", "q01"), ONE, "is above q10"),
    "a quantile above the next": (reckoned(lambda _, value: value + 0.12, "q50"), ONE, "q50 is above q90"),
}


@pytest.mark.parametrize("name", DEEP)
def test_it_blames_statistics_that_are_not_of_the_pictures(scenes: Bench, name: str) -> None:
    change, blame, words = DEEP[name]
    changed(scenes, change)
    report = verify_dataset(scenes.root, deep=True)
    assert [(p.file, p.episode) for p in report.problems] == blame, report.problems
    assert any(words in p.what for p in report.problems), report.problems


def shifted(table: Table) -> None:
    """Each episode has the statistics of the one before: a row too far down."""
    for name in STATS:
        cells = table[f"stats/{FRONT}/{name}"]
        cells[:] = cells[-1:] + cells[:-1]


def test_it_finds_a_column_that_is_shifted_by_a_row(scenes: Bench) -> None:
    changed(scenes, shifted)
    report = verify_dataset(scenes.root, deep=True)
    assert [p.episode for p in report.problems] == list(range(EVERY)), report.problems
    assert all("they fit those of episode" in p.what for p in report.problems)


def without_spread(table: Table) -> None:
    for key in CAMERAS:
        table[f"stats/{key}/std"] = [[[[0.0]]] * 3 for _ in range(EVERY)]


def test_it_says_once_what_lerobot_did_with_every_spread(scenes: Bench) -> None:
    """LeRobot before 0.6 squared pixels in 8 bits: true of each episode and camera, and nobody can mend it here."""
    changed(scenes, without_spread)
    table = pq.read_table(scenes.root / EPISODES)
    totals = json.loads((scenes.root / "meta/stats.json").read_text())
    for key in CAMERAS:
        means = np.array([np.ravel(cell) for cell in table.column(f"stats/{key}/mean").to_pylist()])
        totals[key]["std"] = means.std(axis=0).reshape(3, 1, 1).tolist()
    set_json(scenes.root / "meta/stats.json", lambda stats: stats.update(totals))
    for deep in (False, True):
        report = verify_dataset(scenes.root, deep=deep)
        assert report.problems == []
        assert len(report.notes) == 1
        assert all(f"{key} in {EVERY} of {EVERY} episodes" in report.notes[0] for key in CAMERAS)


def test_it_blames_a_count_on_its_episode(scenes: Bench) -> None:
    changed(scenes, lambda table: table[f"stats/{TOP}/count"].__setitem__(WHICH, [LENGTH + 1]))
    report = verify_dataset(scenes.root)
    assert [(p.file, p.episode) for p in report.problems] == ONE, report.problems


def encoder(codec: str, crf: int, **more: Any) -> EncodeSettings:
    return EncodeSettings(codec=codec, preset=12 if codec == "libsvtav1" else "ultrafast", crf=crf, **more)


SETTINGS = [encoder("libsvtav1", crf) for crf in (18, 30, 50, 63)] + [
    encoder("h264", 0),
    encoder("h264", 18, pix_fmt="yuv444p"),
    encoder("h264", 30),
    encoder("h264", 51),
    encoder("hevc", 28),
    encoder("hevc", 51),
]


@pytest.mark.parametrize("made", [scene, noise])
def test_no_quality_of_any_encoder_raises_an_alarm(tmp_path: Path, made: Any) -> None:
    bench = record(tmp_path / "home", made, SETTINGS)
    assert not verify_dataset(bench.root, deep=True).problems


def repeated(tick: int, episode: int, camera: int) -> np.ndarray:
    """The same in all episodes, as a replay gives them: few bright pixels, which an encoder does not keep."""
    chance = np.random.default_rng(camera)
    made = np.full((HEIGHT, WIDTH, 3), (6, 5, 24), np.uint8)
    made[chance.random((HEIGHT, WIDTH)) < 0.02] = 235
    return made


@pytest.mark.parametrize("crf", [39, 45])
def test_pictures_that_are_alike_are_not_told_apart_by_chance(tmp_path: Path, crf: int) -> None:
    bench = record(tmp_path / "home", repeated, [encoder("libsvtav1", crf)] * 3)
    assert not verify_dataset(bench.root, deep=True).problems


def test_a_trim_counts_from_decoded_pictures_and_raises_none(scenes: Bench) -> None:
    trim_episodes(scenes.root, {WHICH: (2, LENGTH)}, **scenes.places)
    assert not verify_dataset(scenes.root, deep=True).problems


@pytest.mark.parametrize("name", ["v30_g1_inspire", "v30_rgbd_realsense"])
def test_it_finds_real_statistics_that_are_of_another_episode(testdata: Path, tmp_path: Path, name: str) -> None:
    """Real footage of one scene: two episodes of it differ by little more than an encoder loses."""
    bench = Bench(tmp_path)
    shutil.copytree(testdata / name, bench.root, copy_function=shutil.copyfile)
    for path in [bench.root, *bench.root.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    key = next(key for key in bench.open().video_keys if not key.endswith("depth"))
    said = json.loads((bench.root / "meta/info.json").read_text())["features"][key]
    assert said["dtype"] == "video"

    def change(table: Table) -> None:
        for name in table:
            if name.startswith(f"stats/{key}/"):
                table[name][0], table[name][1] = table[name][1], table[name][0]

    changed(bench, change)
    report = verify_dataset(bench.root, deep=True)
    assert [(p.file, p.episode) for p in report.problems] == [("meta/episodes", 0), ("meta/episodes", 1)]
