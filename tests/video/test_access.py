"""Files whose keyframes are not places where decoding can begin: every frame is still the one that it is in a row."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from robotdata.video import NotAKeyframeError, VideoDecoder, cut_video, index_video, join_videos, open_video
from robotdata.video.access import NOTHING, RESTART, Access, AccessReader
from robotdata.video.barcode import read
from robotdata.video.ranges import copyable_range
from robotdata.video.remux import Segment

FRAMES = 75
KINDS = {
    "intra refresh": ("libx264", "x264-params", "intra-refresh=1:keyint=25:bframes=0"),
    "intra refresh, B": ("libx264", "x264-params", "intra-refresh=1:keyint=20:bframes=3:b-pyramid=strict"),
    "open groups": ("libx264", "x264-params", "open-gop=1:keyint=12:bframes=3:scenecut=0:b-adapt=0"),
    "HEVC open groups": ("libx265", "x265-params", "log-level=error:open-gop=1:keyint=12:bframes=3:scenecut=0"),
    "HEVC CRA alone": ("libx265", "x265-params", "log-level=error:open-gop=1:keyint=12:bframes=0:scenecut=0"),
    "HEVC intra refresh": ("libx265", "x265-params", "log-level=error:intra-refresh=1:keyint=20:bframes=0"),
}
WITHOUT_RESTARTS = ("intra refresh", "intra refresh, B", "HEVC intra refresh")


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def film(tmp_path: Path, picture: Callable[..., np.ndarray], kind: str) -> Path:
    codec, name, value = KINDS[kind]
    path = tmp_path / "film.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=30, options={name: value, "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = 288, 64, "yuv420p"
        for number in range(FRAMES):
            frame = av.VideoFrame.from_ndarray(picture(number))
            frame.pts, frame.time_base = number, Fraction(1, 30)
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return path


def in_a_row(path: Path) -> list[np.ndarray]:
    """As FFmpeg decodes them from the beginning."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray() for frame in container.decode(video=0)]


def same_at_random(decoder: VideoDecoder, wanted: list[np.ndarray]) -> None:
    keys = decoder.index.key_frames.tolist()
    around = [key + step for key in keys for step in (0, -1, -2, -3, 1) if 0 <= key + step < len(wanted)]
    for number in (*np.random.default_rng(1).permutation(len(wanted)).tolist(), *around):
        assert (decoder.native_frame(number).to_ndarray() == wanted[number]).all(), number


def test_a_random_frame_is_the_one_of_the_row(film: Path, kind: str) -> None:
    wanted = in_a_row(film)
    assert len(wanted) == FRAMES
    with open_video(film) as decoder:
        same_at_random(decoder, wanted)
        assert read(decoder.frame(FRAMES - 2)).tick == FRAMES - 2
        for first in range(0, FRAMES, 4):
            some = range(first, min(FRAMES, first + 5))
            for number, frame in zip(some, decoder.native_frames(some), strict=True):
                assert (frame.to_ndarray() == wanted[number]).all(), number


def test_a_file_is_cut_where_decoding_can_begin_or_not_at_all(film: Path, kind: str, tmp_path: Path) -> None:
    wanted, cuts = in_a_row(film), 0
    for first in range(FRAMES):
        try:
            made = cut_video(film, first, FRAMES, tmp_path / f"{first}.mp4", fps=30)
        except NotAKeyframeError as error:
            assert f"frame {first}" in str(error)
            assert not (tmp_path / f"{first}.mp4").exists()
            continue
        cuts += 1
        got = in_a_row(made.path)
        assert len(got) == FRAMES - first
        assert all((one == other).all() for one, other in zip(got, wanted[first:], strict=True))
        with open_video(made.path) as decoder:
            same_at_random(decoder, wanted[first:])
    assert cuts == (7 if kind == "HEVC CRA alone" else 1)


