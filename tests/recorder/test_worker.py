"""A real Celery worker on the embedded broker, killed in the middle."""

from __future__ import annotations

import os
import signal
from functools import partial
from pathlib import Path

import pytest

from tests.support.holding import hold, let_sleep, release
from tests.support.worker_home import NEXT_BATCH, SEED, Home, nice, own_home

__all__ = ["own_home"]

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
from recorder.models import Dataset, Episode, Job, Operation, Rig
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
arguments = {"encoding": H264}
operation = Operation.objects.create(type="encode", dataset=dataset, state="encoding", arguments=arguments)
episode = Episode.objects.filter(state="encoding").first()
Job.objects.create(operation=operation, episode=episode, camera="none", state="running", token="dead", attempt=1,
                   lease_until=long_ago)
"""


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
    assert own_home.rows("select state from recorder_operation") != [("done",)], "by the sweep, not by the commit"
    release(own_home.path)
    own_home.wait(lambda: own_home.rows("select state from recorder_operation") == [("done",)])
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
    own_home.wait(lambda: own_home.rows("select state from recorder_operation") == [("done",)] * 2)
    ((committed,),) = own_home.rows(
        "select o.finished_at from recorder_operation o"
        " join recorder_dataset d on d.id = dataset_id where slug = 'cubes'"
    )
    began = own_home.rows(
        "select started_at from recorder_job j join recorder_operation o on o.id = operation_id"
        " join recorder_dataset d on d.id = dataset_id where slug = 'cups'"
    )
    assert len(began) == 3 and committed < min(began)[0], "it waited behind the encodes of another batch"
