"""A dataset whose files are not what info.json says: people are told which file it is, not what Python said."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from robotdata.dataset import DatasetError
from robotdata.dataset.layout import Layout
from robotdata.dataset.write.edit import delete_episodes, trim_episodes
from tests.dataset.conftest import Bench

PYTHON = re.compile(r"Error\b|Traceback|dtype\(|not in list|array element|<class|object of type|not exist in schema")


def drop(name: str) -> Callable[[pa.Table], pa.Table]:
    return lambda table: table.drop_columns([name])


def ragged(table: pa.Table) -> pa.Table:
    values = [row[: 1 + n % 6] for n, row in enumerate(table.column("action").to_pylist())]
    at = table.column_names.index("action")
    return table.set_column(at, "action", pa.array(values))


def words(table: pa.Table) -> pa.Table:
    at = table.column_names.index("observation.force")
    return table.set_column(at, "observation.force", pa.array(["much"] * table.num_rows))


DATA: dict[str, Callable[[pa.Table], pa.Table]] = {
    "no task_index": drop("task_index"),
    "no index": drop("index"),
    "no episode_index": drop("episode_index"),
    "no feature": drop("action"),
    "rows of several lengths": ragged,
    "words instead of numbers": words,
}


@pytest.mark.parametrize("how", DATA)
@pytest.mark.parametrize("edit", ["delete", "trim"])
def test_an_edit_names_the_file(six: Bench, how: str, edit: str) -> None:
    episode = six.open().episodes[5]
    assert episode.data_file is not None
    table = DATA[how](pq.read_table(episode.data_file))
    episode.data_file.unlink()
    pq.write_table(table, episode.data_file)
    before = six.fingerprint()
    try:
        if edit == "delete":
            delete_episodes(six.root, [0], **six.places)
        else:
            trim_episodes(six.root, {5: (0, 4)}, **six.places)
    except DatasetError as error:
        assert not PYTHON.search(str(error)), str(error)
        assert episode.data_file.name in str(error) or "episode 5" in str(error)
        assert six.fingerprint() == before
    else:
        assert how not in ("no task_index", "no index", "no episode_index")
    if how in ("rows of several lengths", "words instead of numbers", "no feature") and edit == "delete":
        assert len(six.open().episodes) == 5, "it was so before, and is not a reason to refuse"


def test_statistics_of_several_lengths_stop_nothing(six: Bench, new: Any) -> None:
    path = six.root / "meta/episodes/chunk-000/file-000.parquet"
    table = pq.read_table(path)
    at = table.column_names.index("stats/action/mean")
    values = [row[: 6 - n % 2] for n, row in enumerate(table.column(at).to_pylist())]
    path.unlink()
    pq.write_table(table.set_column(at, table.schema.field(at), pa.array(values, table.schema.field(at).type)), path)
    known = json.loads((six.root / "meta/stats.json").read_text())["action"]
    delete_episodes(six.root, [0], **six.places)
    six.commit([new(9, 5, "task 0")])
    assert six.open().stats()["action"] == known
    assert any("action" in note for note in six.open().sidecar.more["made_by"]["notes"])


def test_a_file_for_each_episode_is_said_to_be_of_an_older_version(six: Bench) -> None:
    with pytest.raises(DatasetError, match=r"before v3\.0"):
        Layout.of(six.root, {"data_path": "data/train/episode_{episode_index:06d}.parquet"})
