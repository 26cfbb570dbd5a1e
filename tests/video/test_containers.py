"""Files of other programs are read frame by frame as they are shown, or refused; they never end the process."""

from __future__ import annotations

import struct
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from robotdata.video import (
    DecodeError,
    EncodeSettings,
    JoinError,
    NotAKeyframeError,
    NotAVideoError,
    cut_video,
    decode_video_frames,
    join_videos,
    open_video,
    probe,
    verify_video,
)
from robotdata.video.barcode import read

B_FRAMES = EncodeSettings(codec="h264", preset="medium", g=12, crf=18, threads=1)
FRAMES = 40


def remuxed(source: Path, target: Path, edit: Callable[[av.Packet], None] = lambda _: None) -> Path:
    """The packets of `source` in a container of another kind, as FFmpeg writes it."""
    with av.open(str(source)) as input_, av.open(str(target), "w") as output:
        stream = output.add_stream_from_template(input_.streams.video[0], opaque=True)
        for packet in input_.demux(video=0):
            if packet.size:
                packet.stream = stream
                edit(packet)
                output.mux(packet)
    return target


def of_codec(source: Path, target: Path, codec: str, pix_fmt: str = "yuv420p") -> Path:
    with av.open(str(source)) as input_, av.open(str(target), "w") as output:
        stream = output.add_stream(codec, rate=30, options={"q": "3", "b": "2M"})
        stream.width, stream.height, stream.pix_fmt = 288, 64, pix_fmt
        for number, frame in enumerate(input_.decode(video=0)):
            frame.pict_type, frame.pts, frame.time_base = 0, number, Fraction(1, 30)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return target


def shown(path: Path, *numbers: int) -> list[int]:
    with open_video(path) as decoder:
        return [read(decoder.frame(number)).tick for number in numbers]


@pytest.mark.parametrize("kind", ["mkv", "mov", "flv"])
def test_it_reads_each_frame_of_other_containers_whole(video, ticks, tmp_path: Path, kind: str) -> None:
    source = video(FRAMES, settings=B_FRAMES)
    path = remuxed(source, tmp_path / f"v.{kind}")
    assert shown(path, 39, 0, 17, 5, 38) == [39, 0, 17, 5, 38]
    assert [tick for _, tick in ticks(path)] == list(range(FRAMES))
    if kind != "flv":
        joined = join_videos([path, path], tmp_path / "all.mp4", fps=30)
        assert [tick for _, tick in ticks(joined.path)] == [*range(FRAMES)] * 2
    with open_video(path) as one, open_video(source) as other:
        assert bytes(one.native_frame(20).to_ndarray()) == bytes(other.native_frame(20).to_ndarray())


def test_it_joins_every_byte_of_a_matroska_files_pictures(packets, tmp_path: Path) -> None:
    path, pictures = tmp_path / "m.mkv", packets(6)
    with av.open(str(path), "w") as output:
        stream = output.add_stream("mjpeg", rate=30)
        stream.width, stream.height, stream.pix_fmt = 288, 64, "yuvj420p"
        for n, data in enumerate(pictures):
            packet = av.Packet(data)
            packet.stream, packet.pts, packet.dts, packet.time_base = stream, n, n, Fraction(1, 30)
            packet.is_keyframe = True
            output.mux(packet)
    joined = join_videos([path], tmp_path / "all.mp4", fps=30)
    with av.open(str(joined.path)) as container:
        assert [bytes(packet) for packet in container.demux(video=0) if packet.size] == pictures


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt"), [("v.mov", "png", "rgba"), ("v.mov", "rawvideo", "rgb24"), ("v.mkv", "ffv1", "bgr0")]
)
def test_it_reads_lossless_pictures_as_they_are(video, tmp_path: Path, name: str, codec: str, pix_fmt: str) -> None:
    """PNG adds a picture that is not called a keyframe to the one before; the others must be told their size."""
    source = video(6)
    path = of_codec(source, tmp_path / name, codec, pix_fmt)
    with open_video(source) as one, open_video(path) as other:
        wanted = list(one.frames())
        assert (np.stack(list(other.frames())) == wanted).all()
        for number in (4, 1, 2):
            assert (other.frame(number) == wanted[number]).all()


@pytest.mark.parametrize("kind", ["ts", "mpg"])
def test_it_refuses_containers_that_hold_frames_in_pieces(video, tmp_path: Path, kind: str) -> None:
    source = video(FRAMES, settings=B_FRAMES)
    path = tmp_path / f"v.{kind}"
    if kind == "ts":
        remuxed(source, path)
    else:
        of_codec(source, path, "mpeg2video")
    with pytest.raises(NotAVideoError, match="in pieces.*-c copy"):
        open_video(path)
    assert verify_video(path).frames >= FRAMES - 1
    with pytest.raises((JoinError, NotAVideoError)):
        join_videos([path], tmp_path / "all.mp4", fps=30)


