"""Files that are damaged or made to mislead: nothing of them is taken in wrongly, and what fails is said in words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import h5py
import numpy as np
import pytest
from mcap.writer import Writer as McapWriter

from robotdata.imports import BadSource, open_source
from robotdata.imports.batch import fingerprint, import_sources
from robotdata.imports.csv_table import CsvTable
from robotdata.imports.logged import BadMessage, fields_of
from robotdata.imports.mapping import Mapping, Rule
from robotdata.imports.preview import preview_sources
from robotdata.imports.rows import read_times
from robotdata.imports.zarr_store import Store, open_array
from robotdata.spool import Take
from robotdata.video.depth.packets import depth_of_packet
from tests.support.foreign import imported

START = 1_700_000_000_000_000_000


def write_json(path: Path, messages: list[Any], schema: str = "State") -> Path:
    with path.open("wb") as file:
        writer = McapWriter(file)
        writer.start()
        number = writer.register_schema(schema, "jsonschema", b"{}")
        channel = writer.register_channel("/joint_states", "json", number)
        for place, message in enumerate(messages):
            time_ns = START + place * 100_000_000
            writer.add_message(channel, time_ns, json.dumps(message).encode(), time_ns)
        writer.finish()
    return path


def test_json_numbers_keep_their_fractions_though_the_first_are_whole(tmp_path: Path) -> None:
    path = write_json(tmp_path / "run.mcap", [{"position": [0, 0]}, {"position": [0.5, -0.7]}, {"position": [1, 2]}])
    imported(path, tmp_path / "spool", fps=10.0)
    with Take.open(tmp_path / "spool/a") as take:
        np.testing.assert_allclose(take.column("observation.state"), [[0, 0], [0.5, -0.7], [1, 2]], rtol=1e-6)


def test_a_fraction_is_not_cut_to_fit_a_column_of_truth_values(tmp_path: Path) -> None:
    path = write_json(tmp_path / "run.mcap", [{"position": [True, False]}, {"position": [0.5, 0.0]}])
    with pytest.raises(BadSource, match=r"has 0\.5 for observation\.state"):
        imported(path, tmp_path / "spool", fps=10.0)


def test_recordings_that_differ_only_in_the_middle_are_different(tmp_path: Path) -> None:
    for number in (1, 2):
        folder = tmp_path / f"folder_{number}"
        folder.mkdir()
        for place in range(102):
            (folder / f"{place:03}").write_bytes(b"x")
        (folder / "101").write_bytes(bytes([number]))
        (tmp_path / f"file_{number}").write_bytes(bytes(2 << 20) + bytes([number]) + bytes(2 << 20))
    assert fingerprint(tmp_path / "file_1") != fingerprint(tmp_path / "file_2")
    assert fingerprint(tmp_path / "folder_1") != fingerprint(tmp_path / "folder_2")


def test_a_batch_can_be_stopped_while_a_long_file_is_compared(tmp_path: Path) -> None:
    (tmp_path / "long").write_bytes(bytes(1 << 24))
    seen: list[float] = []

    def stop(share: float) -> None:
        seen.append(share)
        if share >= 0.5:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        fingerprint(tmp_path / "long", stop)
    assert seen == [0.25, 0.5]


def test_groups_with_many_names_are_entered_once(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "run.h5", "w") as file:
        group: Any = file
        for _ in range(9):
            inner = group.create_group("a")
            for number in range(6):  # 7 ** 9 ways lead to the last group
                group[f"b{number}"] = inner
            group = inner
        group["qpos"] = np.zeros((4, 2))
    with open_source(tmp_path / "run.h5") as source:
        (recording,) = source.recordings()
        assert [stream.path for stream in recording.streams if not stream.problem] == ["/a" * 9 + "/qpos"]
        assert "another name" in {stream.path: stream.problem for stream in recording.streams}["/b0"]


def test_a_file_with_very_many_groups_is_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "run.h5", "w", libver="latest") as file:
        for number in range(2_001):
            file.create_group(str(number))
    with open_source(tmp_path / "run.h5") as source, pytest.raises(BadSource, match="more than 2,000 groups"):
        source.recordings()


def write_broken_zarr(path: Path) -> Path:
    """A buffer in a zip file; the values in it do not unpack."""
    about = {"zarr_format": 2, "shape": [4, 3], "chunks": [4, 3], "dtype": "<f8", "order": "C", "compressor": None}
    piece = "data/state/0.0"
    with ZipFile(path, "w", ZIP_DEFLATED) as file:
        file.writestr(piece, bytes(96))
        file.writestr(".zgroup", '{"zarr_format": 2}')
        file.writestr("data/state/.zarray", json.dumps(about | {"filters": None, "fill_value": 0}))
    data = bytearray(path.read_bytes())
    begin = data.index(piece.encode()) + len(piece)
    data[begin : begin + 4] = b"\xff" * 4
    path.write_bytes(data)
    return path


def write_rows(path: Path) -> Path:
    with h5py.File(path, "w") as file:
        file["data/state"] = np.arange(12.0).reshape(4, 3)
    return path


def test_a_file_at_which_a_reader_breaks_does_not_end_the_batch(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    paths = [write_broken_zarr(tmp_path / "bad.zarr.zip"), write_rows(tmp_path / "good.h5")]
    mapping = Mapping({"observation.state": Rule(("/data/state",))}, fps=10.0)
    (tmp_path / "spool").mkdir()
    batch = import_sources(paths, mapping, tmp_path / "spool", facts={"dataset": "cubes"})
    assert len(batch.takes) == 1
    (failure,) = batch.failed
    assert failure.name == "bad.zarr.zip" and "zlib.error: Error -3" in failure.why
    assert [bool(record.exc_info) for record in caplog.records] == [True]


@pytest.mark.parametrize("call", ["misfit", "is_known", "on_take", "progress"])
def test_what_the_caller_raises_ends_the_batch(tmp_path: Path, call: str) -> None:
    def stop(*_: object) -> Any:
        raise LookupError("the lease is lost")

    mapping = Mapping({"observation.state": Rule(("/data/state",))}, fps=10.0)
    (tmp_path / "spool").mkdir()
    options: dict[str, Any] = {call: stop}
    with pytest.raises(LookupError, match="the lease is lost"):
        import_sources([write_rows(tmp_path / "a.h5")], mapping, tmp_path / "spool", facts={}, **options)


def test_a_preview_says_which_file_breaks_its_reader(tmp_path: Path) -> None:
    about = {"encoding": "rgb8", "height": 1e999, "width": 64, "data": ""}
    path = write_json(tmp_path / "run.mcap", [about], "sensor_msgs/Image")
    shown = preview_sources([path, write_rows(tmp_path / "good.h5")], None)
    assert "height inf" in shown.streams[0].problem
    assert [recording.file for recording in shown.recordings] == ["run.mcap", "good.h5"]


def test_a_picture_whose_rows_are_said_to_be_huge_is_refused() -> None:
    message = {"encoding": "rgb8", "height": 1, "width": 64, "step": 1 << 40, "data": "AAAA" * 64}
    with pytest.raises(BadMessage, match="step"):
        fields_of("sensor_msgs/Image", message)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a" * (1 << 22), "characters in line 1"),
        ("time,a\n0,1\n" + "1" * (1 << 22), "characters in line 3"),
        ("time," + "1" * 201 + "x\n0,1\n", "longer than 200 characters"),
        ("time,a\n" + "9" * 5_000 + ",1\n", "has the time inf in row 0"),
    ],
)
def test_tables_with_endless_lines_names_and_numbers_are_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "run.csv").write_text(text)
    with pytest.raises(BadSource, match=said):
        CsvTable(tmp_path / "run.csv")


def write_claims(path: Path, arrays: dict[str, tuple[list[int], list[int]]], ends: list[int], **facts: Any) -> Path:
    """A buffer of arrays with these shapes and pieces, of which no piece exists, and these ends of its episodes."""
    about = {"zarr_format": 2, "order": "C", "compressor": None, "filters": None, "fill_value": 0, "dtype": "<f8"}
    path.mkdir()
    (path / ".zgroup").write_text('{"zarr_format": 2}')
    for name, (shape, chunks) in {**arrays, "meta/episode_ends": ([len(ends)], [len(ends)])}.items():
        (path / name).mkdir(parents=True)
        own = {"dtype": "<i8"} if name.startswith("meta") else facts
        (path / name / ".zarray").write_text(json.dumps({**about, "shape": shape, "chunks": chunks, **own}))
    (path / "meta/episode_ends/0").write_bytes(np.array(ends, "<i8").tobytes())
    return path


def test_a_buffer_that_claims_very_many_rows_is_refused_at_once(tmp_path: Path) -> None:
    ends = [1_000_000 * number for number in range(1, 1_001)]
    path = write_claims(tmp_path / "run.zarr", {"data/timestamp": ([ends[-1]], [1 << 20])}, ends)
    with open_source(path) as source, pytest.raises(BadSource, match="1,000,000,000 rows, more than 20,000,000"):
        source.recordings()


def test_a_buffer_with_a_file_for_each_time_is_refused_at_once(tmp_path: Path) -> None:
    path = write_claims(tmp_path / "run.zarr", {"data/timestamp": ([1_000_000], [1])}, [1_000_000])
    with open_source(path) as source, pytest.raises(BadSource, match="times in more than 100,000 pieces"):
        source.recordings()


def test_a_buffer_whose_rows_are_cut_into_very_many_pieces_is_refused(tmp_path: Path) -> None:
    arrays = {"data/img": ([4, 64, 64, 3], [1, 1, 1, 1]), "data/state": ([4, 2], [4, 2])}
    with open_source(write_claims(tmp_path / "run.zarr", arrays, [4])) as source:
        (image, state) = source.recordings()[0].streams
        assert "more than 10,000 pieces" in image.problem and not state.problem


def test_times_of_many_episodes_are_read_once(tmp_path: Path) -> None:
    ends = list(range(10, 2_010, 10))
    path = write_claims(tmp_path / "run.zarr", {"data/timestamp": ([2_000], [1_500])}, ends)
    (path / "data/state").mkdir()
    about = json.loads((path / "data/timestamp/.zarray").read_text()) | {"shape": [2_000, 3], "chunks": [500, 3]}
    (path / "data/state/.zarray").write_text(json.dumps(about))
    times = np.concatenate([np.arange(2_000) % 10, np.zeros(1_000)]) / 10
    for number in (0, 1):
        (path / f"data/timestamp/{number}").write_bytes(times[number * 1_500 : (number + 1) * 1_500].tobytes())
    with open_source(path) as source:
        recordings = source.recordings()
        assert [recording.timed for recording in recordings] == [True] * 200
        (last,) = [stream for stream in recordings[199].streams if stream.name == "state"]
        assert (last.count, last.last_ns) == (10, 900_000_000)


@pytest.mark.parametrize(
    ("first", "step", "unit_ns"),
    [
        (1_700_000_000_000_000_000, 20_000_000, 1),
        (1_700_000_000_000_000, 20_000, 1_000),
        (1_700_000_000_000, 20, 1_000_000),
        (1_700_000_000, 1, 1_000_000_000),
        (2_000_000_000_000, 20_000_000, 1),  # the ns of a computer that was started half an hour ago
        (2_000_000_000_000_000, 20_000_000, 1),
        (0, 1, 1_000_000_000),
    ],
)
def test_the_unit_of_times_follows_from_their_size(tmp_path: Path, first: int, step: int, unit_ns: int) -> None:
    numbers = [first, first + step, first + 2 * step]
    for values in (numbers, [float(number) for number in numbers]):
        times = read_times(tmp_path, "time", iter(values))
        np.testing.assert_allclose(times - first * unit_ns, np.arange(3) * step * unit_ns, atol=500)
    assert read_times(tmp_path, "time", iter(numbers)).tolist() == [number * unit_ns for number in numbers]


def test_numbers_of_the_other_byte_order_are_times_and_values_too(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "run.h5", "w") as file:
        file["timestamp"] = (np.arange(4) / 10).astype(">f8")
        file["qpos"] = np.arange(8.0).reshape(4, 2).astype(">f8")
        file["depth"] = np.full((4, 64, 64), 258, ">u2")
    imported(tmp_path / "run.h5", tmp_path / "spool")
    with Take.open(tmp_path / "spool/a") as take:
        assert take.manifest["fps"] == 10
        assert take.column("observation.state").tolist() == [[0, 1], [2, 3], [4, 5], [6, 7]]
        assert depth_of_packet(take.camera("observation.images.depth").packet(0)).max() == 258


@pytest.mark.parametrize(
    ("fill", "dtype", "value"),
    [
        ("NaN", "<f8", np.nan),
        (np.nan, "<f8", np.nan),
        ("Infinity", "<f4", np.inf),
        ("-Infinity", "<f4", -np.inf),
        ("0x7fc00000", "<f4", np.nan),
        ("0x3fc00000", ">f4", 1.5),
        ("0xC000", "<f2", -2),
        ("0xbff8000000000000", "<f8", -1.5),
        (1.5, "<f8", 1.5),
        (None, "<f8", 0),
        (7, "<i4", 7),
    ],
)
def test_what_no_piece_of_a_buffer_holds_has_its_fill_value(tmp_path: Path, fill: Any, dtype: str, value: Any) -> None:
    arrays = {"data/state": ([2, 2], [2, 2])}
    path = write_claims(tmp_path / "run.zarr", arrays, [2], fill_value=fill, dtype=dtype)
    with open_source(path) as source:
        (recording,) = source.recordings()
        rows = [message.value for message in recording.messages(["/data/state"], 10)]
        np.testing.assert_array_equal(rows, np.full((2, 2), value))


@pytest.mark.parametrize(
    ("fill", "dtype"),
    [
        ("nothing", "<f8"),
        ("NaN", "<i4"),
        (1 << 100, "<i4"),
        (0.5, "<i4"),
        ("0x7fc00000", "<f8"),
        ("0x7fc0000g", "<f4"),
        ("0x7fc00000", "<i4"),
    ],
)
def test_a_fill_value_that_cannot_be_read_is_said(tmp_path: Path, fill: Any, dtype: str) -> None:
    about = {"zarr_format": 2, "shape": [2], "chunks": [2], "dtype": dtype, "fill_value": fill}
    (tmp_path / "a").mkdir()
    (tmp_path / "a/.zarray").write_text(json.dumps(about))
    assert "fill_value is no" in open_array(Store(tmp_path), "a").problem
