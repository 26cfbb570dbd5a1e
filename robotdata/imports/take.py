"""Write one recording as a take. It is whole or not there: it is written beside the spool's takes, and renamed."""

from __future__ import annotations

import contextlib
import io
import shutil
import uuid
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from robotdata.capture import clock
from robotdata.capture.records import Row
from robotdata.capture.texts import tidy_task
from robotdata.files.replace import replace_bytes
from robotdata.files.sync import sync_path
from robotdata.imports.errors import BadSource
from robotdata.imports.pictures import Pictures
from robotdata.imports.plan import Plan
from robotdata.imports.streams import Message
from robotdata.imports.sync import Tick, ticks_of
from robotdata.imports.values import Values
from robotdata.spool import TakeBusy, TakeWriter
from robotdata.spool.facts import LONGEST
from robotdata.spool.take_lock import LOCK, TakeLock

STAGING = ".importing"
"""The folder in a spool in which takes are written that are not whole yet."""
OWN_TIMES = "own_times.npz"
"""The file of an imported take that holds, for each stream, the time in ns of the message in every row, int64."""
_NAMESPACE = uuid.UUID("b0f9b1a8-7f0e-4e0e-9d0b-4f6f2d0f5c11")
_UNIX_NS = 10**18  # later than September 2001: these times are those of a wall clock
_PROGRESS_ROWS = 20

Progress = Callable[[int, int], None]
"""Called with (rows written, rows in total); it may raise, which ends the import without a take."""


@dataclass(slots=True)
class Imported:
    """What came of a recording. `is_new` tells whether this call wrote it; counts are 0 if it did not."""

    take_id: str
    rows: int = 0
    frames: dict[str, int] = field(default_factory=dict)
    missing: dict[str, int] = field(default_factory=dict)
    skipped: dict[str, int] = field(default_factory=dict)
    is_new: bool = True


def take_id_of(*, dataset: str, source: str, recording: str, mapping: str, again: str = "") -> str:
    """Return the id of the take that a recording of a source becomes: the same one each time, for the same arguments.

    `source` is the fingerprint of the file, `mapping` the digest of the mapping; `again` makes another take of it.
    """
    return str(uuid.uuid5(_NAMESPACE, "\0".join((dataset, source, recording, mapping, again))))


def import_recording(
    plan: Plan,
    spool: Path,
    take_id: str,
    *,
    source: Path,
    facts: dict[str, Any],
    progress: Progress = lambda done, total: None,
) -> Imported:
    """Write the take `take_id`, unless the spool has it. `facts` are the manifest's: dataset, operator, ….

    Raises MisfitMapping, BadSource, SpoolError, TakeBusy if another process imports the same, and what `progress`
    raises; then nothing is left of it.
    """
    plan.check()
    folder = spool / take_id
    if folder.exists():
        return Imported(take_id, is_new=False)
    staged = spool / STAGING / take_id
    remove_staged(staged)
    try:
        done = _Writer(plan, staged, source, facts).run(progress)
        staged.rename(folder)
        sync_path(spool)
    except BaseException:
        shutil.rmtree(staged, ignore_errors=True)
        raise
    finally:
        with contextlib.suppress(OSError):  # others are being written
            staged.parent.rmdir()
    return Imported(take_id, done.ticks, done.frames, done.missing, dict(plan.recording.skipped))


def remove_staged(staged: Path) -> None:
    """Remove what a killed import left of a take. Raises TakeBusy if a process is writing it."""
    if (staged / LOCK).exists():
        TakeLock(staged).release()
    shutil.rmtree(staged, ignore_errors=True)


def remove_leftovers(spool: Path, except_for: Collection[str] = ()) -> None:
    """Remove what killed imports have left in the spool, except for takes that are being written now."""
    staging = spool / STAGING
    for folder in staging.iterdir() if staging.is_dir() else ():
        if folder.name not in except_for:
            with contextlib.suppress(TakeBusy):
                remove_staged(folder)
    with contextlib.suppress(OSError):
        staging.rmdir()


@dataclass(slots=True)
class _Done:
    ticks: int
    frames: dict[str, int]
    missing: dict[str, int]


