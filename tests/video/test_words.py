"""Whatever a notebook hands over by mistake is refused in words that say what was wanted, and leaves nothing."""

from __future__ import annotations

import errno
import io
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from robotdata.lerobot_compat.names import concatenate_video_files, settings_from
from robotdata.video import (
    CodecUnavailableError,
    EncodeSettings,
    Segment,
    cut_video,
    decode_video_frames,
    dequantize_depth,
    encode_depth,
    encode_frames,
    encode_video_frames,
    folder_pictures,
    index_video,
    join_videos,
    packet_file,
    quantize_depth,
)
from robotdata.video.codecs import ENCODERS
from robotdata.video.errors import (
    BrokenFrameError,
    EncodeError,
    JoinError,
    OutputExistsError,
    UnknownOptionError,
    VideoError,
)
from robotdata.video.rates import exact_rate

H264 = EncodeSettings(codec="h264", preset="ultrafast")
RGB = np.full((64, 64, 3), 90, np.uint8)


def _png_that_claims(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(900))) + chunk(b"IEND", b"")


PICTURES: dict[str, tuple[Any, str]] = {
    "a list": (RGB.tolist(), "frame 1 is a list: want an array"),
    "a path": (Path("a.png"), "frame 1 is a .*Path: want"),
    "nothing": (None, "frame 1 is a NoneType"),
    "a file": (io.BytesIO(b"x"), "frame 1 is a BytesIO"),
    "no pixels": (np.zeros((0, 0, 3), np.uint8), r"frame 1: want uint8 \(H, W, 3\)"),
    "depth, 16 bits": (Image.fromarray(np.full((64, 64), 4000, np.uint16)), "encode_depth"),
    "depth, floating": (Image.fromarray(np.full((64, 64), 4000, np.float32)), "encode_depth"),
    "a bomb": (_png_that_claims(60_000, 60_000), "frame 1"),
    "a smaller bomb": (_png_that_claims(9_000, 9_000), "frame 1.*64,000,000"),
}


