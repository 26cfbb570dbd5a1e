"""A depth camera's packets -> a video of codes, proved by reading every code back."""

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
from robotdata.spool import Take
from robotdata.video import EncodeSettings, VideoError, get_video_info, open_video
from robotdata.video.depth.packets import depth_of_packet
from robotdata.video.depth.quantize import quantize_depth
from robotdata.video.depth.scale import DepthScale, Unit
from robotdata.video.depth.video import DEPTH_SETTINGS, codes_of_frame, encode_codes
from robotdata.video.encode import Progress

UNIT: Unit = "mm"
"""What a take's depth is in, and so what its statistics are in."""


def depth_settings(threads: int | None) -> EncodeSettings:
    """Depth has one codec, LeRobot's, and loses nothing in it: what is chosen for colours does not count."""
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
    """The video `part`, its `info` and the statistics of the raw depth in millimetres.

    Raises VideoError, TornPacket, and EncodedBroken where one code comes back as another.
    """
    stats, checks = DepthStats(), []
    wanted = set(sample_indices(plan.rows).tolist())

    def codes() -> Iterator[NDArray[np.uint16]]:
        for row, packet in enumerate(packets_of(take, plan, key)):
            depth = depth_of_packet(packet)
            if row in wanted:
                stats.add(depth[..., None])
            made = quantize_depth(depth, scale)
            checks.append(zlib.crc32(made.data))
            yield made

    encode_codes(codes(), part, fps=plan.fps, settings=settings, progress=progress, overwrite=True)
    _read_back(part, checks, key)
    info = get_video_info(part, settings=settings, is_depth_map=True)
    return info | scale.info(UNIT), stats.result()


def _read_back(part: Path, checks: list[int], key: str) -> None:
    try:
        with open_video(part) as video:
            found = [zlib.crc32(codes_of_frame(video, frame).data) for frame in video.native_frames()]
    except VideoError as error:
        raise EncodedBroken(f"{key}: the encoded video does not decode ({error}); try again") from error
    if len(found) != len(checks):
        raise EncodedBroken(
            f"{key}: the encoded video decodes to {len(found)} frames instead of {len(checks)}; try again"
        )
    wrong = [row for row, (one, other) in enumerate(zip(found, checks, strict=True)) if one != other]
    if wrong:
        raise EncodedBroken(
            f"{key}: {len(wrong)} of {len(checks)} depth frames decode to other values, first frame {wrong[0]}; "
            "try again"
        )
