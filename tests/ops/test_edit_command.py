"""`robotdata edit`: what each change says and does, and what it refuses."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from recorder.management.edit_words import episode_numbers, frame_range, indices_of, names_of, parts_of, rest_note
from robotdata.dataset import DatasetFolder, EditError, verify_dataset
from robotdata.dataset.write.fit import Names
from tests.dataset.conftest import LENGTHS, Bench, _recorded, six, staged  # noqa: F401 - fixtures
from tests.support.command_line import run_command


def edit(home: Path, *words: str) -> tuple[int, str]:
    return run_command(home, "edit", *words)


@pytest.mark.parametrize(("text", "numbers"), [("0", [0]), ("0,3,7-9", [0, 3, 7, 8, 9]), (" 1 , 2", [1, 2])])
def test_lists_of_episodes_are_read(text: str, numbers: list[int]) -> None:
    assert episode_numbers(text) == numbers


def test_numbers_of_the_pages_are_read(six: Bench) -> None:  # noqa: F811
    dataset = DatasetFolder.open(six.root)
    for place, episode in enumerate(dataset.episodes):
        episode.extra["number"] = 12 + 2 * place
    assert indices_of(dataset, episode_numbers("#14,0,#12")) == [1, 0, 0]
    assert indices_of(dataset, episode_numbers("0-2")) == [0, 1, 2]
    assert dataset.episode(1).name == "episode 1 (#14)"
    for text in ("#1", "#12-#14"):
        with pytest.raises(EditError, match=r"no episode #1"):
            indices_of(dataset, episode_numbers(text))
    for text in ("3-#5", "#", "#0x"):
        with pytest.raises(argparse.ArgumentTypeError, match="write it like"):
            episode_numbers(text)


@pytest.mark.parametrize("text", ["", "a", "-1", "3-1", "1,,2", "0-99999999", "1.5", "٣"])
def test_what_is_no_list_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="write it like"):
        episode_numbers(text)


def test_frames_parts_and_names_are_read() -> None:
    assert frame_range("10:250") == (10, 250)
    assert parts_of(["a=0.5", "b=0.5"], 5) == {"a": [0, 1], "b": [2, 3, 4]}
    assert parts_of(["a=0-1", "b=4"], 5) == {"a": [0, 1], "b": [4]}
    assert names_of(["cam=front", "top="], ["j=joint"], ["a=b=c"]) == Names(
        {"cam": "front", "top": None}, {"j": "joint"}, {"a": "b=c"}
    )
    assert rest_note(["a=0.7", "b=0.2"], {"a": [0, 1, 2], "b": [3, 4]}, 5).endswith("such as rest=0.1")
    assert (
        rest_note(["a=0.7", "b=0.3"], {"a": [0, 1, 2], "b": [3, 4]}, 5) == rest_note(["a=0-1"], {"a": [0, 1]}, 5) == ""
    )
    for words in (["a"], ["a=1", "a=2"], ["a=0.5", "b=x"], ["a=0.8", "b=0.8"]):
        with pytest.raises(EditError):
            parts_of(words, 5)


def test_each_change_says_what_it_does_and_does_it(six: Bench) -> None:  # noqa: F811
    home, datasets = six.home, six.root.parent
    before = six.fingerprint()
    code, text = edit(home, "cubes", "split", "train=0.7", "val=0.3", "--dry-run")
    assert (code, text.count("train: 4 of 6 episodes (22 frames"), text.count("val: 2 of 6 episodes")) == (0, 1, 1)
    assert "note:" not in text
    code, text = edit(home, "cubes", "split", "train=0.5", "--dry-run")
    assert (code, text.count("train: 6 of 6 episodes")) == (0, 1), text
    assert "note: the shares make 0.5, and the last part gets the rest: train has 6 of 6 episodes." in text
    assert not (datasets / "train").exists() and six.fingerprint() == before
    for words in (
        ("cubes", "split", "train=0.7", "val=0.3"),
        ("val", "copy", "1", "--to", "train"),
        ("train", "move", "0", "--to", str(home / "elsewhere")),
        ("train", "merge", "val", "--to", "both"),
        ("both", "trim", "1:3", "0"),
        ("both", "relabel", "another task", "0,1"),
        ("both", "delete", "2-3"),
        ("both", "duplicate", "--to", "again"),
    ):
        code, text = edit(home, *words)
        assert code == 0, text
    sizes = {name: len(DatasetFolder.open(datasets / name).episodes) for name in ("train", "val", "both", "again")}
    assert sizes == {"train": 4, "val": 2, "both": 4, "again": 4}
    assert DatasetFolder.open(home / "elsewhere").episodes[0].length == LENGTHS[0]
    for root in (*(datasets / name for name in sizes), home / "elsewhere"):
        assert verify_dataset(root, deep=True).problems == []


def test_a_refusal_gives_the_reason(six: Bench) -> None:  # noqa: F811
    assert edit(six.home, "nobody", "delete", "1") == (
        1,
        f"CommandError: Dataset 'nobody' does not exist, neither in {six.root.parent} nor as a path.\n",
    )
    code, text = edit(six.home, "cubes", "delete", "9")
    assert (code, "has episodes 0 to 5, not 9" in text) == (1, True)


def test_a_dry_run_refuses_what_the_change_would_refuse_and_names_the_frames(six: Bench) -> None:  # noqa: F811
    for words, reason in (
        (("trim", "3:1", "0"), "cannot be trimmed"),
        (("trim", "0:99999", "0"), "cannot be trimmed"),
        (("relabel", " ", "0"), "the task is empty"),
        (("delete", "0-5"), "no episode would be left"),
    ):
        code, text = edit(six.home, "cubes", *words, "--dry-run")
        assert code == 1 and reason in text, text
    code, text = edit(six.home, "cubes", "trim", "1:3", "0", "--dry-run")
    assert code == 0 and "trim 1 episode (" in text and "episode 0: frames " in text and "would be kept" in text