def test_it_refuses_an_avi_that_does_not_say_in_which_order_frames_are_shown(video, tmp_path: Path) -> None:
    path = of_codec(video(FRAMES), tmp_path / "v.avi", "libx264")
    with pytest.raises(NotAVideoError, match="order"):
        open_video(path)
    plain = of_codec(video(FRAMES), tmp_path / "plain.avi", "mjpeg", "yuvj420p")
    assert shown(plain, 39, 0, 17) == [39, 0, 17]


@pytest.mark.parametrize("kind", ["flv", "mpegts", "mpeg"])
def test_no_file_kills_the_process_whatever_it_is_called(video, tmp_path: Path, kind: str) -> None:
    """With FFmpeg's options given per stream, a container that finds its streams late breaks the memory."""
    made = of_codec(video(8), tmp_path / "v.mpg", "mpeg1video") if kind == "mpeg" else video(8)
    path = tmp_path / "upload.mp4"
    with av.open(str(made)) as input_, av.open(str(path), "w", format=kind) as output:
        stream = output.add_stream_from_template(input_.streams.video[0], opaque=True)
        for packet in input_.demux(video=0):
            if packet.size:
                packet.stream = stream
                output.mux(packet)
    script = (
        "import sys; from robotdata.video import open_video, probe, verify_video, VideoError\n"
        "from robotdata.video.live_source import LiveSource\n"
        "for read in (probe, verify_video, open_video, lambda p: LiveSource(p, 288, 64, 30).open()):\n"
        "    try: read(sys.argv[1])\n"
        "    except VideoError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-500:]


def test_it_counts_the_frames_that_an_edit_list_lets_be_seen(video, tmp_path: Path, ticks) -> None:
    """As FFmpeg cuts without encoding: what lies before the first frame to be shown is there, and hidden."""

    def later(packet: av.Packet) -> None:
        packet.pts, packet.dts = packet.pts - 8 * 512, packet.dts - 8 * 512

    path = remuxed(video(FRAMES, settings=B_FRAMES), tmp_path / "cut.mp4", later)
    seen = list(range(8, FRAMES))
    assert [tick for _, tick in ticks(path)] == seen
    assert shown(path, 0, 31, 3) == [8, 39, 11]
    assert verify_video(path, expected_frames=len(seen)).frames == len(seen)
    assert probe(path, count=True).counted_frames == len(seen)
    assert [read(f).tick for f in decode_video_frames(path, [0.0, 0.1], 1e-3)] == [8, 11]
    with pytest.raises(NotAKeyframeError, match="edit list hides"):
        join_videos([path], tmp_path / "all.mp4", fps=30)
    cut = cut_video(path, 4, 16, tmp_path / "some.mp4", fps=30)
    assert [tick for _, tick in ticks(cut.path)] == list(range(12, 24))


def test_it_counts_the_frames_of_an_edit_that_ends_early(video, tmp_path: Path) -> None:
    path = video(FRAMES, settings=B_FRAMES)
    data = bytearray(path.read_bytes())
    at = data.index(b"elst") + 12
    struct.pack_into(">I", data, at, struct.unpack_from(">I", data, at)[0] // 2)
    path.write_bytes(data)
    with av.open(str(path)) as container:
        seen = [read(frame.to_ndarray(format="rgb24")).tick for frame in container.decode(video=0)]
    assert len(seen) < FRAMES
    assert shown(path, *range(len(seen))) == seen
    assert verify_video(path, expected_frames=len(seen)).frames == len(seen)


def test_it_says_that_an_mp4_cannot_hold_a_codec(video, tmp_path: Path) -> None:
    path = of_codec(video(8), tmp_path / "v.mkv", "ffv1")
    with pytest.raises(JoinError, match="ffv1.*re-encode"):
        join_videos([path], tmp_path / "all.mp4", fps=30)
    assert not (tmp_path / "all.mp4").exists()


@pytest.mark.parametrize(
    "box", [b"mvhd", b"mdhd", b"elst", b"hdlr", b"stsd", b"stts", b"stsc", b"stsz", b"stco", b"moov"]
)
def test_an_mp4_that_lost_the_name_of_a_box_is_read_or_refused(video, tmp_path: Path, box: bytes) -> None:
    """One bit has turned in it."""
    data, broken = video(FRAMES, settings=B_FRAMES).read_bytes(), tmp_path / "broken.mp4"
    assert box in data
    broken.write_bytes(data.replace(box, bytes([box[0] ^ 4]) + box[1:], 1))
    try:
        with open_video(broken) as decoder:
            assert read(decoder.frame(0)).tick >= 0
    except DecodeError as error:
        assert str(broken) in str(error)
