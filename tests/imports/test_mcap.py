"""MCAP files of ROS 2, protobuf and JSON become takes; rows take the newest message; broken tails are cut and said."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from mcap.writer import CompressionType
from mcap.writer import Writer as McapWriter
from mcap_ros2.writer import Writer as Ros2Writer

from robotdata.imports import BadSource, Kind, make_plan, open_source
from robotdata.imports.take import read_own_times
from robotdata.spool import Take
from tests.support.foreign import SIZE, codes, imported, jpeg, one_of, picture

START = 1_700_000_000_000_000_000
MS = 1_000_000
HEADER = "builtin_interfaces/Time stamp\nstring frame_id"
TIME = "================\nMSG: builtin_interfaces/Time\nint32 sec\nuint32 nanosec"
ABOUT = f"================\nMSG: std_msgs/Header\n{HEADER}\n{TIME}"
JOINTS = f"std_msgs/Header header\nstring[] name\nfloat64[] position\nfloat64[] velocity\nfloat64[] effort\n{ABOUT}"
JPEGS = f"std_msgs/Header header\nstring format\nuint8[] data\n{ABOUT}"
IMAGE = (
    "std_msgs/Header header\nuint32 height\nuint32 width\nstring encoding\nuint8 is_bigendian\nuint32 step\n"
    f"uint8[] data\n{ABOUT}"
)
NAMES = ["shoulder", "elbow"]
FRONT, TOP = "observation.images.front", "observation.images.top"


def head(time_ns: int) -> dict[str, Any]:
    return {"stamp": {"sec": time_ns // 10**9, "nanosec": time_ns % 10**9}, "frame_id": "arm"}


def joints(time_ns: int, positions: list[float], names: list[str] = NAMES) -> dict[str, Any]:
    return {"header": head(time_ns), "name": names, "position": positions, "velocity": [], "effort": []}


def write_ros(
    path: Path, *, seconds: float = 1.0, chunk: int = 2_000, compression: CompressionType = CompressionType.ZSTD
) -> Path:
    """State at 100 Hz, commands at 50 Hz, a compressed camera at 30 Hz from 20 ms on, a raw one at 10 Hz."""
    with path.open("wb") as file:
        writer = Ros2Writer(file, chunk_size=chunk, compression=compression)
        state = writer.register_msgdef("sensor_msgs/msg/JointState", JOINTS)
        compressed = writer.register_msgdef("sensor_msgs/msg/CompressedImage", JPEGS)
        image = writer.register_msgdef("sensor_msgs/msg/Image", IMAGE)
        words = writer.register_msgdef("std_msgs/msg/String", "string data")
        events: list[tuple[float, str, Any, Any]] = []
        for n in range(int(seconds * 100)):
            events.append((n * 10, "/joint_states", state, joints(n, [n, -n])))
        for n in range(int(seconds * 50)):
            events.append((n * 20, "/arm/command", state, joints(n, [n + 0.5, n])))
        for n in range(int(seconds * 30)):
            data = {"header": head(n), "format": "bgr8; jpeg compressed bgr8", "data": jpeg(n, 0)}
            events.append((20 + n * 100 / 3, "/camera/front/image_raw/compressed", compressed, data))
        for n in range(int(seconds * 10)):
            bgr = np.ascontiguousarray(picture(n, 1)[:, :, ::-1])
            about = {"header": head(n), "height": SIZE[1], "width": SIZE[0], "encoding": "bgr8", "step": SIZE[0] * 3}
            events.append(
                (n * 100, "/camera/top/image_raw", image, {**about, "is_bigendian": 0, "data": bgr.tobytes()})
            )
        events.append((0, "/task", words, {"data": "push the cube"}))
        for time_ms, topic, schema, message in sorted(events, key=lambda event: event[0]):
            time_ns = START + round(time_ms * MS)
            writer.write_message(topic, schema, message, log_time=time_ns, publish_time=time_ns)
        writer.finish()
    return path


@pytest.mark.parametrize("compression", list(CompressionType))
def test_rows_of_ros_messages_hold_the_newest_at_their_time(tmp_path: Path, compression: CompressionType) -> None:
    path = write_ros(tmp_path / "run.mcap", compression=compression)
    done = imported(path, tmp_path / "spool")
    with Take.open(tmp_path / "spool/a") as take:
        assert (take.manifest["fps"], take.manifest["task"]) == (30, "push the cube")
        assert take.manifest["features"]["observation.state"]["names"] == NAMES
        times = (take.column("monotonic_ns") - START) / MS  # the first row is where the front camera begins
        np.testing.assert_allclose(times, 20 + np.arange(done.rows) * 100 / 3, atol=1e-5)
        assert codes(take, FRONT) == list(range(done.rows))
        assert codes(take, TOP) == [int((time + 1e-6) // 100) for time in times]
        assert take.column("observation.state")[:, 0].tolist() == [int((time + 1e-6) // 10) for time in times]
        assert take.column("action")[:, 0].tolist() == [int((time + 1e-6) // 20) + 0.5 for time in times]
        own = (read_own_times(take.folder)["/joint_states.position"] - START) / MS
        np.testing.assert_allclose(own, [(time + 1e-6) // 10 * 10 for time in times])
        assert take.camera(FRONT).packet(3) == jpeg(3, 0)
        assert take.manifest["started_at"].startswith("2023-11-14T22:13:20.020")
    assert done.frames == {FRONT: done.rows, TOP: 10} and done.rows == 30


def test_what_each_topic_holds_is_listed_with_its_rate(tmp_path: Path) -> None:
    recording, mapping = one_of(write_ros(tmp_path / "run.mcap"))
    streams = {stream.path: stream for stream in recording.streams}
    state = streams["/joint_states.position"]
    assert (state.kind, state.count, state.shape, state.names) == (Kind.NUMBERS, 100, (2,), ("shoulder", "elbow"))
    assert round(state.rate_hz, 6) == 100
    assert streams["/camera/front/image_raw/compressed"].kind is Kind.COMPRESSED
    assert streams["/task.data"].kind is Kind.TEXT and mapping.task_stream == "/task.data"
    plan = make_plan(recording, mapping)
    assert not plan.problems and any("10.0 messages a second" in note for note in plan.notes)


@pytest.mark.parametrize("part", [0.35, 0.6, 0.98])
def test_a_broken_tail_is_cut_at_the_last_whole_chunk_and_said(tmp_path: Path, part: float) -> None:
    whole = write_ros(tmp_path / "whole.mcap").read_bytes()
    cut = tmp_path / "cut.mcap"
    cut.write_bytes(whole[: int(len(whole) * part)])
    recording, mapping = one_of(cut)
    assert any("is cut off" in note or "damaged" in note for note in recording.notes) or part == 0.98
    counts = {stream.path: stream.count for stream in recording.streams}
    assert 0 < counts["/joint_states.position"] <= 100
    done = imported(cut, tmp_path / "spool", mapping)
    with Take.open(tmp_path / "spool/a") as take:
        assert take.state == "recorded" and codes(take, FRONT) == list(range(done.rows))
        if part < 0.98:
            assert 0 < done.rows < 30 and take.manifest["imported_from"]["notes"]


def test_the_same_joints_in_another_order_are_sorted_and_other_joints_skipped(tmp_path: Path) -> None:
    path = tmp_path / "joints.mcap"
    with path.open("wb") as file:
        writer = Ros2Writer(file)
        state = writer.register_msgdef("sensor_msgs/msg/JointState", JOINTS)
        for n in range(6):
            message = joints(n, [n, 100 + n])
            if n % 2:
                message = joints(n, [100 + n, n], NAMES[::-1])
            writer.write_message("/joint_states", state, message, log_time=START + n * 100 * MS)
            grip = joints(n, [7], ["gripper"])
            writer.write_message("/joint_states", state, grip, log_time=START + n * 100 * MS + 1)
        writer.finish()
    done = imported(path, tmp_path / "spool", fps=10.0)
    with Take.open(tmp_path / "spool/a") as take:
        assert take.column("observation.state").tolist() == [[n, 100 + n] for n in range(6)]
    assert done.skipped == {"/joint_states.position": done.skipped["/joint_states.position"]}
    assert done.skipped["/joint_states.position"] >= 5


def test_json_with_pictures_in_base64_is_read(tmp_path: Path) -> None:
    path = tmp_path / "log.mcap"
    with path.open("wb") as file:
        writer = McapWriter(file)
        writer.start()
        schema = writer.register_schema("foxglove.CompressedImage", "jsonschema", b"{}")
        camera = writer.register_channel("/front", "json", schema)
        state = writer.register_channel("/state", "json", 0)
        for n in range(10):
            shown = {"timestamp": {"sec": 0, "nsec": n}, "data": base64.b64encode(jpeg(n)).decode(), "format": "jpeg"}
            for channel, message in ((camera, shown), (state, {"arm": {"q": [n, 2 * n]}, "open": n % 2 == 0})):
                writer.add_message(channel, START + n * 50 * MS, json.dumps(message).encode(), START)
        writer.finish()
    recording, mapping = one_of(path)
    assert {stream.path for stream in recording.streams} == {"/front", "/state.arm.q", "/state.open"}
    done = imported(path, tmp_path / "spool")
    assert done.rows == 10
    assert codes(Take.open(tmp_path / "spool/a"), FRONT) == list(range(10))


def protobuf(name: str, fields: dict[str, int]) -> tuple[bytes, Any]:
    """The description of a message of protobuf, and its class."""
    package, _, short = name.rpartition(".")
    file = FileDescriptorProto(name=f"{short}.proto", package=package, syntax="proto3")
    message = file.message_type.add(name=short)
    for number, (field, kind) in enumerate(fields.items(), 1):
        label = FieldDescriptorProto.LABEL_REPEATED if kind == FieldDescriptorProto.TYPE_DOUBLE else 1
        message.field.add(name=field, number=number, type=kind, label=label)
    pool = DescriptorPool()
    pool.Add(file)
    return FileDescriptorSet(file=[file]).SerializeToString(), GetMessageClass(pool.FindMessageTypeByName(name))


def h264(count: int, first: int = 0) -> Iterator[bytes]:
    """Packets of a film whose frames carry their number, one keyframe in ten."""
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = *SIZE, "yuv420p", Fraction(1, 30)
    encoder.options = {"tune": "zerolatency", "crf": "18", "g": "10", "bf": "0", "preset": "ultrafast"}
    for n in range(count):
        frame = av.VideoFrame.from_ndarray(picture(n), format="rgb24")
        frame.pts = n
        yield from (bytes(packet) for packet in encoder.encode(frame))
    yield from (bytes(packet) for packet in encoder.encode(None))


@pytest.mark.parametrize("first", [0, 4])
def test_protobuf_with_compressed_video_is_decoded_from_its_first_keyframe(tmp_path: Path, first: int) -> None:
    text, data, double = (
        FieldDescriptorProto.TYPE_STRING,
        FieldDescriptorProto.TYPE_BYTES,
        FieldDescriptorProto.TYPE_DOUBLE,
    )
    described, video = protobuf("foxglove.CompressedVideo", {"frame_id": text, "data": data, "format": text})
    arm, arm_class = protobuf("robot.Arm", {"q": double})
    path = tmp_path / "film.mcap"
    with path.open("wb") as file:
        writer = McapWriter(file, chunk_size=3_000)
        writer.start()
        film = writer.register_channel(
            "/wrist/video", "protobuf", writer.register_schema("foxglove.CompressedVideo", "protobuf", described)
        )
        state = writer.register_channel("/state", "protobuf", writer.register_schema("robot.Arm", "protobuf", arm))
        for n, packet in enumerate(h264(25)):
            time_ns = START + n * 100 * MS
            if n >= first:
                writer.add_message(film, time_ns, video(data=packet, format="h264").SerializeToString(), time_ns)
            writer.add_message(state, time_ns, arm_class(q=[n, n]).SerializeToString(), time_ns)
        writer.finish()
    done = imported(path, tmp_path / "spool")
    begins = 10 if first else 0  # what comes before a keyframe cannot be decoded
    with Take.open(tmp_path / "spool/a") as take:
        assert codes(take, "observation.images.wrist") == list(range(begins, 25))
        assert done.rows == 25 - begins


def test_what_cannot_be_decoded_is_left_out_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "odd.mcap"
    with path.open("wb") as file:
        writer = McapWriter(file)
        writer.start()
        for topic, encoding, payload in (
            ("/cbor", "cbor", b"\xa0"),
            ("/lies", "json", b"{not json"),
            ("/empty", "json", b"{}"),
            ("/bare", "cdr", b"\0\0\0\0"),
        ):
            writer.add_message(writer.register_channel(topic, encoding, 0), START, payload, START)
        schema = writer.register_schema("foxglove.CompressedImage", "jsonschema", b"{}")
        picture_less = json.dumps({"data": "", "format": "jpeg"}).encode()
        writer.add_message(writer.register_channel("/picture", "json", schema), START, picture_less, START)
        writer.finish()
    with open_source(path) as source:
        problems = {stream.path: stream.problem for stream in source.recordings()[0].streams}
    assert all(problems.values()) and "want cdr, protobuf or json" in problems["/cbor"]
    assert "cannot be decoded" in problems["/lies"] and "first picture is empty" in problems["/picture"]


def test_a_chunk_that_unpacks_to_more_than_it_says_and_a_lie_about_lengths_end_the_file_there(tmp_path: Path) -> None:
    import lz4.frame

    head = b"\x89MCAP0\r\n"
    packed = lz4.frame.compress(bytes(1 << 26))
    body = struct.pack("<QQQII", 0, 0, 100, 0, 3) + b"lz4" + struct.pack("<Q", len(packed)) + packed
    for name, record in (
        ("bomb", struct.pack("<BQ", 6, len(body)) + body),
        ("long", struct.pack("<BQ", 6, 1 << 62) + b"x"),
        ("text", b"hello"),
    ):
        path = tmp_path / f"{name}.mcap"
        path.write_bytes(head + record)
        with open_source(path) as source, pytest.raises(BadSource, match="no message that can be read"):
            source.recordings()
    (tmp_path / "other.mcap").write_bytes(b"not at all")
    with pytest.raises(BadSource, match="is not an MCAP file"):
        open_source(tmp_path / "other.mcap")
