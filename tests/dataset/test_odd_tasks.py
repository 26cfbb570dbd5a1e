"""Rows and table of episodes that name different tasks: every edit goes by the rows, and leaves the others alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from robotdata.capture.texts import tidy_task
from robotdata.dataset import CommitError, DatasetFolder, tasks, verify_dataset
from robotdata.dataset.tasks import disagreement, row_numbers
from robotdata.dataset.write.edit import delete_episodes, edit_episodes, set_tasks, trim_episodes
from tests.dataset.conftest import LENGTHS, Bench, expected

ROWS = [f"task {n % 2}" for n in range(6)]


def change_column(path: Path, name: str, values: list[Any]) -> None:
    """Another program has written other values."""
    table = pq.read_table(path)
    at = table.column_names.index(name)
    changed = table.set_column(at, table.schema.field(at), pa.array(values, table.schema.field(at).type))
    path.unlink()
    pq.write_table(changed, path)


def texts(root: Path) -> list[str]:
    """The task of each episode by its rows."""
    dataset = DatasetFolder.open(root)
    found = []
    for episode in dataset.episodes:
        (number,) = set(dataset.rows(episode.index)["task_index"].tolist())
        found.append(dataset.tasks[number] if number < len(dataset.tasks) else f"number {number}")
    return found


@pytest.fixture
def yellow(six: Bench) -> Bench:
    """The table says `task 0` of all six episodes, the rows say `task 1` of three."""
    change_column(six.root / "meta/episodes/chunk-000/file-000.parquet", "tasks", [["task 0"]] * 6)
    return six


def table(bench: Bench) -> list[list[str]]:
    return [episode.tasks for episode in bench.open().episodes]


@pytest.mark.parametrize("at", range(6))
def test_a_relabel_changes_no_other_episode(yellow: Bench, at: int) -> None:
    set_tasks(yellow.root, {at: "open the drawer"}, **yellow.places)
    assert texts(yellow.root) == [*ROWS[:at], "open the drawer", *ROWS[at + 1 :]]
    assert table(yellow) == [*[["task 0"]] * at, ["open the drawer"], *[["task 0"]] * (5 - at)], "as it was"


def test_a_relabel_of_all_that_disagree_puts_them_right(yellow: Bench) -> None:
    set_tasks(yellow.root, {n: "task 1" for n in (1, 3, 5)}, **yellow.places)
    assert texts(yellow.root) == ROWS and table(yellow) == [[text] for text in ROWS]
    assert verify_dataset(yellow.root, deep=True).problems == []


@pytest.mark.parametrize("gone", [[0], [1], [5], [0, 2, 4], [1, 3, 5]])
def test_a_deletion_goes_by_the_rows(yellow: Bench, gone: list[int]) -> None:
    kept = [n for n in range(6) if n not in gone]
    delete_episodes(yellow.root, gone, **yellow.places)
    assert texts(yellow.root) == [ROWS[n] for n in kept]
    assert yellow.shown() == [expected(n, LENGTHS[n]) for n in kept]
    assert table(yellow) == [["task 0"]] * len(kept)


def test_a_trim_goes_by_the_rows(yellow: Bench) -> None:
    trim_episodes(yellow.root, {0: (2, 4), 1: (0, 2), 5: (4, 8)}, **yellow.places)
    assert texts(yellow.root) == ROWS and table(yellow) == [["task 0"]] * 6
    assert [len(codes) // 2 for codes in yellow.shown()] == [2, 2, *LENGTHS[2:5], 4]


def test_new_episodes_change_no_old_one(yellow: Bench, new: Any) -> None:
    yellow.commit([new(9, 5, "task 1"), new(10, 4, "fold it")])
    assert texts(yellow.root) == [*ROWS, "task 1", "fold it"]
    assert table(yellow) == [*[["task 0"]] * 6, ["task 1"], ["fold it"]]


def test_everything_at_once_goes_by_the_rows(yellow: Bench) -> None:
    edit_episodes(yellow.root, delete=[0], tasks={2: "fold it"}, trims={5: (2, 8)}, **yellow.places)
    assert texts(yellow.root) == ["task 1", "fold it", "task 1", "task 0", "task 1"]


def test_it_is_said_before_anything_is_written(yellow: Bench) -> None:
    dataset = yellow.open()
    found = disagreement(dataset, row_numbers(dataset)[0])
    assert found is not None and (found.episodes, found.table, found.rows) == ([1, 3, 5], ["task 0"], ["task 1"])
    assert {problem.episode for problem in verify_dataset(yellow.root).problems} == {1, 3, 5}


def test_rows_are_read_again_only_if_their_file_has_changed(yellow: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []
    integers = tasks._read_integers
    monkeypatch.setattr(tasks, "_read_integers", lambda path, names: read.append(path) or integers(path, names))
    dataset = yellow.open()
    first = dataset.episodes[0].data_file
    assert first is not None
    before = row_numbers(dataset)[0]
    read.clear()
    again = row_numbers(dataset)[0]
    assert not read and all((before[n] == again[n]).all() for n in before)
    change_column(first, "task_index", [1] * pq.read_table(first).num_rows)
    assert (row_numbers(dataset)[0][0] == 1).all() and read == [first]


def test_what_was_so_before_is_noted_with_the_state(yellow: Bench) -> None:
    delete_episodes(yellow.root, [0], **yellow.places)
    notes = yellow.open().sidecar.more["made_by"]["notes"]
    assert len(notes) == 1 and "2 more episodes" in notes[0]


class TestNumbersWithoutAText:
    @pytest.fixture
    def unnamed(self, six: Bench) -> Bench:
        """The rows of the last data file have task number 2, which has no text."""
        last = six.open().episodes[-1].data_file
        assert last is not None
        change_column(last, "task_index", [2] * pq.read_table(last).num_rows)
        return six

    def test_they_stay_what_they_are(self, unnamed: Bench) -> None:
        before = texts(unnamed.root)
        assert before[-1] == "number 2"
        delete_episodes(unnamed.root, [0], **unnamed.places)
        assert texts(unnamed.root) == before[1:]
        set_tasks(unnamed.root, {0: "task 0"}, **unnamed.places)
        assert texts(unnamed.root) == ["task 0", *before[2:]]

    def test_no_new_task_becomes_theirs(self, unnamed: Bench, new: Any) -> None:
        before = unnamed.fingerprint()
        with pytest.raises(CommitError, match="number 2"):
            set_tasks(unnamed.root, {0: "open the drawer"}, **unnamed.places)
        with pytest.raises(CommitError, match="number 2"):
            unnamed.commit([new(9, 5, "open the drawer")])
        assert unnamed.fingerprint() == before

    def test_giving_them_a_task_puts_them_right(self, unnamed: Bench) -> None:
        wrong = [n for n, text in enumerate(texts(unnamed.root)) if text == "number 2"]
        set_tasks(unnamed.root, dict.fromkeys(wrong, "fold it"), **unnamed.places)
        assert texts(unnamed.root)[-1] == "fold it" and verify_dataset(unnamed.root).problems == []


@pytest.mark.parametrize("text", ["task 1 ", " task  1", "task\n1", "\ttask 1"])
def test_one_task_has_one_text_however_it_is_typed(six: Bench, new: Any, text: str) -> None:
    set_tasks(six.root, {0: text}, **six.places)
    six.commit([new(9, 5, text)])
    assert six.open().tasks == ["task 0", "task 1"] and texts(six.root)[-1] == "task 1"
    assert tidy_task(text) == "task 1"


def test_a_text_of_another_program_is_met_by_its_tidy_form(six: Bench, new: Any) -> None:
    path = six.root / "meta/tasks.parquet"
    change_column(path, "task", ["task  0", "task 1"])
    six.commit([new(9, 5, "task 0")])
    assert six.open().tasks == ["task  0", "task 1"]
    assert np.array_equal(np.unique(six.open().rows(6)["task_index"]), [0])
