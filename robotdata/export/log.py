"""A take or an episode as a log, MCAP or .rrd: stored pictures and video packets pass unchanged, with their times.

A topic has the name of its feature. Rows are values with their names. Subtasks and remarks are texts. What cannot be
read is left out, counted and named in the file's metadata.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from robotdata.capture.actions import ACTION, ACTIONS, REQUESTED_COLUMN, SENT
from robotdata.dataset.episode_list import VideoSpan
from robotdata.dataset.errors import DatasetError
from robotdata.dataset.features import DEFAULT_FEATURES, NUMERIC_DTYPES, flat_names, is_depth
from robotdata.dataset.reader import DatasetFolder
from robotdata.export.log_file import LogFile, MakeLog
from robotdata.export.mcap_file import McapFile
from robotdata.spool import CameraTrack, SpoolError, Take
from robotdata.spool.language import Language
from robotdata.video import VideoDecoder, VideoError, open_video
from robotdata.video.depth.packets import depth_of_packet
from robotdata.video.depth.scale import DepthScale
from robotdata.video.depth.video import decode_depth
from robotdata.video.elementary import FORMATS, passes, stream_packets
from robotdata.video.jpeg import ImageError
from robotdata.video.jpeg_door import plain_jpeg

TASK, SUBTASK, REMARK = "task", "subtask", "remark"
_QUALITY = 90
_PNG = b"\x89PNG"
_SECOND = 1_000_000_000
Event = tuple[int, int, Callable[[], None]]
"""The time of a message in ns, the place of its stream, and the function that writes it."""
_CAMERAS = 10_000
"""The place of the first camera: rows come before the pictures of the same time."""


class _Log:
    """The file, and what is left out of it: frames by camera, and reasons."""

    def __init__(self, file: LogFile) -> None:
        self.file = file
        self.lost: dict[str, int] = {}
        self.reasons: list[str] = []

    def write(self, events: Iterable[Event], facts: Mapping[str, str]) -> None:
        for _, _, write in events:
            write()
        left_out = [
            *self.reasons,
            *(f"{key}: {count} of its messages cannot be read" for key, count in self.lost.items()),
        ]
        self.file.finish({**facts, "left_out": json.dumps(left_out)} if left_out else facts)

    def lose(self, key: str) -> None:
        self.lost[key] = self.lost.get(key, 0) + 1


def write_take_log(
    folder: Path,
    path: Path,
    *,
    ticks: tuple[int | None, int | None] = (None, None),
    recorded_action: str = "",
    language: Language | None = None,
    facts: Mapping[str, str] | None = None,
    make: MakeLog = McapFile,
) -> None:
    """Write ticks [first, end) of the take in `folder` to the new file `path`, with its own times; None cuts nothing.

    Ticks before every camera has a frame are left out, as in its dataset. Cameras keep every stored frame between the
    first and the last tick, at its capture time. `language` is that of the take, in its ticks. Raises SpoolError,
    MissingWriter and OSError.
    """
    with Take.open(folder) as take, path.open("xb") as file:
        log = _Log(make(file))
        cameras = {key: stored for key in take.cameras if (stored := _stored_frames(log, take, key)) is not None}
        lead_in = max((int(np.argmax(frames >= 0)) for _, frames in cameras.values()), default=0)
        first, end = max(lead_in, ticks[0] or 0), take.rows.num_rows if ticks[1] is None else ticks[1]
        wall = np.asarray(take.column("wall_ns")[first:end], np.int64)
        if not len(wall):
            raise SpoolError(f"take {take.id} has no row in [{first}, {end})")
        # One difference for the whole take: a clock that is set while it is recorded must not tear its times apart.
        shift = int(wall[0]) - int(take.column("monotonic_ns")[first])
        times = np.maximum(np.asarray(take.column("monotonic_ns")[first:end], np.int64) + shift, 0)
        log.file.begin(times)
        streams = [
            _rows(log, name, names, values[first:end], times, place)
            for place, (name, names, values) in enumerate(_take_values(take, recorded_action))
        ]
        for place, (key, (track, frames)) in enumerate(cameras.items(), _CAMERAS):
            shown = frames[first:end]
            depth = is_depth(take.manifest["features"].get(key, {}))
            span = range(int(shown.min()), int(shown.max()) + 1)
            streams.append(_track(log, track, span, shift, place, depth=depth))
        facts = {"times": "the rig's clock while it recorded", **(facts or {})}
        streams.append(_task(log, facts.get("task", ""), int(times[0])))
        streams.append(_language(log, (language or Language()).within(first, first + len(times)), times))
        log.write(heapq.merge(*streams, key=lambda event: event[:2]), facts)


def write_episode_log(
    root: Path,
    index: int,
    path: Path,
    *,
    uuid: UUID | None = None,
    start_ns: int = 0,
    facts: Mapping[str, str] | None = None,
    make: MakeLog = McapFile,
) -> None:
    """Write episode `index` of the dataset in `root` to the new file `path`; its first row is at `start_ns`.

    H.264, H.265, AV1 and VP9 pass as packets if their frames are in order and begin with a keyframe; others become
    JPEG, depth becomes mm. Raises DatasetError, also if the episode has another `uuid`; MissingWriter and OSError.
    """
    dataset = DatasetFolder.open(root)
    episode = dataset.episode(index)
    if uuid is not None and _is_other(episode.uuid, uuid):
        raise DatasetError(f"episode {index} of {root.name} is another one by now: the dataset has changed. Try again")
    rows = dataset.rows(index)
    seconds = np.arange(episode.length) / float(dataset.fps)
    with path.open("xb") as file:
        log = _Log(make(file))
        times = start_ns + np.rint(seconds * _SECOND).astype(np.int64)
        log.file.begin(times)
        streams = []
        for place, (name, feature) in enumerate(dataset.features.items()):
            if name in DEFAULT_FEATURES or name not in rows:
                continue
            if feature["dtype"] in NUMERIC_DTYPES or feature["dtype"] == "string":
                streams.append(_rows(log, name, _names(name, feature, rows[name]), rows[name], times, place))
        for place, key in enumerate(dataset.camera_keys, _CAMERAS):
            if dataset.features[key]["dtype"] == "image":
                pictures = dataset.rows(index, [key]).get(key, np.empty(0))
                streams.append(_stored(log, key, pictures, times, place))
            elif (span := episode.videos.get(key)) is None:
                log.reasons.append(f"{key}: episode {index} has no video of it")
            else:
                streams.append(_video(log, key, span, times, float(dataset.fps), dataset.features[key], place))
        facts = {"times": "of the dataset's rows, from the beginning of the episode", **(facts or {})}
        streams.append(_task(log, facts.get("task") or ", ".join(episode.tasks), start_ns))
        spoken = dataset.language(index)
        if others := len(spoken.others) + spoken.more:
            log.reasons.append(f"language: {others} {'entry' if others == 1 else 'entries'} of other programs")
        streams.append(_language(log, spoken.language, times))
        log.write(heapq.merge(*streams, key=lambda event: event[:2]), facts)


def _is_other(stored: str | None, uuid: UUID) -> bool:
    try:
        return stored is not None and UUID(stored) != uuid
    except ValueError:  # another program's word, not a UUID: it tells nothing
        return False


def _take_values(take: Take, recorded_action: str) -> Iterator[tuple[str, list[str], Any]]:
    """Yield name, names of values, and values of each feature; of the two actions first the one that datasets get."""
    features = take.manifest["features"]
    chosen = take.action_column(recorded_action or take.recorded_action) or ACTION
    for name, feature in features.items():
        if feature.get("dtype") in ("video", "image") or name not in take.rows.column_names:
            continue
        if feature["dtype"] == "string":
            yield name, [], take.texts(name)
            continue
        values = take.signal(chosen if name == ACTION else name)
        yield name, _names(name, feature, values), values
        if name == ACTION:
            others = [column for each in ACTIONS if (column := take.action_column(each)) not in (None, chosen)]
            for column in others:
                other = take.signal(str(column))
                if not np.array_equal(values, other, equal_nan=values.dtype.kind == "f"):
                    title = REQUESTED_COLUMN if column == REQUESTED_COLUMN else f"{ACTION}/{SENT}"
                    yield title, _names(name, feature, other), other


def _names(name: str, feature: Mapping[str, Any], values: Any) -> list[str]:
    size = int(np.prod(np.shape(values)[1:], dtype=np.int64))
    names = flat_names(feature) or []
    short = name.rsplit(".", 1)[-1]
    return names if len(names) == size else [short] if size == 1 else [f"{short}.{each}" for each in range(size)]


def _rows(log: _Log, name: str, names: list[str], values: Any, times: NDArray[np.int64], place: int) -> Iterator[Event]:
    for time_ns, value in zip(times.tolist(), values, strict=True):
        if isinstance(value, str):
            yield time_ns, place, partial(log.file.text, name, time_ns, value)
            continue
        try:
            numbers = np.asarray(value, np.float64).reshape(-1)
        except (TypeError, ValueError):
            log.lose(name)
            continue
        yield time_ns, place, partial(log.file.values, name, time_ns, names, numbers)


def _task(log: _Log, task: str, time_ns: int) -> Iterator[Event]:
    if task:
        yield time_ns, -1, partial(log.file.text, TASK, time_ns, task)


def _language(log: _Log, language: Language, times: NDArray[np.int64]) -> Iterator[Event]:
    """Yield subtasks at their first row, an empty one where frames without a subtask follow, and remarks by role."""
    said = [(each.frame, f"{REMARK}/{each.role}", each.text) for each in language.remarks]
    subtasks = {each.end: "" for each in language.subtasks if each.end < len(times)}
    subtasks |= {each.first: each.text for each in language.subtasks}
    said += [(row, SUBTASK, text) for row, text in subtasks.items()]
    for row, topic, text in sorted(said):
        yield int(times[row]), -1, partial(log.file.text, topic, int(times[row]), text)


def _stored_frames(log: _Log, take: Take, key: str) -> tuple[CameraTrack, NDArray[np.int64]] | None:
    """Return a take's camera and which of its frames each tick shows; None, with the reason, if it has none."""
    try:
        track, frames = take.camera(key), take.frame_index(key)
    except (SpoolError, OSError, KeyError) as error:
        log.reasons.append(f"{key}: {error}")
        return None
    if not (frames >= 0).any():
        log.reasons.append(f"{key}: no frame was stored in this take")
        return None
    return track, frames


