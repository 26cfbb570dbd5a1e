"""Replay buffers in zarr stores of version 3, written by zarr itself, become takes as those of version 2 do."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from zarr.codecs import BloscCodec, BytesCodec, Crc32cCodec, GzipCodec, ZstdCodec

from robotdata.imports import BadSource, open_source
from robotdata.spool import Take
from tests.support.foreign import codes, imported, numbers, picture

ENDS = (5, 12)
V2_KEYS = {"name": "v2", "separator": "."}


def write_buffer(path: Path, **how: Any) -> Path:
    """A buffer of two episodes; each picture shows its row in its episode, and the episode."""
    root = zarr.open_group(path, mode="w", zarr_format=3)
    rows = [(row, episode) for episode, length in enumerate((5, 7)) for row in range(length)]
    content = {
        "img": np.stack([picture(row, 0, episode) for row, episode in rows]),
        "state": numbers(ENDS[-1], 5).astype(np.float32),
        "action": numbers(ENDS[-1], 2, start=0.5).astype(np.float32),
    }
    for name, values in content.items():
        sides = {"shape": values.shape, "chunks": (4, *values.shape[1:])}
        root.create_array(f"data/{name}", dtype=values.dtype, **sides, **how)[:] = values
    ends = root.create_array("meta/episode_ends", shape=(len(ENDS),), dtype="int64")
    ends[:] = ENDS
    return path


def check(path: Path, spool: Path) -> None:
    assert imported(path, spool, name="episode_1", fps=10.0).rows == 7
    with Take.open(spool / "a") as take:
        assert codes(take, next(iter(take.cameras))) == list(range(7))
        np.testing.assert_array_equal(take.column("observation.state"), numbers(12, 5)[5:].astype(np.float32))
        np.testing.assert_array_equal(take.column("action"), numbers(12, 2, start=0.5)[5:].astype(np.float32))


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"compressors": None},
        {"compressors": BloscCodec(cname="zstd", clevel=5)},
        {"compressors": GzipCodec()},
        {"compressors": ZstdCodec(), "chunk_key_encoding": V2_KEYS},
        {
            "compressors": None,
            "serializer": BytesCodec(endian="big"),
            "chunk_key_encoding": {"name": "default", "separator": "."},
        },
    ],
)
def test_each_episode_of_a_buffer_becomes_a_take(tmp_path: Path, how: dict[str, Any]) -> None:
    check(write_buffer(tmp_path / "push.zarr", **how), tmp_path / "spool")


def test_a_zip_file_is_read_too(tmp_path: Path) -> None:
    write_buffer(tmp_path / "push")
    check(Path(shutil.make_archive(str(tmp_path / "push.zarr"), "zip", tmp_path / "push")), tmp_path / "spool")


def problems_of(path: Path) -> dict[str, str]:
    with open_source(path) as source:
        return {stream.path: stream.problem for stream in source.recordings()[0].streams}


def test_what_is_not_read_says_why_and_the_rest_is_read(tmp_path: Path) -> None:
    path = write_buffer(tmp_path / "odd.zarr")
    data = zarr.open_group(path / "data", mode="r+")
    data.create_array("sharded", shape=(12, 4), dtype="f4", chunks=(2, 4), shards=(4, 4))
    data.create_array("summed", shape=(12, 4), dtype="f4", chunks=(4, 4), compressors=[ZstdCodec(), Crc32cCodec()])
    data.create_array("complex", shape=(12, 4), dtype="c8", chunks=(4, 4))
    data.create_group("more")
    problems = problems_of(path)
    assert "sharding_indexed" in problems["/data/sharded"] and "crc32c" in problems["/data/summed"]
    assert "complex64" in problems["/data/complex"] and "group" in problems["/data/more"]
    assert problems["/data/state"] == problems["/data/img"] == ""


@pytest.mark.parametrize(
    "change",
    [
        {"codecs": []},
        {"codecs": 7},
        {"codecs": [{"name": "bytes", "configuration": {"endian": "middle"}}]},
        {"chunk_grid": {"name": "regular"}},
        {"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [0, 5]}}},
        {"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [1 << 30, 5]}}},
        {"chunk_key_encoding": {"name": "default", "configuration": {"separator": "/../"}}},
        {"data_type": {"name": "struct"}},
        {"data_type": None},
        {"fill_value": {"a": 1}},
        {"shape": "many"},
        {"storage_transformers": [{"name": "x"}]},
        {"zarr_format": 4},
    ],
)
def test_an_invalid_description_is_a_problem_of_its_array_alone(tmp_path: Path, change: dict[str, Any]) -> None:
    path = write_buffer(tmp_path / "bad.zarr")
    file = path / "data/state/zarr.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    problems = problems_of(path)
    assert problems["/data/state"] and problems["/data/action"] == ""


def test_a_damaged_piece_is_refused(tmp_path: Path) -> None:
    path = write_buffer(tmp_path / "torn.zarr")
    piece = path / "data/state/c/1/0"
    piece.write_bytes(piece.read_bytes()[:-5])
    with pytest.raises(BadSource, match=r"damaged in data/state/c/1/0"):
        imported(path, tmp_path / "spool", name="episode_1", fps=10.0)
