"""Record one take: loop and cameras put their data into a queue, and a thread of its own writes it to disk."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from robotdata.capture import clock
from robotdata.capture.loop_time import LoopCounters
from robotdata.capture.records import CameraFrame, Row
from robotdata.numbers import count as count_of
from robotdata.rig.marks import Marks, camera_name
from robotdata.rig.protocol import CommandRefused
from robotdata.rig.remarks import Remark, Remarks
from robotdata.rig.states import EMERGENCY_STOP
from robotdata.spool import SpoolError, SpoolFull, TakeWriter, read_manifest, update_curation

log = logging.getLogger(__name__)
MAX_PENDING_BYTES = 64 << 20
MAX_PENDING_ROWS = 4096
GATHER_S = 0.05
"""What is recorded may wait so long before it is written: a thread that wakes for each frame costs twice as much."""
_RATE_OFF = 0.02
_DURABLE_WITHIN_S = 30.0


@dataclass(frozen=True, slots=True)
class TakeEnd:
    """The end of a take: its reason, the loop's counters, and annotations to store (such as a reject verdict)."""

    reason: str
    counters: LoopCounters
    curation: Mapping[str, Any] = field(default_factory=dict)


class TakeRecorder:
    """A TakeSink that writes a take to `folder`. Its own thread creates the files, so that the take begins at once.

    That thread calls `on_ready(recorder)` once `take.json` is on disk, `on_trouble(recorder, error)` if the take must
    end because it cannot be written, and at last `on_done(recorder)`. After that, `manifest` is the take.json on disk,
    or None if it could not be written, and `error` says why.
    """

    def __init__(
        self,
        folder: Path,
        facts: Mapping[str, Any],
        features: Mapping[str, Mapping[str, Any]],
        cameras: Mapping[str, Mapping[str, Any]],
        *,
        on_ready: Callable[[TakeRecorder], None] = lambda take: None,
        on_trouble: Callable[[TakeRecorder, SpoolError], None],
        on_done: Callable[[TakeRecorder], None],
    ) -> None:
        self.id = folder.name
        self.facts = dict(facts)
        self.ticks = 0
        self.began = clock.monotonic()
        self.dropped = dict.fromkeys(cameras, 0)
        self.dropped_ticks = 0
        self.error: SpoolError | None = None
        self.manifest: dict[str, Any] | None = None
        self.ending: TakeEnd | None = None
        self.remarks = Remarks()
        self._features, self._cameras, self._folder = features, cameras, folder
        self._on_ready, self._on_trouble, self._on_done = on_ready, on_trouble, on_done
        self._marks = Marks()
        self._emergency = False
        self._queue: SimpleQueue[tuple[str, CameraFrame] | Row | None] = SimpleQueue()
        self._ended = threading.Event()
        # Only one thread adds to each counter, so no lock is needed.
        self._queued_bytes = dict.fromkeys(cameras, 0)
        self._dequeued_bytes = 0
        self._queued_rows = self._dequeued_rows = 0
        self._thread = threading.Thread(target=self._run, name=f"take-{self.id[:8]}", daemon=True)

    def start(self) -> None:
        """Start the thread. Raises RuntimeError if the system cannot."""
        self._thread.start()

    def add_frame(self, key: str, frame: CameraFrame) -> None:
        """Queue one frame; drop and count it if more than MAX_PENDING_BYTES wait for the disk."""
        if sum(self._queued_bytes.values()) - self._dequeued_bytes > MAX_PENDING_BYTES:
            self.dropped[key] += 1
            return
        self._queued_bytes[key] += len(frame.packet)
        self._queue.put((key, frame))

    def add_row(self, row: Row, camera_states: Mapping[str, str]) -> None:
        """Queue one row; drop and count it if more than MAX_PENDING_ROWS wait for the disk."""
        if self._queued_rows - self._dequeued_rows > MAX_PENDING_ROWS:
            self.dropped_ticks += 1
            return
        self._marks.add(self.ticks, camera_states)
        self._queued_rows += 1
        self.ticks += 1
        self._queue.put(row)

    def mark_lost(self, key: str) -> None:
        """Mark the last tick as lost for the camera `key`; call it after the last row."""
        self._marks.add(max(0, self.ticks - 1), {key: "lost"})

    def mark_emergency(self) -> None:
        """Mark the last tick as the one at which an emergency stop ended the take; call it after the last row."""
        self._emergency = True

    def end(self, ending: TakeEnd) -> None:
        """End the take; return at once. `on_done` follows when everything is durable."""
        self.ending = ending
        self._queue.put(None)
        self._ended.set()

    def annotate_later(
        self, by: str, changes: Callable[[Mapping[str, Any]], Mapping[str, Any]], done: Callable[[Any], None]
    ) -> None:
        """Annotate the take once it is durable, in a thread; then call `done` with its manifest, or with a SpoolError.

        `by` is who did it; `changes` gets the annotations so far and returns the new ones.
        """

        def annotate() -> None:
            self.wait(_DURABLE_WITHIN_S)
            try:
                curation = read_manifest(self._folder)["curation"]
                done(update_curation(self._folder, by=by, **changes(curation)))
            except SpoolError as error:
                done(error)

        threading.Thread(target=annotate, name=f"annotate-{self.id[:8]}", daemon=True).start()

    def wait(self, timeout_s: float) -> bool:
        """Wait for the thread; return whether it ended within `timeout_s`."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        writer: TakeWriter | None = None
        try:
            writer = TakeWriter(self._folder, self.facts, self._features, self._cameras)
            self._on_ready(self)
            self._write(writer)
        except SpoolError as error:
            self._failed(error)
        except BaseException as error:
            log.exception("take %s", self.id)
            self._failed(SpoolError(f"take {self.id} cannot be written: {error!r}"))
        if writer is not None:
            try:
                self.manifest = self._finish(writer)
            except SpoolError as error:
                self.error = self.error or error
            except BaseException as error:
                log.exception("take %s", self.id)
                self.error = self.error or SpoolError(f"take {self.id} cannot be closed: {error!r}; recover it")
        self._on_done(self)

    def _write(self, writer: TakeWriter) -> None:
        """Write what was queued, every GATHER_S, up to the end."""
        while True:
            self._ended.wait(GATHER_S)
            while not self._queue.empty():
                item = self._queue.get()
                if item is None:
                    return
                if isinstance(item, Row):
                    self._dequeued_rows += 1
                    writer.add_row(item)
                else:
                    key, frame = item
                    self._dequeued_bytes += len(frame.packet)
                    writer.add_frame(key, frame.seq, frame.captured_ns, frame.packet)

    def _failed(self, error: SpoolError) -> None:
        """Ask for the end of the take, and discard what is still queued, which cannot be written."""
        self.error = error
        self._on_trouble(self, error)
        while self._queue.get() is not None:
            pass

    def _finish(self, writer: TakeWriter) -> dict[str, Any]:
        end = self.ending
        reason = end.reason if end else "shutdown"
        if self.error is not None:
            reason = "disk_full" if isinstance(self.error, SpoolFull) else "not_written"
        marks = self._marks.finish(writer.ticks)
        if self._emergency:
            text = "Emergency stop: no further action was sent"
            at = max(0, writer.ticks - 1)
            marks.append(
                {"code": EMERGENCY_STOP, "camera": None, "from_tick": at, "to_tick": writer.ticks, "text": text}
            )
        for key, count in self.dropped.items():
            if count:
                text = f"Camera {camera_name(key)}: {count_of(count, 'frame')} dropped because the disk was too slow"
                marks.append(_whole_take_mark("dropped_frames", key, writer.ticks, text))
        counters = _counters(end, self.dropped_ticks)
        counters["cameras"] = {
            key: {"frames": count, "dropped": self.dropped[key]} for key, count in writer.frames.items()
        }
        rate, target = writer.rate_hz, float(self.facts["fps"])
        if writer.ticks > target and abs(rate / target - 1) > _RATE_OFF:
            text = f"Control loop ran at {rate:g} Hz (target {target:g})"
            marks.append(_whole_take_mark("rate", None, writer.ticks, text))
        curation = {**self.remarks.close(), **(end.curation if end else {})}
        return writer.finish(end_reason=reason, counters=counters, marks=marks, curation=curation)


def keep_remark(remark: Remark, takes: Sequence[TakeRecorder | None]) -> None:
    """Keep a remark for its take. Raises CommandRefused if none of `takes` is that one and still takes it in."""
    meant = [take for take in takes if take is not None and take.id == remark.take]
    if not any(take.remarks.add(remark.fields) for take in meant):
        raise CommandRefused("no_take", "this take is not being recorded: change what the server knows of it")


def _whole_take_mark(code: str, key: str | None, ticks: int, text: str) -> dict[str, Any]:
    return {"code": code, "camera": key, "from_tick": 0, "to_tick": ticks, "text": text}


def _counters(end: TakeEnd | None, dropped_ticks: int) -> dict[str, Any]:
    if end is None:
        return {"dropped_ticks": dropped_ticks}
    return {
        "ticks": end.counters.ticks,
        "late_ticks": end.counters.late_ticks,
        "dropped_ticks": end.counters.dropped_ticks + dropped_ticks,
        "fps": end.counters.fps,
        "jitter_p99_ms": end.counters.jitter_p99_ms,
    }