def _track(log: _Log, track: CameraTrack, span: range, shift: int, place: int, *, depth: bool) -> Iterator[Event]:
    """Yield the stored frames of a take's camera."""

    def write(number: int, time_ns: int) -> None:
        try:
            packet = track.packet(number)
            if depth:
                log.file.depth(track.key, time_ns, depth_of_packet(packet))
            elif track.codec == "mjpeg":
                log.file.image(track.key, time_ns, plain_jpeg(packet), "jpeg")
            else:
                log.file.image(track.key, time_ns, packet, "png")
        except (SpoolError, VideoError, ImageError):
            log.lose(track.key)

    before = 0
    for number in span:
        before = time_ns = max(before, int(track.captured_ns[number]) + shift)
        yield time_ns, place, partial(write, number, time_ns)


def _stored(log: _Log, key: str, cells: NDArray[Any], times: NDArray[np.int64], place: int) -> Iterator[Event]:
    """Yield the pictures that are stored in the rows."""
    for time_ns, cell in zip(times.tolist(), cells, strict=False):
        data = cell.get("bytes") if isinstance(cell, dict) else None
        if not isinstance(data, bytes):
            log.lose(key)
            continue
        kind = "png" if data.startswith(_PNG) else "jpeg"
        yield time_ns, place, partial(log.file.image, key, time_ns, data, kind)


