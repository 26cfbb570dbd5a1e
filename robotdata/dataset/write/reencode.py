"""Encode cameras of a dataset again: another codec, quality or size. The videos of the other cameras stay as they are.

New videos are made beside the dataset, without its lock, so that people can review it meanwhile. Then the next state is
built of them under the lock.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from robotdata.dataset.errors import DatasetError, EditError
from robotdata.dataset.features import Feature, frame_size, is_depth, video_keys
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.write.edit import EditResult
from robotdata.dataset.write.encoded_parts import (
    EncodedPaths,
    EncodeTask,
    Recoding,
    Report,
    encode_tasks,
    ready,
    video_tasks,
)
from robotdata.dataset.write.episode_refs import StoredRef, plan_parts
from robotdata.dataset.write.reshape import (
    Reshaped,
    ReshapePreview,
    copying_s,
    info_of,
    make_revision,
    size_of_dataset,
)
from robotdata.dataset.write.transfer import How, Where
from robotdata.video.codecs import EncodeSettings, check_picture_size
from robotdata.video.encode import resolve
from robotdata.video.errors import VideoError
from robotdata.video.facts import get_video_info
from robotdata.video.recoding import recode_frames

_TRIES = 3
_SAMPLE = 12
_NAMES = {"libsvtav1": "AV1", "h264": "H.264", "hevc": "HEVC"}


@dataclass(frozen=True, slots=True)
class Aside:
    """Where videos are encoded, and how that is told.

    `folder` is kept when a run is killed or cancelled, so that the next one continues; it is the caller's to remove.
    `report` may raise to cancel. `before_swap` is called when the next state is complete and not yet in place.
    """

    folder: Path
    report: Report | None = None
    before_swap: Callable[[], None] | None = None


Tasks = Callable[[DatasetFolder], Sequence[EncodeTask]]
Prepare = Callable[[DatasetFolder, EncodedPaths], Reshaped]


def encode_and_revise(
    root: Path, tasks: Tasks, prepare: Prepare, aside: Aside, where: Where, how: How | None = None
) -> EditResult:
    """Encode what `tasks` returns for the dataset, then make the revision that `prepare` returns for the videos.

    If somebody changes the dataset meanwhile, what is new is encoded, too. Raises as `make_revision`.
    """

    def prepare_ready(base: DatasetFolder) -> Reshaped:
        encoded = ready(tasks(base), aside.folder)
        if encoded is None:
            raise _ChangedMeanwhile(f"{root.name} was changed again and again while it was encoded: try again")
        return prepare(base, encoded)

    for left in reversed(range(_TRIES)):
        base = DatasetFolder.open(root.resolve())
        try:
            encode_tasks(tasks(base), aside.folder, aside.report)
            return make_revision(root, prepare_ready, where, how, aside.before_swap)
        except _ChangedMeanwhile:
            if not left:
                raise
        except VideoError as error:
            if not left or _revision(root) == base.revision:
                raise EditError(f"{root.name} cannot be encoded: {error}") from error
    raise AssertionError("the last try returns or raises")


def reencode_cameras(
    root: Path,
    cameras: Sequence[str],
    settings: EncodeSettings,
    aside: Aside,
    where: Where,
    *,
    size: tuple[int, int] | None = None,
    how: How | None = None,
) -> EditResult:
    """Encode these cameras of all episodes with `settings`, scaled to `size` (width, height) if given.

    Rows, statistics and annotations stay. Raises EditError for an unknown or depth camera, a size or setting that the
    codec does not support, and missing videos; DatasetBusy. The dataset is then unchanged.
    """
    settings = resolve(settings)

    def tasks(base: DatasetFolder) -> list[EncodeTask]:
        check_cameras(base, settings, cameras, size)
        return video_tasks(base, cameras, Recoding(settings, base.fps, size))

    def prepare(base: DatasetFolder, encoded: EncodedPaths) -> Reshaped:
        info = info_of(base)
        info["features"] = {**info["features"], **_features(base, encoded, settings)}
        plan = plan_parts(base, info["features"], base.fps, [StoredRef(episode) for episode in base.episodes])
        plan.encoded, plan.edited = encoded, True
        return Reshaped(plan, info, {"what": "reencoded", "cameras": len(cameras), "codec": settings.codec})

    return encode_and_revise(root, tasks, prepare, aside, where, how)


def preview_reencode(
    base: DatasetFolder, cameras: Sequence[str], settings: EncodeSettings, size: tuple[int, int] | None = None
) -> ReshapePreview:
    """Return what encoding these cameras again would do.

    Time and size are measured by encoding a few frames of each camera here. Raises as `reencode_cameras`, VideoError.
    """
    settings = resolve(settings)
    check_cameras(base, settings, cameras, size)
    seconds, before, after, notes = 0.0, 0, 0, []
    for key in cameras:
        took_s, byte_count = measured(base, key, settings, size)
        own = sum(path.stat().st_size for path in {e.videos[key].path for e in base.episodes if key in e.videos})
        seconds += took_s * base.total_frames
        before, after = before + own, after + round(byte_count * base.total_frames)
        width, height = size or frame_size(base.features[key])
        name, codec = key.removeprefix("observation.images."), _NAMES.get(settings.codec, settings.codec)
        notes.append(
            f"Camera {name}: {width}x{height} pixels, {codec}, {_size_text(own)} become about "
            f"{_size_text(byte_count * base.total_frames)}."
        )
    total = size_of_dataset(base)
    notes.append("Pictures are encoded again, which loses a little of them; undo brings the present ones back.")
    frames = base.total_frames * len(cameras)
    estimate = total - before + after
    return ReshapePreview(len(base.episodes), base.total_frames, estimate, frames, seconds + copying_s(after), notes)


def check_cameras(
    base: DatasetFolder,
    settings: EncodeSettings,
    cameras: Sequence[str] | None = None,
    size: tuple[int, int] | None = None,
) -> None:
    """Raise EditError unless these cameras, by default all of colours, can be encoded with these settings."""
    known = video_keys(base.features)
    colours = [key for key in known if not is_depth(base.features[key])]
    if cameras is not None and (not cameras or len(set(cameras)) < len(cameras)):
        raise EditError("name each camera once, and at least one")
    for key in colours if cameras is None else cameras:
        if key not in known:
            raise EditError(f"{base.root.name} has no camera {key!r} with videos; it has {', '.join(known) or 'none'}")
        if key not in colours:
            raise EditError(f"camera {key} is depth, which has one lossless codec: leave it out")
        check_size(key, base.features[key], settings, size)


def check_size(key: str, feature: Feature, settings: EncodeSettings, size: tuple[int, int] | None) -> None:
    """Raise EditError unless frames of this size, by default of the present one, can be encoded."""
    width, height = size or frame_size(feature)
    if size is not None and (width % 2 or height % 2):
        raise EditError(f"{width}x{height}: sides must be even, as 320x240, because colours are stored at half size")
    try:
        check_picture_size(settings, width, height)
    except VideoError as error:
        raise EditError(f"camera {key} cannot be encoded: {error}") from error


def stated(feature: Mapping[str, Any], path: Path, settings: EncodeSettings) -> Feature:
    """Return a camera's feature as its new video has it: its size, and `info` with the encoder's settings."""
    made = get_video_info(path, settings=settings, is_depth_map=is_depth(feature))
    stored = {name: value for name, value in (feature.get("info") or {}).items() if not name.startswith("audio.")}
    width, height = made["video.width"], made["video.height"]
    shape = list(feature["shape"])
    if frame_size(feature) != (width, height):
        first = shape[0] in (1, 3) and frame_size(feature) == (shape[2], shape[1])
        shape = [shape[0], height, width] if first else [height, width, shape[2]]
    return {**feature, "shape": shape, "info": {**stored, **made}}


def _features(base: DatasetFolder, encoded: EncodedPaths, settings: EncodeSettings) -> dict[str, Feature]:
    features = info_of(base)["features"]
    return {key: stated(features[key], next(iter(paths.values())), settings) for key, paths in encoded.items()}


def measured(
    base: DatasetFolder, key: str, settings: EncodeSettings, size: tuple[int, int] | None
) -> tuple[float, float]:
    """Return the seconds and bytes that encoding a frame of this camera takes, from a few of the longest episode."""
    longest = max((e for e in base.episodes if key in e.videos), key=lambda e: e.length, default=None)
    if longest is None:
        raise EditError(f"camera {key} of {base.root.name} has no video: download or copy it there")
    span, count = longest.videos[key], min(longest.length, _SAMPLE)
    first = span.first_frame + (longest.length - count) // 2
    with tempfile.TemporaryDirectory() as folder:
        begun, numbers = perf_counter(), range(first, first + count)
        made = recode_frames(
            span.path, numbers, Path(folder) / "sample.mp4", fps=base.fps, settings=settings, size=size
        )
        return (perf_counter() - begun) / count, made.size_bytes / count


def _revision(root: Path) -> int:
    try:
        return DatasetFolder.open(root).revision
    except DatasetError:
        return -1


def _size_text(size: float) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.0f} kB"


class _ChangedMeanwhile(EditError):
    """The dataset is not the one whose videos were encoded."""
