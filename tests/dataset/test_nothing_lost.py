"""What a person or another program has put into a dataset is still there after an edit, or is named."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from robotdata.dataset import verify_dataset
from robotdata.dataset.write.edit import delete_episodes, edit_episodes, set_tasks, trim_episodes
from robotdata.dataset.write.splits import mapped_splits
from tests.dataset.conftest import Bench

EPISODES = "meta/episodes/chunk-000/file-000.parquet"


def change_json(bench: Bench, name: str, **values: Any) -> None:
    path = bench.root / name
    known = json.loads(path.read_text())
    path.unlink()
    path.write_text(json.dumps(known | values))


def notes(bench: Bench) -> list[str]:
    return list(bench.open().sidecar.more["made_by"].get("notes", []))


@pytest.mark.parametrize(
    ("splits", "gone", "left"),
    [
        ({"train": "0:6"}, [1], {"train": "0:5"}),
        ({"train": "0:4", "val": "4:6"}, [1], {"train": "0:3", "val": "3:5"}),
        ({"train": "0:4", "val": "4:6"}, [4], {"train": "0:4", "val": "4:5"}),
        ({"val": "0:2", "train": "2:6"}, [0, 5], {"val": "0:1", "train": "1:4"}),
        ({"train": "0:2,4:6", "val": "2:4"}, [0, 3], {"train": "0:1,2:4", "val": "1:2"}),
        ({"train": "0:4", "val": "4:6"}, [4, 5], {"train": "0:4"}),
        ({}, [0], {"train": "0:5"}),
        (None, [0], {"train": "0:5"}),
        ({"train": "0:6", "held out": [1, 2]}, [0], {"train": "0:5", "held out": [1, 2]}),
    ],
)
def test_a_split_keeps_its_episodes(six: Bench, splits: Any, gone: list[int], left: dict[str, Any]) -> None:
    change_json(six, "meta/info.json", splits=splits)
    delete_episodes(six.root, gone, **six.places)
    assert six.open().info["splits"] == left


@pytest.mark.parametrize(
    ("splits", "after", "noted"),
    [
        ({"train": "0:6"}, {"train": "0:7"}, False),
        ({"val": "0:2", "train": "2:6"}, {"val": "0:2", "train": "2:7"}, False),
        ({"train": "0:4", "val": "4:6"}, {"train": "0:4", "val": "4:6"}, True),
        ({}, {"train": "0:7"}, False),
    ],
)
def test_a_new_episode_makes_no_validation_training(
    six: Bench, new: Any, splits: Any, after: dict[str, str], noted: bool
) -> None:
    change_json(six, "meta/info.json", splits=splits)
    six.commit([new(9, 5, "task 0")])
    assert six.open().info["splits"] == after
    assert any("in no split" in note for note in notes(six)) == noted


def test_an_empty_split_is_named() -> None:
    made, said = mapped_splits({"train": "0:2", "val": "2:3"}, 3, [0, 1], 0)
    assert made == {"train": "0:2"} and len(said) == 1 and "val" in said[0]


@pytest.fixture
def rich(six: Bench) -> Bench:
    """Statistics of something that is not a column, a quantile of its own name, unknown columns, keys and files."""
    stats = json.loads((six.root / "meta/stats.json").read_text())
    stats["action"]["q05"] = [0.5] * 6
    change_json(six, "meta/stats.json", **stats, **{"observation.relative": {"mean": [1.5], "std": [2.5]}})
    change_json(six, "meta/info.json", total_videos=12, license="CC0")
    (six.root / "meta/episodes.jsonl").write_text('{"episode_index": 0}\n')
    (six.root / "meta/modality.json").write_text('{"state": 1}')
    path = six.root / EPISODES
    table = pq.read_table(path)
    for name, values in {
        "stats/observation.relative/mean": [[float(n)] for n in range(6)],
        "videos/observation.images.gone/file_index": list(range(6)),
        "stats/action/q05": [[n / 10] * 6 for n in range(6)],
        "operator": [f"person {n}" for n in range(6)],
    }.items():
        table = table.append_column(name, pa.array(values))
    path.unlink()
    pq.write_table(table, path)
    return six


UNKNOWN = [
    "stats/observation.relative/mean",
    "videos/observation.images.gone/file_index",
    "stats/action/q05",
    "operator",
]


def unknown(bench: Bench) -> list[list[Any]]:
    columns = pq.read_table(bench.root / EPISODES).to_pydict()
    return [[columns[name][n] for name in UNKNOWN] for n in range(len(columns["episode_index"]))]


def of_episode(n: int) -> list[Any]:
    return [[float(n)], n, [n / 10] * 6, f"person {n}"]


def check(bench: Bench) -> None:
    dataset = bench.open()
    assert dataset.stats()["observation.relative"] == {"mean": [1.5], "std": [2.5]}
    assert dataset.stats()["action"]["q05"] == [0.5] * 6 and "q01" in dataset.stats()["action"]
    assert (dataset.info["total_videos"], dataset.info["license"]) == (12, "CC0")
    assert (bench.root / "meta/modality.json").read_text() == '{"state": 1}'
    assert verify_dataset(bench.root).problems == []


def test_unknown_things_stay_with_their_episodes(rich: Bench, new: Any) -> None:
    edit_episodes(rich.root, delete=[1, 4], tasks={0: "fold it"}, trims={5: (0, 4)}, **rich.places)
    assert unknown(rich) == [of_episode(n) for n in (0, 2, 3, 5)]
    check(rich)
    rich.commit([new(9, 5, "task 0")])
    assert unknown(rich) == [*[of_episode(n) for n in (0, 2, 3, 5)], [None] * 4]
    check(rich)


def test_what_has_become_stale_is_named(rich: Bench, new: Any) -> None:
    words = ["total_videos", "meta/episodes.jsonl", "observation.relative", "action/q05"]
    trim_episodes(rich.root, {0: (0, 2)}, **rich.places)
    assert all(any(word in note for note in notes(rich)) for word in words)
    rich.commit([new(9, 5, "task 0")])
    assert all(any(word in note for note in notes(rich)) for word in words)


def test_another_task_makes_nothing_stale(rich: Bench) -> None:
    set_tasks(rich.root, {0: "fold it"}, **rich.places)
    assert notes(rich) == [] and unknown(rich) == [of_episode(n) for n in range(6)]


def test_what_is_said_of_tasks_stays_with_them(six: Bench, new: Any) -> None:
    path = six.root / "meta/tasks.parquet"
    table = pq.read_table(path).append_column("hard", pa.array(["no", "yes"]))
    path.unlink()
    pq.write_table(table, path)
    delete_episodes(six.root, [0, 2, 4], **six.places)
    six.commit([new(9, 5, "fold it")])
    assert six.open().tasks == ["task 1", "fold it"]
    assert pq.read_table(path).column("hard").to_pylist() == ["yes", None]
    assert verify_dataset(six.root).problems == []


def test_a_column_that_is_no_feature_is_not_dropped(six: Bench, new: Any) -> None:
    path = six.open().episodes[-1].data_file
    assert path is not None
    table = pq.read_table(path)
    path.unlink()
    pq.write_table(table.append_column("extra", pa.array(range(table.num_rows))), path)
    six.commit([new(9, 5, "task 0")])
    found = pq.read_table(path).column("extra").to_pylist()
    assert found == list(range(table.num_rows))
