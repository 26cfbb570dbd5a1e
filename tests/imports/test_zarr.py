"""Replay buffers of diffusion policy and UMI, written by zarr itself, become takes; hostile ones are refused."""

from __future__ import annotations

import json
import shutil
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from numcodecs import LZ4, Blosc, Zlib, Zstd

from robotdata.imports import BadSource, make_plan, open_source, propose
from robotdata.spool import Take
from tests.support.foreign import codes, imported, numbers, one_of, picture

ENDS = (5, 12)
IMAGE = "observation.images.image"


def write_buffer(path: Path, compressor: Any = None, *, floats: bool = False, **arrays: np.ndarray) -> Path:
    """A buffer of two episodes; each picture shows its row in its episode, and the episode."""
    root = zarr.open_group(path, mode="w", zarr_format=2)
    lengths = (ENDS[0], ENDS[1] - ENDS[0])
    rows = [(row, episode) for episode, length in enumerate(lengths) for row in range(length)]
    pictures = np.stack([picture(row, 0, episode) for row, episode in rows])
    content = {
        "img": pictures.astype(np.float32) if floats else pictures,
        "state": numbers(ENDS[-1], 5).astype(np.float32),
        "action": numbers(ENDS[-1], 2, start=0.5).astype(np.float32),
        **arrays,
    }
    for name, values in content.items():
        sides = {"shape": values.shape, "chunks": (4, *values.shape[1:])}
        made = root.create_array(f"data/{name}", dtype=values.dtype, compressors=compressor, **sides)
        made[:] = values
    ends = root.create_array("meta/episode_ends", shape=(len(ENDS),), dtype="int64")
    ends[:] = ENDS
    return path


@pytest.mark.parametrize("compressor", [None, Blosc("zstd", 5), Zlib(), LZ4(), Zstd()])
def test_each_episode_of_a_buffer_becomes_a_take(tmp_path: Path, compressor: Any) -> None:
    path = write_buffer(tmp_path / "push.zarr", compressor)
    with open_source(path) as source:
        assert [recording.name for recording in source.recordings()] == ["episode_0", "episode_1"]
    done = imported(path, tmp_path / "spool", name="episode_1", fps=10.0)
    assert done.rows == 7
    with Take.open(tmp_path / "spool/a") as take:
        camera = next(iter(take.cameras))
        assert codes(take, camera) == list(range(7))
        np.testing.assert_array_equal(take.column("observation.state"), numbers(12, 5)[5:].astype(np.float32))
        np.testing.assert_array_equal(take.column("action"), numbers(12, 2, start=0.5)[5:].astype(np.float32))


def test_pictures_of_floats_and_a_zip_file_are_read_too(tmp_path: Path) -> None:
    write_buffer(tmp_path / "push", Blosc("lz4"), floats=True)
    packed = Path(shutil.make_archive(str(tmp_path / "push.zarr"), "zip", tmp_path / "push"))
    imported(packed, tmp_path / "spool", name="episode_0", fps=10.0)
    with Take.open(tmp_path / "spool/a") as take:
        assert codes(take, next(iter(take.cameras))) == list(range(5))


def test_the_state_of_umi_is_joined_from_its_parts(tmp_path: Path) -> None:
    rows = ENDS[-1]
    path = write_buffer(
        tmp_path / "umi.zarr",
        camera0_rgb=np.stack([picture(row) for row in range(rows)]),
        robot0_gripper_width=numbers(rows, 1, start=7),
        robot0_eef_pos=numbers(rows, 3),
        robot0_eef_rot_axis_angle=numbers(rows, 3, start=3),
        robot0_demo_end_pose=numbers(rows, 6),
    )
    shutil.rmtree(path / "data/state")
    with open_source(path) as source:
        recording = source.recordings()[0]
    plan = make_plan(recording, propose(recording))
    state = plan.features["observation.state"]
    assert (
        state["shape"] == [7]
        and state["names"][0] == "robot0_eef_pos_0"
        and state["names"][-1] == "robot0_gripper_width"
    )
    assert "observation.images.camera0" in plan.cameras
    assert plan.left_out["/data/robot0_demo_end_pose"] == "no feature is named for it"
    assert any("frames a second" in problem for problem in plan.problems)  # a buffer does not say its rate


