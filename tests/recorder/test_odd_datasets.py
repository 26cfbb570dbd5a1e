"""Dataset folders that hold anything: each is one line in words, and the others are opened."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.core.management import call_command

from recorder import recovery
from recorder.models import Dataset, Episode
from recorder.recovery import recover
from recorder.services import folders
from robotdata.dataset.commit import NewEpisode
from tests.dataset.conftest import _recorded, staged

__all__ = ["_recorded", "staged"]
EPISODES = "meta/episodes/chunk-000/file-000.parquet"


@pytest.fixture
def shelf(home: Path, db: None, bells: Any, _recorded: Path, staged: Sequence[NewEpisode]) -> Path:
    """The datasets folder with one good dataset of six episodes in it."""
    shutil.copytree(_recorded / "datasets/cubes", home / "datasets/good")
    return home / "datasets"


def put(shelf: Path, name: str) -> Path:
    return Path(shutil.copytree(shelf / "good", shelf / name))


def latin_1(path: Path, column: str) -> None:
    """Write the texts of a column as a converter does that knows no UTF-8."""
    table = pq.read_table(path)
    values: list[Any] = table.column(column).to_pylist()
    raw = [[b"cub\xe9"] if isinstance(value, list) else b"cub\xe9" for value in values]
    kind = pa.list_(pa.binary()) if isinstance(values[0], list) else pa.binary()
    binary = pa.array(raw, kind)
    if pa.types.is_list(kind):
        text: pa.Array = pa.ListArray.from_arrays(binary.offsets, binary.values.view(pa.string()))
    else:
        text = binary.view(pa.string())
    pq.write_table(table.set_column(table.column_names.index(column), column, text), path)


def test_text_that_is_not_utf_8_is_one_problem_in_words(shelf: Path) -> None:
    latin_1(put(shelf, "tasks") / "meta/tasks.parquet", "task")
    latin_1(put(shelf, "table") / EPISODES, "tasks")
    report = recover()
    assert Dataset.objects.get(slug="good").total_episodes == 6 and report.datasets >= 1
    for slug in ("tasks", "table"):
        (line,) = [line for line in report.lost if line.startswith(f"Dataset {slug}: ") and "UTF-8" in line]
        assert "Traceback" not in line and "parquet" in line
        assert "UTF-8" in Dataset.objects.get(slug=slug).problem


def test_an_error_that_nobody_expects_stops_no_other_dataset(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "z"):
        put(shelf, name)
    known = folders.Folder.open

    def reads(path: Path, *args: Any, **more: Any) -> Any:
        if path.name == "a":
            raise MemoryError("malloc of 17732923532771456 failed")
        return known(path, *args, **more)

    monkeypatch.setattr(folders.Folder, "open", reads)
    report = recover()
    assert {row.slug for row in Dataset.objects.all()} == {"good", "z"}
    (line,) = [line for line in report.lost if line.startswith("Dataset a: ")]
    assert "memory" in line


def test_a_step_that_fails_does_not_stop_the_start(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> None:
        raise KeyError("odd")

    monkeypatch.setattr(recovery, "_put_back", fails)
    out = StringIO()
    call_command("recover", quiet=True, stdout=out)
    assert Episode.objects.committed().count() == 6 and "KeyError" in out.getvalue()
