"""Pictures in the rows become videos, and videos become pictures in the rows."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image

from robotdata.dataset.episode_list import EpisodeInfo
from robotdata.dataset.errors import DamagedFile, EditError
from robotdata.dataset.features import frame_size, is_depth, is_image, is_video, video_keys
from robotdata.dataset.layout import VIDEO_PATH
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.tables import data_schema
from robotdata.dataset.write.edit import EditResult
from robotdata.dataset.write.encoded_parts import EncodedPaths, EncodeTask, name_of
from robotdata.dataset.write.episode_refs import Stored, StoredRef, plan_parts
from robotdata.dataset.write.reencode import Aside, check_size, encode_and_revise, stated
from robotdata.dataset.write.reshape import (
    Reshaped,
    ReshapePreview,
    copying_s,
    info_of,
    make_revision,
    size_of_dataset,
)
from robotdata.dataset.write.transfer import How, Where
from robotdata.video.codecs import EncodeSettings
from robotdata.video.decode import open_video
from robotdata.video.encode import Progress, encode_frames, resolve

_DESCRIBED = b"huggingface"
_PNG_LEVEL = 1
_PNG_PER_S = 25.0
_VIDEO_PER_S = 60.0
_PNG_BYTES_PER_PIXEL = 1.6


def pictures_to_videos(
    root: Path, cameras: Sequence[str], settings: EncodeSettings, aside: Aside, where: Where, how: How | None = None
) -> EditResult:
    """Encode cameras whose pictures are in the rows as videos; the columns go, the statistics stay.

    Raises EditError for a camera that has no pictures in its rows, whose pictures cannot be read, or whose size the
    codec does not support; DatasetBusy. The dataset is then unchanged.
    """
    settings = resolve(settings)

    def tasks(base: DatasetFolder) -> list[EncodeTask]:
        check_pictures(base, cameras, settings)
        return [_task(base, episode, key, settings) for key in cameras for episode in base.episodes]

    def prepare(base: DatasetFolder, encoded: EncodedPaths) -> Reshaped:
        info = info_of(base)
        for key, paths in encoded.items():
            as_video = {**info["features"][key], "dtype": "video"}
            info["features"][key] = stated(as_video, next(iter(paths.values())), settings)
        info["video_path"] = info.get("video_path") or VIDEO_PATH

        def drop(rows: pa.Table, part: Stored, before: int) -> pa.Table:
            return _described(rows.drop_columns(list(cameras)))

        plan = plan_parts(base, info["features"], base.fps, [StoredRef(episode) for episode in base.episodes])
        plan.encoded, plan.rows, plan.edited = encoded, drop, True
        return Reshaped(plan, info, {"what": "to_videos", "cameras": len(cameras)})

    return encode_and_revise(root, tasks, prepare, aside, where, how)


def videos_to_pictures(
    root: Path,
    cameras: Sequence[str],
    where: Where,
    *,
    how: How | None = None,
    report: Callable[[int], None] | None = None,
    before_swap: Callable[[], None] | None = None,
) -> EditResult:
    """Write the frames of video cameras as PNG into the rows, without loss; their videos go, the statistics stay.

    `report` is called with the number of frames written; it may raise to cancel. Raises as `pictures_to_videos`.
    """
    done = 0

    def prepare(base: DatasetFolder) -> Reshaped:
        check_videos_of(base, cameras)
        info = info_of(base)
        features = {key: dict(feature) for key, feature in info["features"].items()}
        for key in cameras:
            features[key] = {**features[key], "dtype": "image"}
            features[key].pop("info", None)
        info["features"] = features
        if not video_keys(features):
            info["video_path"] = None

        def add(rows: pa.Table, part: Stored, before: int) -> pa.Table:
            nonlocal done
            kind = data_schema({key: features[key] for key in cameras}, images=True)
            for key in cameras:
                span = part.old.videos[key]
                first = span.first_frame + before
                values = list(_pngs(span.path, range(first, first + rows.num_rows), before))
                rows = rows.append_column(kind.field(key), pa.array(values, kind.field(key).type))
                done += len(values)
                if report is not None:
                    report(done)
            return _described(rows)

        plan = plan_parts(base, features, base.fps, [StoredRef(episode) for episode in base.episodes])
        plan.rows, plan.edited = add, True
        return Reshaped(plan, info, {"what": "to_pictures", "cameras": len(cameras)})

    return make_revision(root, prepare, where, how, before_swap)


def preview_pictures(base: DatasetFolder, cameras: Sequence[str], settings: EncodeSettings | None) -> ReshapePreview:
    """Return about what `pictures_to_videos` would do, or without settings `videos_to_pictures`. Raises as they."""
    size, frames = size_of_dataset(base), base.total_frames * len(cameras)
    if settings is None:
        check_videos_of(base, cameras)
        pixels = sum(np.prod(frame_size(base.features[key])) for key in cameras)
        added = round(base.total_frames * float(pixels) * _PNG_BYTES_PER_PIXEL)
        gone = sum(p.stat().st_size for p in {e.videos[k].path for e in base.episodes for k in cameras})
        notes = ["Each frame becomes a PNG in its row, without loss; that takes much more room than a video."]
        seconds = frames / _PNG_PER_S + copying_s(added)
        return ReshapePreview(len(base.episodes), base.total_frames, size - gone + added, 0, seconds, notes)
    check_pictures(base, cameras, resolve(settings))
    notes = ["The pictures leave the rows and become videos, which lose a little of them and take much less room."]
    seconds = frames / _VIDEO_PER_S + copying_s(size)
    return ReshapePreview(len(base.episodes), base.total_frames, size, frames, seconds, notes)


def check_pictures(base: DatasetFolder, cameras: Sequence[str], settings: EncodeSettings) -> None:
    """Raise EditError unless these cameras have their pictures in the rows, and can be encoded."""
    known = [key for key, feature in base.features.items() if is_image(feature)]
    _check_named(base, cameras, known, "pictures in its rows")
    for key in cameras:
        check_size(key, base.features[key], settings, None)


def check_videos_of(base: DatasetFolder, cameras: Sequence[str]) -> None:
    """Raise EditError unless these cameras have videos of every episode."""
    _check_named(base, cameras, [key for key, feature in base.features.items() if is_video(feature)], "videos")
    for episode in base.episodes:
        for key in cameras:
            if key not in episode.videos or not episode.videos[key].path.is_file():
                raise EditError(f"{episode.name} of {base.root.name} has no video of {key}: download or copy it there")


def _check_named(base: DatasetFolder, cameras: Sequence[str], known: Sequence[str], what: str) -> None:
    if not cameras or len(set(cameras)) < len(cameras):
        raise EditError("name each camera once, and at least one")
    for key in cameras:
        if key not in known:
            raise EditError(f"{base.root.name} has no camera {key!r} with {what}; it has {', '.join(known) or 'none'}")
        if is_depth(base.features[key]):
            raise EditError(f"camera {key} is depth, which this cannot convert: leave it out")


def _task(base: DatasetFolder, episode: EpisodeInfo, key: str, settings: EncodeSettings) -> EncodeTask:
    path = episode.data_file
    if path is None or not path.is_file():
        raise EditError(f"the rows of {episode.name} of {base.root.name} are missing: bring their file back")

    def encode(out: Path, progress: Progress) -> None:
        pictures = _pictures(base, episode, key)
        encode_frames(pictures, out, fps=base.fps, settings=settings, progress=progress, overwrite=True, verify=True)

    how = {**asdict(replace(settings, threads=None)), "fps": base.fps}
    name = name_of(path, [episode.index, episode.length], key, how)
    return EncodeTask(key, episode.index, episode.length, name, encode)


def _pictures(base: DatasetFolder, episode: EpisodeInfo, key: str) -> Iterator[bytes]:
    """Yield the pictures of an episode as they are stored, JPEG or PNG. Raises DamagedFile."""
    path = episode.data_file or base.root
    cells = base.rows(episode.index, [key]).get(key)
    if cells is None:
        raise DamagedFile(path, f"it has no column {key}")
    for number, cell in enumerate(cells):
        if not isinstance(cell, dict) or not isinstance(cell.get("bytes"), bytes):
            raise DamagedFile(path, f"frame {number} of {episode.name} has no picture of {key}")
        yield cell["bytes"]


def _pngs(path: Path, numbers: range, before: int) -> Iterator[dict[str, Any]]:
    with open_video(path) as video:
        for place, frame in enumerate(video.frames(numbers), before):
            data = io.BytesIO()
            Image.fromarray(frame).save(data, "PNG", compress_level=_PNG_LEVEL)
            yield {"bytes": data.getvalue(), "path": f"frame-{place:06d}.png"}


def _described(rows: pa.Table) -> pa.Table:
    """Return the rows with the `datasets` library's description of their columns, if they had one."""
    stored = dict(rows.schema.metadata or {})
    try:
        value = json.loads(stored[_DESCRIBED])
        described = dict(value["info"]["features"])
    except (KeyError, TypeError, ValueError):
        return rows.replace_schema_metadata({name: text for name, text in stored.items() if name != _DESCRIBED})
    images = {name for name in rows.column_names if pa.types.is_struct(rows.schema.field(name).type)}
    described = {name: {"_type": "Image"} if name in images else described.get(name) for name in rows.column_names}
    value["info"]["features"] = {name: each for name, each in described.items() if each is not None}
    return rows.replace_schema_metadata({**stored, _DESCRIBED: json.dumps(value).encode()})
