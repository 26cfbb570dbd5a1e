"""One camera of one take -> one verified MP4 with its record beside it."""

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
from robotdata.spool import Take
from robotdata.spool.plain_json import read_json
from robotdata.video import EncodeSettings, VideoError, encode_packets, get_video_info, verify_video
from robotdata.video.encode import resolve
from robotdata.video.jpeg import decode_jpeg
from robotdata.video.png import MAGIC as PNG
from robotdata.video.png import decode_png

FORMAT = "robotdata-encoded"
VERSION = 1
Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class EncodedCamera:
    """A camera's MP4: `frames` were decoded and counted, `info` was read from the stream, `stats` from the raw take.

    `made_from` says from which rows with which settings, so that a retry can tell whether it still serves.
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
    """Encode, decode again and count; then `out` and its record `<out>.json` appear, in this order.

    `token` makes the temporary name this caller's own: two workers never write to one file. `progress(frames_done)`
    may raise to cancel; nothing is left then. Depth goes its own way (`export/depth.py`): of `settings` it takes the
    threads alone. Raises VideoError, TornPacket, EncodedBroken, ExportRefused.
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
        made = EncodedCamera(
            path=out,
            frames=plan.rows,
            info=info,
            stats=stats,
            made_from=source_of(take, plan, key, settings),
            sha256=_digest(part),
        )
        record = out.with_name(out.name + ".json")
        record.unlink(missing_ok=True)  # never an old record beside a new file
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
    _write_record(record, made)
    return made


def load_encoded(out: Path) -> EncodedCamera | None:
    """What an earlier `encode_camera` left at `out`, or None where it is not whole."""
    try:
        record = read_json(out.with_name(out.name + ".json").read_bytes())
        if record["format"] != FORMAT or record["version"] != VERSION or record["size"] != out.stat().st_size:
            return None
        if record["sha256"] != _digest(out):  # the frames may be the only ones left: no bit may have turned
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
    """What an encoded camera was made from; equal means: the same frames with the same settings."""
    frames = np.ascontiguousarray(plan.frames[key], "<i8")
    feature = take.manifest["features"].get(key, {})
    chosen = depth_settings(settings.threads) if is_depth(feature) else resolve(settings)
    made = {
        "take": take.id,
        "camera": key,
        "first_tick": plan.first_tick,
        "end_tick": plan.end_tick,
        "frames": hashlib.sha256(frames.tobytes()).hexdigest(),
        "fps": plan.fps,
        "settings": json.loads(json.dumps(asdict(chosen), default=str)),
    }
    return made | {"depth": depth_scale(feature).info(UNIT)} if is_depth(feature) else made


def _encode_colours(
    take: Take, plan: ExportPlan, key: str, part: Path, settings: EncodeSettings, progress: Progress | None
) -> tuple[dict[str, Any], Stat]:
    stats = ImageStats()
    packets = sampled_on_the_way(packets_of(take, plan, key), plan.rows, stats)
    encode_packets(packets, part, fps=plan.fps, settings=settings, progress=progress, overwrite=True)
    _decode_and_count(part, plan.rows, key)
    return get_video_info(part, settings=settings), stats.result()


def sampled_on_the_way(packets: Iterator[bytes], rows: int, stats: ImageStats) -> Iterator[bytes]:
    """The packets as they are; those that enter the statistics are looked at on their way."""
    wanted = set(sample_indices(rows).tolist())
    for row, packet in enumerate(packets):
        if row in wanted:
            stats.add(_picture(packet))
        yield packet


def _picture(packet: bytes) -> NDArray[np.uint8]:
    return decode_png(packet) if packet.startswith(PNG) else decode_jpeg(packet)


def _refuse_one_channel(take: Take, key: str, feature: Mapping[str, Any]) -> None:
    shape = feature.get("shape", [])
    if len(shape) == 3 and shape[2] == 1:
        raise ExportRefused(
            "depth",
            f"take {take.id}: {key} has one channel and is not marked as depth (is_depth_map); no reader supports that",
        )


def _decode_and_count(part: Path, rows: int, key: str) -> None:
    try:
        verify_video(part, expected_frames=rows)
    except VideoError as error:
        raise EncodedBroken(f"{key}: the encoded video has no {rows} readable frames ({error}); try again") from error


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_record(record: Path, made: EncodedCamera) -> None:
    about = {
        "format": FORMAT,
        "version": VERSION,
        "frames": made.frames,
        "size": made.path.stat().st_size,
        "sha256": made.sha256,
        "info": made.info,
        "stats": to_json(made.stats),
        "made_from": made.made_from,
    }
    replace_json(record, about)
