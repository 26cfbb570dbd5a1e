"""Datasets as the Hugging Face Hub keeps them: a snapshot of links to the blobs of the same repository."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from robotdata.dataset import DatasetError, EditError, UnsafePath, verify_dataset
from robotdata.dataset.layout import contained
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.write.edit import set_tasks
from tests.dataset.conftest import LENGTHS, Bench, columns, expected


def into_cache(root: Path, hub: Path, name: str = "datasets--olga--cubes") -> Path:
    """A snapshot of the dataset in `root`, as huggingface_hub makes it."""
    blobs, snapshot = hub / name / "blobs", hub / name / "snapshots" / ("a" * 40)
    blobs.mkdir(parents=True)
    for path in [path for path in root.rglob("*") if path.is_file()]:
        blob = blobs / hashlib.sha256(path.read_bytes()).hexdigest()
        shutil.copyfile(path, blob)
        link = snapshot / path.relative_to(root)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(blob, link.parent))
    return snapshot


@pytest.fixture
def snapshot(six: Bench, tmp_path: Path) -> Path:
    return into_cache(six.root, tmp_path / "hub")


def test_it_opens_and_shows_every_frame(six: Bench, snapshot: Path) -> None:
    six.root = snapshot
    assert six.shown() == [expected(n, length) for n, length in enumerate(LENGTHS)]
    assert np.array_equal(six.open().rows(5)["action"], columns(LENGTHS[5], 5)["action"])
    assert verify_dataset(snapshot).problems == []


def test_it_is_not_changed_there(six: Bench, snapshot: Path) -> None:
    before = {path: path.read_bytes() for path in snapshot.parents[1].rglob("*") if path.is_file()}
    with pytest.raises(EditError, match="cp -rL"):
        set_tasks(snapshot, {0: "fold it"}, **six.places)
    assert before == {path: path.read_bytes() for path in snapshot.parents[1].rglob("*") if path.is_file()}


def test_a_copy_of_the_files_can_be_changed(six: Bench, snapshot: Path) -> None:
    six.root = six.root.with_name("copied")
    shutil.copytree(snapshot, six.root)  # follows links, as cp -rL does
    set_tasks(six.root, {0: "fold it"}, **six.places)
    assert six.open().episode(0).tasks == ["fold it"]


def test_a_copy_of_the_links_says_how_to_copy(six: Bench, snapshot: Path) -> None:
    copy = six.root.with_name("links")
    shutil.copytree(snapshot, copy, symlinks=True)
    with pytest.raises(DatasetError, match="cp -rL"):
        DatasetFolder.open(copy)


@pytest.mark.parametrize("place", ["secret", "other/blobs/secret", "datasets--olga--cubes/secret"])
def test_a_link_that_leads_elsewhere_is_refused(snapshot: Path, tmp_path: Path, place: str) -> None:
    target = tmp_path / "hub" / place
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("x")
    (snapshot / "meta/linked.json").symlink_to(target)
    with pytest.raises(UnsafePath):
        contained(snapshot, "meta/linked.json")


def test_blobs_that_are_a_link_are_not_followed(snapshot: Path, tmp_path: Path) -> None:
    blobs = snapshot.parents[1] / "blobs"
    blobs.rename(tmp_path / "moved")
    blobs.symlink_to(tmp_path / "moved")
    with pytest.raises(DatasetError):
        DatasetFolder.open(snapshot)
