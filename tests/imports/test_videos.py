"""A folder of videos with a CSV file becomes a take: frame n belongs to row n, or follows the video's own clock."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robotdata.imports import BadSource, make_plan, open_source
from robotdata.spool import Take
from robotdata.video import EncodeSettings, encode_frames
from tests.support.foreign import codes, imported, one_of, picture

FRONT, WRIST = "observation.images.front", "observation.images.wrist"
SETTINGS = EncodeSettings(codec="h264", crf=18, preset="ultrafast", pix_fmt="yuv420p")
HEADER = ["time", "state_0", "state_1", "action.shoulder", "action.elbow", "note"]


def write_csv(path: Path, rows: Sequence[Sequence[Any]], header: Sequence[str] = HEADER) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def row(number: int, time: Any) -> list[Any]:
    return [time, number, -number, number + 0.5, number + 0.25, "push"]


def write_folder(folder: Path, *, rows: int = 10, frames: int = 10, fps: int = 10, timed: bool = True) -> Path:
    folder.mkdir()
    for camera, name in enumerate(("front", "wrist")):
        pictures = [picture(number, camera) for number in range(frames)]
        encode_frames(pictures, folder / f"{name}.mp4", fps=fps, settings=SETTINGS)
    lines = [row(number, number / 10) for number in range(rows)]
    write_csv(folder / "log.csv", lines if timed else [line[1:] for line in lines], HEADER if timed else HEADER[1:])
    return folder


@pytest.mark.parametrize("timed", [True, False])
def test_frame_n_belongs_to_row_n(tmp_path: Path, timed: bool) -> None:
    done = imported(write_folder(tmp_path / "push", timed=timed), tmp_path / "spool")
    assert done.rows == 10
    with Take.open(tmp_path / "spool/a") as take:
        assert take.manifest["fps"] == 10
        assert codes(take, FRONT) == codes(take, WRIST) == list(range(10))
        np.testing.assert_array_equal(take.column("observation.state"), [[n, -n] for n in range(10)])
        np.testing.assert_array_equal(take.column("action"), [[n + 0.5, n + 0.25] for n in range(10)])
        assert take.manifest["features"]["action"]["names"] == ["action.shoulder", "action.elbow"]


def test_a_video_with_other_frames_follows_its_own_clock_and_it_is_said(tmp_path: Path) -> None:
    path = write_folder(tmp_path / "push", rows=10, frames=25, fps=25)
    recording, mapping = one_of(path)
    assert any("25 frames" in note and "own clock" in note for note in make_plan(recording, mapping).notes)
    imported(path, tmp_path / "spool", fps=10.0)
    with Take.open(tmp_path / "spool/a") as take:
        assert codes(take, FRONT) == [0, 2, 5, 7, 10, 12, 15, 17, 20, 22]


def test_without_times_the_shortest_decides(tmp_path: Path) -> None:
    path = write_folder(tmp_path / "push", rows=8, timed=False)
    recording, mapping = one_of(path)
    plan = make_plan(recording, mapping)
    assert plan.rows == 8 and any("the last 2 are left out" in note for note in plan.notes)


@pytest.mark.parametrize(
    ("lines", "header", "words"),
    [
        ([row(0, 0), row(1, "nan")], HEADER, "the time nan in row 1"),
        ([row(0, 1), row(1, 0.5)], HEADER, "goes back in time in row 1"),
        ([row(0, 1), row(1, 2)[:-1]], HEADER, "5 values in line 3, but 6 names"),
        ([row(0, "noon"), row(1, 2)], HEADER, "not numbers"),
        ([[1, 2], [3, 4]], ["0.5", "0.7"], "numbers in its first line"),
        ([[1, 2]], ["a", "a"], "a name of its own"),
    ],
)
def test_a_bad_table_is_refused_with_the_place(
    tmp_path: Path, lines: Sequence[Sequence[Any]], header: Sequence[str], words: str
) -> None:
    folder = write_folder(tmp_path / "push", frames=2)
    write_csv(folder / "log.csv", lines, header)
    with pytest.raises(BadSource, match=words):
        open_source(folder)


def test_a_damaged_video_is_named_and_nothing_is_left(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "push")
    whole = (folder / "wrist.mp4").read_bytes()
    (folder / "wrist.mp4").write_bytes(whole[:200])
    with pytest.raises(BadSource, match=r"wrist\.mp4"):
        open_source(folder)
    (folder / "wrist.mp4").unlink()
    assert imported(folder, tmp_path / "spool").rows == 10


def test_empty_cells_count_as_missing_numbers(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "push")
    lines = [row(number, number / 10) for number in range(10)]
    lines[3][1] = ""
    write_csv(folder / "log.csv", lines)
    done = imported(folder, tmp_path / "spool")
    assert done.missing == {"observation.state": 1}
    with Take.open(tmp_path / "spool/a") as take:
        assert take.manifest["counters"]["not_finite"] == {"observation.state": 1}
        assert np.isnan(take.column("observation.state")[3, 0])
