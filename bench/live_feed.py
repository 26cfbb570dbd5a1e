"""Camera to browser over loopback: the real rig, three cameras at 30 frames/s, five viewers, one of them stalled.

    python bench/live_feed.py [--viewers 5] [--fps 30] [--stalled 1] [--flooding 0] [--seconds 10]

Latency is from a frame's capture (the wall clock in its header) to its arrival at a viewer, in milliseconds; the last
line is one JSON object. A stalled viewer stops reading for good; a flooding one sends what it can, is cut off, and
comes again: they must harm nobody, the rig's loop last of all, and the web's memory stays flat.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
from ports import free_port
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

ROOT = Path(__file__).resolve().parent.parent
WARM_UP_S = 3.0
CAMERAS = [f"observation.images.{name}" for name in ("front", "top", "wrist")]
SETUP = """
import os
os.environ["DJANGO_SETTINGS_MODULE"] = "robotdata.settings"
import django
django.setup()
from django.contrib.auth import get_user_model
from django.contrib.sessions.backends.db import SessionStore
from django.core.management import call_command
call_command("migrate", verbosity=0)
user = get_user_model().objects.create_superuser("bench", password=None)
session = SessionStore()
session.update({"_auth_user_id": str(user.pk), "_auth_user_backend": "robotdata.sessions.UserBackend",
                "_auth_user_hash": user.get_session_auth_hash()})
session.create()
from django.conf import settings
print(f"{settings.SESSION_COOKIE_NAME}={session.session_key}")
"""


@contextlib.contextmanager
def processes(home: Path, port: int) -> Iterator[tuple[int, str]]:
    """Web and rig; yields the web's process id and a session's cookie."""
    env = {**os.environ, "ROBOTDATA_HOME": str(home), "ROBOTDATA_RIG_TOKEN": "bench", "ROBOTDATA_LOG": "WARNING"}
    made = subprocess.run([sys.executable, "-c", SETUP], cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    web = ["uvicorn", "robotdata.asgi:application", "--port", str(port), "--ws", "websockets-sansio"]
    web += ["--ws-per-message-deflate", "false", "--ws-max-size", "8388608", "--log-level", "warning"]
    rig = ["robotdata.rig", "--spool", str(home / "spool"), "--url", f"ws://127.0.0.1:{port}/ws/rig/"]
    started = [subprocess.Popen([sys.executable, "-m", *args], cwd=ROOT, env=env) for args in (web, rig)]
    try:
        wait_for(f"http://127.0.0.1:{port}/healthz")
        yield started[0].pid, made.stdout.split()[-1]
    finally:
        for process in reversed(started):
            process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(15)


def wait_for(url: str) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with contextlib.suppress(urllib.error.URLError, OSError):
            urllib.request.urlopen(url, timeout=1)
            return
        time.sleep(0.1)
    raise TimeoutError(f"{url} does not answer")


class Viewer:
    """Watches all cameras and keeps when each frame came, and how late the rig's ticks began (p99, as it says)."""

    def __init__(self, ws: ClientConnection, fps: int) -> None:
        self.ws = ws
        self.fps = fps
        self.latencies_ms: list[float] = []
        self.jitter_ms: list[float] = []
        self.counting = False

    async def run(self) -> None:
        await self.ws.send(json.dumps({"type": "watch", "cameras": dict.fromkeys(CAMERAS, self.fps)}))
        async for news in self.ws:
            if isinstance(news, bytes):
                await self.ws.send(json.dumps({"type": "drawn", "cameras": [news[1]]}))
            if not self.counting:
                continue
            if isinstance(news, bytes):
                captured_ns = struct.unpack_from("!BBxxIQ", news)[3]
                self.latencies_ms.append((time.time_ns() - captured_ns) / 1e6)
            elif counters := json.loads(news).get("counters"):
                self.jitter_ms.append(counters["jitter_p99_ms"])


async def flood(open_socket: Callable[[], Any], cuts: list[int]) -> None:
    """As many messages as go; again and again."""
    while True:
        with contextlib.suppress(OSError, TimeoutError):
            async with open_socket() as ws:
                try:
                    while True:
                        await ws.send(json.dumps({"type": "watch", "cameras": dict.fromkeys(CAMERAS, 30)}))
                        await asyncio.sleep(0)
                except ConnectionClosed as closed:
                    cuts.append(closed.rcvd.code if closed.rcvd else 0)


async def online(ws: ClientConnection) -> None:
    async with asyncio.timeout(30):
        async for news in ws:
            if isinstance(news, str) and json.loads(news).get("online") and json.loads(news).get("state") == "idle":
                return


async def measure(options: argparse.Namespace, port: int, session: str, web: psutil.Process) -> dict[str, Any]:
    def open_socket() -> Any:
        return connect(
            f"ws://127.0.0.1:{port}/ws/live/sim/",
            additional_headers={"Cookie": session},
            origin=f"http://127.0.0.1:{port}",  # type: ignore[arg-type]
            compression=None,
            max_size=None,
            close_timeout=1,
        )

    async with contextlib.AsyncExitStack() as stack:
        count = options.viewers - options.flooding
        sockets = [await stack.enter_async_context(open_socket()) for _ in range(count)]
        await online(sockets[0])
        viewers = [Viewer(ws, options.fps) for ws in sockets]
        honest, stalled = viewers[: count - options.stalled], viewers[count - options.stalled :]
        tasks = [asyncio.create_task(viewer.run()) for viewer in viewers]
        await asyncio.sleep(WARM_UP_S)
        for viewer in stalled:
            viewer.ws.transport.pause_reading()
        cuts: list[int] = []
        tasks += [asyncio.create_task(flood(open_socket, cuts)) for _ in range(options.flooding)]
        rss, cpu = web.memory_info().rss, sum(web.cpu_times()[:2])
        for viewer in honest:
            viewer.counting = True
        await asyncio.sleep(options.seconds)
        used = sum(web.cpu_times()[:2]) - cpu
        grown = web.memory_info().rss - rss
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for viewer in stalled:
            viewer.ws.transport.resume_reading()
    every = [ms for viewer in honest for ms in viewer.latencies_ms]
    jitter = [ms for viewer in honest for ms in viewer.jitter_ms]
    fps = [len(viewer.latencies_ms) / options.seconds / len(CAMERAS) for viewer in honest]
    return {
        "cameras": len(CAMERAS),
        "viewers": options.viewers,
        "stalled": options.stalled,
        "flooding": options.flooding,
        "cut_off": len(cuts),
        "latency_p50_ms": round(statistics.median(every), 2),
        "latency_p99_ms": round(statistics.quantiles(every, n=100)[98], 2),
        "latency_max_ms": round(max(every), 2),
        "fps_per_camera_least": round(min(fps), 2),
        "rig_jitter_p99_ms_median": round(statistics.median(jitter), 2),
        "rig_jitter_p99_ms_worst": round(max(jitter), 2),
        "web_cpu_share": round(used / options.seconds, 3),
        "web_rss_grown_mb": round(grown / 1e6, 1),
        "load_average": round(os.getloadavg()[0], 1),
        "target_p99_ms": 100,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--viewers", type=int, default=5, help="all of them")
    parser.add_argument("--fps", type=int, default=30, help="what each asks of each camera")
    parser.add_argument("--stalled", type=int, default=1)
    parser.add_argument("--flooding", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=10)
    options = parser.parse_args()
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="robotdata-bench-") as home, processes(Path(home), port) as (pid, session):
        print(json.dumps(asyncio.run(measure(options, port, session, psutil.Process(pid)))))


if __name__ == "__main__":
    main()
