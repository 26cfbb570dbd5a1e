"""Live pictures of cameras that no rig has: each camera is kept open by a child while somebody looks at it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from robotdata.capture.device_files import SYSTEM, Roots, holders_of
from robotdata.files.plain_json import read_json
from robotdata.station.devices import in_thread
from robotdata.station.errors import AskRefused
from robotdata.station.preview import LINGER_S
from robotdata.station.programs import ProgramFailed, start_child
from robotdata.station.protocol import MeasuredRate, Preview
from robotdata.supervisor import Lifeline, end_group, ending_of

V4L2 = "v4l2:"
PICTURE_S, DRIVER_PICTURE_S = 11.0, 35.0
"""Seconds until a picture; LeRobot's drivers take long to import."""
MOST_OPEN = 8
_PREVIEW, _MEASURE = "robotdata.station.preview", "robotdata.station.measure_rate"
_DRIVERS = "robotdata.station.driver_preview"
_LONGEST_LINE = 4 << 20
_GRACE_S = 1.0
"""A child that keeps its camera so much longer than LINGER_S hangs, and is ended."""
_ENDED_S = 2.0


@dataclass(eq=False)
class _Viewer:
    """A child that has one camera open. `asking` lets one ask at a time wait for its picture."""

    process: asyncio.subprocess.Process
    errors: asyncio.Task[str]
    patience_s: float = PICTURE_S
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)
    ending: asyncio.TimerHandle | None = None

    @property
    def runs(self) -> bool:
        return self.process.returncode is None


