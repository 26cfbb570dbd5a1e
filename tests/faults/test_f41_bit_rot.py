"""F41: One bit flips in a table or a video of a dataset, or in a file of a take: the commands name file and episode."""

from __future__ import annotations

import random
import shutil
import uuid
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from robotdata.dataset import DatasetFolder
from robotdata.spool.rows import read_rows
from robotdata.video.packets import read_packets
from tests.dataset.conftest import FRONT, _recorded, staged
from tests.faults.verify_a_dataset import said_of
from tests.support.bits import flip
from tests.support.commands_home import Home
from tests.support.takes import make_take
from tests.support.warm import Server

__all__ = ["_recorded", "staged"]
pytestmark = pytest.mark.faults
WHICH, TICKS = 3, 6


@pytest.fixture
def six(tmp_path: Path, _recorded: Path) -> DatasetFolder:
    shutil.copytree(_recorded / "datasets/cubes", tmp_path / "dataset")
    return DatasetFolder.open(tmp_path / "dataset")


def pages_of(dataset: DatasetFolder, number: int) -> tuple[Path, list[int]]:
    """The data file of an episode, and every byte of it that holds the episode's rows and no other's."""
    episode = dataset.episode(number)
    assert episode.data_file is not None
    meta, first = pq.read_metadata(episode.data_file), 0
    for group in (meta.row_group(n) for n in range(meta.num_row_groups)):
        if first == episode.first_row_in_file:
            assert group.num_rows == episode.length, "an episode's rows are a part of their own"
            columns = [group.column(n) for n in range(group.num_columns)]
            starts = [min(c.data_page_offset, c.dictionary_page_offset or c.data_page_offset) for c in columns]
            spans = zip(starts, (c.total_compressed_size for c in columns), strict=True)
            return episode.data_file, [place for begin, size in spans for place in range(begin, begin + size)]
        first += group.num_rows
    raise AssertionError("the episode has no rows")


def test_a_bit_in_a_table_is_blamed_on_its_episode(six: DatasetFolder, warm_server: Server, tmp_path: Path) -> None:
    path, places = pages_of(six, WHICH)
    name, chance = path.relative_to(six.root.resolve()).as_posix(), random.Random(41)
    by_itself = 0
    assert said_of(warm_server, tmp_path)[0] == 0
    for place in chance.sample(places, 8):
        bit = chance.randrange(8)
        flip(path, place, bit)
        code, whom, said = said_of(warm_server, tmp_path)
        assert code == 3 and (name, None, None) in whom and " in it)" in said, (place, bit, said)
        assert {episode for file, episode, _ in whom if file == name} <= {WHICH, None}, (place, bit, said)
        by_itself += (name, WHICH, None) in whom  # heads of pages have no checksum: there the file's hash alone tells
        flip(path, place, bit)
    assert said_of(warm_server, tmp_path)[0] == 0, "with the bits as they were nothing is wrong"
    assert by_itself >= 3


def test_a_bit_in_a_video_is_blamed_on_the_file_and_its_episodes(
    six: DatasetFolder, warm_server: Server, tmp_path: Path
) -> None:
    path, chance = six.episode(WHICH).videos[FRONT].path, random.Random(41)
    name = path.relative_to(six.root.resolve()).as_posix()
    inside = [e.index for e in six.episodes if e.videos[FRONT].path == path]
    for place in chance.sample(range(path.stat().st_size), 6):
        bit = chance.randrange(8)
        flip(path, place, bit)
        code, whom, said = said_of(warm_server, tmp_path)
        assert code == 3 and {file for file, _, _ in whom} == {name}, (place, bit, said)
        assert f"it is damaged (episodes {inside[0]} to {inside[-1]} are in it)" in said, said
        flip(path, place, bit)
    assert said_of(warm_server, tmp_path)[0] == 0


def test_a_bit_in_a_finished_take_is_named_by_recover_once_it_reads_all(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    assert home.manage("migrate", "-v0")[0] == 0
    good, rows, picture, index = takes = [str(uuid.uuid4()) for _ in range(4)]
    for number, take in enumerate(takes):
        make_take(home.path / "spool", TICKS, episode=number, cameras=("front",), take_id=take)
    spool = home.path / "spool"
    video = spool / picture / f"{FRONT}.mkv"
    third = list(read_packets(video))[2]
    places = {
        spool / rows / "rows.arrow": read_rows(spool / rows / "rows.arrow").ends[3] - 8,
        video: third.offset + third.size // 2,
        spool / index / f"{FRONT}.idx": 4 * 36 + 3,
    }
    for path, place in places.items():
        flip(path, place, 2)
    code, said = home.manage("recover")
    assert code == 0 and "4 takes in the spool: 4 usable" in said, "at a start not every byte is read"
    code, said = home.manage("recover", "--deep")
    assert code == 3, said
    assert f"LOST Take {rows}: {rows}/rows.arrow is damaged after row 2" in said, said
    assert f"LOST Take {picture}: {FRONT}.mkv: 1 of {TICKS} frames are damaged, the first is 2." in said, said
    assert f"LOST Take {index}: {FRONT}.idx: 1 records are damaged" in said, said
    assert f"LOST Take {good}" not in said and said.count("LOST") == 3
    for path, place in places.items():
        flip(path, place, 2)
    code, said = home.manage("recover", "--deep")
    assert code == 0 and "LOST" not in said, said
