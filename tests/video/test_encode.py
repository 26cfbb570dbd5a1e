"""Pictures become videos whole, or leave nothing and say why."""

from __future__ import annotations

import io
import logging
import threading
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from robotdata.video import EncodeSettings, encode_frames, encode_packets, open_video, probe, verify_video
from robotdata.video.errors import (
    BrokenFrameError,
    BrokenVideoError,
    CodecUnavailableError,
    FrameSizeError,
    NoFramesError,
    OutputExistsError,
    UnknownCodecError,
    UnknownOptionError,
    VideoError,
)
from robotdata.video.priority import real_time_threads
from robotdata.video.sources import folder_pictures

H264 = EncodeSettings(codec="h264", preset="ultrafast")


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("codec", ["libsvtav1", "h264", "hevc"])
@pytest.mark.parametrize(("fps", "time_base"), [(30, 15360), (29.97, 30000), (5, 10240), (59.94, 60000)])
def test_it_encodes_every_frame_at_its_exact_time(
    packets, tmp_path: Path, ticks, codec: str, fps: float, time_base: int
) -> None:
    settings = EncodeSettings(codec=codec, preset="ultrafast" if codec != "libsvtav1" else 12)
    made = encode_packets(packets(9), tmp_path / "v.mp4", fps=fps, settings=settings)
    assert ticks(made.path) == [(0, tick) for tick in range(9)]
    facts = probe(made.path, count=True)
    assert (made.frames, facts.claimed_frames, facts.counted_frames) == (9, 9, 9)
    assert (made.width, made.height, facts.codec) == (facts.width, facts.height, made.codec)
    with av.open(str(made.path)) as container:
        stream = container.streams.video[0]
        assert stream.time_base.denominator == time_base
        times = [frame.pts * stream.time_base for frame in container.decode(stream)]
    assert [time * facts.rate for time in times] == list(range(9))


def test_it_takes_arrays_images_jpeg_and_png_in_one_video(picture, tmp_path: Path, ticks) -> None:
    png, jpeg = io.BytesIO(), io.BytesIO()
    Image.fromarray(picture(2)).save(png, "PNG")
    Image.fromarray(picture(3)).save(jpeg, "JPEG", quality=95, subsampling="4:4:4")
    pictures = [picture(0), Image.fromarray(picture(1)), png.getvalue(), jpeg.getvalue()]
    made = encode_frames(pictures, tmp_path / "v.mp4", fps=30, settings=H264)
    assert ticks(made.path) == [(0, tick) for tick in range(4)]