class _Writer:
    """Writes one take to `staged`."""

    def __init__(self, plan: Plan, staged: Path, source: Path, facts: dict[str, Any]) -> None:
        self._plan, self._staged, self._source, self._facts = plan, staged, source, facts
        rules = plan.mapping.features
        self._pictures = {
            name: Pictures(source, name, camera, is_depth=self._is_depth(name), order=rules[name].order)
            for name, camera in plan.cameras.items()
        }
        numbers = {name: feature for name, feature in plan.features.items() if name not in plan.cameras}
        self._values = {name: Values(source, name, rules[name], feature) for name, feature in numbers.items()}
        self._camera_paths = {name: rules[name].streams[0] for name in plan.cameras}
        self._needed = [path for path in plan.mapping.streams if path != plan.mapping.task_stream]
        self._times: dict[str, list[int]] = {path: [] for path in self._needed}
        self._stored: dict[str, tuple[Message, int]] = {}
        self._wall_shift = 0 if plan.first_ns > _UNIX_NS else self._written_at() - plan.first_ns
        self._task = plan.task

    def run(self, progress: Progress) -> _Done:
        """Write all of it and make it durable."""
        plan = self._plan
        ticks = ticks_of(self._without_task(), first_ns=plan.first_ns, rows=plan.rows, fps=plan.fps)
        first = next(ticks, None)  # after it, the task is known
        writer = TakeWriter(self._staged, self._manifest(), plan.features, plan.cameras)
        try:
            for tick in chain([] if first is None else [first], ticks):
                if tick.number % _PROGRESS_ROWS == 0:
                    progress(tick.number, plan.rows)
                self._write(writer, tick)
            progress(plan.rows, plan.rows)
            self._write_times()
            missing = {name: values.missing for name, values in self._values.items() if values.missing}
            ended_ns = self._wall_shift + plan.first_ns + round(plan.duration_s * 1e9)
            writer.finish(end_reason="imported", counters=self._counters(writer, missing), ended_at=clock.iso(ended_ns))
        finally:
            writer.close()
        return _Done(writer.ticks, writer.frames, missing)

    def _is_depth(self, name: str) -> bool:
        return bool(self._plan.features[name]["shape"][2] == 1)

    def _written_at(self) -> int:
        return self._source.stat().st_mtime_ns

    def _without_task(self) -> Iterator[Message]:
        """Yield the messages of the features; keep the first of the task's stream, and pass over the others."""
        task_stream, paths = self._plan.mapping.task_stream, self._plan.mapping.streams
        is_feature = task_stream in self._needed
        for message in self._plan.recording.messages(paths, self._plan.fps):
            if message.path == task_stream:
                if not self._plan.mapping.task and not self._task:
                    self._task = tidy_task(str(message.value))[: LONGEST["task"]]
                if not is_feature:
                    continue
            yield message

    def _manifest(self) -> dict[str, Any]:
        plan = self._plan
        imported = {
            "file": self._source.name,
            "recording": plan.recording.name,
            "mapping": plan.mapping.to_json(),
            "notes": plan.notes,
        }
        return {
            "robot_type": plan.mapping.robot_type,
            "fps": int(plan.fps) if float(plan.fps).is_integer() else plan.fps,
            "task": self._task,
            "started_at": clock.iso(self._wall_shift + plan.first_ns),
            **self._facts,
            "imported_from": imported,
        }

    def _write(self, writer: TakeWriter, tick: Tick) -> None:
        if missing := [path for path in self._needed if path not in tick.newest]:
            raise BadSource(self._source, f"ends before {missing[0]} has a message, other than its own list says")
        for path, times in self._times.items():
            times.append(tick.newest[path].time_ns)
        frames = {name: self._store_frame(writer, name, tick.newest[path]) for name, path in self._camera_paths.items()}
        values = {name: values.value(tick.newest) for name, values in self._values.items()}
        writer.add_row(Row(tick.number, tick.time_ns, tick.time_ns + self._wall_shift, values, frames))

    def _store_frame(self, writer: TakeWriter, name: str, message: Message) -> tuple[int, int]:
        """Store the picture unless the row before has it; return its number and its own time."""
        before = self._stored.get(name)
        if before is not None and before[0] is message:
            return before[1], message.time_ns
        seq = 0 if before is None else before[1] + 1
        writer.add_frame(name, seq, message.time_ns, self._pictures[name].packet(message))
        self._stored[name] = (message, seq)
        return seq, message.time_ns

    def _write_times(self) -> None:
        buffer = io.BytesIO()
        # Pairs rather than names as keys: a path may hold anything.
        paths = np.array(list(self._times), dtype=np.str_)
        times = np.array(list(self._times.values()), np.int64).reshape(len(self._times), -1)
        np.savez_compressed(buffer, streams=paths, times_ns=times)
        replace_bytes(self._staged / OWN_TIMES, buffer.getvalue())

    def _counters(self, writer: TakeWriter, missing: dict[str, int]) -> dict[str, Any]:
        cameras = {name: {"frames": count, "dropped": 0} for name, count in writer.frames.items()}
        return {
            "ticks": writer.ticks,
            "fps": self._plan.fps,
            "cameras": cameras,
            "not_finite": missing,
            "skipped": dict(self._plan.recording.skipped),
        }


def read_own_times(folder: Path) -> dict[str, Any]:
    """Return the times in ns of the messages in an imported take's rows, int64 (rows,), by stream."""
    with np.load(folder / OWN_TIMES, allow_pickle=False) as saved:
        return dict(zip(saved["streams"].tolist(), saved["times_ns"], strict=True))