def test_a_trim_begins_where_a_file_can_begin(film: Path, kind: str, tmp_path: Path) -> None:
    index = index_video(film)
    begin, end = copyable_range(index, 40, 60, 0, FRAMES)
    assert begin == (36 if kind == "HEVC CRA alone" else 0) and end >= 60
    made = join_videos([Segment(film, begin, end - begin)] * 2, tmp_path / "twice.mp4", fps=30)
    wanted = in_a_row(film)[begin:end] * 2
    got = in_a_row(made.path)
    assert len(got) == len(wanted) and all((one == other).all() for one, other in zip(got, wanted, strict=True))
    if kind in WITHOUT_RESTARTS:
        with pytest.raises(NotAKeyframeError, match="file can begin"):
            copyable_range(index, 40, 60, 5, FRAMES)


def test_the_words_for_a_recovery_point(film: Path, kind: str, tmp_path: Path) -> None:
    index = index_video(film)
    if len(index.keys) < 2 or "HEVC" in kind:
        pytest.skip("it has one keyframe, or they are of another kind")
    with pytest.raises(NotAKeyframeError, match="recovery point.*begin at 0"):
        cut_video(film, int(index.key_frames[1]), FRAMES, tmp_path / "cut.mp4", fps=30)


@pytest.mark.parametrize("name", ["intrarefresh.mp4", "intrarefresh_moving.mp4"])
def test_the_files_that_had_no_frames(cases: Path, tmp_path: Path, name: str) -> None:
    path = cases / "bughunt" / name
    wanted = in_a_row(path)
    with open_video(path) as decoder:
        assert len(decoder) == len(wanted)
        same_at_random(decoder, wanted)
        second = int(decoder.index.key_frames[1])
    with pytest.raises(NotAKeyframeError, match="begin at 0"):
        cut_video(path, second, len(wanted), tmp_path / "cut.mp4", fps=30)


def unit(*parts: bytes) -> bytes:
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


AVCC, HVCC = bytes([1, 100, 0, 11, 255]), bytes([1, *[0] * 20, 255])
IDR, SLICE, I_WITHOUT_WORDS = b"\x65\x88", b"\x41\x9b", b"\x41\x88"


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (unit(IDR), RESTART),
        (unit(b"\x09\x10", b"\x67\x64", b"\x68\xee", b"\x06\x05\x02\xff\xff\x80", IDR), RESTART),
        (unit(b"\x06\x06\x02\x08\xc4\x80", SLICE), Access(False, 16)),
        (unit(b"\x06\x06\x01\xc4\x80", I_WITHOUT_WORDS), Access(False, 0)),
        (unit(b"\x06\x05\x03abc\x06\x01\xc4\x80", SLICE), Access(False, 0)),  # after another message in the same unit
        (unit(b"\x06\x05\xff\x01" + b"x" * 256 + b"\x06\x01\xc4\x80", SLICE), Access(False, 0)),
        (unit(b"\x06\x06\x01\x84\x80", SLICE), NOTHING),  # only nearly right
        (unit(b"\x06\x06\x01\xe4\x80", SLICE), NOTHING),  # a broken link
        (unit(I_WITHOUT_WORDS), NOTHING),
        (b"", NOTHING),
        (b"\x00\x00\x00\xff\x65", RESTART),
        (b"\xff" * 40, NOTHING),
        (unit(b"\x06\x06"), NOTHING),
        (unit(b"\x06\x06\x01\x00"), NOTHING),
    ],
)
def test_it_knows_the_entries_of_h264(data: bytes, wanted: Access) -> None:
    assert AccessReader("h264", AVCC).access(data) == wanted


def test_it_reads_units_between_start_codes() -> None:
    reader = AccessReader("h264", b"\0\0\0\1\x67")
    assert reader.access(b"\0\0\0\1\x09\x10\0\0\1\x06\x06\x02\x08\xc4\x80\0\0\0\1" + SLICE) == Access(False, 16)
    assert reader.access(b"\0\0\1" + IDR) == RESTART


@pytest.mark.parametrize(
    ("kind_", "wanted"), [(19, RESTART), (20, RESTART), (21, RESTART), (16, RESTART), (1, NOTHING)]
)
def test_it_knows_the_entries_of_hevc(kind_: int, wanted: Access) -> None:
    slice_ = bytes([kind_ << 1, 1, 0xAF])
    assert AccessReader("hevc", HVCC).access(unit(bytes([32 << 1, 1, 0]), bytes([39 << 1, 1, 5]), slice_)) == wanted


def test_it_believes_other_codecs() -> None:
    assert AccessReader("av1", b"").access(b"") == RESTART
