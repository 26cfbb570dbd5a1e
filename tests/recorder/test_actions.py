"""Which of a tick's two actions a dataset holds: its first take says it, pages and API show it, batches keep to it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.test import Client

from recorder.actor import WORKER, Actor
from recorder.catalog.datasets_on_disk import refresh_dataset
from recorder.catalog.takes import index_take
from recorder.jobs.encoding import start_encoding
from recorder.models import Dataset, Episode
from recorder.quality.assess import assess
from robotdata.dataset import DatasetFolder, verify_dataset
from robotdata.quality.stored import metrics_of
from tests.recorder.conftest import work

pytestmark = pytest.mark.django_db(transaction=True)
MakeEpisode = Callable[..., Episode]


def encode(dataset: Dataset) -> str:
    """Encode and commit what is kept; the error of the batch, if any."""
    return work(start_encoding(dataset=dataset, actor=Actor("olga"))).error


def actions(dataset: Dataset) -> list[list[list[float]]]:
    """The actions of each episode's first three rows."""
    assert verify_dataset(dataset.path, deep=True).problems == []
    opened = DatasetFolder.open(dataset.path)
    return [np.asarray(opened.rows(episode.index)["action"])[:3].tolist() for episode in opened.episodes]


SENT = [[0, 0], [1, -1], [2, -2]]
REQUESTED = [[100, 100], [101, 99], [102, 98]]


@pytest.mark.parametrize(("first", "rows"), [("sent", SENT), ("requested", REQUESTED)])
def test_the_first_take_says_it_and_takes_of_the_other_choice_are_converted(
    cubes: Dataset, make_episode: MakeEpisode, first: str, rows: list[list[float]]
) -> None:
    other = {"sent": "requested", "requested": "sent"}[first]
    make_episode(recorded_action=first)
    cubes.refresh_from_db()
    assert cubes.recorded_action == first
    make_episode(recorded_action=other)
    assert encode(cubes) == ""
    make_episode(recorded_action=other)
    assert encode(cubes) == ""
    assert actions(cubes) == [rows, rows, rows]
    cubes.refresh_from_db()
    assert cubes.recorded_action == DatasetFolder.open(cubes.path).recorded_action == first


def test_a_take_from_before_goes_where_the_sent_one_is_wanted(cubes: Dataset, make_episode: MakeEpisode) -> None:
    make_episode()
    make_episode(recorded_action="requested")
    assert encode(cubes) == ""
    assert actions(cubes) == [SENT, SENT]


@pytest.mark.parametrize("committed", [False, True])
def test_a_take_from_before_is_refused_where_the_requested_one_is_wanted(
    cubes: Dataset, make_episode: MakeEpisode, settings: Any, committed: bool
) -> None:
    """Before anything of it is encoded, and alone: the rest of its batch is committed."""
    make_episode(recorded_action="requested")
    if committed:
        assert encode(cubes) == ""
    old = make_episode()
    make_episode(recorded_action="sent")
    assert "1 of" in encode(cubes)
    old.refresh_from_db()
    assert old.state == "failed"
    assert "holds only the action that the robot sent" in old.error
    assert "Record into another dataset, or reject the take" in old.error
    assert not (Path(settings.STAGING_DIR) / str(old.pk)).exists()
    assert actions(cubes) == [REQUESTED, REQUESTED]


def test_a_row_that_says_nothing_follows_the_first_episode(cubes: Dataset, make_episode: MakeEpisode) -> None:
    """As a row from before this version, or a dataset whose first take was on the disk of its rig."""
    make_episode(recorded_action="requested")
    old = make_episode()
    make_episode(recorded_action="sent")
    Dataset.objects.update(recorded_action="")
    assert "1 of 3" in encode(cubes)
    old.refresh_from_db()
    assert "holds only the action" in old.error
    assert actions(cubes) == [REQUESTED, REQUESTED]


def test_a_folder_that_says_otherwise_than_its_row_is_not_mixed(cubes: Dataset, make_episode: MakeEpisode) -> None:
    make_episode(recorded_action="requested")
    encode(cubes)
    Dataset.objects.update(recorded_action="sent")
    late = make_episode(recorded_action="sent")
    assert "its action is the sent one, that of the dataset is the requested one" in encode(cubes)
    late.refresh_from_db()
    assert late.state == "failed" and actions(cubes) == [REQUESTED]
    refresh_dataset(dataset=cubes)
    Episode.objects.filter(pk=late.pk).update(state="recorded")
    assert encode(cubes) == "" and actions(cubes) == [REQUESTED, REQUESTED]


def test_a_dataset_without_the_statement_counts_as_sent(cubes: Dataset, make_episode: MakeEpisode) -> None:
    make_episode()
    encode(cubes)
    path = cubes.path / "meta/robotdata.json"
    sidecar = json.loads(path.read_text())
    del sidecar["recorded_action"]
    path.write_text(json.dumps(sidecar))
    Dataset.objects.update(recorded_action="")
    refresh_dataset(dataset=cubes)
    cubes.refresh_from_db()
    assert cubes.recorded_action == "sent"
    make_episode(recorded_action="requested")
    assert encode(cubes) == "" and actions(cubes) == [SENT, SENT]


def test_a_value_that_is_no_number_is_found_in_the_action_that_is_exported(
    cubes: Dataset, make_episode: MakeEpisode
) -> None:
    make_episode(recorded_action="requested")
    bad = make_episode(recorded_action="requested", values=lambda tick: [tick, float("nan") if tick == 5 else 0])
    encode(cubes)
    bad.refresh_from_db()
    assert "action is NaN in 1 frame, first in frame 5" in bad.error


def test_what_is_measured_is_the_action_that_is_exported(cubes: Dataset, make_episode: MakeEpisode) -> None:
    most = {}
    for which in ("sent", "requested"):
        episode = make_episode(recorded_action="sent")
        Dataset.objects.update(recorded_action=which)
        assess(episode=Episode.objects.select_related("dataset").get(pk=episode.pk))
        metrics = metrics_of(episode.take_path)
        assert metrics is not None
        most[which] = metrics.signals["action"].most
    old = make_episode()
    assess(episode=Episode.objects.select_related("dataset").get(pk=old.pk))
    metrics = metrics_of(old.take_path)
    assert metrics is not None and metrics.signals["action"].most == most["sent"] == [7, 0]
    assert most["requested"] == [107, 100]


def test_page_and_api_show_it(cubes: Dataset, make_episode: MakeEpisode, client: Client) -> None:
    client.force_login(User.objects.create_user("olga"))
    assert client.get("/api/datasets/cubes").json()["recorded_action"] == ""
    assert "actions as" not in client.get("/datasets/cubes/").content.decode()
    make_episode(recorded_action="requested")
    assert client.get("/api/datasets/cubes").json()["recorded_action"] == "requested"
    assert client.get("/api/datasets").json()["items"][0]["recorded_action"] == "requested"
    page = client.get("/datasets/cubes/").content.decode()
    assert "actions as requested" in page and "what the teleoperator requested" in page


def test_a_rigs_summary_says_it_for_a_take_on_another_disk(cubes: Dataset) -> None:
    take = "6f1f2c9e-0000-4000-8000-000000000001"
    features = {"action": {"dtype": "float32", "shape": [1], "names": None}}
    summary = {"id": take, "state": "recorded", "ticks": 5, "fps": 30, "dataset": "cubes", "features": features}
    index_take(take_id=take, actor=WORKER, summary=summary | {"recorded_action": "requested"})
    cubes.refresh_from_db()
    assert cubes.recorded_action == "requested"
