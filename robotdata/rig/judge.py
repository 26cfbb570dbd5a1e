"""Read a test recording back and judge it together with its rig's devices, disk, clock and dataset."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

from robotdata.capture.loop_time import LoopCounters
from robotdata.quality import marks_of, take_metrics
from robotdata.rig import preflight_checks as judging
from robotdata.rig.device_nodes import Carried, nodes_of, port_checks, usb_checks
from robotdata.rig.preflight_checks import CameraAsked, Recording, not_recorded, worst_first
from robotdata.rig.preflight_info import CheckInfo, PreflightArgs
from robotdata.rig.recorder import TakeRecorder
from robotdata.rig.rig import Rig
from robotdata.rig.scratch import measure_disk, size_of
from robotdata.spool import Take

log = logging.getLogger(__name__)
DURABLE_S = 20.0
"""The disk may take so long to finish the test recording."""
_LEAST_BITS = 2.0
"""Bits per pixel of MJPEG, the least that a camera sends whose pictures its driver decodes."""


class Test:
    """A test recording of `rig` into `folder`, with what is counted from its begin to its end."""

    def __init__(self, rig: Rig, folder: Path, args: PreflightArgs) -> None:
        self.rig, self.folder, self.args = rig, folder, args
        self.counters: LoopCounters | None = None
        self.parts: dict[str, tuple[float, float]] = {}
        self._bytes: dict[str, int] = {}
        self.bytes_in: dict[str, int] = {}

    def begin(self) -> None:
        """Count from now on."""
        self._bytes = {camera.key: camera.bytes_in for camera in self.rig.cameras}

    def end(self, counters: LoopCounters) -> None:
        """Count up to now; `counters` are the loop's."""
        self.counters = counters
        self.parts = self.rig.loop.times.percentiles_ms()
        self.bytes_in = {camera.key: camera.bytes_in - self._bytes[camera.key] for camera in self.rig.cameras}


def judge(test: Test, take: TakeRecorder) -> list[CheckInfo]:
    """Return all checks, the worst first; waits for the take to be durable, at most DURABLE_S."""
    return worst_first([*_recorded(test, take), *_around(test)])


def _recorded(test: Test, take: TakeRecorder) -> Iterator[CheckInfo]:
    """Yield the checks that need the recording."""
    if not take.wait(DURABLE_S):
        text = f"The disk of {test.rig.spool} has not written the test recording within {DURABLE_S:g} s"
        yield not_recorded(text, "disk_speed")
        return
    manifest = take.manifest
    if take.error is not None or manifest is None:
        yield not_recorded(f"The test recording could not be written: {take.error}")
    if manifest is None or not manifest["ticks"] or test.counters is None:
        if take.error is None:
            yield not_recorded("The test recording has no rows: the control loop did not run")
        yield from _space(test, 0.0)
        return
    written = size_of(test.folder.iterdir())
    with Take.open(test.folder) as stored:
        metrics = take_metrics(stored)
    recording = Recording(manifest, test.counters, metrics, marks_of(metrics, []), written)
    yield judging.loop_check(recording)
    for camera in test.rig.cameras:
        config = camera.config
        fps = test.rig.config.fps if camera.is_ticked else config.fps
        asked = CameraAsked(config.key, config.name, config.width, config.height, float(fps))
        yield judging.camera_check(asked, recording)
    yield from _usb(test, recording)
    rate = written / max(float(manifest["duration_s"]), 1e-3)
    yield from _space(test, rate)
    yield from _speed(test, rate)


def _usb(test: Test, recording: Recording) -> list[CheckInfo]:
    seconds = max(float(recording.manifest["duration_s"]), 1e-3)
    carried = {}
    for camera in test.rig.cameras:
        counted = test.bytes_in.get(camera.key, 0)
        least = camera.config.width * camera.config.height * camera.config.fps * _LEAST_BITS
        carried[camera.key] = Carried(8 * counted / seconds if counted else least, bool(counted))
    return usb_checks(nodes_of(test.rig.config), carried)


def _space(test: Test, bytes_per_s: float) -> Iterator[CheckInfo]:
    disk = test.rig.disk
    yield judging.space_check(test.rig.spool, disk.free_bytes, bytes_per_s or disk.bytes_per_s, disk.takes_left)


def _speed(test: Test, bytes_per_s: float) -> Iterator[CheckInfo]:
    try:
        speed = measure_disk(test.folder, test.rig.disk.free_bytes)
    except OSError as error:
        yield not_recorded(f"The disk of {test.rig.spool} cannot be written: {error.strerror}", "disk_speed")
    else:
        yield judging.speed_check(test.rig.spool, speed, bytes_per_s)


def _around(test: Test) -> Iterator[CheckInfo]:
    """Yield the checks that need no recording."""
    rig, args = test.rig, test.args
    tick = judging.tick_check(test.parts, 1000 / rig.config.fps)
    dataset = judging.dataset_check(args, rig.features, rig.config.fps)
    yield from (each for each in (dataset, tick) if each is not None)
    yield from port_checks(nodes_of(rig.config))
    if args.clock_offset_s is not None:
        yield judging.clock_check(args.clock_offset_s)
