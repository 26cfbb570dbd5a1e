"""Bits that turn in files that still decode; and files that somebody else has changed, which is not damage."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from robotdata.dataset import DatasetFolder, verify_dataset
from robotdata.dataset.layout import SIDECAR
from robotdata.dataset.write.edit import delete_episodes, revert, set_tasks
from robotdata.video import EncodeSettings
from tests.dataset.conftest import CAMERAS, FRONT, LENGTHS, TOP, Bench, make_episode
from tests.support.bits import flip
from tests.support.sweeps import at_most

CODECS = {
    "h264": EncodeSettings(codec="h264", preset="ultrafast"),
    "hevc": EncodeSettings(codec="hevc", preset="ultrafast"),
    "av1": EncodeSettings(codec="libsvtav1", preset=12),
}
DATA = "data/chunk-000/file-000.parquet"


def video(key: str, file: int = 0) -> str:
    return f"videos/{key}/chunk-000/file-{file:03d}.mp4"


def kept(root: Path) -> dict[str, Any]:
    return dict(json.loads((root / SIDECAR).read_text())["files"])


def rewrite(root: Path, **changes: Any) -> None:
    """The sidecar with some of its fields changed; None takes one out."""
    value = {**json.loads((root / SIDECAR).read_text()), **changes}
    (root / SIDECAR).write_text(json.dumps({key: item for key, item in value.items() if item is not None}))


@pytest.fixture(scope="module", params=sorted(CODECS))
def encoded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of two episodes in one of the codecs."""
    bench = Bench(tmp_path_factory.mktemp(request.param))
    chosen = CODECS[request.param]
    bench.commit([make_episode(bench.home, number, 12, settings=chosen) for number in (1, 2)])
    return bench.root


def test_it_blames_no_file_that_is_whole(encoded: Path) -> None:
    assert verify_dataset(encoded, deep=True).problems == []


@settings(max_examples=at_most(20), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(camera=st.sampled_from(CAMERAS), where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_it_blames_the_video_in_which_one_bit_has_turned_anywhere(
    encoded: Path, camera: str, where: float, bit: int
) -> None:
    path = encoded / video(camera)
    place = int(where * path.stat().st_size)
    flip(path, place, bit)
    try:
        report = verify_dataset(encoded, deep=True)
        named = {problem.file for problem in report.problems}
        assert video(camera) in named, (place, bit, report.problems)
        assert video(CAMERAS[1 - CAMERAS.index(camera)]) not in named
    finally:
        flip(path, place, bit)


def test_decoding_alone_would_not_have_noticed(encoded: Path, tmp_path: Path) -> None:
    """Why hashes are kept. Should this fail one day, the decoders have become stricter."""
    root = tmp_path / "without"
    shutil.copytree(encoded, root)
    rewrite(root, files=None, files_sha256=None)
    path, chance, silent = root / video(FRONT), random.Random(3), 0
    for place in chance.sample(range(path.stat().st_size // 2, path.stat().st_size), at_most(20) + 3):
        flip(path, place)
        silent += not verify_dataset(root, deep=True).problems
        flip(path, place)
    assert silent > 0


def test_it_keeps_a_hash_of_every_file_over_commits_and_edits(six: Bench, new: Any) -> None:
    def whole() -> None:
        there = {path.relative_to(six.root).as_posix() for path in DatasetFolder.open(six.root).root.rglob("file-*")}
        assert kept(six.root).keys() == {name for name in there if not name.startswith("meta/")}
        report = verify_dataset(six.root, deep=True)
        assert (report.problems, report.notes) == ([], [])

    whole()
    for change in (
        lambda: delete_episodes(six.root, [1, 3], **six.places),
        lambda: set_tasks(six.root, {0: "another"}, **six.places),
        lambda: six.commit([new(9, 5, "task 0")]),
        lambda: revert(six.root, 3, **six.places),
    ):
        change()
        whole()


def test_a_later_commit_does_not_make_damage_the_truth(six: Bench, new: Any) -> None:
    name = video(FRONT)
    assert six.open().episode(LENGTHS.index(8)).videos[FRONT].path.name != Path(name).name, "it would grow"
    flip(six.root / name, (six.root / name).stat().st_size - 5)
    six.commit([new(9, 5, "task 0")])
    delete_episodes(six.root, [5], **six.places)
    assert {problem.file for problem in verify_dataset(six.root, deep=True).problems} == {name}


def test_it_does_not_read_files_again_that_stay(six: Bench, new: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from robotdata.dataset import hashes

    read: list[str] = []
    digest = hashes.digest
    monkeypatch.setattr(hashes, "digest", lambda path: read.append(path.name) or digest(path))
    before = kept(six.root)
    six.commit([new(9, 5, "task 0")])
    after = kept(six.root)
    changed = [name for name in after if after[name] != before.get(name)]
    assert len(read) == len(changed) <= 2 * len(CAMERAS) + 1


def test_a_dataset_of_before_hashes_is_no_alarm_and_gets_them(six: Bench) -> None:
    rewrite(six.root, files=None, files_sha256=None)
    report = verify_dataset(six.root, deep=True)
    assert report.problems == [] and "no hashes" in report.notes[0]
    delete_episodes(six.root, [5], **six.places)
    report = verify_dataset(six.root, deep=True)
    assert (report.problems, report.notes) == ([], [])


def test_a_copy_elsewhere_is_no_alarm(six: Bench, tmp_path: Path) -> None:
    shutil.copytree(six.root, tmp_path / "copy", copy_function=shutil.copyfile)  # other times
    report = verify_dataset(tmp_path / "copy", deep=True)
    assert (report.problems, report.notes) == ([], [])


def test_what_another_program_changed_or_added_is_said_and_no_alarm(bench: Bench, staged: list[Any]) -> None:
    """As LeRobot does when it records on: the last video becomes a longer file, rows go to a file of their own."""
    bench.commit(staged[:2])
    other = Bench(bench.home / "other")
    other.commit(staged[:3])
    for place in (bench.root / "meta").rglob("*"):
        if place.is_file() and place.name != Path(SIDECAR).name:
            shutil.copyfile(other.root / place.relative_to(bench.root), place)
    for name in (DATA, video(FRONT), video(TOP)):
        shutil.copyfile(other.root / name, bench.root / name)
    report = verify_dataset(bench.root, deep=True)
    assert report.problems == []
    for name in (DATA, video(FRONT), video(TOP)):
        assert any(note.startswith(f"{name}: another program has changed it since") for note in report.notes)
    bench.commit(staged[3:4])
    report = verify_dataset(bench.root, deep=True)
    assert report.problems == [] and not any("bytes" in note for note in report.notes)


def test_a_turned_bit_in_the_list_of_hashes_blames_the_sidecar_alone(six: Bench) -> None:
    files = kept(six.root)
    digest = files[video(FRONT)]["sha256"]
    files[video(FRONT)]["sha256"] = ("0" if digest[0] != "0" else "1") + digest[1:]
    rewrite(six.root, files=files)
    assert {problem.file for problem in verify_dataset(six.root, deep=True).problems} == {SIDECAR}
    delete_episodes(six.root, [5], **six.places)
    assert verify_dataset(six.root, deep=True).problems == []


@pytest.mark.parametrize("table", [[], "x", 5, {"a": 1}, {"a": {}}, {"a": {"size": "x", "sha256": 1, "modified": 0}}])
def test_a_list_of_hashes_that_is_none_is_a_problem_and_no_exception(six: Bench, table: Any) -> None:
    rewrite(six.root, files=table)
    assert {problem.file for problem in verify_dataset(six.root, deep=True).problems} == {SIDECAR}
