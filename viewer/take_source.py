"""Frames of a take in the spool.

Frame n is row n of the export plan. Its packet is served as it is if browsers can show it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from robotdata.capture.actions import ACTION, ACTIONS, REQUESTED_COLUMN, SENT
from robotdata.dataset.features import is_depth
from robotdata.dataset.scales import units_of
from robotdata.quality.inputs import flat_names
from robotdata.spool import CameraTrack, SpoolError, Take
from robotdata.video.depth.colours import DepthColours
from robotdata.video.depth.packets import depth_of_packet
from robotdata.video.errors import VideoError
from robotdata.video.jpeg import ImageError
from robotdata.video.jpeg_door import PlainForm
from viewer.errors import Gone, NotFound
from viewer.naming import camera_name
from viewer.pictures import COLOUR_SAMPLES, check_header, depth_jpeg, to_jpeg
from viewer.sources import CameraInfo, Signals, VideoFile


def take_version(folder: Path) -> str:
    """Return a version that changes with the take's rows and frames, but not with its annotations.

    Raises Gone if the folder has no such files.
    """
    facts: list[tuple[str, int, int, int]] = []
    try:
        with os.scandir(folder) as found:  # half as long as `Path.iterdir`, and this is asked for each frame
            for each in found:
                if each.name.endswith((".arrow", ".idx", ".mkv")):
                    stat = each.stat()
                    facts.append((each.name, stat.st_ino, stat.st_size, stat.st_mtime_ns))
    except OSError:
        facts = []
    if not facts:
        raise Gone(f"the take in {folder} is missing: restore the folder, or delete the take from the trash")
    facts.sort()
    return hashlib.blake2s(repr(facts).encode(), digest_size=8).hexdigest()


class TakeSource:
    """FrameSource of a take.

    Cameras whose files are missing or empty are left out of `cameras` and named in `problems`. Raises Gone if the take
    cannot be opened.
    """

    decodes = False

    def __init__(self, folder: Path) -> None:
        self.version = take_version(folder)
        try:
            self._take = Take.open(folder)
        except (SpoolError, OSError) as error:
            raise Gone(str(error)) from error
        try:
            self._open()
        except BaseException:
            self._take.close()
            raise

    def _open(self) -> None:
        """Read the rows and cameras, and find the first tick at which every camera has a frame."""
        take = self._take
        self.growing = take.state == "recording"
        self.fps = float(take.manifest["fps"])
        tracks, faults = _tracks(take)
        try:
            index = {key: take.frame_index(key) for key in tracks}
            ticks = take.rows.num_rows
        except (SpoolError, OSError, KeyError) as error:
            raise Gone(f"take {take.id}: {error}") from error
        for key in [key for key, indices in index.items() if not (indices >= 0).any()]:
            faults[key] = f"{key}: no frame was stored in this take"
            del tracks[key], index[key]
        # As in the export: rows before every camera has a frame are cut.
        self.first_tick = max((int(np.argmax(indices >= 0)) for indices in index.values()), default=0)
        self.frames = ticks - self.first_tick
        self._index = {key: indices[self.first_tick :] for key, indices in index.items()}
        self._tracks = tracks
        self._plain = {key: PlainForm() for key in tracks}
        self._found_plain = {key: bytearray(track.count) for key, track in tracks.items()}
        self._depth = {key for key in tracks if is_depth(take.manifest["features"].get(key, {}))}
        self._depth_colours: dict[str, DepthColours] = {}
        self._lock = threading.Lock()
        self.cameras = tuple(
            CameraInfo(key, camera_name(key), track.width, track.height) for key, track in tracks.items()
        )
        self._faults = faults
        self.problems = tuple(faults.values())

    def jpeg(self, camera: str, n: int) -> bytes:
        track = self._tracks.get(camera)
        if camera in self._faults:
            raise Gone(self._faults[camera])
        if track is None:
            raise NotFound(f"this take has no camera {camera!r}; it has {', '.join(self._tracks) or 'none'}")
        if not 0 <= n < self.frames:
            raise NotFound(f"this take has frames 0 to {self.frames - 1}, not {n}")
        index = int(self._index[camera][n])
        try:
            packet = track.packet(index)
            if camera in self._depth:
                return depth_jpeg(packet, self._colours(camera))
            return self._plain[camera].of(packet) if track.codec == "mjpeg" else to_jpeg(packet)
        except (SpoolError, ImageError, VideoError, OSError, IndexError) as error:
            raise Gone(f"frame {n} of {camera} cannot be read: {error}") from error

    def jpeg_at_once(self, camera: str, n: int) -> bytes | None:
        """Return `jpeg(camera, n)` if it needs no wait and hardly any work; None if `jpeg` must say."""
        track = self._tracks.get(camera)
        if track is None or track.codec != "mjpeg" or camera in self._depth or self.growing or not 0 <= n < self.frames:
            return None
        index = int(self._index[camera][n])
        packet = track.packet_in_memory(index)  # None unless it is as it was recorded
        if packet is not None and not self._found_plain[camera][index]:
            packet = self._plain[camera].of_known(packet)
            self._found_plain[camera][index] = packet is not None
        return packet

    def _colours(self, camera: str) -> DepthColours:
        """Return the depth colours of `camera`: one range for the whole take.

        The range comes from the first sampled frame that holds depth.
        """
        with self._lock:
            if camera not in self._depth_colours:
                colours, track = DepthColours(), self._tracks[camera]
                for index in self._index[camera][:: max(1, self.frames // COLOUR_SAMPLES)]:
                    with contextlib.suppress(SpoolError, VideoError, ImageError, OSError):
                        packet = track.packet(int(index))
                        check_header(packet)
                        if colours.fit(depth_of_packet(packet)):
                            break
                self._depth_colours[camera] = colours
            return self._depth_colours[camera]

    def signals(self, recorded_action: str = "") -> Signals:
        columns: dict[str, NDArray[np.float32]] = {}
        action, other = self._actions(recorded_action)
        names: dict[str, list[str]] = {}
        units: dict[str, list[str]] = {}
        for feature, description in self._take.manifest["features"].items():
            if description.get("dtype") in ("video", "image", "string") or feature not in self._take.rows.column_names:
                continue
            values = self._numbers(action if feature == ACTION else feature)
            columns[feature] = values
            names[feature] = flat_names(feature, description, values.shape[1])
            units[feature] = units_of(description, values.shape[1])
            if feature == ACTION and other is not None:
                values_of_other = self._numbers(other)
                if not np.array_equal(values, values_of_other, equal_nan=True):
                    name = REQUESTED_COLUMN if other == REQUESTED_COLUMN else f"{ACTION}/{SENT}"
                    columns[name], names[name], units[name] = values_of_other, names[feature], units[feature]
        return Signals(columns, names, units, {key: self._age(key) for key in self._tracks})

    def _actions(self, recorded_action: str) -> tuple[str, str | None]:
        """Return the columns of the action that the dataset gets and of the other one; None if there is no other."""
        chosen = self._take.action_column(recorded_action or self._take.recorded_action) or ACTION
        stored = [self._take.action_column(each) for each in ACTIONS]
        return chosen, next((column for column in stored if column != chosen), None)

    def _numbers(self, column: str) -> NDArray[np.float32]:
        return np.asarray(self._take.signal(column)[self.first_tick :], np.float32)

    def video(self, camera: str) -> VideoFile:
        raise NotFound("a take has no video file until it is encoded; request its frames")

    def close(self) -> None:
        self._take.close()

    def _age(self, key: str) -> dict[str, float]:
        """Return p50, p99 and max of the age of the camera's frame at a tick, in milliseconds."""
        now = np.asarray(self._take.column("monotonic_ns"), np.int64)[self.first_tick :]
        captured = self._tracks[key].captured_ns[self._index[key]]
        age = (now - captured) / 1e6
        if not len(age):
            return {}
        p50, p99 = np.percentile(age, [50, 99])
        return {"p50": round(float(p50), 2), "p99": round(float(p99), 2), "max": round(float(age.max()), 2)}


def _tracks(take: Take) -> tuple[dict[str, CameraTrack], dict[str, str]]:
    """Every camera that opens, and a sentence for each that does not."""
    tracks: dict[str, CameraTrack] = {}
    faults: dict[str, str] = {}
    for key in take.cameras:
        try:
            tracks[key] = take.camera(key)
        except (SpoolError, OSError) as error:
            faults[key] = f"{key}: {error}"
    return tracks, faults
