"""Encode one camera of a take into a verified MP4, with a JSON record beside it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robotdata.dataset.features import depth_scale, is_depth
from robotdata.dataset.stats import ImageStats, Stat, from_json, sample_indices, to_json
from robotdata.export.depth import UNIT, depth_settings, encode_depth_camera
from robotdata.export.errors import EncodedBroken, ExportRefused
from robotdata.export.plan import ExportPlan, packets_of
from robotdata.files.json_files import replace_json
from robotdata.files.plain_json import read_json
from robotdata.spool import Take
from robotdata.video import EncodeSettings, VideoError, encode_packets, get_video_info, verify_video
from robotdata.video.encode import resolve
from robotdata.video.jpeg import decode_jpeg
from robotdata.video.png import MAGIC as PNG
from robotdata.video.png import decode_png

FORMAT = "robotdata-encoded"
VERSION = 1
Progress = Callable[[int], None]
"""Called with the number of frames encoded so far; it may raise to cancel."""


@dataclass(frozen=True, slots=True)
class EncodedCamera:
    """The encoded video of one camera.

    `path`: the MP4. `frames`: decoded and counted. `info`: the feature's `info`, read from the stream. `stats`: of the
    raw frames. `made_from`: the source rows and settings, from `source_of`; a retry compares it to know whether the
    file is still valid. `sha256`: hexadecimal digest of the file.
    """

    path: Path
    frames: int
    info: dict[str, Any]
    stats: Stat
    made_from: dict[str, Any]
    sha256: str


def encode_camera(
    take: Take,
    plan: ExportPlan,
    key: str,
    out: Path,
    settings: EncodeSettings,
    *,
    token: str = "",
    progress: Progress | None = None,
) -> EncodedCamera:
    """Encode camera `key` to the MP4 `out`, decode it again and count its frames.

    `out` appears first, then its record `<out>.json`. `token` makes the name of the temporary file unique, so that two
    workers never write to the same file. If `progress` raises, nothing is left behind. Of `settings`, a depth camera
    uses only the threads (see `export/depth.py`). Raises VideoError, TornPacket for a damaged packet, EncodedBroken if
    the file does not decode to the planned frames, and ExportRefused for a camera that cannot be exported.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(f"{out.stem}.{token or 'part'}.tmp.mp4")
    feature = take.manifest["features"].get(key, {})
    try:
        if is_depth(feature):
            settings, scale = depth_settings(settings.threads), depth_scale(feature)
            info, stats = encode_depth_camera(take, plan, key, part, scale=scale, settings=settings, progress=progress)
        else:
            _refuse_one_channel(take, key, feature)
            info, stats = _encode_colours(take, plan, key, part, resolve(settings), progress)
        encoded = EncodedCamera(
            path=out,
            frames=plan.rows,
            info=info,
            stats=stats,
            made_from=source_of(take, plan, key, settings),
            sha256=_digest(part),
        )
        record = out.with_name(out.name + ".json")
        record.unlink(missing_ok=True)  # so that an old record never describes the new file
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
    _write_record(record, encoded)
    return encoded


def load_encoded(out: Path) -> EncodedCamera | None:
    """Return what an earlier `encode_camera` wrote at `out`; None if file or record is missing, damaged or changed."""
    try:
        record = read_json(out.with_name(out.name + ".json").read_bytes())
        if record["format"] != FORMAT or record["version"] != VERSION or record["size"] != out.stat().st_size:
            return None
        if record["sha256"] != _digest(out):  # after the raw take is deleted, no other copy exists
            return None
        return EncodedCamera(
            path=out,
            frames=int(record["frames"]),
            info=dict(record["info"]),
            stats=from_json(record["stats"]),
            made_from=dict(record["made_from"]),
            sha256=str(record["sha256"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def source_of(take: Take, plan: ExportPlan, key: str, settings: EncodeSettings) -> dict[str, Any]:
    """Return what an encoded camera is made from, as JSON values.

    Two equal results mean the same frames of the same take with the same settings.
    """
    frames = np.ascontiguousarray(plan.frames[key], "<i8")
    feature = take.manifest["features"].get(key, {})
    effective = depth_settings(settings.threads) if is_depth(feature) else resolve(settings)
    source = {
        "take": take.id,
        "camera": key,
        "first_tick": plan.first_tick,
        "end_tick": plan.end_tick,
        "frames": hashlib.sha256(frames.tobytes()).hexdigest(),
        "fps": plan.fps,
        "settings": json.loads(json.dumps(asdict(effective), default=str)),
    }
    return source | {"depth": depth_scale(feature).info(UNIT)} if is_depth(feature) else source


def _encode_colours(
    take: Take, plan: ExportPlan, key: str, part: Path, settings: EncodeSettings, progress: Progress | None
) -> tuple[dict[str, Any], Stat]:
    """Encode a colour camera to `part`; return the `info` of its feature and its image statistics."""
    stats = ImageStats()
    packets = pass_and_sample(packets_of(take, plan, key), plan.rows, stats)
    encode_packets(packets, part, fps=plan.fps, settings=settings, progress=progress, overwrite=True)
    _decode_and_count(part, plan.rows, key)
    return get_video_info(part, settings=settings), stats.result()


def pass_and_sample(packets: Iterator[bytes], rows: int, stats: ImageStats) -> Iterator[bytes]:
    """Yield the packets unchanged; decode those of the sampled rows and add them to `stats`."""
    sampled_rows = set(sample_indices(rows).tolist())
    for row, packet in enumerate(packets):
        if row in sampled_rows:
            stats.add(_decode_image(packet))
        yield packet


def _decode_image(packet: bytes) -> NDArray[np.uint8]:
    """Decode a PNG or JPEG packet to uint8 (h, w, 3)."""
    return decode_png(packet) if packet.startswith(PNG) else decode_jpeg(packet)


def _refuse_one_channel(take: Take, key: str, feature: Mapping[str, Any]) -> None:
    """Raise ExportRefused for a one-channel camera that is not marked as depth."""
    shape = feature.get("shape", [])
    if len(shape) == 3 and shape[2] == 1:
        raise ExportRefused(
            "depth",
            f"take {take.id}: {key} has one channel and is not marked as depth (is_depth_map); no reader supports that",
        )


def _decode_and_count(part: Path, rows: int, key: str) -> None:
    """Raise EncodedBroken unless the video `part` decodes to exactly `rows` frames."""
    try:
        verify_video(part, expected_frames=rows)
    except VideoError as error:
        message = f"{key}: the encoded video does not have {rows} readable frames ({error}); try again"
        raise EncodedBroken(message) from error


def _digest(path: Path) -> str:
    """Return the SHA-256 of a file as hexadecimal text."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_record(record: Path, encoded: EncodedCamera) -> None:
    """Write the record of an encoded camera: everything that `load_encoded` reads."""
    fields = {
        "format": FORMAT,
        "version": VERSION,
        "frames": encoded.frames,
        "size": encoded.path.stat().st_size,
        "sha256": encoded.sha256,
        "info": encoded.info,
        "stats": to_json(encoded.stats),
        "made_from": encoded.made_from,
    }
    replace_json(record, fields)