def _video(
    log: _Log,
    key: str,
    span: VideoSpan,
    times: NDArray[np.int64],
    fps: float,
    feature: Mapping[str, Any],
    place: int,
) -> Iterator[Event]:
    """Yield the frames of a video, as packets where that shows the same frames."""
    try:
        with open_video(span.path) as decoder:
            numbers = _frame_numbers(decoder, span, len(times), fps)
            index, first = decoder.index, int(numbers[0])
            if not is_depth(feature) and _in_order(numbers) and passes(index, first, len(numbers)):
                packets = stream_packets(index, first, len(numbers))
                for time_ns, data in zip(times.tolist(), packets, strict=True):
                    kind = FORMATS[index.codec]
                    yield time_ns, place, partial(log.file.video, key, time_ns, data, kind)
                return
            scale = DepthScale.of(feature.get("info") or {}) if is_depth(feature) else None
            for time_ns, number in zip(times.tolist(), numbers.tolist(), strict=True):
                yield time_ns, place, partial(_decoded, log, key, time_ns, decoder, number, scale)
    except (VideoError, OSError) as error:
        log.reasons.append(f"{key}: {error}")


def _decoded(log: _Log, key: str, time_ns: int, decoder: VideoDecoder, number: int, scale: DepthScale | None) -> None:
    try:
        if scale is not None:
            log.file.depth(key, time_ns, np.asarray(decode_depth(decoder, number, scale), np.uint16))
        else:
            log.file.image(key, time_ns, decoder.jpeg(number, _QUALITY), "jpeg")
    except (VideoError, ImageError):
        log.lose(key)


def _frame_numbers(decoder: VideoDecoder, span: VideoSpan, rows: int, fps: float) -> NDArray[np.int64]:
    """Return the frame at each row's time, as LeRobot finds it."""
    index = decoder.index
    shown = index.pts[index.order] * float(index.time_base)
    wanted = span.from_timestamp + np.arange(rows) / fps
    after = np.clip(np.searchsorted(shown, wanted), 1, max(1, len(shown) - 1))
    if len(shown) == 1:
        return np.zeros(rows, np.int64)
    before_is_nearer = wanted - shown[after - 1] <= shown[after] - wanted
    return np.where(before_is_nearer, after - 1, after).astype(np.int64)


def _in_order(numbers: NDArray[np.int64]) -> bool:
    return bool(np.all(np.diff(numbers) == 1))
