"""A dataset whose folder is a link: on another disk it works as any other; where it cannot, that is said first."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from recorder.actor import WORKER, Actor
from recorder.catalog.datasets_on_disk import adopt_folder, refresh_dataset
from recorder.errors import Refused
from recorder.jobs.encoding import start_encoding
from recorder.jobs.revising import apply_changes, start_revert
from recorder.jobs.revisions import revisions_of
from recorder.models import Dataset, Episode, Job, Operation
from recorder.models.paths import link_problem
from recorder.review.verdicts import set_verdict
from recorder.worker import run
from recorder.worker.recover import recover
from robotdata.dataset.reader import DatasetFolder
from tests.recorder.conftest import frames, work

pytestmark = pytest.mark.django_db(transaction=True)
MakeEpisode = Callable[..., Episode]


@pytest.fixture
def disk(home: Path) -> Iterator[Path]:
    """A folder on another file system."""
    shared = Path("/dev/shm")
    if not shared.is_dir() or shared.stat().st_dev == home.stat().st_dev:
        pytest.skip("there is no second file system here")
    with tempfile.TemporaryDirectory(dir=shared, prefix="robotdata-test-") as folder:
        yield Path(folder)


def move(dataset: Dataset, to: Path) -> None:
    """As a person does whose disk is full: to a bigger one, and a link in its place."""
    shutil.move(dataset.path, to)
    dataset.path.symlink_to(to)


def test_it_commits_changes_and_goes_back_on_another_disk(
    cubes: Dataset, make_episode: MakeEpisode, home: Path, disk: Path
) -> None:
    for _ in range(2):
        make_episode(5)
    work(start_encoding(dataset=cubes, actor=Actor("olga")))
    move(cubes, disk / "big cubes")
    make_episode(4)
    assert work(start_encoding(dataset=cubes, actor=Actor("olga"))).error == ""
    assert [len(shown) for _, shown in frames(cubes)] == [5, 5, 4]
    first = cubes.episodes.committed().order_by("episode_index").first()
    assert first is not None
    set_verdict(episodes=[first], verdict="reject", actor=Actor("olga"))
    operation = apply_changes(dataset=cubes, actor=Actor("olga"))
    run.run_operation(operation.pk)
    assert [len(shown) for _, shown in frames(cubes)] == [5, 4]
    assert [revision.number for revision in revisions_of(cubes)] == [3, 2, 1]
    run.run_operation(start_revert(dataset=cubes, revision=1, actor=Actor("olga")).pk)
    assert [len(shown) for _, shown in frames(cubes)] == [5, 5]
    assert cubes.path.is_symlink() and (disk / "big cubes/meta/info.json").is_file()
    assert not list((disk / ".work").iterdir()) and not list(home.glob("datasets/.work/*"))
    report = recover()
    assert report.lost == [] and Dataset.objects.count() == 1


def test_a_new_link_is_adopted_like_a_folder(cubes: Dataset, make_episode: MakeEpisode, disk: Path) -> None:
    make_episode(5)
    work(start_encoding(dataset=cubes, actor=Actor("olga")))
    shutil.move(cubes.path, disk / "other")
    for rows in (Job, Operation, Episode, Dataset):
        rows.objects.all().delete()
    link = cubes.path.with_name("linked")
    link.symlink_to(disk / "other")
    assert adopt_folder(slug="linked", actor=WORKER).total_episodes == 1


def test_links_copied_out_of_the_hubs_cache_say_how_to_copy(cubes: Dataset, home: Path) -> None:
    folder = home / "datasets/links/meta"
    folder.mkdir(parents=True)
    (folder / "info.json").symlink_to("../../../blobs/abc")
    with pytest.raises(Refused, match="cp -rL"):
        adopt_folder(slug="links", actor=WORKER)
    report = recover()
    assert report.lost == []
    assert any("links" in line and "cp -rL" in line for line in report.unopened)


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("where", ["snapshot", "inside"])
def test_a_link_that_cannot_be_used_is_refused_whether_new_or_known(
    cubes: Dataset, make_episode: MakeEpisode, tmp_path: Path, home: Path, known: bool, where: str
) -> None:
    take = make_episode(5)
    work(start_encoding(dataset=cubes, actor=Actor("olga")))
    outside = Path(tempfile.mkdtemp(prefix="robotdata-test-"))
    to = outside / "hub/datasets--a--b/snapshots/abc" if where == "snapshot" else home / "spool/abc"
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(cubes.path, to)
    link = cubes.path if known else cubes.path.with_name("linked")
    link.symlink_to(to)
    try:
        words = link_problem(link)
        assert words and ("cp -rL" in words) == (where == "snapshot")
        if known:
            refresh_dataset(dataset=cubes)
            assert "is a link" in cubes.problem
            make_episode(4)
            with pytest.raises(Refused, match="is a link"):
                start_encoding(dataset=cubes, actor=Actor("olga"))
            take.refresh_from_db()
            assert take.state == "encoded" and DatasetFolder.open(to).total_frames == 5
        else:
            with pytest.raises(Refused, match="is a link"):
                adopt_folder(slug="linked", actor=WORKER)
    finally:
        shutil.rmtree(outside)


def test_it_is_refused_before_any_encoding_where_nothing_can_be_put_in_place(
    cubes: Dataset, make_episode: MakeEpisode, disk: Path
) -> None:
    make_episode(5)
    work(start_encoding(dataset=cubes, actor=Actor("olga")))
    shutil.rmtree(cubes.path)
    cubes.path.symlink_to("/dev/shm")  # a disk itself
    make_episode(4)
    with pytest.raises(Refused, check=lambda refused: refused.code == "place"):
        start_encoding(dataset=cubes, actor=Actor("olga"))
    cubes.path.unlink()
    cubes.path.symlink_to(disk / "unmounted")
    with pytest.raises(Refused, check=lambda refused: refused.code == "place"):
        start_encoding(dataset=cubes, actor=Actor("olga"))
    assert Operation.objects.exclude(state="done").count() == 0 and not (disk / ".work").exists()