def test_it_reads_on_after_a_million_frames(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The millionth has a seventh digit: it comes last, not behind the hundred thousandth, and is not left out."""
    for number in (1_000_000, 999_999, 1_000_001, 999_998):
        (tmp_path / f"frame-{number:06d}.png").write_bytes(str(number).encode())
    for other in (
        "frame-12.png",
        "frame-00001x.png",
        "frame-000002.jpg",
        "frame-0999999.png",
        "frame_000003.png",
        "frame-²00000.png",
    ):
        (tmp_path / other).touch()
    assert [int(data) for data in folder_pictures(tmp_path)] == [999_998, 999_999, 1_000_000, 1_000_001]
    assert not caplog.text


def test_it_says_which_frames_a_folder_lacks(picture, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Those after a gap come earlier than they were: the video no longer fits its rows."""
    for tick in (1, 2, 4, 7, 8):
        Image.fromarray(picture(tick)).save(tmp_path / f"frame-{tick:06d}.png")
    assert len(list(folder_pictures(tmp_path))) == 5
    assert f"{tmp_path} lacks 3 of 8 frames, the first after frame-000002.png" in caplog.text
    caplog.clear()
    for tick in (3, 5, 6):
        Image.fromarray(picture(tick)).save(tmp_path / f"frame-{tick:06d}.png")
    assert len(list(folder_pictures(tmp_path))) == 8 and not caplog.text


JPEGS: dict[str, tuple[str, dict]] = {
    "4:2:2, as web cameras send it": ("RGB", {"subsampling": "4:2:2"}),
    "4:4:4": ("RGB", {"subsampling": "4:4:4"}),
    "progressive": ("RGB", {"progressive": True}),
    "grey": ("L", {}),
    "stored as RGB": ("RGB", {"keep_rgb": True}),
}


@pytest.mark.parametrize("kind", JPEGS)
def test_it_keeps_black_and_white_of_every_kind_of_jpeg(tmp_path: Path, kind: str) -> None:
    mode, options = JPEGS[kind]
    ramp = np.tile(np.linspace(0, 255, 320).astype(np.uint8), (64, 1))
    buffer = io.BytesIO()
    Image.fromarray(ramp).convert(mode).save(buffer, "JPEG", quality=95, **options)
    settings = EncodeSettings(codec="h264", crf=10, preset="ultrafast")
    made = encode_packets([buffer.getvalue()] * 2, tmp_path / "v.mp4", fps=30, settings=settings)
    with open_video(made.path) as decoder:
        seen = decoder.frame(1)[32].mean(axis=1)
    assert np.abs(seen - ramp[0]).max() < 5


def test_it_refuses_depth_that_would_become_white(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.fromarray(np.full((64, 64), 4000, np.uint16)).save(buffer, "PNG")
    with pytest.raises(BrokenFrameError, match="encode_depth"):
        encode_packets([buffer.getvalue()], tmp_path / "v.mp4", fps=30, settings=H264)


def test_it_gives_no_name_to_a_file_that_does_not_verify(
    packets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(path: Path, expected_frames: int) -> None:
        assert path.exists() and expected_frames == 3
        raise BrokenVideoError(f"{path} breaks", 1)

    monkeypatch.setattr("robotdata.video.encode.verify_video", broken)
    with pytest.raises(BrokenVideoError):
        encode_frames(packets(3), tmp_path / "v.mp4", fps=30, settings=H264, verify=True)
    assert left_in(tmp_path) == []


@pytest.mark.parametrize("codec", ["libsvtav1", "h264", "hevc"])
def test_it_repeats_a_frame_as_often_as_it_comes(packets, tmp_path: Path, ticks, codec: str) -> None:
    one, two, three = packets(3)
    repeated = [one, one, two, two, two, one, bytes(bytearray(one)), three, b"broken"]
    settings = EncodeSettings(codec=codec)
    made = encode_packets(repeated[:-1], tmp_path / "v.mp4", fps=30, settings=settings)
    assert [tick for _, tick in ticks(made.path)] == [0, 0, 1, 1, 1, 0, 0, 2]
    assert verify_video(made.path, expected_frames=8).frames == 8
    with pytest.raises(BrokenFrameError, match="frame 8"):
        encode_packets(repeated, tmp_path / "w.mp4", fps=30, settings=settings)


def test_it_reads_a_folder_of_frames_in_the_order_of_their_numbers(picture, tmp_path: Path, ticks) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    for tick in (3, 1, 2, 0):
        Image.fromarray(picture(tick)).save(folder / f"frame-{tick:06d}.png")
    made = encode_frames(folder_pictures(folder), tmp_path / "v.mp4", fps=30, settings=H264)
    assert ticks(made.path) == [(0, tick) for tick in range(4)]


@pytest.mark.parametrize(
    ("settings", "keyframes"),
    [(EncodeSettings(codec="h264", g=4), [0, 4, 8]), (EncodeSettings(codec="libsvtav1", g=2), [0, 2, 4, 6, 8])],
)
def test_it_puts_keyframes_where_asked_whatever_the_source_calls_its_pictures(
    packets, tmp_path: Path, settings: EncodeSettings, keyframes: list[int]
) -> None:
    made = encode_packets(packets(10), tmp_path / "v.mp4", fps=30, settings=settings)
    with av.open(str(made.path)) as container:
        keys = [packet.pts // 512 for packet in container.demux(video=0) if packet.size and packet.is_keyframe]
    assert keys == keyframes


@pytest.mark.parametrize("codec", ["libsvtav1", "h264", "hevc"])
def test_it_leaves_nothing_when_progress_cancels(packets, tmp_path: Path, codec: str) -> None:
    def cancel(done: int) -> None:
        raise InterruptedError(f"cancelled after {done}")

    with pytest.raises(InterruptedError, match="cancelled after 8"):
        encode_packets(packets(60), tmp_path / "v.mp4", fps=30, settings=EncodeSettings(codec=codec), progress=cancel)
    assert left_in(tmp_path) == []
    assert not [thread for thread in threading.enumerate() if thread.name == "video-prefetch"]


def test_it_never_becomes_a_real_time_process(packets, tmp_path: Path) -> None:
    """As root SVT-AV1 would put its threads before everybody's, a recorder's too."""
    seen: list[int] = []
    before = real_time_threads()
    encode_packets(packets(16), tmp_path / "v.mp4", fps=30, progress=lambda _: seen.append(real_time_threads()))
    assert seen and set(seen) == {before}


def test_it_says_how_far_it_is(packets, tmp_path: Path) -> None:
    said: list[int] = []
    encode_packets(packets(20), tmp_path / "v.mp4", fps=30, settings=H264, progress=said.append)
    assert said[-1] == 20 and said == sorted(said)


BROKEN: dict[str, tuple[Callable[[list[bytes]], list[bytes]], type[Exception], str]] = {
    "cut off": (lambda p: [p[0], p[1][: len(p[1]) // 2]], BrokenFrameError, "frame 1"),
    "no picture": (lambda p: [p[0], p[1], b"what"], BrokenFrameError, "frame 2 is neither"),
    "empty packet": (lambda p: [p[0], b""], BrokenFrameError, "frame 1"),
    "broken png": (lambda p: [p[0], b"\x89PNG\r\n\x1a\n" + b"x" * 40], BrokenFrameError, "frame 1"),
    "nothing": (lambda p: [], NoFramesError, "no frames"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_it_names_the_frame_that_is_broken_and_leaves_nothing(packets, tmp_path: Path, case: str) -> None:
    damage, error, words = BROKEN[case]
    with pytest.raises(error, match=words):
        encode_packets(damage(packets(3)), tmp_path / "v.mp4", fps=30, settings=H264)
    assert left_in(tmp_path) == []


SIZES: dict[str, tuple[list[tuple[int, int]], EncodeSettings, str]] = {
    "changing": ([(288, 64), (320, 64)], H264, "frame 1 is 320x64, those before are 288x64"),
    "odd": ([(289, 65)], H264, "even sides"),
    "small": ([(24, 24)], EncodeSettings(), "at least 32"),
    "narrow": ([(48, 64)], EncodeSettings(codec="hevc"), "at least 50"),
    "narrow and deep": ([(34, 32)], EncodeSettings(codec="hevc", pix_fmt="yuv420p10le"), "at least 50"),
}


@pytest.mark.parametrize("case", SIZES)
def test_it_refuses_sizes_that_no_encoder_survives(tmp_path: Path, case: str) -> None:
    sizes, settings, words = SIZES[case]
    pictures = [np.zeros((height, width, 3), np.uint8) for width, height in sizes]
    with pytest.raises(FrameSizeError, match=words):
        encode_frames(pictures, tmp_path / "v.mp4", fps=30, settings=settings)
    assert left_in(tmp_path) == []


def test_it_refuses_arrays_that_are_no_rgb_pictures(tmp_path: Path) -> None:
    with pytest.raises(BrokenFrameError, match=r"want uint8 \(H, W, 3\), got float32"):
        encode_frames([np.zeros((64, 64, 3), np.float32)], tmp_path / "v.mp4", fps=30, settings=H264)  # type: ignore[list-item]


def test_it_keeps_an_output_that_exists_unless_told(packets, tmp_path: Path, ticks) -> None:
    path = tmp_path / "v.mp4"
    path.write_bytes(b"precious")
    with pytest.raises(OutputExistsError, match="overwrite"):
        encode_packets(packets(2), path, fps=30, settings=H264)
    assert path.read_bytes() == b"precious"
    encode_packets(packets(2), path, fps=30, settings=H264, overwrite=True)
    assert len(ticks(path)) == 2


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"codec": "mpeg9"}, UnknownCodecError),
        ({"crf": 64}, UnknownOptionError),
        ({"g": 0}, UnknownOptionError),
        ({"threads": 0}, UnknownOptionError),
        ({"fast_decode": 3}, UnknownOptionError),
    ],
)
def test_it_refuses_settings_that_no_encoder_knows(options: dict, error: type[Exception]) -> None:
    with pytest.raises(error, match="want"):
        EncodeSettings(**options)


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        (EncodeSettings(codec="h264", extra_options={"nonsense": 1}), UnknownOptionError),
        (EncodeSettings(extra_options={"nonsense": 1}), UnknownOptionError),
        (EncodeSettings(crf=30.5), UnknownOptionError),
        (EncodeSettings(codec="h264", preset="quickest"), UnknownOptionError),
        (EncodeSettings(codec="h264_videotoolbox"), CodecUnavailableError),
    ],
)
def test_it_says_which_option_the_encoder_does_not_take(
    packets, tmp_path: Path, settings: EncodeSettings, error: type[Exception]
) -> None:
    if settings.codec.endswith("videotoolbox") and settings.codec in av.codecs_available:
        pytest.skip("this machine has VideoToolbox")
    with pytest.raises(error):
        encode_packets(packets(2), tmp_path / "v.mp4", fps=30, settings=settings)
    assert left_in(tmp_path) == []


@pytest.mark.parametrize("codec", ["libsvtav1", "hevc"])
def test_it_falls_back_to_420_with_a_warning(packets, tmp_path: Path, caplog, codec: str) -> None:
    with caplog.at_level(logging.WARNING):
        made = encode_packets(
            packets(2), tmp_path / "v.mp4", fps=30, settings=EncodeSettings(codec=codec, pix_fmt="yuv444p")
        )
    assert made.pix_fmt == probe(made.path).pix_fmt == "yuv420p"
    assert "yuv444p" in caplog.text


@pytest.mark.parametrize("fps", [0, -1, float("nan"), float("inf"), 1001])
def test_it_refuses_rates_that_are_none(packets, tmp_path: Path, fps: float) -> None:
    with pytest.raises(VideoError, match="frames per second"):
        encode_packets(packets(2), tmp_path / "v.mp4", fps=fps)


def test_it_verifies_what_it_wrote(packets, tmp_path: Path) -> None:
    made = encode_packets(packets(12), tmp_path / "v.mp4", fps=24)
    assert verify_video(made.path, expected_frames=12).frames == 12
