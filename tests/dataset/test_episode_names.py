"""What messages call episodes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from robotdata.dataset import verify_dataset
from robotdata.dataset.episode_names import named_episodes
from robotdata.dataset.repair.examine import examine
from tests.dataset.conftest import Bench


@pytest.mark.parametrize(
    ("indices", "numbers", "said"),
    [
        ([4], None, "episode 4"),
        ([4, 4], {4: 9}, "episode 4 (#9)"),
        ([9, 3, 5, 4], None, "episodes 3 to 5, 9"),
        ([3, 4, 5, 9], {3: 4, 4: 7, 5: 8, 9: 10}, "episodes 3 to 5, 9 (#4, #7 to #8, #10)"),
        ([3, 4], {3: 4}, "episodes 3 to 4"),
        (range(0, 22, 2), None, "episodes 0, 2, 4, 6, 8, 10, 12, 14 and 3 more"),
    ],
)
def test_episodes_are_named_in_runs(indices: list[int], numbers: dict[int, int | None] | None, said: str) -> None:
    assert named_episodes(indices, numbers) == said


@pytest.fixture
def numbered(six: Bench) -> Bench:
    """Six episodes whose numbers on the pages are 11 to 16; the rows of the last ones are gone."""
    path = six.root / "meta/robotdata.json"
    sidecar = json.loads(path.read_text())
    for number, entry in enumerate(sidecar["episodes"], 11):
        entry["number"] = number
    path.unlink()
    path.write_text(json.dumps(sidecar))
    return six


def of_last_file(bench: Bench) -> tuple[Path, list[int]]:
    path = sorted(bench.root.glob("data/*/*.parquet"))[-1]
    return path, [each.index for each in bench.open().episodes if each.data_file == path]


def test_a_repair_names_the_episodes_whose_rows_are_lost_as_the_pages_do(numbered: Bench) -> None:
    path, lost = of_last_file(numbered)
    path.unlink()
    (said,) = examine(numbered.root).left
    assert said.startswith(f"{named_episodes(lost, {index: index + 11 for index in lost})}: their rows are lost")
    assert f"#{lost[-1] + 11}" in said


def test_damaged_bytes_are_blamed_on_the_numbers_of_the_pages(numbered: Bench) -> None:
    video = sorted(numbered.root.glob("videos/*/*/*.mp4"))[-1]
    data = bytearray(video.read_bytes())
    data[len(data) // 2] ^= 1
    video.unlink()
    video.write_bytes(data)
    assert any("#16" in str(problem) for problem in verify_dataset(numbered.root, deep=True).problems)
