from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from robotdata.video.jpeg import encode_jpeg
from robotdata.video.packets import PacketFileError, PacketWriter, read_packets, repair_header

TIMES = [5_000_000_123, 5_033_333_456, 5_066_666_789, 5_100_000_001]

MEMORY = """
import resource, sys
from pathlib import Path
from robotdata.video.packets import read_packets
most = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
before = most()
print(len(list(read_packets(Path(sys.argv[1])))), most() - before)
"""
"""How many packets a file has, and by how many MB finding them made the process grow."""


def jpeg(value: int) -> bytes:
    return encode_jpeg(np.full((48, 64, 3), value, np.uint8))


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """Four gray frames, 0, 50, 100 and 150."""
    path = tmp_path / "camera.mkv"
    writer = PacketWriter(path, "mjpeg", 64, 48)
    for index, pts_ns in enumerate(TIMES):
        writer.write(jpeg(50 * index), pts_ns)
    writer.finish()
    return path


def test_it_is_a_video_that_any_player_opens(written: Path) -> None:
    with av.open(str(written)) as container:
        frames = list(container.decode(video=0))
    assert [round(float(frame.to_ndarray(format="gray").mean()) // 10) for frame in frames] == [0, 5, 10, 15]
    assert [int(frame.pts * frame.time_base * 1_000_000_000) for frame in frames] == TIMES


def test_it_says_where_the_payload_lies(tmp_path: Path) -> None:
    writer = PacketWriter(tmp_path / "camera.mkv", "mjpeg", 64, 48)
    offsets = [writer.write(jpeg(value), value) for value in (1, 2)]
    data = (tmp_path / "camera.mkv").read_bytes()
    assert [data[at : at + len(jpeg(v))] for at, v in zip(offsets, (1, 2), strict=True)] == [jpeg(1), jpeg(2)]
    writer.finish()


def test_it_finds_every_whole_packet_after_a_cut(written: Path) -> None:
    whole = list(read_packets(written))
    assert [packet.pts_ns for packet in whole] == TIMES
    os.truncate(written, whole[-1].offset + whole[-1].size - 1)
    assert list(read_packets(written)) == whole[:-1]


def test_it_steps_over_a_hole(written: Path) -> None:
    whole = list(read_packets(written))
    with written.open("r+b") as file:
        file.seek(whole[1].offset - 20)
        file.write(bytes(40))
    assert list(read_packets(written)) == [whole[0], *whole[2:]]


def test_it_neither_reads_nor_keeps_in_memory_what_was_never_written(written: Path) -> None:
    whole, data = list(read_packets(written)), written.read_bytes()
    cluster = data[data.rindex(b"\x1f\x43\xb6\x75") :]
    with written.open("r+b") as file:
        file.truncate(3 << 30)
        file.seek((3 << 30) - len(cluster))
        file.write(cluster)
    found = subprocess.run([sys.executable, "-c", MEMORY, str(written)], capture_output=True, text=True, check=True)
    packets, grown_mb = found.stdout.split()
    assert int(packets) == len(whole) + 1
    assert int(grown_mb) < 100


def test_it_writes_a_lost_header_again_before_a_hole(written: Path) -> None:
    data = written.read_bytes()
    first = data.index(b"\x1f\x43\xb6\x75")
    with written.open("r+b") as file:
        file.write(bytes(first))
        file.truncate(1 << 30)
    assert repair_header(written, "mjpeg", 64, 48)
    with written.open("rb") as file:
        assert file.read(len(data)) == data


def test_it_takes_png_packets_as_well(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "one.png"), "w", format="image2") as out:
        stream = out.add_stream("png")
        stream.width, stream.height, stream.pix_fmt = 64, 48, "rgb24"
        frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 77, np.uint8))
        packets = [bytes(p) for p in (*stream.encode(frame), *stream.encode())]
    writer = PacketWriter(tmp_path / "camera.mkv", "png", 64, 48)
    writer.write(packets[0], 0)
    writer.finish()
    with av.open(str(tmp_path / "camera.mkv")) as container:
        assert next(container.decode(video=0)).to_ndarray(format="rgb24").mean() == 77


def test_it_refuses_another_file(tmp_path: Path) -> None:
    (tmp_path / "x.mkv").write_text("not a video at all")
    with pytest.raises(PacketFileError, match=r"x\.mkv"):
        list(read_packets(tmp_path / "x.mkv"))
    with pytest.raises(PacketFileError, match="theora"):
        PacketWriter(tmp_path / "y.mkv", "theora", 64, 48)


def test_it_never_writes_over_a_file(written: Path) -> None:
    with pytest.raises(FileExistsError):
        PacketWriter(written, "mjpeg", 64, 48)
