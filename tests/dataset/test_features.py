from __future__ import annotations

from typing import Any

import pytest

from robotdata.dataset import camera_keys, complete, differences, flat_names
from robotdata.dataset.errors import FeatureError
from tests.dataset.conftest import FEATURES, FRONT, TOP


def test_it_adds_the_five_features_that_every_dataset_has() -> None:
    made = complete(FEATURES)
    assert list(made)[-5:] == ["timestamp", "frame_index", "episode_index", "index", "task_index"]
    assert camera_keys(made) == [FRONT, TOP]
    assert complete(made) == made


def test_it_flattens_what_lerobots_tools_break_on() -> None:
    made = complete({"pose": {"dtype": "float32", "shape": [2, 3], "names": None}})
    assert made["pose"]["shape"] == [6]
    assert made["pose"]["names"] == ["0_0", "0_1", "0_2", "1_0", "1_1", "1_2"]


@pytest.mark.parametrize(
    ("names", "flat"),
    [(["a", "b"], ["a", "b"]), ([["a", "b"]], ["a", "b"]), ({"motors": ["a", "b"]}, ["a", "b"]), (None, None)],
)
def test_it_reads_names_however_they_are_nested(names: Any, flat: list[str] | None) -> None:
    assert flat_names({"names": names}) == flat


@pytest.mark.parametrize(
    ("key", "feature", "words"),
    [
        ("a/b", {"dtype": "float32", "shape": [1]}, "no slash"),
        ("a", {"dtype": "complex64", "shape": [1]}, "dtype 'complex64'"),
        ("a", {"dtype": "float32", "shape": []}, "shape"),
        ("a", {"dtype": "float32", "shape": [True]}, "shape"),
        ("a", {"dtype": "string", "shape": [2]}, "want \\[1\\]"),
        ("cam", {"dtype": "video", "shape": [480, 641, 3]}, "641x480; sides must be even"),
        ("cam", {"dtype": "video", "shape": [3, 480, 640]}, "want \\[height, width, 3\\]"),
    ],
)
def test_it_refuses_features_in_words(key: str, feature: dict[str, Any], words: str) -> None:
    with pytest.raises(FeatureError, match=words):
        complete({key: feature})


def test_it_finds_no_difference_in_order_nesting_or_info() -> None:
    theirs = dict(reversed(complete(FEATURES).items()))
    theirs["action"] = theirs["action"] | {"names": [theirs["action"]["names"]], "fps": 30}
    theirs[FRONT] = theirs[FRONT] | {"info": {"video.codec": "av1"}, "names": ["height", "width", "channel"]}
    assert differences(FEATURES, theirs, 30, 30.0) == []


def test_it_names_every_difference() -> None:
    theirs = complete(FEATURES)
    del theirs[TOP]
    theirs["action"] = theirs["action"] | {"names": ["x", *theirs["action"]["names"][1:]]}
    theirs["observation.force"] = theirs["observation.force"] | {"dtype": "float32"}
    theirs["extra"] = {"dtype": "float32", "shape": [2], "names": None}
    found = {d.what: (d.rig, d.dataset) for d in differences(FEATURES, theirs, 30, 25)}
    assert found == {
        "fps": ("30", "25"),
        "action names": ("joint_0.pos", "x"),
        "observation.force dtype": ("float64", "float32"),
        TOP: ("video [64, 272, 3]", "missing"),
        "extra": ("missing", "float32 [2]"),
    }
