"""ROS 1 bags and ROS 2 bags in SQLite become takes, as MCAP files do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zstandard
from rosbags.rosbag1 import Writer as Writer1
from rosbags.rosbag2 import CompressionFormat, CompressionMode
from rosbags.rosbag2 import Writer as Writer2
from rosbags.typesys import Stores, get_typestore

from robotdata.imports import BadSource, open_source
from robotdata.imports.bags import unpacked
from robotdata.imports.take import read_own_times
from robotdata.spool import Take
from tests.support.foreign import codes, imported, jpeg

START = 1_700_000_000_000_000_000
MS = 1_000_000
FRONT = "observation.images.front"


def messages(store: Any, *, ros1: bool) -> list[tuple[int, str, Any]]:
    """State at 20 Hz, commands at 10 Hz, a compressed camera at 10 Hz that begins 100 ms later."""
    types = store.types
    time = types["builtin_interfaces/msg/Time"](sec=0, nanosec=0)
    head = types["std_msgs/msg/Header"](stamp=time, frame_id="", **({"seq": 0} if ros1 else {}))
    joints = types["sensor_msgs/msg/JointState"]
    layout = types["std_msgs/msg/MultiArrayLayout"](dim=[], data_offset=0)

    def state(n: int) -> Any:
        return joints(head, ["a", "b"], np.array([n, -n], float), np.zeros(2), np.zeros(0))

    def command(n: int) -> Any:
        return types["std_msgs/msg/Float64MultiArray"](layout=layout, data=np.array([n, n + 0.5]))

    def camera(n: int) -> Any:
        return types["sensor_msgs/msg/CompressedImage"](head, "jpeg", np.frombuffer(jpeg(n), np.uint8))

    found = [(START + n * 50 * MS, "/joint_states", state(n)) for n in range(20)]
    found += [(START + n * 100 * MS, "/arm/command", command(n)) for n in range(10)]
    found += [(START + (n + 1) * 100 * MS, "/camera/front/compressed", camera(n)) for n in range(9)]
    return sorted(found, key=lambda each: each[0])


def write_ros1(path: Path) -> Path:
    store = get_typestore(Stores.ROS1_NOETIC)
    path = path.with_suffix(".bag")
    with Writer1(path) as writer:
        known: dict[str, Any] = {}
        for time_ns, topic, message in messages(store, ros1=True):
            name = message.__msgtype__
            if topic not in known:
                known[topic] = writer.add_connection(topic, name, typestore=store)
            writer.write(known[topic], time_ns, store.serialize_ros1(message, name))
    return path


def write_ros2(path: Path) -> Path:
    store = get_typestore(Stores.ROS2_HUMBLE)
    with Writer2(path, version=8) as writer:
        known: dict[str, Any] = {}
        for time_ns, topic, message in messages(store, ros1=False):
            name = message.__msgtype__
            if topic not in known:
                known[topic] = writer.add_connection(topic, name, typestore=store)
            writer.write(known[topic], time_ns, store.serialize_cdr(message, name))
    return path


@pytest.mark.parametrize("write", [write_ros1, write_ros2])
def test_rows_of_a_bag_hold_the_newest_messages(tmp_path: Path, write: Callable[[Path], Path]) -> None:
    path = write(tmp_path / "run")
    done = imported(path, tmp_path / "spool", task="push")
    assert done.rows == 9
    with Take.open(tmp_path / "spool/a") as take:
        assert take.manifest["fps"] == 10 and codes(take, FRONT) == list(range(9))
        assert take.column("observation.state")[:, 0].tolist() == [2 * (n + 1) for n in range(9)]
        assert take.column("action")[:, 0].tolist() == [n + 1 for n in range(9)]
        assert take.manifest["features"]["observation.state"]["names"] == ["a", "b"]
        own = (read_own_times(take.folder)["/joint_states.position"] - START) // MS
        assert own.tolist() == [100 * (n + 1) for n in range(9)]
        assert take.camera(FRONT).packet(4) == jpeg(4)


def test_a_bag_that_was_not_closed_and_one_without_its_list_are_refused_with_what_helps(tmp_path: Path) -> None:
    whole = write_ros1(tmp_path / "whole").read_bytes()
    (tmp_path / "cut.bag").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadSource, match="rosbag reindex"):
        open_source(tmp_path / "cut.bag")
    folder = write_ros2(tmp_path / "ros2")
    (folder / "metadata.yaml").unlink()
    with pytest.raises(BadSource, match="ros2 bag reindex"):
        open_source(folder)


@pytest.mark.parametrize("packing", [Writer1.CompressionFormat.BZ2, Writer1.CompressionFormat.LZ4])
def test_a_bag_that_unpacks_to_too_much_is_refused(
    tmp_path: Path, packing: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("robotdata.imports.bags.MOST_UNPACKED", 100_000)
    store = get_typestore(Stores.ROS1_NOETIC)
    text = b"a" * 100_000
    with writer_of(tmp_path / "bomb.bag", packing) as writer:
        topic = writer.add_connection("/text", "std_msgs/msg/String", typestore=store)
        writer.write(topic, START, len(text).to_bytes(4, "little") + text)
    with open_source(tmp_path / "bomb.bag") as source, pytest.raises(BadSource, match="more than 100,000 bytes"):
        source.recordings()


@pytest.mark.parametrize("packing", list(Writer1.CompressionFormat))
def test_a_packed_bag_is_read(tmp_path: Path, packing: Any) -> None:
    store = get_typestore(Stores.ROS1_NOETIC)
    with writer_of(tmp_path / "run.bag", packing) as writer:
        topic = writer.add_connection("/text", "std_msgs/msg/String", typestore=store)
        writer.write(topic, START, b"\x04\0\0\0push")
    with open_source(tmp_path / "run.bag") as source:
        (recording,) = source.recordings()
        assert [message.value for message in recording.messages(["/text.data"], 10)] == ["push"]


@pytest.mark.parametrize("mode", [CompressionMode.NONE, CompressionMode.MESSAGE, CompressionMode.FILE])
def test_packed_messages_of_ros_2_are_read_and_packed_files_refused(tmp_path: Path, mode: Any) -> None:
    store = get_typestore(Stores.ROS2_HUMBLE)
    text = store.types["std_msgs/msg/String"]("push")
    writer = Writer2(tmp_path / "run", version=8)
    if mode is not CompressionMode.NONE:
        writer.set_compression(mode, CompressionFormat.ZSTD)
    with writer:
        topic = writer.add_connection("/text", "std_msgs/msg/String", typestore=store)
        writer.write(topic, START, store.serialize_cdr(text, "std_msgs/msg/String"))
    if mode is CompressionMode.FILE:
        (tmp_path / "run/run.db3").touch()
        with pytest.raises(BadSource, match="ros2 bag convert"):
            open_source(tmp_path / "run")
        return
    with open_source(tmp_path / "run") as source:
        (recording,) = source.recordings()
        assert [message.value for message in recording.messages(["/text.data"], 10)] == ["push"]


def test_a_message_that_unpacks_to_too_much_is_refused() -> None:
    packed = zstandard.compress(bytes(1_000))
    assert unpacked("zstd", packed, most=1_000) == bytes(1_000)
    with pytest.raises(ValueError, match="more than 999 bytes"):
        unpacked("zstd", packed, most=999)


def writer_of(path: Path, packing: Any) -> Writer1:
    writer = Writer1(path)
    writer.set_compression(packing)
    return writer