class Previews:
    """Gives pictures of cameras by their urls, and releases a camera LINGER_S after the last one was asked for."""

    def __init__(self, lifeline: Lifeline, roots: Roots = SYSTEM) -> None:
        self._lifeline, self._roots = lifeline, roots
        self._viewers: dict[str, _Viewer] = {}
        self._measuring: dict[str, _Viewer] = {}
        self._starting = asyncio.Lock()
        self._paused = self._releases = 0

    def pids(self) -> frozenset[int]:
        """Return the processes that have a camera open for a page."""
        viewers = (*self._viewers.values(), *self._measuring.values())
        return frozenset(viewer.process.pid for viewer in viewers if viewer.runs)

    async def picture(self, url: str, rigs: Mapping[int, str]) -> Preview:
        """Return the newest picture of a camera; `rigs` are the names of running rigs by pid. Raises AskRefused."""
        if "\n" in url or "\r" in url:
            raise AskRefused("bad_args", f"url: is {url!r:.60}, want one line")
        return await self._picture(camera_key(url), lambda: self._open(url, rigs, _PREVIEW, os.fsencode(url)))

    async def driver_picture(self, table: Mapping[str, Any], python: str) -> Preview:
        """Return the newest picture of a camera that only a driver of `python` sees. Raises AskRefused.

        `table` is that of a rig file.
        """
        line = json.dumps(dict(table), sort_keys=True)
        return await self._picture(
            f"{python} {line}", lambda: self._open("", {}, _DRIVERS, line.encode(), python, DRIVER_PICTURE_S)
        )

    async def _picture(self, key: str, begin: Callable[[], Awaitable[_Viewer]]) -> Preview:
        for _ in range(2):  # the second time if its child has just released the camera
            viewer = await self._viewer(key, begin)
            answer = await self._next(viewer)
            if answer is not None:
                break
            await self._end(viewer)
        if answer is None:
            problem = await viewer.errors or ending_of(viewer.process.returncode or 0)
            raise AskRefused("no_picture", f"the camera's driver has failed: {problem}")
        if "jpeg" in answer:
            return {"jpeg": answer["jpeg"], "width": answer["width"], "height": answer["height"]}
        raise AskRefused("no_picture", str(answer.get("error") or "the camera's driver has failed"))

    async def measure(self, camera: Mapping[str, Any], rigs: Mapping[int, str]) -> MeasuredRate:
        """Return how fast a camera delivers; nobody gets its picture meanwhile. Raises AskRefused.

        `camera` has what `measure_rate` reads: `url`, `width`, `height`, `fps` and `pixel_format`.
        """
        url = camera["url"]
        key = camera_key(url)
        async with self._starting:
            self._check_may_open(key)
            if (shown := self._viewers.pop(key, None)) is not None:
                await self._end(shown)
            viewer = self._measuring[key] = await self._open(url, rigs, _MEASURE, json.dumps(dict(camera)).encode())
        try:
            answer = await self._next(viewer)
        finally:
            was_released = self._measuring.pop(key, None) is not viewer
            await self._end(viewer)
        if answer is None and was_released:
            raise AskRefused("busy", "the devices of a rig are being tried: try again in a moment")
        if answer is None or "fps" not in answer:
            problem = (answer or {}).get("error") or await viewer.errors or ending_of(viewer.process.returncode or 0)
            raise AskRefused("no_picture", str(problem))
        return {"fps": answer["fps"], "frames": answer["frames"]}

    async def release(self) -> None:
        """Release every camera that is kept open for a page."""
        self._releases += 1
        viewers, self._viewers = [*self._viewers.values(), *self._measuring.values()], {}
        self._measuring.clear()
        await asyncio.gather(*(self._end(viewer) for viewer in viewers))

    @asynccontextmanager
    async def paused(self) -> AsyncIterator[None]:
        """Keep every camera released meanwhile, for a check that opens them itself."""
        self._paused += 1
        try:
            await self.release()
            yield
        finally:
            self._paused -= 1

    async def _viewer(self, key: str, begin: Callable[[], Awaitable[_Viewer]]) -> _Viewer:
        """Return the child that has the camera open, or a new one. Raises AskRefused."""
        async with self._starting:
            self._viewers = {key: viewer for key, viewer in self._viewers.items() if viewer.runs}
            if (viewer := self._viewers.pop(key, None)) is not None:
                self._viewers[key] = viewer  # behind those that were not looked at since
                return viewer
            self._check_may_open(key)
            if len(self._viewers) >= MOST_OPEN:
                await self._end(self._viewers.pop(next(iter(self._viewers))))
            viewer = self._viewers[key] = await begin()
            return viewer

    async def _open(
        self,
        url: str,
        rigs: Mapping[int, str],
        module: str,
        line: bytes,
        python: str = sys.executable,
        patience_s: float = PICTURE_S,
    ) -> _Viewer:
        """Start a child that opens a camera, if it is free; `line` says which one. Raises AskRefused."""
        releases = self._releases
        await self._check_is_free(url, rigs)
        viewer = await self._start(module, line, python, patience_s)
        if releases != self._releases:  # a rig starts, and wants the camera
            await self._end(viewer)
            raise AskRefused("busy", "a rig was started meanwhile: try again in a moment")
        return viewer

    def _check_may_open(self, key: str) -> None:
        if self._paused:
            raise AskRefused("busy", "the devices of a rig are being checked: try again in a moment")
        if key in self._measuring:
            raise AskRefused("busy", "the rate of this camera is being measured: try again in a moment")

    async def _check_is_free(self, url: str, rigs: Mapping[int, str]) -> None:
        """Raise AskRefused if another process has a V4L2 camera open."""
        node = url.removeprefix(V4L2)
        if node == url:
            return
        holder = (await in_thread(lambda: holders_of([node], self._roots))).get(node)
        if holder is None or holder.pid in self.pids():
            return
        if holder.pid in rigs:
            raise in_use_by_rig(rigs[holder.pid])
        raise AskRefused("in_use", f"the camera is in use by {holder}: stop that process")

    async def _start(self, module: str, line: bytes, python: str, patience_s: float) -> _Viewer:
        try:
            process = await start_child(self._lifeline, module, [], python=python, longest_line=_LONGEST_LINE)
        except ProgramFailed as error:
            raise AskRefused("failed", str(error)) from error
        assert process.stdin is not None and process.stderr is not None
        process.stdin.write(line)
        return _Viewer(process, asyncio.create_task(_last_line(process.stderr)), patience_s)

    async def _next(self, viewer: _Viewer) -> dict[str, Any] | None:
        """Return a child's next answer; None if it has ended. Raises AskRefused if it takes too long."""
        process = viewer.process
        assert process.stdin is not None and process.stdout is not None
        async with viewer.asking:
            try:
                process.stdin.write(b"\n")
                async with asyncio.timeout(viewer.patience_s):
                    await process.stdin.drain()
                    line = await process.stdout.readline()
            except TimeoutError:
                await self._end(viewer)
                problem = f"no picture within {viewer.patience_s:g} s: check the cable, or the camera's address"
                raise AskRefused("no_picture", problem) from None
            except asyncio.CancelledError:  # its answer would be taken for the next one's
                end_group(process.pid)
                raise
            except (OSError, ValueError):
                line = b""
            self._end_later(viewer)
        answer = None
        with contextlib.suppress(ValueError):
            answer = read_json(line)
        return answer if isinstance(answer, dict) else None

    def _end_later(self, viewer: _Viewer) -> None:
        """End a child that does not end by itself once nobody looks: its camera's driver may hang."""
        if viewer.ending is not None:
            viewer.ending.cancel()
        viewer.ending = asyncio.get_running_loop().call_later(LINGER_S + _GRACE_S, self._end_idle, viewer)

    def _end_idle(self, viewer: _Viewer) -> None:
        if viewer.runs and not viewer.asking.locked():
            end_group(viewer.process.pid)

    async def _end(self, viewer: _Viewer) -> None:
        """End a child and wait until its camera is free; the system closes what it had open."""
        if viewer.ending is not None:
            viewer.ending.cancel()
        if viewer.runs:
            end_group(viewer.process.pid)
        with contextlib.suppress(TimeoutError):  # a driver that hangs in the kernel keeps its process
            async with asyncio.timeout(_ENDED_S):
                await viewer.process.wait()


def camera_key(url: str) -> str:
    """Return what the urls of one camera have in common: the real path of a device file, else the url itself."""
    node = url.removeprefix(V4L2)
    return V4L2 + os.path.realpath(node) if node != url else url


def in_use_by_rig(name: str) -> AskRefused:
    """Return the refusal of a picture of a camera that a rig has."""
    return AskRefused(
        "in_use", f"the camera is in use by rig {name}: see its picture on the Record page, or stop that rig"
    )


async def _last_line(stream: asyncio.StreamReader) -> str:
    """Return the last line of what comes, of which only so much is kept."""
    kept = b""
    while data := await stream.read(1 << 12):
        kept = (kept + data)[-(1 << 12) :]
    lines = [line.strip() for line in kept.decode("utf-8", "replace").split("\n")]
    return next((line[:300] for line in reversed(lines) if line), "")
