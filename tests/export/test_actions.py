"""Which of a take's two actions its episode gets; takes from before hold one, and go where that one belongs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from robotdata.dataset import CommitError, DatasetFolder, DatasetSpec, NewEpisode, commit_episodes, verify_dataset
from robotdata.export import ExportRefused, action_column, new_episode, plan_take
from robotdata.spool import Take
from tests.support.takes import features, joints, make_take, requested

SENT_ROWS = np.stack([joints(tick + 1) for tick in range(12)])
REQUESTED_ROWS = np.stack([requested(tick) for tick in range(12)])


def episode_of(folder: Path, recorded_action: str = "") -> NewEpisode:
    with Take.open(folder) as take:
        return new_episode(take, plan_take(take), "push", {}, take.id, {}, recorded_action=recorded_action)


class Home:
    def __init__(self, folder: Path) -> None:
        self.spool, self.root = folder / "spool", folder / "datasets/cubes"
        self.places = {"work": folder / "datasets/.work", "revisions": folder / "datasets/.old"}

    def take(self, **facts: str) -> Path:
        return make_take(self.spool, cameras=(), **facts)

    def commit(self, *episodes: NewEpisode) -> None:
        commit_episodes(self.root, DatasetSpec(30, "sim_arm", features(())), list(episodes), **self.places)

    def actions(self) -> list[np.ndarray]:
        dataset = DatasetFolder.open(self.root)
        return [dataset.rows(episode.index)["action"] for episode in dataset.episodes]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_an_episode_gets_the_action_of_its_rig_or_the_one_asked_for(home: Home) -> None:
    folder = home.take(recorded_action="requested")
    for which, rows in (("", REQUESTED_ROWS), ("requested", REQUESTED_ROWS), ("sent", SENT_ROWS)):
        episode = episode_of(folder, which)
        assert np.array_equal(episode.columns["action"], rows)
        assert episode.recorded_action == (which or "requested")


@pytest.mark.parametrize("dataset_has", ["sent", "requested"])
def test_a_take_of_a_rig_that_chose_the_other_one_is_converted(home: Home, dataset_has: str) -> None:
    other = {"sent": "requested", "requested": "sent"}[dataset_has]
    home.commit(episode_of(home.take(recorded_action=dataset_has)))
    home.commit(episode_of(home.take(recorded_action=other), DatasetFolder.open(home.root).recorded_action))
    want = SENT_ROWS if dataset_has == "sent" else REQUESTED_ROWS
    assert [np.array_equal(rows, want) for rows in home.actions()] == [True, True]
    assert verify_dataset(home.root, deep=True).problems == []


def test_a_dataset_never_mixes_them(home: Home) -> None:
    home.commit(episode_of(home.take(recorded_action="requested")))
    odd = episode_of(home.take(recorded_action="sent"))
    with pytest.raises(CommitError, match="its action is the sent one, that of the dataset is the requested one") as no:
        home.commit(odd)
    assert list(no.value.reasons) == [odd.uuid]
    assert len(home.actions()) == 1


def test_nor_does_the_first_commit(home: Home) -> None:
    first, odd = (episode_of(home.take(recorded_action=which)) for which in ("sent", "requested"))
    with pytest.raises(CommitError, match="its action is the requested one") as no:
        home.commit(first, odd)
    assert list(no.value.reasons) == [odd.uuid] and not home.root.exists()


def test_a_take_from_before_is_exported_as_sent(home: Home) -> None:
    old = home.take()
    home.commit(episode_of(old), episode_of(home.take(recorded_action="requested"), "sent"))
    assert DatasetFolder.open(home.root).recorded_action == "sent"
    assert [np.array_equal(rows, SENT_ROWS) for rows in home.actions()] == [True, True]


def test_a_take_from_before_is_refused_where_the_requested_one_is_wanted(home: Home) -> None:
    old = home.take()
    with Take.open(old) as take:
        assert action_column(take) == action_column(take, "sent") == "action"
        with pytest.raises(ExportRefused) as refused:
            action_column(take, "requested")
    assert refused.value.code == "recorded_action"
    assert str(refused.value) == (
        f"take {old.name} holds only the action that the robot sent, and the dataset's action is the one that the "
        "teleoperator requested: it was recorded before both were stored. Record into another dataset, or reject the "
        "take"
    )
    with pytest.raises(ExportRefused, match="holds only the action that the robot sent"):
        episode_of(old, "requested")


def test_a_statement_of_a_newer_program_is_not_guessed(home: Home) -> None:
    with Take.open(home.take(recorded_action="sent")) as take, pytest.raises(ExportRefused, match="'desired'"):
        action_column(take, "desired")
