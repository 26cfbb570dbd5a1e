"""The functions that LeRobot's users know do what they know, and say more when they cannot."""

from __future__ import annotations

import importlib
import logging
import subprocess
import sys
import types
from dataclasses import dataclass, field
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

import robotdata.video as room
from robotdata.lerobot_compat.backends import automatic_backend
from robotdata.lerobot_compat.names import settings_from
from robotdata.video import (
    BackendMissingError,
    FrameTimestampError,
    NoFramesError,
    VideoDecoderCache,
    barcode,
    concatenate_video_files,
    decode_video_frames,
    encode_video_frames,
    get_video_info,
)
from robotdata.video.errors import DecodeError, JoinError, SegmentMismatchError
from robotdata.video.packets import PacketWriter

LEROBOTS = [
    "encode_video_frames",
    "decode_video_frames",
    "VideoDecoderCache",
    "FrameTimestampError",
    "concatenate_video_files",
    "get_video_info",
    "get_audio_info",
    "get_video_pixel_channels",
    "get_video_duration_in_s",
    "VideoFrame",
]
OPTIONAL = {"torchcodec": "torchcodec", "video_reader": "torchvision", "npu": "torch_npu"}


@dataclass
class Config:
    """What LeRobot 0.6 passes as its encoder's configuration."""

    vcodec: str = "h264"
    pix_fmt: str = "yuv420p"
    g: int = 3
    crf: int = 28
    preset: str | None = "ultrafast"
    fast_decode: int = 0
    video_backend: str = "pyav"
    extra_options: dict[str, str] = field(default_factory=dict)


def ticks(frames: np.ndarray) -> list[int]:
    return [barcode.read(frame).tick for frame in frames]


