"""A dataset v3.0 is written as v2.1, one file for each episode; and back it is what it was."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from django.core.management import call_command

from robotdata.dataset import DatasetFolder, edit_episodes, verify_dataset
from robotdata.dataset.convert.older import convert_to_older
from robotdata.dataset.convert.run import convert_dataset
from robotdata.dataset.errors import ConversionError
from robotdata.video.barcode import read
from robotdata.video.decode import open_video
from tests.dataset.conftest import CAMERAS, LENGTHS, Bench, expected
from tests.support.old_dataset import data_file, video_file


def rows_of(dataset: DatasetFolder) -> list[dict[str, list[Any]]]:
    return [{name: values.tolist() for name, values in dataset.rows(each.index).items()} for each in dataset.episodes]


def shown(root: Path, number: int) -> list[tuple[int, int, int]]:
    """The barcodes of an episode's frames, camera after camera."""
    codes = []
    for key in CAMERAS:
        with open_video(video_file(root, number, key)) as video:
            codes += [read(frame) for frame in video.frames()]
    return [(code.episode, code.camera, code.tick) for code in codes]


def test_each_episode_gets_its_files_and_back_it_is_the_same(six: Bench, tmp_path: Path) -> None:
    before, base = six.fingerprint(), six.open()
    made = convert_to_older(six.root, tmp_path / "old", work=tmp_path / "work")
    assert (made.episodes, made.frames) == (6, sum(LENGTHS)) and six.fingerprint() == before
    old = tmp_path / "old"
    info = json.loads((old / "meta/info.json").read_text())
    assert (info["codebase_version"], info["total_videos"], info["total_frames"]) == ("v2.1", 12, sum(LENGTHS))
    assert not (old / "meta/episodes").exists() and not (old / "meta/robotdata.json").exists()
    for number, length in enumerate(LENGTHS):
        table = pq.read_table(data_file(old, number))
        assert table.num_rows == length and table.column("index")[0].as_py() == sum(LENGTHS[:number])
        assert b'"_type": "List"' not in table.schema.metadata[b"huggingface"]
        assert shown(old, number) == expected(number, length)
    again = convert_dataset(old, tmp_path / "again", work=tmp_path / "work")
    assert again.notes == [] and verify_dataset(tmp_path / "again", deep=True).problems == []
    assert rows_of(DatasetFolder.open(tmp_path / "again")) == rows_of(base)
    ours, theirs = DatasetFolder.open(tmp_path / "again").stats(), base.stats()
    assert all(np.allclose(ours[key]["mean"], theirs[key]["mean"]) for key in theirs)


def test_edited_datasets_are_written_too(six: Bench, tmp_path: Path) -> None:
    edit_episodes(six.root, delete=[0, 3], tasks={1: "turn"}, **six.places)
    convert_to_older(six.root, tmp_path / "old", work=tmp_path / "work")
    assert shown(tmp_path / "old", 1) == expected(2, LENGTHS[2])
    lines = (tmp_path / "old/meta/episodes.jsonl").read_text().splitlines()
    assert [json.loads(line)["tasks"] for line in lines] == [each.tasks for each in six.open().episodes]


def test_what_is_incomplete_is_refused_and_leaves_nothing(six: Bench, tmp_path: Path) -> None:
    six.open().episode(5).videos[CAMERAS[1]].path.unlink()
    with pytest.raises(ConversionError, match="episode"):
        convert_to_older(six.root, tmp_path / "old", work=tmp_path / "work")
    assert not (tmp_path / "old").exists() and list((tmp_path / "work").glob("*")) == []


def test_real_footage_goes_out_by_the_command(testdata: Path, tmp_path: Path) -> None:
    out = io.StringIO()
    source = Path(shutil.copytree(testdata / "v30_g1_inspire", tmp_path / "new"))
    call_command("convert", str(source), str(tmp_path / "old"), "--to", "2.1", stdout=out)
    assert "4 episodes, 1,425 frames, v2.1" in out.getvalue()
    for number in range(4):
        ours = pq.read_table(data_file(tmp_path / "old", number))
        theirs = pq.read_table(data_file(testdata / "v21_g1_inspire", number))
        assert ours.column("action").to_pylist() == theirs.column("action").to_pylist()
