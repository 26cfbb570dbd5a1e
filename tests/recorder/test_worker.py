"""A real Celery worker on the embedded broker, killed in the middle."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.faults.holding import SETTINGS, hold, let_sleep, release

ROOT = Path(__file__).resolve().parents[2]
SEED = """
import sys, uuid
from pathlib import Path
import django
django.setup()
from django.conf import settings
from recorder.models import Dataset, Episode
from recorder.person import WORKER, Actor
from recorder.services.batches import start_batch
from recorder.services.takes import index_take
from tests.recorder.conftest import FRONT, H264, write_take
slow = {"codec": "h264", "crf": 18, "g": 2, "preset": "placebo"}
dataset = Dataset.objects.create(slug="cubes", title="Cubes", encoding=slow)
for number, ticks in enumerate((600, 9), 1):
    pk = str(uuid.uuid4())
    write_take(Path(settings.SPOOL_DIR) / pk, number=number, ticks=ticks, cameras=(FRONT,))
    index_take(take_id=pk, actor=WORKER)
Episode.objects.update(verdict="keep")
start_batch(dataset=dataset, actor=Actor("olga"))
"""
# A rig died in a take and never came back, and a worker in a job, long ago.
LEFT = """
import uuid
from datetime import timedelta
from pathlib import Path
import django
django.setup()
import os
from django.conf import settings
from django.utils import timezone
from recorder.models import Batch, Dataset, Episode, Job, Rig
from tests.recorder.conftest import FRONT, H264, write_take
from robotdata.spool import read_manifest, write_manifest
long_ago = timezone.now() - timedelta(hours=1)
rig = Rig.objects.create(name="arm", state="offline", state_since=long_ago)
pk = uuid.uuid4()
folder = Path(settings.SPOOL_DIR) / str(pk)
write_take(folder, number=7, ticks=5, cameras=(FRONT,))
write_manifest(folder, read_manifest(folder) | {"state": "recording", "ticks": 0})
for path in folder.iterdir():
    os.utime(path, (long_ago.timestamp(), long_ago.timestamp()))
dataset = Dataset.objects.get()
Episode.objects.create(pk=pk, dataset=dataset, rig=rig, state="recording", fps=30)
batch = Batch.objects.create(dataset=dataset, state="encoding", encoding=H264)
episode = Episode.objects.filter(state="encoding").first()
Job.objects.create(batch=batch, episode=episode, camera="none", state="running", token="dead", attempt=1,
                   lease_until=long_ago)
"""


# Another batch waits: the bells of its three jobs were rung before the first batch can be committed.
NEXT_BATCH = """
import uuid
from pathlib import Path
import django
django.setup()
from django.conf import settings
from recorder.models import Dataset, Episode
from recorder.person import WORKER, Actor
from recorder.services.batches import start_batch
from recorder.services.takes import index_take
from tests.recorder.conftest import FRONT, H264, write_take
for number in range(4):
    slug = "cubes" if number == 0 else "cups"
    dataset, _ = Dataset.objects.get_or_create(slug=slug, defaults={"title": slug, "encoding": H264})
    pk = str(uuid.uuid4())
    write_take(Path(settings.SPOOL_DIR) / pk, number=number, ticks=9, cameras=(FRONT,), dataset=slug)
    index_take(take_id=pk, actor=WORKER)
Episode.objects.update(verdict="keep")
for slug in ("cubes", "cups"):
    start_batch(dataset=Dataset.objects.get(slug=slug), actor=Actor("olga"))
