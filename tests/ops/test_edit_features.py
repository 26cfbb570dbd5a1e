"""`robotdata edit`: features, names and statistics by words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from recorder.management.feature_words import change_of
from robotdata.dataset import DatasetFolder, EditError, verify_dataset
from robotdata.dataset.layout import SIDECAR
from robotdata.dataset.write.feature_change import Constant, FromColumn, FromLabels
from tests.dataset.conftest import FRONT, LENGTHS, TOP, Bench, _recorded, six, staged  # noqa: F401 - fixtures
from tests.support.command_line import run_command

NOTHING: dict[str, Any] = {
    "change": "add-feature",
    "name": "new",
    "dtype": "",
    "names": None,
    "default": None,
    "column": None,
    "part": None,
    "success": False,
    "label": None,
    "last_row": False,
    "value": None,
}


@pytest.mark.parametrize(
    ("given", "source"),
    [
        ({"value": "true"}, Constant(True)),
        ({"value": "3"}, Constant(3)),
        ({"value": "1, 2.5"}, Constant([1, 2.5])),
        ({"value": "Ulm, Donau"}, Constant("Ulm, Donau")),
        ({"value": "3", "dtype": "string"}, Constant("3")),
        ({"column": "action", "part": (0, 2)}, FromColumn("action", (0, 2))),
        ({"label": ["dim=1", "bright=2"], "default": "0"}, FromLabels({"dim": 1, "bright": 2}, "all", 0)),
        ({"success": True, "default": "false"}, FromLabels({"success": True, "failure": False}, "last", False)),
    ],
)
def test_the_words_of_a_new_column_are_read(given: dict[str, Any], source: Any) -> None:
    assert change_of({**NOTHING, **given}).add[0].source == source


@pytest.mark.parametrize("pairs", [["a"], ["=b"], ["a="], ["a=b", "a=c"]])
def test_pairs_that_say_nothing_are_refused(pairs: list[str]) -> None:
    with pytest.raises(EditError):
        change_of({"change": "rename-features", "pairs": pairs})


def test_each_change_says_what_it_does_and_does_it(six: Bench) -> None:  # noqa: F811
    path = six.root / SIDECAR
    sidecar = json.loads(path.read_text())
    for number in range(5):
        sidecar["episodes"][number]["labels"] = ["success" if number < 3 else "failure"]
    path.write_text(json.dumps(sidecar))
    before = six.fingerprint()
    success = ("cubes", "add-feature", "next.success", "--success")
    code, text = run_command(six.home, "edit", *success)
    assert code == 1 and "1 episode (5) has none of the labels success, failure" in text
    code, text = run_command(six.home, "edit", *success, "--default", "false", "--dry-run")
    assert code == 0 and "true: 3 episodes" in text and "false: 3 episodes" in text, text
    code, text = run_command(six.home, "edit", "cubes", "remove-features", TOP, "--dry-run")
    assert code == 0 and f"remove {TOP} (" in text and "video files" in text
    assert six.fingerprint() == before
    for words in (
        (*success, "--default", "false"),
        ("cubes", "remove-features", TOP),
        ("cubes", "rename-features", f"{FRONT}={TOP}"),
        ("cubes", "set-info", "--robot-type", "crane", "--names", "observation.touch=west,east"),
        ("cubes", "statistics"),
    ):
        code, text = run_command(six.home, "edit", *words)
        assert code == 0, text
    dataset = DatasetFolder.open(six.root)
    assert dataset.video_keys == [TOP] and dataset.robot_type == "crane" and dataset.revision == 8
    assert dataset.features["observation.touch"]["names"] == ["west", "east"]
    assert dataset.rows(2)["next.success"].tolist() == [False] * (LENGTHS[2] - 1) + [True]
    assert verify_dataset(six.root, deep=True).problems == []
