"""Encode a depth camera as a video of 12-bit codes, and compare every decoded code with the original."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robotdata.dataset.stats import DepthStats, Stat, sample_indices
from robotdata.export.errors import EncodedBroken
from robotdata.export.plan import ExportPlan, packets_of
from robotdata.numbers import count
from robotdata.spool import Take
from robotdata.video import EncodeSettings, VideoError, get_video_info, open_video
from robotdata.video.depth.packets import depth_of_packet
from robotdata.video.depth.quantize import quantize_depth
from robotdata.video.depth.scale import DepthScale, Unit
from robotdata.video.depth.video import DEPTH_SETTINGS, codes_of_frame, encode_codes
from robotdata.video.encode import Progress

UNIT: Unit = "mm"
"""Unit of the depth in a take, and of its statistics."""


def depth_settings(threads: int | None) -> EncodeSettings:
    """Return the encode settings of depth: LeRobot's lossless codec. Of the user's settings only `threads` applies."""
    return replace(DEPTH_SETTINGS, threads=threads)


def encode_depth_camera(
    take: Take,
    plan: ExportPlan,
    key: str,
    part: Path,
    *,
    scale: DepthScale,
    settings: EncodeSettings,
    progress: Progress | None,
) -> tuple[dict[str, Any], Stat]:
    """Encode camera `key` to `part`; return the `info` of its feature and the statistics of its depth in millimetres.

    `progress(frames)` is called with the number of frames encoded so far. Raises VideoError, TornPacket for a damaged
    packet, and EncodedBroken if a code does not decode to itself.
    """
    stats, checksums = DepthStats(), []
    sampled_rows = set(sample_indices(plan.rows).tolist())

    def codes() -> Iterator[NDArray[np.uint16]]:
        for row, packet in enumerate(packets_of(take, plan, key)):
            depth = depth_of_packet(packet)
            if row in sampled_rows:
                stats.add(depth[..., None])
            quantized = quantize_depth(depth, scale)
            checksums.append(zlib.crc32(quantized.data))
            yield quantized

    encode_codes(codes(), part, fps=plan.fps, settings=settings, progress=progress, overwrite=True)
    _read_back(part, checksums, key)
    info = get_video_info(part, settings=settings, is_depth_map=True)
    return info | scale.info(UNIT), stats.result()


def _read_back(part: Path, expected: list[int], key: str) -> None:
    """Raise EncodedBroken unless the video `part` decodes to codes with the CRC-32s `expected`, frame by frame."""
    try:
        with open_video(part) as video:
            decoded = [zlib.crc32(codes_of_frame(video, frame).data) for frame in video.native_frames()]
    except VideoError as error:
        raise EncodedBroken(f"{key}: the encoded video does not decode ({error}); try again") from error
    if len(decoded) != len(expected):
        raise EncodedBroken(
            f"{key}: the encoded video decodes to {count(len(decoded), 'frame')} instead of {len(expected)}; try again"
        )
    wrong = [row for row, (actual, intended) in enumerate(zip(decoded, expected, strict=True)) if actual != intended]
    if wrong:
        raise EncodedBroken(
            f"{key}: {len(wrong)} of {len(expected)} depth frames decode to other values, first frame {wrong[0]}; "
            "try again"
        )
