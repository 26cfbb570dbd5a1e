"""One camera of a take -> one MP4 with exactly the plan's rows, decoded and counted, and a file that says so."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from robotdata.dataset import files, stats
from robotdata.export.errors import ExportError
from robotdata.export.plan import ExportPlan
from robotdata.spool import SpoolError, Take
from robotdata.video.codecs import EncodeSettings
from robotdata.video.encode import encode_packets, resolve
from robotdata.video.errors import VideoError
from robotdata.video.facts import get_video_info
from robotdata.video.jpeg import ImageError, decode_jpeg
from robotdata.video.verify import verify_video

FORMAT = "robotdata-encoded"
VERSION = 1
_BLOCK = 1 << 20
_MAX_BYTES = 16 << 20
_PNG = b"\x89PNG"


@dataclass(frozen=True, slots=True)
class EncodedCamera:
    """An encoded and counted video: `frames` frames at `fps`, from the take's frames whose plan has `plan_hash`.

    `info` is the camera's block for `info.json`, `stats` its statistics as JSON lists, `settings` how it was encoded.
    """

    path: Path
    key: str
    frames: int
    fps: float
    info: dict[str, Any]
    stats: dict[str, Any]
    settings: dict[str, Any]
    sha256: str
    plan_hash: str = ""


def encode_camera(
    take: Take,
    plan: ExportPlan,
    key: str,
    out: Path,
    settings: EncodeSettings,
    *,
    progress: Callable[[int], None] | None = None,
    token: str = "",
) -> EncodedCamera:
    """Encode camera `key` of `take` to the MP4 `out`, decode it again and count; `<out>.json` says all of it.

    `token` becomes part of the temporary names, so that two workers never write one file. `progress(frames)` may
    raise to cancel; nothing is left then. What is at `out` is replaced. Raises ExportError.
    """
    name = token or secrets.token_hex(6)
    temporary = out.with_name(f".{out.stem}.{name}.mp4")
    counted = _Sampler(take, plan, key)
    chosen = resolve(settings)
    try:
        encode_packets(counted, temporary, fps=_rate(plan.fps), settings=chosen, progress=progress)
        check = verify_video(temporary, expected_frames=plan.rows)
        made = EncodedCamera(
            path=out,
            key=key,
            frames=check.frames,
            fps=plan.fps,
            info=get_video_info(temporary, settings=chosen),
            stats=stats.to_json(counted.images.result()),
            settings=_settings(chosen),
            sha256=_sha256(temporary),
            plan_hash=plan_hash(plan, key),
        )
        _publish(made, temporary, name)
    except (VideoError, SpoolError, ImageError) as error:
        raise ExportError(f"take {take.id}, camera {key}: {error}") from error
    finally:
        temporary.unlink(missing_ok=True)
    return made


def load_encoded(out: Path, *, plan: ExportPlan | None = None) -> EncodedCamera:
    """What `encode_camera` made at `out`, its bytes compared with the checksum; with `plan`, made for that plan.

    Raises ExportError where it is missing, altered, or made for other rows: encode it again.
    """
    about = sidecar_path(out)
    try:
        with about.open("rb") as file:
            value = json.loads(file.read(_MAX_BYTES))
        if value["format"] != FORMAT or value["version"] != VERSION:
            raise ExportError(
                f"{about} is of format {value['format']!r}, version {value['version']!r}; encode it again"
            )
        made = EncodedCamera(path=out, **{name: value[name] for name in _FIELDS})
        digest = _sha256(out)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ExportError(f"{out} is not encoded, or only half: {error}; encode it again") from error
    if digest != made.sha256:
        raise ExportError(f"{out} is not what was encoded, its checksum differs; encode it again")
    if plan is not None and made.plan_hash != plan_hash(plan, made.key):
        raise ExportError(f"{out} was encoded for other rows of the take; encode it again")
    return made


def sidecar_path(out: Path) -> Path:
    """Where the words about the video at `out` are."""
    return out.with_name(out.name + ".json")


def plan_hash(plan: ExportPlan, key: str) -> str:
    """Names which frames of camera `key` go to which rows."""
    head = f"{plan.first_tick} {plan.end_tick} {plan.fps!r} ".encode()
    return hashlib.sha256(head + np.ascontiguousarray(plan.frames[key], "<i8").tobytes()).hexdigest()


class _Sampler:
    """The packets for the plan's rows in order; pictures that statistics are made of are decoded on the way."""

    def __init__(self, take: Take, plan: ExportPlan, key: str) -> None:
        if key not in plan.frames:
            raise ExportError(f"take {take.id} has no camera {key}; it has {', '.join(plan.frames) or 'none'}")
        shape = take.manifest["features"].get(key, {}).get("shape", [])
        if len(shape) == 3 and shape[2] == 1:
            raise ExportError(f"take {take.id}: {key} is a depth camera, which cannot be encoded yet")
        self._track = take.camera(key)
        self._frames = plan.frames[key]
        self.images = stats.ImageStats()

    def __iter__(self) -> Iterator[bytes]:
        wanted = set(stats.sample_indices(len(self._frames)).tolist())
        packet, held = b"", -1
        for row, frame in enumerate(self._frames.tolist()):
            if frame != held:
                packet, held = self._track.packet(frame), frame
            if row in wanted:
                self.images.add(_picture(packet))
            yield packet


_FIELDS = tuple(field.name for field in dataclasses.fields(EncodedCamera) if field.name != "path")


def _picture(packet: bytes) -> NDArray[np.uint8]:
    if not packet.startswith(_PNG):
        return decode_jpeg(packet)
    try:
        with Image.open(io.BytesIO(packet), formats=["PNG"]) as image:
            return np.asarray(image.convert("RGB"))
    except (OSError, SyntaxError, UnidentifiedImageError, ValueError) as error:
        raise ImageError(f"a PNG of {len(packet)} bytes is damaged: {error}") from error


def _publish(made: EncodedCamera, temporary: Path, name: str) -> None:
    """The words about the old video go first: words never stand beside a video that they do not describe."""
    about = sidecar_path(made.path)
    about.unlink(missing_ok=True)
    temporary.replace(made.path)
    part = made.path.with_name(f".{made.path.stem}.{name}.json")
    value = {"format": FORMAT, "version": VERSION, **{field: getattr(made, field) for field in _FIELDS}}
    try:
        files.write_json(part, value, indent=1)
        part.replace(about)
    finally:
        part.unlink(missing_ok=True)
    files.sync_file(made.path.parent)


def _settings(settings: EncodeSettings) -> dict[str, Any]:
    made = {field.name: getattr(settings, field.name) for field in dataclasses.fields(settings)}
    return made | {"extra_options": dict(settings.extra_options)}


def _rate(fps: float) -> int | float:
    return int(fps) if fps == int(fps) else fps


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