"""


class Home:
    """A home of its own with its database, and a worker."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.env = {
            **os.environ,
            "ROBOTDATA_HOME": str(path),
            "ROBOTDATA_JOB_LEASE_S": "5",  # a busy machine may stand still for longer than two seconds
            "DJANGO_SETTINGS_MODULE": SETTINGS,
        }
        self.worker: subprocess.Popen[bytes] | None = None

    def python(self, *args: str) -> str:
        done = subprocess.run(
            [sys.executable, *args], cwd=ROOT, env=self.env, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start_worker(self) -> None:
        beat = str(self.path / ".state/beat")
        args = ["-A", "robotdata", "worker", "-B", "-s", beat, "--without-gossip", "--without-mingle"]
        with (self.path / "worker.log").open("ab") as log:
            self.worker = subprocess.Popen(
                [sys.executable, "-m", "celery", *args, "--concurrency", "1", "--loglevel", "warning"],
                cwd=ROOT,
                env=self.env,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def kill_worker(self) -> None:
        if self.worker is not None:
            os.killpg(self.worker.pid, signal.SIGKILL)  # parent, child and beat
            self.worker.wait()
            self.worker = None

    def rows(self, query: str) -> list[Any]:
        with sqlite3.connect(f"file:{self.path}/.state/robotdata.sqlite3?mode=ro", uri=True, timeout=20) as connection:
            found = connection.execute(query).fetchall()
        connection.close()
        return found

    def wait(self, until: Callable[[], bool], timeout_s: float = 120) -> None:
        end = time.monotonic() + timeout_s
        while not until():
            assert time.monotonic() < end, f"it never came true\n{self.said}"
            time.sleep(0.1)

    @property
    def said(self) -> str:
        """The end of what each of its workers has said."""
        logs = sorted(self.path.glob("*.log"))
        return "\n".join(f"{log.name}: {log.read_text(errors='replace')[-3000:]}" for log in logs)


@pytest.fixture
def own_home(tmp_path: Path) -> Iterator[Home]:
    home = Home(tmp_path)
    home.python("manage.py", "migrate", "-v0")
    yield home
    home.kill_worker()


def test_it_goes_on_after_its_worker_was_killed_and_its_queue_lost(own_home: Home) -> None:
    own_home.python("-c", SEED)
    hold(own_home.path, "half")
    own_home.start_worker()
    own_home.wait(lambda: any(done > 0 for (done,) in own_home.rows("select frames_done from recorder_job")))
    own_home.kill_worker()
    (state, attempt), _ = own_home.rows("select state, attempt from recorder_job order by id")
    assert (state, attempt) == ("running", 1), "it was killed in the middle"
    half = list((own_home.path / "staging").glob("*/.*.part"))
    assert len(half) == 1, "its half video is still there"
    stray = half[0].with_name(f"{half[0].name.removesuffix('.part')}0.part")
    os.link(half[0], stray)
    for old in (stray, half[0]):
        os.utime(old, (0, 0))
    for message in (own_home.path / ".state/queue/messages").iterdir():
        message.unlink()
    own_home.start_worker()
    own_home.wait(lambda: not half[0].exists() and not stray.exists())
    assert own_home.rows("select state from recorder_batch") != [("done",)], "by the sweep, not by the commit"
    release(own_home.path)
    own_home.wait(lambda: own_home.rows("select state from recorder_batch") == [("done",)])
    assert own_home.rows("select state, attempt, frames_done from recorder_job order by id") == [
        ("done", 2, 600),
        ("done", 1, 9),
    ]
    assert own_home.rows("select state, episode_index from recorder_episode order by episode_index") == [
        ("encoded", 0),
        ("encoded", 1),
    ]
    own_home.wait(lambda: not list((own_home.path / "staging").iterdir()))
    assert not list((own_home.path / "spool").iterdir()), "no raw frames, and nothing half encoded, is left"
    assert "2 episodes, 609 frames: nothing wrong" in own_home.python("manage.py", "verify", "cubes", "--deep")


def test_it_settles_what_the_dead_have_left_while_its_only_process_encodes(own_home: Home) -> None:
    own_home.python("-c", SEED)
    hold(own_home.path, "half")
    own_home.start_worker()
    own_home.wait(lambda: any(done > 0 for (done,) in own_home.rows("select frames_done from recorder_job")))
    worker = own_home.worker
    assert worker is not None
    children = Path(f"/proc/{worker.pid}/task/{worker.pid}/children")
    if not children.exists():
        pytest.skip("needs /proc to find the encoder")
    busy = max((int(pid) for pid in children.read_text().split()), key=nice)
    assert nice(busy) == 10, "the encoder gives way to a robot's loop"
    let_sleep(own_home.path, partial(os.kill, busy))  # an encode that takes for ever
    try:
        own_home.python("-c", LEFT)
        own_home.wait(
            lambda: (
                own_home.rows("select state, attempt, token from recorder_job where camera = 'none'")
                == [("queued", 1, "")]
            )
        )
        own_home.wait(
            lambda: (
                own_home.rows("select state, ticks from recorder_episode where state != 'encoding'")
                == [("interrupted", 5)]
            )
        )
    finally:
        os.kill(busy, signal.SIGCONT)


def test_it_commits_what_is_encoded_before_it_encodes_more(own_home: Home) -> None:
    own_home.python("-c", NEXT_BATCH)
    own_home.start_worker()
    own_home.wait(lambda: own_home.rows("select state from recorder_batch") == [("done",)] * 2)
    ((committed,),) = own_home.rows(
        "select b.finished_at from recorder_batch b join recorder_dataset d on d.id = dataset_id where slug = 'cubes'"
    )
    began = own_home.rows(
        "select started_at from recorder_job j join recorder_batch b on b.id = batch_id"
        " join recorder_dataset d on d.id = dataset_id where slug = 'cups'"
    )
    assert len(began) == 3 and committed < min(began)[0], "it waited behind the encodes of another batch"


def nice(pid: int) -> int:
    """How much a process gives way to others; 0 where it has gone meanwhile."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[16])
    except (FileNotFoundError, ProcessLookupError):
        return 0
