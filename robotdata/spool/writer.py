"""Write one take: every row and packet is handed to the operating system before the call returns."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from robotdata.capture import clock
from robotdata.capture.records import Row
from robotdata.files.sync import sync_path
from robotdata.spool import manifest as manifests
from robotdata.spool import rows as row_files
from robotdata.spool.errors import SpoolError, SpoolFull, spool_broken
from robotdata.spool.index import pack_record
from robotdata.spool.reserve import release_reserve, reserve
from robotdata.spool.take_lock import TakeLock
from robotdata.video.packets import AppendFile, PacketWriter

SYNC_EVERY_S = 1.0
_FULL = {errno.ENOSPC, errno.EDQUOT}


class _CameraFiles:
    def __init__(self, folder: Path, key: str, camera: Mapping[str, Any]) -> None:
        self.packets = PacketWriter(folder / f"{key}.mkv", camera["codec"], camera["width"], camera["height"])
        self.index = AppendFile(folder / f"{key}.idx")
        self.frames = 0


class TakeWriter:
    """Creates `folder`, whose name is the take's id, and appends to it until `finish`. Not thread safe.

    `manifest` holds rig, robot_type, fps, dataset, session, task, operator; `features` are LeRobot's. With
    `recorded_action` in `manifest`, every row must have the value `action/requested` too.
    `cameras` is {key: {"codec": "mjpeg", "width": ..., "height": ...}}, sizes in pixels.
    Raises SpoolFull if the disk is full, SpoolError if it fails, and the same error at every later call except
    `finish`, which closes the take with what was written. Holds the take's lock until `finish` or the process's end.
    """

    def __init__(
        self,
        folder: Path,
        manifest: Mapping[str, Any],
        features: Mapping[str, Mapping[str, Any]],
        cameras: Mapping[str, Mapping[str, Any]],
    ) -> None:
        self.folder = folder
        self.ticks = 0
        self._first_ns = self._last_ns = 0
        self._broken: SpoolError | None = None
        self._manifest = manifests.new_manifest(folder, manifest, features, cameras)
        self._encoder = row_files.RowEncoder(row_files.columns_of_take(self._manifest))
        self._lock: TakeLock | None = None
        self._cameras: dict[str, _CameraFiles] = {}
        self._guarded(lambda: self._create(cameras))
        self._sync_due = clock.monotonic() + SYNC_EVERY_S

    @property
    def manifest(self) -> dict[str, Any]:
        """Return the manifest as it is on disk."""
        return self._manifest

    @property
    def frames(self) -> dict[str, int]:
        """Return the number of frames written for each camera."""
        return {key: files.frames for key, files in self._cameras.items()}

    @property
    def rate_hz(self) -> float:
        """Return the measured rate in Hz, from the rows' times."""
        return duration_and_rate(self.ticks, self._first_ns, self._last_ns, float(self._manifest["fps"]))["rate_hz"]

    def add_frame(self, key: str, seq: int, captured_ns: int, packet: bytes) -> None:
        """Append a frame of camera `key`, captured at `captured_ns` (monotonic). Raises SpoolError."""
        files = self._cameras[key]

        def append() -> None:
            offset = files.packets.write(packet, captured_ns)
            files.index.append(pack_record(seq, captured_ns, offset, packet))

        self._guarded(append)
        files.frames += 1
        self._sync_when_due()

    def add_row(self, row: Row) -> None:
        """Append one tick. Raises SpoolError; if a value is missing or has the wrong shape, nothing is written."""
        data = self._encoder.encode(row)
        self._guarded(lambda: self._rows.append(data))
        if self.ticks == 0:
            self._first_ns = row.monotonic_ns
        self._last_ns = row.monotonic_ns
        self.ticks += 1
        self._sync_when_due()

    def finish(
        self,
        state: str = "recorded",
        *,
        end_reason: str = "stop",
        counters: Mapping[str, Any] | None = None,
        marks: Sequence[Mapping[str, Any]] = (),
        curation: Mapping[str, Any] | None = None,
        ended_at: str | None = None,
    ) -> dict[str, Any]:
        """Make rows and frames durable, then write the manifest with `state` durably, and return it.

        `ended_at` is an ISO 8601 time, by default now.
        Raises SpoolError if the disk fails; the take then stays `recording`, for recovery to close.
        """
        try:
            self._broken = None
            self._guarded(self._close_files)
            self._manifest |= {
                "state": state,
                "ended_at": ended_at or clock.iso_now(),
                "ticks": self.ticks,
                **duration_and_rate(self.ticks, self._first_ns, self._last_ns, float(self._manifest["fps"])),
                "cameras_frames": self.frames,
                "counters": dict(counters or {}),
                "marks": [dict(mark) for mark in marks],
                "end_reason": end_reason,
            }
            self._manifest["curation"] |= dict(curation or {})
            self._guarded(lambda: manifests.write_manifest(self.folder, self._manifest))
        finally:
            self.close()
        return self._manifest

    def close(self) -> None:
        """Release files and lock without updating the manifest, as a killed process would."""
        for files in self._cameras.values():
            for file in (files.packets, files.index):
                with contextlib.suppress(OSError):
                    file.finish()
        if hasattr(self, "_rows"):
            with contextlib.suppress(OSError):
                self._rows.finish()
        if self._lock is not None:
            self._lock.release()

    def _create(self, cameras: Mapping[str, Mapping[str, Any]]) -> None:
        self.folder.mkdir(parents=True)
        self._lock = TakeLock(self.folder)
        reserve(self.folder)
        self._rows = AppendFile(self.folder / manifests.ROWS)
        self._rows.append(self._encoder.header)
        self._cameras = {key: _CameraFiles(self.folder, key, camera) for key, camera in cameras.items()}
        manifests.write_manifest(self.folder, self._manifest)
        sync_path(self.folder.parent)

    def _close_files(self) -> None:
        release_reserve(self.folder)
        for files in self._cameras.values():
            files.packets.finish()
            files.index.finish()
        with contextlib.suppress(OSError):  # readers do not need the end-of-stream marker, which a full disk refuses
            self._rows.append(self._encoder.end())
        self._rows.finish()
        sync_path(self.folder)

    def _sync_when_due(self) -> None:
        if clock.monotonic() >= self._sync_due:
            self._guarded(self._sync)
            self._sync_due = clock.monotonic() + SYNC_EVERY_S

    def _sync(self) -> None:
        for files in self._cameras.values():
            files.packets.sync()
            files.index.sync()
        self._rows.sync()

    def _guarded(self, action: Callable[[], None]) -> None:
        """Run `action`; turn an OSError into a SpoolError, and raise that again at every later call."""
        if self._broken is not None:
            raise self._broken
        try:
            action()
        except OSError as error:
            if error.errno in _FULL:
                self._broken = SpoolFull(self.folder, self.ticks, error.strerror or "no space left")
            else:
                self._broken = spool_broken(self.folder, self.ticks, error)
            raise self._broken from error


def duration_and_rate(ticks: int, first_ns: int, last_ns: int, fps: float) -> dict[str, float]:
    """Return `duration_s` and measured `rate_hz` of `ticks` ticks, the first and last at these monotonic times.

    The last tick counts for one period of `fps`. `rate_hz` is `fps` for fewer than two ticks.
    """
    elapsed_s = (last_ns - first_ns) / 1e9
    rate = (ticks - 1) / elapsed_s if ticks > 1 and elapsed_s > 0 else float(fps)
    return {"duration_s": round(elapsed_s + 1 / fps if ticks else 0.0, 6), "rate_hz": round(rate, 4)}