def test_objects_are_never_unpickled(tmp_path: Path) -> None:
    path = write_buffer(tmp_path / "evil.zarr")
    for name, change in (
        ("objects", {"dtype": "|O", "filters": [{"id": "pickle", "protocol": 5}]}),
        ("filtered", {"filters": [{"id": "pickle", "protocol": 5}]}),
        ("unknown", {"compressor": {"id": "imagecodecs_jpegxl", "level": 99}}),
    ):
        shutil.copytree(path / "data/state", path / f"data/{name}")
        meta = json.loads((path / f"data/{name}/.zarray").read_text())
        (path / f"data/{name}/.zarray").write_text(json.dumps(meta | change))
    with open_source(path) as source:
        problems = {stream.path: stream.problem for stream in source.recordings()[0].streams}
    assert "never unpickled" in problems["/data/objects"]
    assert "'pickle', which is not read" in problems["/data/filtered"]
    assert "imagecodecs" in problems["/data/unknown"] and problems["/data/state"] == ""


def test_a_piece_that_unpacks_to_more_than_it_says_is_refused(tmp_path: Path) -> None:
    path = write_buffer(tmp_path / "bomb.zarr", Zlib())
    (path / "data/state/0.0").write_bytes(zlib.compress(bytes(64 << 20)))
    with pytest.raises(BadSource, match=r"damaged in data/state/0\.0: it unpacks to more than"):
        imported(path, tmp_path / "spool", name="episode_0", fps=10.0)
    assert not (tmp_path / "spool").exists()


@pytest.mark.parametrize("ends", [[5, 3], [5, 400], [-1, 5]])
def test_episodes_that_are_not_in_it_are_refused(tmp_path: Path, ends: list[int]) -> None:
    path = write_buffer(tmp_path / "ends.zarr")
    zarr.open_array(path / "meta/episode_ends", mode="r+")[:] = ends
    with pytest.raises(BadSource, match="go back or lie beyond"):
        open_source(path).recordings()


def test_links_out_of_the_folder_are_not_followed(tmp_path: Path) -> None:
    path = write_buffer(tmp_path / "links.zarr")
    outside = write_buffer(tmp_path / "outside.zarr")
    shutil.rmtree(path / "data/action")
    (path / "data/action").symlink_to(outside / "data/action")
    (path / "data/state/0.0").unlink()
    (path / "data/state/0.0").symlink_to(outside / "data/state/0.0")
    with open_source(path) as source:
        assert "/data/action" not in {stream.path for stream in source.recordings()[0].streams}
    with pytest.raises(BadSource, match="not read"):
        imported(path, tmp_path / "spool", name="episode_0", fps=10.0)


def test_a_description_with_impossible_sides_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    path = write_buffer(tmp_path / "sides.zarr")
    for name, change in (("state", {"chunks": [1 << 30, 5]}), ("action", {"shape": "many"})):
        meta = json.loads((path / f"data/{name}/.zarray").read_text())
        (path / f"data/{name}/.zarray").write_text(json.dumps(meta | change))
    with open_source(path) as source:
        problems = {stream.path: stream.problem for stream in source.recordings()[0].streams}
    assert "MiB" in problems["/data/state"] and "is not a shape" in problems["/data/action"]
    assert problems["/data/img"] == ""


@pytest.mark.parametrize("version", [2, 3])
def test_a_store_without_data_is_refused(tmp_path: Path, version: Any) -> None:
    zarr.open_group(tmp_path / "empty.zarr", mode="w", zarr_format=version)
    with pytest.raises(BadSource, match="not a replay buffer"):
        one_of(tmp_path / "empty.zarr")
