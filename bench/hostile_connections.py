"""The web under thousands of connections that never finish a request: how long others wait for the page.

    python bench/hostile_connections.py [--connections 5000] [--files 1024] [--seconds 20]

Starts a web of its own with `ulimit -n FILES`, opens the connections from many addresses of this machine and opens
them again as they are closed; meanwhile a person asks for the page from one of the same addresses. Prints JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ports import free_port

ROOT = Path(__file__).resolve().parent.parent
HALF = b"GET /sign-in/ HTTP/1.1\r\nHost: 127.0.0.1\r\nX-a: "
ADDRESSES = [f"127.0.0.{n}" for n in range(1, 9)]


@contextlib.contextmanager
def product(home: Path, port: int, files: int) -> Iterator[subprocess.Popen[bytes]]:
    """`manage.py run` without rig and worker, with at most `files` open files a process."""
    env = {**os.environ, "ROBOTDATA_HOME": str(home), "ROBOTDATA_LOG": "ERROR", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "manage.py", "run", "--port", str(port), "--no-rig", "--no-worker"]
    run = ["bash", "-c", f'ulimit -n {files} && exec "$@"', "bash", *command]
    process = subprocess.Popen(run, cwd=ROOT, env=env, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5)
                break
            time.sleep(0.2)
        else:
            raise TimeoutError("the web does not answer")
        yield process
    finally:
        process.terminate()
        process.wait(30)


async def hostile(port: int, number: int, counts: Counter[str]) -> None:
    """Half a request, held for as long as it is let; then again."""
    address = ADDRESSES[number % len(ADDRESSES)]
    while True:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(address, 0))
        except OSError:
            counts["not let in"] += 1
            await asyncio.sleep(0.5)
            continue
        counts["opened"] += 1
        with contextlib.suppress(OSError):
            writer.write(HALF)
            await reader.read()
        writer.close()
        counts["shown out"] += 1
        await asyncio.sleep(0.5)


def ask(port: int, path: str) -> float:
    """Seconds until the page was there."""
    start = time.monotonic()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
        answer.read()
    return time.monotonic() - start


def ask_for(port: int, seconds: float) -> dict[str, Any]:
    """What a person waits for the page, again and again for so long."""
    waits, failed = [], 0
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            waits.append(ask(port, "/sign-in/"))
        except OSError:
            failed += 1
        time.sleep(0.1)
    p50, longest = (round(statistics.median(waits) * 1000), round(max(waits) * 1000)) if waits else (None, None)
    return {"asked": len(waits) + failed, "failed": failed, "p50_ms": p50, "max_ms": longest}


async def attack(options: argparse.Namespace, port: int) -> dict[str, Any]:
    counts: Counter[str] = Counter()
    calm = [ask(port, "/sign-in/") for _ in range(10)]
    guests = []
    for number in range(options.connections):
        guests.append(asyncio.create_task(hostile(port, number, counts)))
        if number % 50 == 49:
            await asyncio.sleep(0.02)
    # In a process of its own: this one is busy with its connections.
    command = [sys.executable, __file__, "--ask", str(port), "--seconds", str(options.seconds)]
    person = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    found, _ = await person.communicate()
    for guest in guests:
        guest.cancel()
    await asyncio.gather(*guests, return_exceptions=True)
    return {
        "connections": options.connections,
        "files": options.files,
        "calm_ms": round(statistics.median(calm) * 1000),
        **json.loads(found),
        **counts,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", type=int, default=5000)
    parser.add_argument("--files", type=int, default=1024)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--ask", type=int, metavar="PORT", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.ask:
        print(json.dumps(ask_for(options.ask, options.seconds)))
        return
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, options.connections + 500), hard))
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="robotdata-bench-") as home, product(Path(home), port, options.files):
        print(json.dumps(asyncio.run(attack(options, port))))


if __name__ == "__main__":
    main()
