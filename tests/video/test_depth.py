"""Depth comes back to the quantum, and the quantum is LeRobot's."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from robotdata.video import (
    DecodeError,
    DepthScale,
    EncodeError,
    decode_depth,
    decode_depths,
    depth_of_packet,
    depth_packet,
    depth_picture,
    dequantize_depth,
    encode_depth,
    get_video_info,
    open_video,
    quantize_depth,
)
from robotdata.video.depth.video import depth_codes, encode_codes
from robotdata.video.errors import FrameSizeError

SCALES = [DepthScale(), DepthScale(use_log=False), DepthScale(0.3, 3.0, 0.0), DepthScale(0.0, 65.0, 0.5)]


def quantum_m(scale: DepthScale, depth_m: float) -> float:
    """How far apart neighbouring codes are at this depth."""
    if not scale.use_log:
        return (scale.depth_max - scale.depth_min) / 4095
    whole = math.log(scale.depth_max + scale.shift) - math.log(scale.depth_min + scale.shift)
    return (depth_m + scale.shift) * whole / 4095


@pytest.mark.parametrize("scale", SCALES)
def test_it_loses_at_most_half_a_quantum(scale: DepthScale) -> None:
    depth = np.linspace(scale.depth_min, scale.depth_max, 64 * 64, dtype=np.float32).reshape(64, 64)
    back = dequantize_depth(quantize_depth(depth, scale), scale, unit="m")
    assert back.dtype == np.float32
    steps = np.vectorize(lambda d: quantum_m(scale, d))(depth)
    assert (np.abs(back - depth) <= steps * 0.51 + 2e-6 * scale.depth_max).all()


@pytest.mark.parametrize("scale", SCALES)
def test_it_reads_millimetres_and_metres_alike(scale: DepthScale) -> None:
    mm = np.arange(0, 60_000, 15, dtype=np.uint16).reshape(40, 100)
    codes, from_m = quantize_depth(mm, scale), quantize_depth(mm.astype(np.float32) / 1000, scale)
    assert np.abs(codes.astype(int) - from_m).max() <= 1
    assert codes.min() == 0 and codes.max() <= 4095
    assert dequantize_depth(codes, scale).dtype == np.uint16


def test_it_clips_what_is_outside_and_takes_no_measurement_as_nearest() -> None:
    depth = np.array([[0.0, 0.001, 50.0, np.nan, np.inf, -np.inf]], np.float32)
    assert quantize_depth(depth).tolist() == [[0, 0, 4095, 0, 4095, 0]]


def test_it_reads_codes_of_any_kind_of_number() -> None:
    """Signed codes below 0 are the nearest depth, not the farthest."""
    for kind in (np.int16, np.int64, np.uint16, np.int32):
        codes = np.array([[0, 4095], [4096, 1000]], kind)
        assert dequantize_depth(codes).tolist() == [[10, 10000], [10000, 1377]]
    assert dequantize_depth(np.array([[-1, -4000]], np.int16)).tolist() == [[10, 10]]
    for codes in (np.array([[0.5]]), np.array([[True]]), "codes"):
        with pytest.raises(EncodeError, match="want codes, whole numbers"):
            dequantize_depth(codes)  # type: ignore[arg-type]


def test_it_refuses_what_is_no_depth() -> None:
    with pytest.raises(EncodeError, match=r"got \(4, 4, 3\)"):
        quantize_depth(np.zeros((4, 4, 3), np.uint16))
    with pytest.raises(EncodeError, match="min below max"):
        DepthScale(3, 2)
    with pytest.raises(EncodeError, match="sum must be above 0"):
        DepthScale(0.0, 2.0, 0.0)
    with pytest.raises(DecodeError, match="does not say"):
        DepthScale.from_info({"video.depth_min": 1})


def test_it_keeps_codes_through_a_video_without_loss(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    maps = [random.integers(0, 12_000, (48, 66, 1), dtype=np.uint16) for _ in range(7)]
    made = encode_depth(maps, tmp_path / "d.mp4", fps=30)
    assert (made.codec, made.pix_fmt) == ("hevc", "gray12le")
    assert get_video_info(made.path)["video.channels"] == 1
    wanted = [dequantize_depth(quantize_depth(depth)) for depth in maps]
    with open_video(made.path) as decoder:
        assert all((a == b).all() for a, b in zip(decode_depths(decoder), wanted, strict=True))
        assert (decode_depth(decoder, 5) == wanted[5]).all()
        metres = decode_depth(decoder, 5, unit="m")
        assert metres.dtype == np.float32 and np.abs(metres * 1000 - wanted[5]).max() <= 0.51


def test_it_agrees_with_lerobots_own_file_bit_for_bit(testdata: Path) -> None:
    root, key = testdata / "v30_rgbd_realsense", "observation.images.front_depth"
    info = json.loads((root / "meta/info.json").read_text())["features"][key]["info"]
    scale = DepthScale.from_info(info)
    assert scale.info("mm").items() <= info.items()
    captured = sorted((testdata / "realsense_rgbd/depth").glob("*.png"))
    with open_video(next((root / "videos" / key).rglob("*.mp4"))) as decoder:
        for number, path in enumerate(captured):
            with Image.open(path) as picture:
                depth = np.asarray(picture, np.uint16)
            assert (decode_depth(decoder, number, scale) == dequantize_depth(quantize_depth(depth, scale), scale)).all()


def test_it_encodes_a_takes_packets(tmp_path: Path) -> None:
    maps = [np.full((48, 64), 400 + 100 * n, np.uint16) for n in range(3)]
    made = encode_depth([depth_packet(depth) for depth in maps], tmp_path / "d.mp4", fps=30)
    with open_video(made.path) as decoder:
        assert [int(depth[7, 7]) for depth in decode_depths(decoder)] == [400, 500, 600]
    assert (depth_of_packet(depth_packet(maps[1])) == maps[1]).all()
    with pytest.raises(DecodeError, match="damaged"):
        encode_depth([depth_packet(maps[0]), depth_packet(maps[0])[:-30]], tmp_path / "bad.mp4", fps=30)
    with pytest.raises(EncodeError, match="float32"):
        depth_packet(maps[0].astype(np.float32))
    assert not (tmp_path / "bad.mp4").exists()


def test_it_refuses_to_read_depth_from_a_picture(video) -> None:
    with open_video(video(2)) as decoder, pytest.raises(DecodeError, match="yuv420p, not depth"):
        decode_depth(decoder, 0)


def test_it_shows_depth_to_people() -> None:
    depth = np.tile(np.linspace(400, 4000, 64).astype(np.uint16), (32, 1))
    depth[:4] = 0
    rgb = depth_picture(depth)
    assert rgb.shape == (32, 64, 3) and not rgb[:4].any()
    near, far = rgb[10, 0].astype(int), rgb[10, -1].astype(int)
    assert near[0] > near[2] and far[2] > far[0]
    assert not depth_picture(np.zeros((8, 8), np.float32)).any()


@pytest.mark.parametrize(("width", "height"), [(64, 65), (64, 200), (32, 33), (32, 48), (17, 16), (65, 49)])
def test_it_keeps_the_codes_of_narrow_and_odd_pictures(tmp_path: Path, width: int, height: int) -> None:
    """Where x265's block was exactly as wide as the picture, its lossless mode lost values."""
    random = np.random.default_rng(width * 7 + height)
    codes = [random.integers(0, 4096, (height, width), dtype=np.uint16) for _ in range(6)]
    made = encode_codes(codes, tmp_path / "d.mp4", fps=30)
    with open_video(made.path) as decoder:
        assert all((depth_codes(decoder, n) == code).all() for n, code in enumerate(codes))


def test_it_refuses_depth_that_is_too_narrow_to_be_kept(tmp_path: Path) -> None:
    with pytest.raises(FrameSizeError, match="pad it to 17"):
        encode_codes([np.zeros((64, 16), np.uint16)], tmp_path / "d.mp4", fps=30)
