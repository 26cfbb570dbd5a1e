"""Every reader stops in the middle of a file when nobody wants it any more."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from mcap.writer import Writer as McapWriter
from rosbags.rosbag2 import Writer as BagWriter
from rosbags.typesys import Stores, get_typestore

from robotdata.imports import open_source
from robotdata.imports.preview import preview_sources
from robotdata.imports.stopping import Stopped, stopped_by
from robotdata.imports.streams import Kind
from robotdata.video import EncodeSettings, encode_frames
from tests.support.foreign import picture, write_aloha

NS = 100_000_000
SETTINGS = EncodeSettings(codec="h264", crf=18, preset="ultrafast", pix_fmt="yuv420p")


def write_mcap(path: Path) -> None:
    with path.open("wb") as file:
        writer = McapWriter(file)
        writer.start()
        schema = writer.register_schema("State", "jsonschema", b"{}")
        channel = writer.register_channel("/joint_states", "json", schema)
        for row in range(4):
            writer.add_message(channel, row * NS, json.dumps({"position": [row, 0.5]}).encode(), row * NS)
        writer.finish()


def write_bag(path: Path) -> None:
    store = get_typestore(Stores.ROS2_HUMBLE)
    layout = store.types["std_msgs/msg/MultiArrayLayout"](dim=[], data_offset=0)
    with BagWriter(path, version=8) as writer:
        to = writer.add_connection("/arm", "std_msgs/msg/Float64MultiArray", typestore=store)
        for row in range(4):
            message = store.types[to.msgtype](layout=layout, data=np.array([row, 0.5]))
            writer.write(to, row * NS, store.serialize_cdr(message, to.msgtype))


def write_zarr(path: Path) -> None:
    root = zarr.open_group(path, mode="w", zarr_format=2)
    for name, values in {"data/state": np.ones((4, 3)), "meta/episode_ends": np.array([4])}.items():
        root.create_array(name, shape=values.shape, dtype=values.dtype)[:] = values


def write_videos(folder: Path) -> None:
    folder.mkdir()
    encode_frames([picture(number) for number in range(4)], folder / "front.mp4", fps=10, settings=SETTINGS)
    (folder / "log.csv").write_text("a,b\n" + "1,0.5\n" * 4)


WRITERS: dict[str, Callable[[Path], Any]] = {
    "a.hdf5": write_aloha,
    "a.mcap": write_mcap,
    "bag": write_bag,
    "a.zarr": write_zarr,
    "videos": write_videos,
}


@pytest.mark.parametrize(
    ("name", "kind"), [*((name, Kind.NUMBERS) for name in WRITERS), ("a.hdf5", Kind.PICTURE), ("videos", Kind.PICTURE)]
)
def test_no_message_is_read_after_the_stop(tmp_path: Path, name: str, kind: Kind) -> None:
    path, stop = tmp_path / name, threading.Event()
    WRITERS[name](path)
    with stopped_by(stop), open_source(path) as source:
        recording = source.recordings()[0]
        paths = [each.path for each in recording.streams if each.kind is kind and not each.problem]
        assert paths
        stop.set()
        with pytest.raises(Stopped):
            list(recording.messages(paths, 10.0))


@pytest.mark.parametrize("name", WRITERS)
def test_a_stopped_preview_is_no_damage_of_the_file(tmp_path: Path, name: str) -> None:
    path, stop = tmp_path / name, threading.Event()
    WRITERS[name](path)
    stop.set()
    with pytest.raises(Stopped), stopped_by(stop):
        preview_sources([path], None)
    assert preview_sources([path], None).problems == [], "it stops nothing else"


@pytest.mark.parametrize("name", ["a.hdf5", "a.mcap", "bag", "videos"])
def test_what_is_searched_for_its_streams_stops_too(tmp_path: Path, name: str) -> None:
    path, stop = tmp_path / name, threading.Event()
    WRITERS[name](path)
    stop.set()
    with pytest.raises(Stopped), stopped_by(stop), open_source(path) as source:
        source.recordings()