def test_it_has_every_name_that_lerobots_users_import() -> None:
    assert set(LEROBOTS) <= set(room.__all__) == set(room._MODULE_OF)
    for name in room.__all__:
        assert getattr(room, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        room.nonsense  # noqa: B018


def test_it_loads_no_codec_and_no_arrow_before_they_are_asked_for() -> None:
    code = "import sys, robotdata.video.packets; print([m for m in ('av', 'pyarrow', 'torch') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_it_encodes_a_folder_with_lerobots_configuration(picture, tmp_path: Path) -> None:
    for tick in range(7):
        Image.fromarray(picture(tick)).save(tmp_path / f"frame-{tick:06d}.png")
    made = encode_video_frames(tmp_path, tmp_path / "v.mp4", 30, Config())
    assert (made.codec, made.frames) == ("h264", 7)
    assert room.index_video(made.path).key_frames.tolist() == [0, 3, 6]
    assert ticks(decode_video_frames(made.path, [0, 0.1, 0.2], 1e-4)) == [0, 3, 6]


@dataclass
class DepthConfig(Config):
    """LeRobot's configuration of a depth camera."""

    vcodec: str = "hevc"
    pix_fmt: str = "gray12le"
    g: int = 2
    extra_options: dict[str, str] = field(default_factory=lambda: {"x265-params": "lossless=1"})
    depth_min: float = 0.2
    depth_max: float = 4.0
    shift: float = 1.0
    use_log: bool = True


def test_it_encodes_a_folder_of_depth_and_gives_its_codes_back(tmp_path: Path) -> None:
    maps = [np.full((48, 64), 500 * (1 + n), np.uint16) for n in range(4)]
    for n, depth in enumerate(maps):
        Image.fromarray(depth).save(tmp_path / f"frame-{n:06d}.tiff")
    config = DepthConfig()
    made = encode_video_frames(tmp_path, tmp_path / "d.mp4", 30, video_encoder=config, log_level=16)
    assert (made.codec, made.pix_fmt, made.frames) == ("hevc", "gray12le", 4)
    scale = room.DepthScale(0.2, 4.0, 1.0)
    codes = decode_video_frames(made.path, [0.1, 0], 1e-4, is_depth=True)
    assert (codes.dtype, codes.shape) == (np.uint16, (2, 48, 64, 1))
    assert (codes[0, ..., 0] == room.quantize_depth(maps[3], scale)).all()
    assert (room.dequantize_depth(codes[1, ..., 0], scale) == 500).all()
    info = room.get_video_info(made.path, config)
    assert info["is_depth_map"] and info["video.pix_fmt"] == "gray12le"
    assert room.DepthScale.from_info(info) == scale
    with pytest.raises(NoFramesError, match=r"frame-000000\.tiff"):
        encode_video_frames(tmp_path / "empty", tmp_path / "e.mp4", 30, config)
    (tmp_path / "frame-000004.tiff").write_bytes(b"no picture")
    with pytest.raises(room.DecodeError, match="frame-000004"):
        encode_video_frames(tmp_path, tmp_path / "f.mp4", 30, config)
    assert not (tmp_path / "f.mp4").exists()


def test_it_says_of_a_file_what_lerobots_configuration_says(picture, tmp_path: Path) -> None:
    made = room.encode_frames([picture(n) for n in range(3)], tmp_path / "v.mp4", fps=30)
    info = room.get_video_info(made.path, Config())
    assert (info["video.codec"], info["video.g"], info["is_depth_map"]) == ("av1", 3, False)
    assert "video.depth_min" not in info and "video.g" not in room.get_video_info(made.path)
    concatenate_video_files([made.path, made.path], tmp_path / "j.mp4", compatibility_check=True)
    assert room.probe(tmp_path / "j.mp4", count=True).frames == 6


def test_it_encodes_a_takes_camera(packets, tmp_path: Path) -> None:
    writer = PacketWriter(tmp_path / "camera.mkv", "mjpeg", 288, 64)
    for n, packet in enumerate(packets(5)):
        writer.write(packet, n * 33_000_000)
    writer.finish()
    made = encode_video_frames(tmp_path / "camera.mkv", tmp_path / "v.mp4", 30, "h264", preset="ultrafast")
    assert ticks(decode_video_frames(made.path, [n / 30 for n in range(5)], 1e-4)) == [0, 1, 2, 3, 4]


def test_it_refuses_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(NoFramesError, match="frame-000000.png"):
        encode_video_frames(tmp_path, tmp_path / "v.mp4", 30)
    with pytest.raises(FileNotFoundError):
        encode_video_frames(tmp_path, tmp_path / "v.mp4", 30)


def test_it_refuses_options_that_do_not_exist() -> None:
    with pytest.raises(TypeError, match="nonsense"):
        settings_from("h264", None, {"nonsense": 1})
    assert settings_from(None).codec == "libsvtav1"
    assert settings_from(Config(), 2).threads == 2
    assert settings_from(settings_from(Config(), 2)) == settings_from(Config(), 2)


def test_it_decodes_times_in_the_order_asked_even_twice(video) -> None:
    frames = decode_video_frames(video(12), [0.3, 0.0, 0.3, 1 / 30], 1e-4)
    assert frames.shape == (4, 64, 288, 3) and frames.dtype == np.uint8
    assert ticks(frames) == [9, 0, 9, 1]
    assert decode_video_frames(video(12), [], 1e-4).shape == (0, 64, 288, 3)


@pytest.mark.parametrize("time", [0.01, 0.4, -0.1, 77.0, float("nan")])
def test_it_refuses_times_without_a_frame_and_shows_them_all(video, time: float) -> None:
    path = video(12)
    with pytest.raises(FrameTimestampError) as caught:
        decode_video_frames(path, [0.1, time], 1e-4)
    assert isinstance(caught.value, ValueError)
    for words in (f"queried: [0.1, {time}]", "loaded: [0.1, ", str(path), "backend: pyav"):
        assert words in str(caught.value)


def test_it_takes_a_time_at_the_tolerance(video) -> None:
    assert ticks(decode_video_frames(video(12), [0.1 + 0.01, 0.2 - 0.01], 0.01)) == [3, 6]


def test_it_uses_the_cache_that_it_is_given(video) -> None:
    held = VideoDecoderCache(max_size=2)
    path = video(4)
    decode_video_frames(path, [0.0], 1e-4, cache=held)
    assert path in held
    held.clear()


@pytest.mark.parametrize("backend", OPTIONAL)
def test_it_says_what_to_install_for_a_missing_backend(video, backend: str) -> None:
    if find_spec(OPTIONAL[backend]) is not None:
        pytest.skip(f"{OPTIONAL[backend]} is installed")
    with pytest.raises(BackendMissingError, match=f"pip install {OPTIONAL[backend]}") as caught:
        decode_video_frames(video(4), [0.0], 1e-4, backend)
    assert isinstance(caught.value, ImportError)


def test_it_says_what_to_install_for_tensors(video) -> None:
    if find_spec("torch") is not None:
        pytest.skip("torch is installed")
    with pytest.raises(BackendMissingError, match="pip install torch"):
        decode_video_frames(video(4), [0.0], 1e-4, tensor=True)


def test_it_refuses_backends_that_do_not_exist(video) -> None:
    with pytest.raises(DecodeError, match="expected one of pyav, torchcodec, video_reader, npu"):
        decode_video_frames(video(4), [0.0], 1e-4, "cv2")


def test_it_chooses_pyav_where_torchcodec_does_not_load_and_says_so(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(name: str) -> types.ModuleType:
        raise RuntimeError("libavutil.so.59 is not there\nand much more")

    automatic_backend.cache_clear()
    monkeypatch.setattr("robotdata.lerobot_compat.backends.find_spec", lambda name: object())
    monkeypatch.setattr("robotdata.lerobot_compat.backends.import_module", broken)
    with caplog.at_level(logging.INFO):
        assert automatic_backend(True) == "pyav"
    assert "libavutil.so.59 is not there" in caplog.text and "much more" not in caplog.text
    automatic_backend.cache_clear()


def test_it_speaks_to_torchcodec_in_frame_numbers(video, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[int]] = []

    class Decoder:
        def __init__(self, path: str, dimension_order: str) -> None:
            assert dimension_order == "NHWC"

        def get_frames_at(self, indices: list[int]) -> object:
            asked.append(indices)
            pictures = np.stack([np.full((2, 2, 3), n, np.uint8) for n in indices])
            times = np.array(indices) / 30
            return types.SimpleNamespace(data=types.SimpleNamespace(numpy=lambda: pictures), pts_seconds=times)

    module = types.SimpleNamespace(VideoDecoder=Decoder)
    monkeypatch.setattr("robotdata.lerobot_compat.backends.import_module", lambda name: module)
    frames = decode_video_frames(video(9), [0.2, 0.1, 0.2], 1e-4, "torchcodec")
    assert asked == [[3, 6]] and frames[:, 0, 0, 0].tolist() == [6, 3, 6]


def test_it_opens_a_file_once_for_torchcodec_and_wraps_its_errors(video, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []

    class Decoder:
        def __init__(self, path: str, dimension_order: str) -> None:
            opened.append(path)

        def get_frames_at(self, indices: list[int]) -> object:
            if 5 in indices:
                raise RuntimeError("Could not push packet to decoder")
            pictures = np.zeros((len(indices), 2, 2, 3), np.uint8)
            # As where it counts from another frame on: its frame 1 is at our time 0.
            times = np.array(indices) / 30 - (2 in indices)
            return types.SimpleNamespace(data=types.SimpleNamespace(numpy=lambda: pictures), pts_seconds=times)

    module = types.SimpleNamespace(VideoDecoder=Decoder)
    monkeypatch.setattr("robotdata.lerobot_compat.backends.import_module", lambda name: module)
    path, cache = video(9), VideoDecoderCache()
    for number in (1, 3):
        assert decode_video_frames(path, [number / 30], 1e-4, "torchcodec", cache=cache).shape == (1, 2, 2, 3)
    with pytest.raises(DecodeError, match=r"torchcodec cannot read frames 5 to 5, try pyav: Could not push"):
        decode_video_frames(path, [5 / 30], 1e-4, "torchcodec", cache=cache)
    assert [barcode.read(f).tick for f in decode_video_frames(path, [2 / 30], 1e-4, "torchcodec", cache=cache)] == [2]
    assert opened == [str(path)]
    cache.clear()
    decode_video_frames(path, [1 / 30], 1e-4, "torchcodec", cache=cache)
    assert opened == [str(path)] * 2
    cache.clear()


@pytest.mark.parametrize(("rotation", "pix_fmt"), [(-90.0, "yuv420p"), (None, "yuv420p10le")])
def test_it_shows_the_same_pictures_with_torchcodec(
    video, monkeypatch: pytest.MonkeyPatch, rotation: float | None, pix_fmt: str
) -> None:
    """torchcodec turns what a phone filmed upright, and converts more than eight bits in its own way."""

    class Decoder:
        def __init__(self, path: str, dimension_order: str) -> None:
            self.metadata = types.SimpleNamespace(rotation=rotation)

        def get_frames_at(self, indices: list[int]) -> object:
            pictures = np.zeros((len(indices), 288, 64, 3), np.uint8)
            times = np.array(indices) / 30
            return types.SimpleNamespace(data=types.SimpleNamespace(numpy=lambda: pictures), pts_seconds=times)

    module = types.SimpleNamespace(VideoDecoder=Decoder)
    monkeypatch.setattr("robotdata.lerobot_compat.backends.import_module", lambda name: module)
    path = video(5, settings=room.EncodeSettings(codec="h264", preset="ultrafast", pix_fmt=pix_fmt))
    frames = decode_video_frames(path, [0.1, 0.0], 1e-4, "torchcodec")
    assert (frames == decode_video_frames(path, [0.1, 0.0], 1e-4, "pyav")).all()


def test_it_takes_times_of_any_kind_and_refuses_tolerances_that_are_none(video) -> None:
    path = video(9)
    for times in ((n / 30 for n in (2, 1)), np.array([2, 1], np.float32) / 30, (Fraction(1, 15), Fraction(1, 30))):
        assert [barcode.read(frame).tick for frame in decode_video_frames(path, times, 1e-4)] == [2, 1]
    for tolerance in (-1, float("nan")):
        with pytest.raises(DecodeError, match="0 or more"):
            decode_video_frames(path, [0.0], tolerance)
    with pytest.raises(DecodeError, match="expected one of"):
        decode_video_frames(path, [0.0], 1e-4, "cv2", is_depth=True)


@pytest.mark.parametrize("times", [0.1, "0.1", [None], ["soon"], [[0.1]]])
def test_it_says_that_times_are_seconds(video, times: object) -> None:
    with pytest.raises(DecodeError, match="expected a list of seconds"):
        decode_video_frames(video(4), times, 1e-4)  # type: ignore[arg-type]
    with pytest.raises(DecodeError, match="expected seconds, 0 or more"):
        decode_video_frames(video(4), [0.1], None)  # type: ignore[arg-type]


def test_what_is_not_there_is_also_the_systems_error(tmp_path: Path) -> None:
    """Whoever waits for LeRobot's FileNotFoundError gets it."""
    gone = tmp_path / "gone.mp4"
    reads = (get_video_info, room.get_audio_info, room.get_video_duration_in_s, room.open_video, room.index_video)
    for read in (*reads, VideoDecoderCache().get_decoder, lambda path: decode_video_frames(path, [0.0], 1e-4)):
        with pytest.raises(FileNotFoundError, match=r"gone\.mp4: there is no such file") as caught:
            read(gone)
        assert isinstance(caught.value, room.NotAVideoError)
    for paths in ([], [gone]):
        with pytest.raises(FileNotFoundError):
            concatenate_video_files(paths, tmp_path / "all.mp4")


def test_what_it_chose_itself_may_fail(video, monkeypatch: pytest.MonkeyPatch, caplog) -> None:
    """torchcodec uses the system's FFmpeg, which may lack AV1's decoder: ours is there and reads on."""

    class Decoder:
        def __init__(self, path: str, dimension_order: str) -> None:
            raise RuntimeError("No decoder found for codec av1")

    module = types.SimpleNamespace(VideoDecoder=Decoder)
    monkeypatch.setattr("robotdata.lerobot_compat.backends.import_module", lambda name: module)
    monkeypatch.setattr("robotdata.lerobot_compat.names.automatic_backend", lambda tensor: "torchcodec")
    path = video(9, settings=room.EncodeSettings())
    assert ticks(decode_video_frames(path, [0.2, 0.1], 1e-4)) == [6, 3]
    assert "No decoder found for codec av1; using pyav" in caplog.text
    with pytest.raises(DecodeError, match="try pyav: No decoder"):
        decode_video_frames(path, [0.2, 0.1], 1e-4, "torchcodec")


def test_it_says_that_torchvisions_reader_is_gone(video, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("robotdata.lerobot_compat.backends.import_module", lambda name: types.SimpleNamespace())
    with pytest.raises(BackendMissingError, match="no longer has VideoReader"):
        decode_video_frames(video(4), [0.0], 1e-4, "video_reader")


def test_it_concatenates_at_the_first_ones_rate(video, tmp_path: Path) -> None:
    parts = [video(5, 0, 29.97), video(4, 1, 29.97)]
    made = concatenate_video_files(parts, tmp_path / "all.mp4")
    assert made.frames == 9 and made.fps == pytest.approx(29.97, rel=1e-5)
    with pytest.raises(JoinError, match="no videos"):
        concatenate_video_files([], tmp_path / "none.mp4")
    with pytest.raises(SegmentMismatchError):
        concatenate_video_files([*parts, video(5, 2, 10)], tmp_path / "bad.mp4")


def test_it_describes_a_frame_in_a_table() -> None:
    frame_type = importlib.import_module("robotdata.lerobot_compat.frame_type")
    kind = frame_type.VideoFrame()
    assert kind() == pa.struct([("path", pa.string()), ("timestamp", pa.float32())])
    table = pa.array([{"path": "videos/a.mp4", "timestamp": 0.1}], kind())
    assert table.type == kind.pa_type
    assert frame_type.register() is (find_spec("datasets") is not None)
    theirs = type("VideoFrame", (), {"pa_type": kind.pa_type})()
    assert kind == frame_type.VideoFrame() == theirs and kind != "VideoFrame"


def test_it_registers_with_datasets_where_that_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    frame_type = importlib.import_module("robotdata.lerobot_compat.frame_type")
    known: dict[str, type] = {}
    features = types.SimpleNamespace(register_feature=lambda kind, name: known.update({name: kind}))
    monkeypatch.setattr(frame_type, "find_spec", lambda name: object())
    monkeypatch.setattr(frame_type, "import_module", lambda name: features)
    assert frame_type.register()
    assert known == {"VideoFrame": frame_type.VideoFrame}


def test_it_reads_info_from_the_stream_not_from_what_was_claimed(video) -> None:
    info = get_video_info(video(4, settings=room.EncodeSettings(codec="hevc", preset="ultrafast")))
    assert (info["video.codec"], info["video.fps"], info["video.channels"]) == ("hevc", 30, 3)
