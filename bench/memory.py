"""Does a process that works for long grow? One encoder commits batch after batch, one web process is asked and asked.

    python bench/memory.py [--batches 300] [--datasets 1] [--rounds 20] [--part worker|web]

The encoder: tiny batches of three takes, encoded and committed as the tasks do it, in one process. The web: in every
round 40 episodes (half of them committed) are looked at as a person does, pages, pictures, filmstrips, signals, videos,
verdicts, and each one's player is opened over its socket, plays a little, and is closed. Prints a line of JSON now and
then: resident, own (anonymous) and most resident memory in MiB, open files, threads, in the encoder objects of Python.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from pathlib import Path
from typing import Any

from recorder.actor import WORKER, Actor

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

FRONT = "observation.images.front"
QUICK = {"codec": "h264", "preset": "ultrafast", "g": 2}


def usage(pid: int | str) -> dict[str, float]:
    said = {}
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, value = line.partition(":")
        said[name] = value.split()
    mb = {short: round(int(said[name][0]) / 1024, 1) for short, name in (("MiB", "VmRSS"), ("most", "VmHWM"))}
    own = round(int(said["RssAnon"][0]) / 1024, 1)
    return {**mb, "own": own, "files": len(list(Path(f"/proc/{pid}/fd").iterdir())), "threads": int(said["Threads"][0])}


def tell(part: str, number: int, began: float, **more: Any) -> None:
    sys.stdout.write(json.dumps({part: number, "s": round(time.monotonic() - began), **more}) + "\n")
    sys.stdout.flush()


def take_like(template: Path, slug: str) -> str:
    """Another take with the same rows and frames, indexed and kept."""
    from django.conf import settings

    from recorder.catalog.takes import index_take
    from recorder.models import Episode

    pk = str(uuid.uuid4())
    folder = settings.SPOOL_DIR / pk
    shutil.copytree(template, folder)
    manifest = json.loads((folder / "take.json").read_text())
    (folder / "take.json").write_text(json.dumps({**manifest, "id": pk, "dataset": slug}))
    index_take(take_id=pk, actor=WORKER)
    Episode.objects.filter(pk=pk).update(verdict="keep")
    return pk


def one_batch(template: Path, slug: str, takes: int = 3) -> None:
    """As the tasks do it, without the queue."""
    from recorder.jobs.encoding import start_encoding
    from recorder.models import Dataset
    from recorder.worker.encode import run_job
    from recorder.worker.run import run_operation

    dataset, _ = Dataset.objects.get_or_create(slug=slug, defaults={"title": slug, "encoding": QUICK})
    for _ in range(takes):
        take_like(template, slug)
    batch = start_encoding(dataset=dataset, actor=Actor("bench"))
    for job in batch.jobs.all():
        run_job(job.pk)
    run_operation(batch.pk)
    batch.refresh_from_db()
    if batch.state != "done":
        raise RuntimeError(batch.error)


def encoder(home: Path, batches: int, datasets: int) -> None:
    import gc

    template, began = template_in(home), time.monotonic()
    for number in range(batches):
        one_batch(template, f"cubes-{number * datasets // batches}")
        if number % max(1, batches // 15) == 0 or number == batches - 1:
            gc.collect()
            tell("batch", number + 1, began, **usage("self"), objects=len(gc.get_objects()))


def template_in(home: Path) -> Path:
    from tests.support.takes import make_take

    return make_take(home / "templates", 20, cameras=("front",))


def set_up(home: Path) -> None:
    os.environ["ROBOTDATA_HOME"] = str(home)
    os.environ["DJANGO_SETTINGS_MODULE"] = "robotdata.settings"
    os.environ.setdefault("ROBOTDATA_LOG", "ERROR")
    import django
    from django.core.management import call_command

    from recorder.jobs import notify

    django.setup()
    call_command("migrate", verbosity=0)
    for name in ("spool", "datasets", "staging", "templates"):
        (home / name).mkdir(exist_ok=True)
    notify._send = lambda *_: None  # no worker listens


class Visitor:
    """Somebody with a session who looks at everything."""

    def __init__(self, port: int, key: str, slug: str) -> None:
        self.base, self.port, self.key, self.slug = f"http://127.0.0.1:{port}", port, key, slug
        self.chance = random.Random(1)
        self.asked = self.players = 0
        from django.conf import settings

        csrf = "c" * 32
        cookies = f"{settings.SESSION_COOKIE_NAME}={key}; {settings.CSRF_COOKIE_NAME}={csrf}"
        self.headers = {"Cookie": cookies, "X-CSRFToken": csrf, "Referer": self.base}

    def ask(self, path: str, method: str = "GET", body: Any = None, **headers: str) -> bytes:
        data = None if body is None else json.dumps(body).encode()
        kind = {"Content-Type": "application/json"} if body is not None else {}
        request = urllib.request.Request(self.base + path, data, {**self.headers, **kind, **headers}, method=method)
        self.asked += 1
        with urllib.request.urlopen(request, timeout=60) as answer:
            return bytes(answer.read())

    def look_at(self, pk: str, number: int, committed: bool) -> None:
        media = f"/media/{pk}"
        for path in (f"/episodes/{pk}/", f"/episodes/{pk}/card/", f"{media}/strip/{FRONT}.jpg", f"{media}/signals.bin"):
            self.ask(path)
        for _ in range(4):
            self.ask(f"{media}/frame/{FRONT}/{self.chance.randrange(20)}.jpg")
        if committed:
            self.ask(f"{media}/video/{FRONT}.mp4", Range="bytes=0-999")
        self.ask(f"/api/episodes/{pk}", "PATCH", {"labels": [f"seen {number}"], "verdict": "keep"})

    def look_around(self) -> None:
        pages = ("/", "/datasets/", f"/datasets/{self.slug}/", f"/datasets/{self.slug}/wall/?view=committed")
        for path in (*pages, f"/datasets/{self.slug}/overview/", "/operations/", "/trash/", "/api/episodes?limit=100"):
            self.ask(path)

    async def play(self, pk: str) -> None:
        from websockets.asyncio.client import connect

        url = f"ws://127.0.0.1:{self.port}/ws/play/{pk}/"
        headers = {"Cookie": self.headers["Cookie"]}
        async with connect(url, origin=self.base, additional_headers=headers, max_size=None) as ws:
            await ws.recv()
            for seq in range(1, 5):
                await ws.send(json.dumps({"op": "seek", "frame": self.chance.randrange(20), "seq": seq}))
                while not isinstance(news := await asyncio.wait_for(ws.recv(), 30), bytes):
                    pass
                await ws.send(json.dumps({"op": "ack", "frame": struct.unpack_from("!8xI", news)[0]}))
            self.players += 1


def web(home: Path, rounds: int) -> None:
    from ports import free_port

    from bench.live_feed import SETUP, wait_for
    from recorder.management.embedded import Embedded, Options
    from recorder.models import Episode

    template = template_in(home)
    for _ in range(2):
        one_batch(template, "cubes", 10)
    raw = [take_like(template, "cubes") for _ in range(20)]
    ids = [*raw, *(str(pk) for pk in Episode.objects.committed().values_list("pk", flat=True))]
    made = subprocess.run([sys.executable, "-c", SETUP], cwd=ROOT, capture_output=True, text=True, check=True)
    port = free_port()
    child = Embedded(Options(port=port), say=print).children()[0]
    process = subprocess.Popen([sys.executable, "-m", child.module, *child.args], cwd=ROOT, env=os.environ | child.env)
    try:
        wait_for(f"http://127.0.0.1:{port}/healthz")
        visitor, began = Visitor(port, made.stdout.split()[-1], "cubes"), time.monotonic()
        for number in range(rounds):
            visitor.look_around()
            for pk in ids:
                visitor.look_at(pk, number, pk not in raw)
                asyncio.run(visitor.play(pk))
            done = {"requests": visitor.asked, "players": visitor.players}
            tell("round", number + 1, began, **done, **usage(process.pid))
    finally:
        process.terminate()
        process.wait(20)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--batches", type=int, default=300)
    parser.add_argument("--datasets", type=int, default=1, help="among so many the batches are shared")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--part", choices=["worker", "web"], default="worker")
    options = parser.parse_args()
    if options.part == "worker":  # as `make run` starts it
        os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    with tempfile.TemporaryDirectory(prefix="robotdata-memory-") as folder:
        set_up(Path(folder))
        if options.part == "web":
            web(Path(folder), options.rounds)
        else:
            encoder(Path(folder), options.batches, options.datasets)


if __name__ == "__main__":
    main()