@pytest.mark.parametrize("case", PICTURES)
def test_it_says_which_picture_is_none(tmp_path: Path, case: str) -> None:
    picture, words = PICTURES[case]
    with pytest.raises(BrokenFrameError, match=words) as caught:
        encode_frames([RGB, picture], tmp_path / "v.mp4", fps=30, settings=H264)
    assert caught.value.frame == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "options",
    [
        {"crf": "30"},
        {"g": 2.5},
        {"g": True},
        {"threads": "2"},
        {"preset": 5.5},
        {"pix_fmt": None},
        {"extra_options": None},
    ],
)
def test_it_refuses_settings_of_the_wrong_kind(options: dict[str, Any]) -> None:
    with pytest.raises(UnknownOptionError, match=f"{next(iter(options))}=.*want"):
        EncodeSettings(**options)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"preset": 99}, r"out of range \[-2 - 13\]"),
        ({"codec": "hevc", "crf": 60}, "libx265"),
        ({"codec": "h264", "preset": "quickest"}, "quickest"),
        ({"pix_fmt": "yuv421p"}, "not a pixel format; libsvtav1 takes yuv420p"),
        ({"extra_options": {"svtav1-params": "nonsense=1"}}, "nonsense"),
        ({"codec": "h264", "extra_options": {"x264-params": "nonsense=1"}}, "nonsense"),
        ({"codec": "hevc", "extra_options": {"x265-params": "nonsense=1"}}, "nonsense"),
    ],
)
def test_it_says_in_the_encoders_words_what_it_does_not_take(
    tmp_path: Path, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(UnknownOptionError, match=words):
        encode_frames([RGB] * 2, tmp_path / "v.mp4", fps=30, settings=EncodeSettings(**options))
    assert list(tmp_path.iterdir()) == []


def test_it_takes_the_parameters_that_encoders_know(tmp_path: Path) -> None:
    for codec, name, value in (("hevc", "x265-params", "aq-mode=2"), ("libsvtav1", "svtav1-params", "tune=0")):
        settings = EncodeSettings(codec=codec, extra_options={name: value})
        assert encode_frames([RGB] * 3, tmp_path / f"{codec}.mp4", fps=30, settings=settings).frames == 3


def test_it_says_that_an_encoder_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("av.codecs_available", {"libsvtav1"})
    with pytest.raises(CodecUnavailableError, match="has no h264_vaapi; codec='auto'"):
        encode_frames([RGB], tmp_path / "v.mp4", fps=30, settings=EncodeSettings(codec="h264_vaapi"))


def test_it_tries_encoders_also_where_the_package_is_found_by_hand(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    code = (
        f"import sys; sys.path.insert(0, {str(root)!r}); from robotdata.video import codec_works as w; print(w('h264'))"
    )
    bare = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=bare, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "True"


@pytest.mark.parametrize("fps", [None, "fast", np.float32("nan"), 1e-9, []])
def test_it_refuses_what_is_no_rate(fps: Any) -> None:
    with pytest.raises(VideoError, match="frames per second: want a number"):
        exact_rate(fps)
    assert exact_rate(np.float32(29.97)) == exact_rate(29.97)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "name", ["12:30.mp4", "file:x.mp4", "a b.mp4", "100%03d.mp4", "new\nline.mp4", "ü" * 120 + ".mp4"]
)
def test_it_writes_and_reads_under_any_name(video, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    encode_frames([RGB] * 4, name, fps=30, settings=H264)  # type: ignore[arg-type]
    assert decode_video_frames(name, [0.0, 0.1], 1e-3).shape == (2, 64, 64, 3)
    assert join_videos([name, name], f"2{name}"[:120], fps=30).frames == 8
    assert not list(tmp_path.glob(".*"))


def test_it_takes_paths_as_plain_strings(video, picture, tmp_path: Path) -> None:
    path = video(6)
    Image.fromarray(picture(0)).save(tmp_path / "frame-000000.png")
    assert len(index_video(str(path))) == 6
    assert join_videos([Segment(str(path), 2, 2), str(path)], str(tmp_path / "j.mp4"), fps=30).frames == 8
    assert cut_video(str(path), 2, 4, str(tmp_path / "c.mp4"), fps=30).frames == 2
    assert len(list(folder_pictures(str(tmp_path)))) == 1
    with pytest.raises(VideoError, match=r"episode-0\.mp4 is not a camera file"):
        list(packet_file(str(path)))


def test_it_wants_a_list_of_videos(video, tmp_path: Path) -> None:
    path = video(4)
    for join in (concatenate_video_files, lambda paths, out: join_videos(paths, out, fps=30)):
        with pytest.raises(JoinError, match="give a list"):
            join(str(path), tmp_path / "j.mp4")


def test_it_leaves_the_video_that_another_wrote_meanwhile(tmp_path: Path) -> None:
    out = tmp_path / "v.mp4"

    def pictures():
        yield RGB
        out.write_bytes(b"theirs")
        yield RGB

    with pytest.raises(OutputExistsError, match="created by another process"):
        encode_frames(pictures(), out, fps=30, settings=H264)
    assert out.read_bytes() == b"theirs" and list(tmp_path.iterdir()) == [out]
    with pytest.raises(OutputExistsError, match="is a folder"):
        encode_frames([RGB], tmp_path, fps=30, settings=H264, overwrite=True)


def test_it_sees_a_link_to_nowhere_before_it_encodes(tmp_path: Path) -> None:
    out = tmp_path / "v.mp4"
    out.symlink_to(tmp_path / "elsewhere" / "v.mp4")
    with pytest.raises(OutputExistsError, match="exists; remove it"):
        encode_frames([RGB], out, fps=30, settings=H264)


def test_it_says_what_is_there_instead_of_a_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(VideoError, match=r"pipe\.mp4 is a device, pipe or socket"):
        index_video(tmp_path / "pipe.mp4")


@pytest.mark.skipif(not Path("/sys/kernel").is_dir(), reason="wants a folder that nobody may write into")
def test_it_says_at_once_where_it_may_not_write(video) -> None:
    taken: list[int] = []
    pictures = (RGB for n in range(3) if not taken.append(n))  # type: ignore[func-returns-value]
    with pytest.raises(PermissionError, match=r"/sys/\.v\.mp4"):
        encode_frames(pictures, "/sys/v.mp4", fps=30, settings=H264)
    assert not taken
    with pytest.raises(PermissionError, match=r"/sys/\.v\.mp4"):
        concatenate_video_files([video(2)], "/sys/v.mp4")


def test_it_gives_the_disks_own_error_where_a_video_outgrows_it(tmp_path: Path) -> None:
    code = (
        "import resource, signal, sys, numpy as np; from robotdata.video import encode_frames, EncodeSettings\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (100000, 100000))\n"
        "noise = np.random.default_rng(0).integers(0, 255, (20, 240, 320, 3), np.uint8)\n"
        "quick = EncodeSettings(codec='h264', preset='ultrafast', crf=10)\n"
        "try: encode_frames(list(noise) * 5, sys.argv[1], fps=30, settings=quick)\n"
        "except OSError as error: print(error.errno)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "v.mp4")], capture_output=True, text=True)
    assert done.stdout.split() == [str(errno.EFBIG)], done.stderr
    assert not list(tmp_path.iterdir())


def test_it_wants_whole_numbers_for_a_cut(video, tmp_path: Path) -> None:
    for first, end in ((0, 2.5), ("0", 2), (None, 2)):
        with pytest.raises(JoinError, match="want frame numbers"):
            cut_video(video(4), first, end, tmp_path / "c.mp4", fps=30)  # type: ignore[arg-type]
    assert cut_video(video(4), np.int64(0), np.int64(2), tmp_path / "c.mp4", fps=30).frames == 2


def test_it_gives_the_disks_own_error_where_it_is_full(video, tmp_path: Path) -> None:
    """A program that waits for room must see that it is room that is wanted."""
    path, out = video(60), tmp_path / "all.mp4"
    code = (
        "import resource, signal, sys; from robotdata.video import join_videos\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))\n"
        "try: join_videos([sys.argv[1]], sys.argv[2], fps=30)\n"
        "except OSError as error: print(error.errno)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, path, out], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(errno.EFBIG)
    assert sorted(tmp_path.iterdir()) == [path]


def test_it_refuses_what_would_lose_the_depth(tmp_path: Path) -> None:
    depth = np.full((64, 64), 900, np.uint16)
    with pytest.raises(UnknownOptionError, match="lose the depth"):
        encode_depth([depth], tmp_path / "d.mp4", fps=30, settings=EncodeSettings(codec="h264"))
    for use in (quantize_depth, dequantize_depth):
        with pytest.raises(EncodeError, match="want m or mm"):
            use(depth, unit="cm")  # type: ignore[arg-type]


def test_it_knows_av1_by_the_streams_name_as_lerobot_does() -> None:
    assert settings_from("av1").codec == "libsvtav1" in ENCODERS
    with pytest.raises(VideoError):
        encode_video_frames("/nowhere", "/nowhere/v.mp4", 30, "av2")
