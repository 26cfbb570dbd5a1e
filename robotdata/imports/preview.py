"""What files of other recorders hold, and which takes would come of them with a mapping; nothing is written."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from robotdata.imports.isolate import Isolation
from robotdata.imports.mapping import Mapping
from robotdata.imports.open import open_source
from robotdata.imports.pictures import Pictures
from robotdata.imports.plan import Plan, make_plan
from robotdata.imports.proposing import propose
from robotdata.imports.stopping import check_stop
from robotdata.imports.streams import Kind, Recording, Stream
from robotdata.video.depth.packets import depth_of_packet
from robotdata.video.jpeg import decode_jpeg, encode_jpeg
from robotdata.video.png import MAGIC, decode_png

MOST_FILES = 20
"""A preview opens so many files; an import opens all."""
MOST_RECORDINGS = 200
_SIDE = 240  # pixels


@dataclass(frozen=True, slots=True)
class RecordingPreview:
    """One take to be. With `problems`, it would not be imported."""

    file: str
    name: str
    rows: int
    duration_s: float
    task: str
    notes: list[str]
    problems: list[str]


@dataclass(slots=True)
class Preview:
    """A preview: `mapping` is the one asked for, or the proposed one; `streams` are those of the first recording.

    `left_out` is why, by stream; `pictures` holds the first picture of each camera as a data URI, by feature.
    `problems` are files that cannot be read, as sentences. `more_files` were not opened, `more_recordings` not listed.
    """

    mapping: Mapping
    format: str = ""
    streams: list[Stream] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    features: dict[str, str] = field(default_factory=dict)
    pictures: dict[str, str] = field(default_factory=dict)
    recordings: list[RecordingPreview] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    more_files: int = 0
    more_recordings: int = 0


def preview_sources(paths: Sequence[Path], mapping: Mapping | None, *, with_pictures: bool = True) -> Preview:
    """Return the preview of these files with `mapping`, or with the one that is proposed for the first recording.

    Raises Stopped within `stopped_by`.
    """
    result = Preview(mapping or Mapping(), more_files=max(0, len(paths) - MOST_FILES))
    first, isolation = True, Isolation()
    for path in paths[:MOST_FILES]:
        check_stop()
        try:
            with open_source(path) as source:
                for recording in source.recordings():
                    check_stop()
                    if first:
                        result.mapping = mapping or propose(recording)
                        result.format = source.format
                    plan = make_plan(recording, result.mapping)
                    if first:
                        _describe_first(result, plan, path, with_pictures, isolation)
                    first = False
                    _add(result, path, recording, plan)
        except Exception as error:  # noqa: BLE001 - `reason` logs what is not expected
            result.problems.append(isolation.reason(error, path))
    return result


def _add(result: Preview, path: Path, recording: Recording, plan: Plan) -> None:
    if len(result.recordings) == MOST_RECORDINGS:
        result.more_recordings += 1
        return
    result.recordings.append(
        RecordingPreview(
            path.name, recording.name, plan.rows, round(plan.duration_s, 3), plan.task, plan.notes, plan.problems
        )
    )


def _describe_first(result: Preview, plan: Plan, path: Path, with_pictures: bool, isolation: Isolation) -> None:
    result.streams = list(plan.recording.streams)
    result.left_out = plan.left_out
    for name, feature in plan.features.items():
        sides = " x ".join(map(str, feature["shape"]))
        what = plan.cameras[name]["codec"] if name in plan.cameras else feature["dtype"]
        result.features[name] = f"{what} {sides}"
    for name in plan.cameras if with_pictures else ():
        try:
            picture = _first_picture(plan, name, path)
        except Exception as error:  # noqa: BLE001 - `reason` logs what is not expected
            result.problems.append(isolation.reason(error, path))
        else:
            if picture:
                result.pictures[name] = picture


def _first_picture(plan: Plan, name: str, path: Path) -> str:
    rule, camera = plan.mapping.features[name], plan.cameras[name]
    kinds = {stream.path: stream.kind for stream in plan.recording.streams}
    is_depth = kinds[rule.streams[0]] is Kind.DEPTH
    message = next(iter(plan.recording.messages(rule.streams, plan.fps or 1.0)), None)
    if message is None:
        return ""
    packet = Pictures(path, name, camera, is_depth=is_depth, order=rule.order).packet(message)
    if is_depth:
        depth = depth_of_packet(packet).astype("float32")
        image = Image.fromarray((depth / max(1.0, float(depth.max())) * 255).astype("uint8")).convert("RGB")
    else:
        image = Image.fromarray(decode_png(packet) if packet.startswith(MAGIC) else decode_jpeg(packet))
    image.thumbnail((_SIDE, _SIDE))
    data = encode_jpeg(np.asarray(image), 85)
    return "data:image/jpeg;base64," + base64.b64encode(data).decode()
