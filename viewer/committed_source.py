"""Frames of a committed episode. Frame n is row n of the episode, decoded from the dataset's files."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray

from recorder.text import parse_uuid
from robotdata.dataset.episode_list import EpisodeInfo, VideoSpan
from robotdata.dataset.errors import DatasetError
from robotdata.dataset.features import DEFAULT_FEATURES, NUMERIC_DTYPES
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.scales import SCALES, units_of, with_scales
from robotdata.files import open_real
from robotdata.quality.inputs import flat_names
from robotdata.video import VideoDecoder, VideoDecoderCache, VideoError
from robotdata.video.codecs import DEPTH_PIX_FMT
from robotdata.video.depth.colours import DepthColours
from robotdata.video.depth.quantize import CODE_MAX, dequantize_depth
from robotdata.video.depth.scale import DepthScale
from robotdata.video.depth.video import depth_codes
from robotdata.video.errors import FileReplacedError
from robotdata.video.index import FileIdentity
from robotdata.video.jpeg import ImageError, encode_jpeg
from viewer.errors import FilesChanged, Gone, NotFound
from viewer.naming import camera_name, camera_size
from viewer.pictures import COLOUR_SAMPLES, check_pixels, to_jpeg
from viewer.sources import CameraInfo, Signals, VideoFile

QUALITY = 90
DECODERS = VideoDecoderCache(32, max_bytes=256 * 2**20)


class OpenDatasets:
    """A cache of open datasets. A dataset whose folder changed is opened again."""

    def __init__(self, limit: int) -> None:
        self._open: LRUCache[Path, DatasetFolder] = LRUCache(limit)
        self._lock = threading.Lock()

    def get(self, root: Path) -> DatasetFolder:
        """Return the dataset in folder `root`. Raises Gone if it cannot be read."""
        with self._lock:
            cached = self._open.get(root)
            if cached is not None and not cached.changed():
                return cached
        try:
            dataset = DatasetFolder.open(root)
        except (DatasetError, OSError) as error:
            raise Gone(f"dataset {root.name}: {error}") from error
        with self._lock:
            self._open[root] = dataset
        return dataset


DATASETS = OpenDatasets(8)


def committed_version(root: Path, index: int) -> str:
    """Return a version that changes with the episode's files and its place in them.

    It does not change when other episodes are added.
    """
    return _version(_open_episode(root, index)[1])


class CommittedSource:
    """FrameSource of a committed episode. Cameras whose files are missing are left out; `jpeg` raises Gone for them.

    `uuid`: the episode's own in the dataset; None if the dataset does not know it.
    """

    decodes = True
    growing = False
    first_tick = 0

    def __init__(self, root: Path, index: int) -> None:
        self._dataset, self._episode = _open_episode(root, index)
        self.version = _version(self._episode)
        self.uuid = parse_uuid(self._episode.uuid)
        self.frames = self._episode.length
        self._colours: dict[str, NDArray[np.uint8]] = {}
        self.fps = float(self._dataset.fps)
        features = self._dataset.features
        self._faults = {key: why for key in self._dataset.video_keys if (why := _camera_problem(self._episode, key))}
        self.cameras = tuple(
            CameraInfo(key, camera_name(key), *camera_size(features[key]))
            for key in self._dataset.camera_keys
            if key not in self._faults
        )
        problems = [*self._faults.values(), *self._dataset.problems, *self._episode.problems]
        self.problems = tuple(dict.fromkeys(problems))[:40]

    def jpeg(self, camera: str, n: int) -> bytes:
        self._check_camera(camera)
        if not 0 <= n < self.frames:
            raise NotFound(f"episode {self._episode.index} has frames 0 to {self.frames - 1}, not {n}")
        if self._dataset.changed():
            raise FilesChanged(f"dataset {self._dataset.root.name} was changed on disk: open the episode again")
        try:
            if self._dataset.features[camera]["dtype"] == "image":
                return self._stored_picture(camera, n)
            return self._video_frame(camera, self._episode.videos[camera], n)
        except (VideoError, ImageError, DatasetError, OSError, IndexError) as error:
            raise Gone(f"frame {n} of {camera} cannot be read: {error}") from error

    def signals(self, recorded_action: str = "") -> Signals:
        try:
            rows = self._dataset.rows(self._episode.index)
        except (DatasetError, OSError) as error:
            raise Gone(f"the rows of episode {self._episode.index} cannot be read: {error}") from error
        signals = Signals({}, {})
        known = with_scales(self._dataset.features, self._dataset.sidecar.more.get(SCALES))
        for feature, description in known.items():
            if feature in DEFAULT_FEATURES or description["dtype"] not in NUMERIC_DTYPES or feature not in rows:
                continue
            values = _as_numbers(rows[feature])
            if values is None:
                signals.left_out.append(feature)
                continue
            signals.columns[feature] = values
            signals.names[feature] = flat_names(feature, description, values.shape[1])
            signals.units[feature] = units_of(description, values.shape[1])
        return signals

    def video(self, camera: str) -> VideoFile:
        self._check_camera(camera)
        if self._dataset.features[camera]["dtype"] == "image":
            raise NotFound(f"{camera} is stored as single images, not as a video: request its frames")
        span = self._episode.videos[camera]
        return VideoFile(span.path, span.first_frame, span.frames)

    def close(self) -> None:
        """Do nothing: the caches of datasets and decoders close the files."""

    def _check_camera(self, camera: str) -> None:
        """Raise NotFound for an unknown camera, and Gone for one whose file is missing."""
        if camera not in self._dataset.camera_keys:
            known = ", ".join(self._dataset.camera_keys) or "none"
            raise NotFound(f"this dataset has no camera {camera!r}; it has {known}")
        if camera in self._faults:
            raise Gone(self._faults[camera])

    def _video_frame(self, camera: str, span: VideoSpan, n: int) -> bytes:
        """Return the frame at the timestamp of row `n`, as LeRobot finds it.

        A video may have another rate than the dataset, or lack frames at its beginning, so the index alone is not
        enough.
        """
        decoder = DECODERS.get_decoder(span.path)
        _check_same(decoder, span.path)
        check_pixels(decoder.index.width, decoder.index.height)
        time_s = span.from_timestamp + n / self.fps
        number = decoder.index.frame_at(time_s)
        off_s = abs(decoder.index.time_s(number) - time_s)
        if off_s > 1 / self.fps:
            raise Gone(f"{span.path} has no frame at {time_s:.3f} s: its {decoder.count} frames end {off_s:.3f} s away")
        if decoder.index.pix_fmt != DEPTH_PIX_FMT:
            return decoder.jpeg(number, QUALITY)
        codes = depth_codes(decoder, number)
        return encode_jpeg(np.take(self._depth_colours(camera, decoder, span), codes, axis=0), QUALITY)

    def _depth_colours(self, camera: str, decoder: VideoDecoder, span: VideoSpan) -> NDArray[np.uint8]:
        """Return the colour of each depth code, uint8 (4096, 3).

        The range of the colours comes from the first sampled frame with depth, so that a colour means the same depth
        throughout the episode. Code 0, where the sensor measured nothing, is black.
        """
        if camera not in self._colours:
            try:
                scale = DepthScale.of(self._dataset.features[camera].get("info") or {})
            except VideoError:
                scale = DepthScale()
            depths = dequantize_depth(np.arange(CODE_MAX + 1, dtype=np.uint16), scale)
            depths[0] = 0
            colours, begin = DepthColours(), decoder.index.frame_at(span.from_timestamp)
            last = min(begin + self.frames, decoder.count)
            for number in range(begin, last, max(1, self.frames // COLOUR_SAMPLES)):
                if colours.fit(depths[depth_codes(decoder, number)]):
                    break
            self._colours[camera] = colours.picture(depths[None])[0]
        return self._colours[camera]

    def _stored_picture(self, camera: str, n: int) -> bytes:
        """Return the image of row `n` that is stored in the Parquet file, as a JPEG."""
        cell = _stored_pictures(self._dataset, self._episode, camera)[n]
        data = cell.get("bytes") if isinstance(cell, dict) else None
        if not isinstance(data, bytes):
            raise Gone(f"frame {n} of {camera}: the image is not inside {self._episode.data_file}")
        return to_jpeg(data)


_PICTURES: LRUCache[tuple[Path | None, int, int, str], NDArray[Any]] = LRUCache(2)
_PICTURES_LOCK = threading.Lock()


def _stored_pictures(dataset: DatasetFolder, episode: EpisodeInfo, camera: str) -> NDArray[Any]:
    """Return a whole column of images; pyarrow reads no less. The last two columns are kept."""
    key = (episode.data_file, dataset.identity.modified_ns, episode.index, camera)
    with _PICTURES_LOCK:
        if key in _PICTURES:
            return _PICTURES[key]
        column = dataset.rows(episode.index, [camera]).get(camera)
        if column is None:
            raise Gone(f"{episode.data_file} has no column {camera}")
        _PICTURES[key] = column
        return column


def _camera_problem(episode: EpisodeInfo, camera: str) -> str:
    """Return why the camera cannot be shown, as a sentence, or an empty text if it can."""
    span = episode.videos.get(camera)
    if span is None:
        return f"{camera}: episode {episode.index} has no video of it"
    try:
        has_data = span.path.stat().st_size > 0
    except OSError:
        has_data = False
    return "" if has_data else f"{camera}: {span.path} is missing or empty; download it again"


def _check_same(decoder: VideoDecoder, path: Path) -> None:
    """Raise FileReplacedError, an OSError, if the decoder's file is not the one that is now in the dataset."""
    fd = open_real(path)
    try:
        same = FileIdentity.of(os.fstat(fd)) == decoder.identity
    finally:
        os.close(fd)
    if not same:
        raise FileReplacedError(f"{path} was replaced by another file; open the episode again")


def _open_episode(root: Path, index: int) -> tuple[DatasetFolder, EpisodeInfo]:
    """Return the open dataset and its episode `index`. Raises Gone."""
    dataset = DATASETS.get(root)
    try:
        return dataset, dataset.episode(index)
    except DatasetError as error:
        raise Gone(str(error)) from error


def _version(episode: EpisodeInfo) -> str:
    """Return a hash of the episode's place and of the identity of its files."""
    spans = {key: (span.path, span.from_timestamp) for key, span in sorted(episode.videos.items())}
    facts: list[Any] = [episode.length, episode.first_row_in_file, spans]
    for path in (episode.data_file, *(path for path, _ in spans.values())):
        try:
            stat = path.stat() if path is not None else None
        except OSError:
            stat = None
        facts.append(stat and (stat.st_ino, stat.st_size, stat.st_mtime_ns))
    return hashlib.blake2s(repr(facts).encode(), digest_size=8).hexdigest()


def _as_numbers(values: NDArray[Any]) -> NDArray[np.float32] | None:
    """Return float32 (rows, d), or None for columns with rows of different lengths or missing values."""
    try:
        return np.asarray(values.reshape(len(values), -1), np.float32)
    except (TypeError, ValueError):
        return None
