"""A home with takes and as many real workers as one likes, each of which can be stopped, killed and read."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.support import programs
from tests.support.fresh_home import fill_home
from tests.support.nth_call import ROOT
from tests.support.worker_home import Home

# `python -c MAKE PRESET SLUG=TICKS,TICKS ...`: kept takes of so many frames; the n-th has the number n in its pictures.
MAKE = """
import sys, uuid
from pathlib import Path
import django
django.setup()
from django.conf import settings
from recorder.models import Dataset, Episode
from recorder.actor import WORKER
from recorder.catalog.takes import index_take
from tests.recorder.conftest import FRONT, H264, write_take
preset, *asked = sys.argv[1:]
for slug, _, ticks in (one.partition("=") for one in asked):
    Dataset.objects.create(slug=slug, title=slug.title(), encoding=H264 | {"preset": preset})
    for number, count in enumerate(map(int, ticks.split(",")), 1):
        pk = str(uuid.uuid4())
        write_take(Path(settings.SPOOL_DIR) / pk, number=number, ticks=count, cameras=(FRONT,), dataset=slug)
        index_take(take_id=pk, actor=WORKER)
        Episode.objects.filter(pk=pk).update(verdict="keep")
        print(pk)
"""
BEGIN = """
import sys
import django
django.setup()
from recorder.models import Dataset
from recorder.actor import Actor
from recorder.jobs.encoding import start_encoding
for slug in sys.argv[1:]:
    start_encoding(dataset=Dataset.objects.get(slug=slug), actor=Actor("olga"))
"""


class Worker:
    """A real one, with its own log; `more` are words of its command line."""

    def __init__(self, home: Home, name: str, *more: str, **env: str) -> None:
        self.log = home.path / f"{name}.log"
        beat = ["-B", "-s", str(home.path / f".state/beat-{name}")]
        args = ["-A", "robotdata", "worker", "-n", f"{name}@here", *beat, "--without-gossip", "--without-mingle"]
        with self.log.open("ab") as log:
            self.process = programs.Popen(
                [sys.executable, "-m", "celery", *args, "--concurrency", "1", "--loglevel", "info", *more],
                cwd=ROOT,
                env={**home.env, **env},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        return self.log.read_text()

    def send(self, how: signal.Signals) -> None:
        """To it, its encoder and its clock. `let_sleep` stops them."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, how)

    def kill(self) -> None:
        self.send(signal.SIGKILL)
        self.process.wait()


class Crowd(Home):
    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.workers: dict[str, Worker] = {}
        fill_home(path)

    def start(self, name: str, *more: str, **env: str) -> Worker:
        self.workers[name] = Worker(self, name, *more, **env)
        return self.workers[name]

    def make(self, preset: str = "ultrafast", **takes: Iterable[int]) -> list[str]:
        """By dataset how many frames its takes have. `placebo` encodes slowly enough to be met in the middle."""
        asked = (f"{slug}={','.join(map(str, ticks))}" for slug, ticks in takes.items())
        return self.python("-c", MAKE, preset, *asked).split()

    def begin(self, *slugs: str) -> None:
        self.python("-c", BEGIN, *slugs)

    def verified(self, slug: str) -> str:
        return self.python("manage.py", "verify", slug, "--deep")

    def staged(self) -> list[Path]:
        walked = os.walk(self.path / "staging")  # which passes over folders that vanish meanwhile
        return [Path(folder, name) for folder, _, names in walked for name in names]

    def end(self) -> None:
        for worker in self.workers.values():
            worker.kill()


@contextlib.contextmanager
def crowd(path: Path) -> Iterator[Crowd]:
    made = Crowd(path)
    try:
        yield made
    finally:
        made.end()
