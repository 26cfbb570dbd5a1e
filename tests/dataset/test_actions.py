"""A dataset says which of a tick's two actions it holds, in the sidecar, and keeps to it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from robotdata.dataset import CommitError, NewEpisode, delete_episodes, revert, set_tasks, verify_dataset
from robotdata.dataset.sidecar import Sidecar, read_sidecar
from tests.dataset.conftest import Bench

SIDECAR = "meta/robotdata.json"


def asked(episode: NewEpisode) -> NewEpisode:
    return replace(episode, recorded_action="requested")


def state(bench: Bench, **values: object) -> None:
    """Write it into the sidecar, as another program or a person would; None removes it."""
    path = bench.root / SIDECAR
    sidecar = {name: each for name, each in (json.loads(path.read_text()) | values).items() if each is not None}
    path.unlink()  # revisions share it by hard links
    path.write_text(json.dumps(sidecar))


def test_the_first_commit_states_it_and_nothing_loses_it(bench: Bench, staged: list[NewEpisode]) -> None:
    bench.commit([asked(staged[0]), asked(staged[1])])
    assert bench.open().recorded_action == "requested"
    bench.commit([asked(staged[2])])
    set_tasks(bench.root, {0: "pull"}, **bench.places)
    delete_episodes(bench.root, [1], **bench.places)
    assert bench.open().recorded_action == "requested"
    revert(bench.root, 1, **bench.places)
    assert bench.open().recorded_action == "requested"
    report = verify_dataset(bench.root, deep=True)
    assert (report.problems, report.notes) == ([], [])


def test_without_a_statement_it_counts_as_sent(six: Bench, staged: list[NewEpisode]) -> None:
    state(six, recorded_action=None)
    assert six.open().sidecar.recorded_action == "" and six.open().recorded_action == "sent"
    extra = replace(staged[0], uuid="another")
    with pytest.raises(CommitError, match="its action is the requested one, that of the dataset is the sent one"):
        six.commit([asked(extra)])
    six.commit([extra])
    assert six.open().sidecar.recorded_action == "sent"


def test_a_dataset_from_elsewhere_may_be_told_by_hand(six: Bench, staged: list[NewEpisode]) -> None:
    """As docs/dataset.md says it: a sidecar that holds nothing else."""
    (six.root / SIDECAR).unlink()
    told = {"format": "robotdata-dataset", "version": 1, "revision": 0, "episodes": [], "recorded_action": "requested"}
    (six.root / SIDECAR).write_text(json.dumps(told))
    assert verify_dataset(six.root).problems == []
    assert six.open().recorded_action == "requested"
    six.commit([asked(replace(staged[0], uuid="another"))])
    assert six.open().sidecar.recorded_action == "requested" and len(six.open().episodes) == 7


@pytest.mark.parametrize("value", ["desired", 5, ["sent"]])
def test_a_statement_that_nobody_knows_stops_adding_and_is_named(
    six: Bench, staged: list[NewEpisode], value: object
) -> None:
    state(six, recorded_action=value)
    (problem,) = verify_dataset(six.root).problems
    assert "recorded_action is" in str(problem) and "want sent or requested" in str(problem)
    with pytest.raises(CommitError, match="that of the dataset is the"):
        six.commit([replace(staged[0], uuid="another")])
    set_tasks(six.root, {0: "pull"}, **six.places)
    assert six.open().sidecar.more["recorded_action"] == value


def test_the_sidecar_keeps_it_through_json(bench: Bench, staged: list[NewEpisode]) -> None:
    bench.commit([asked(staged[0])])
    problems: list[str] = []
    before = read_sidecar(bench.root, problems)
    (bench.root / SIDECAR).write_text(before.to_json())
    assert read_sidecar(bench.root, problems) == before and problems == []
    assert before.recorded_action == "requested" and Sidecar().recorded_action == ""
