"""F21: Batches of every size, their worker killed between two episodes: no take is lost, none is there twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from robotdata.dataset import verify_dataset
from tests.support.crowd import Crowd, crowd
from tests.support.holding import hold, release
from tests.support.seen import shown

pytestmark = pytest.mark.faults
N = 3
SIZES = (1, N - 1, N, N + 1)
# Every take judged by its own press, so that the policy `every 3` has its say after each.
KEEP = """
import django
django.setup()
from recorder.models import Dataset, Episode
from recorder.actor import Actor
from recorder.review.verdicts import set_verdict
Dataset.objects.update(policy="every", every=3)
Episode.objects.update(verdict="unreviewed")
for episode in Episode.objects.order_by("recorded_at"):
    set_verdict(episodes=[Episode.objects.get(pk=episode.pk)], verdict="keep", actor=Actor("olga"))
"""
# The session is over: what no policy took is encoded by hand.
REST = """
import django
django.setup()
from recorder.models import Dataset
from recorder.actor import Actor
from recorder.jobs.encoding import start_encoding
for dataset in Dataset.objects.filter(episodes__state="recorded").distinct():
    start_encoding(dataset=dataset, actor=Actor("olga"))
"""
LEFT = "select slug, count(*) from recorder_episode e join recorder_dataset d on d.id = dataset_id where e.state = "


def killed_between_two(home: Crowd, name: str) -> None:
    """Start a worker, and kill it once one of its episodes is encoded and another is not."""
    hold(home.path, "half", 90 + N - 1)
    worker = home.start(name)
    count = "select count(*) from recorder_job where state = "
    home.wait(lambda: home.rows(count + "'done'") > [(0,)] and home.rows(count + "'running'") > [(0,)])
    worker.kill()
    assert home.rows(count + "'running'") > [(0,)], "it was killed after everything"
    release(home.path)


def test_every_take_is_in_a_batch_and_none_is_forgotten(tmp_path: Path) -> None:
    with crowd(tmp_path) as home:
        home.make(**{f"of{count}": range(90, 90 + count) for count in SIZES})
        home.python("-c", KEEP)
        assert sorted(home.rows(LEFT + "'recorded' group by 1")) == [("of1", 1), ("of2", 2), ("of4", 1)], (
            "the rest waits"
        )
        killed_between_two(home, "first")
        home.python("-c", REST)
        home.start("second")
        home.wait(lambda: home.rows("select distinct state from recorder_operation") == [("done",)])
        assert home.rows("select distinct state from recorder_episode") == [("encoded",)]
        home.wait(lambda: not home.staged() and not list((tmp_path / "spool").iterdir()))
    for count in SIZES:
        folder = tmp_path / f"datasets/of{count}"
        assert verify_dataset(folder, deep=True).problems == []
        there = shown(folder)
        assert sorted(number for number, _ in there) == list(range(1, count + 1)), "each once"
        assert [ticks for _, ticks in there] == [list(range(89 + number)) for number, _ in there]
