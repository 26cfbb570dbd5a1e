from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recorder.actor import WORKER, Actor
from recorder.catalog.dataset_trash import trash_dataset
from recorder.catalog.datasets import adopt_folder, change_dataset, create_dataset, refresh_dataset
from recorder.catalog.datasets_on_disk import load_settings
from recorder.errors import Refused
from recorder.jobs.encode_settings import encode_settings
from recorder.jobs.encoding import start_encoding
from recorder.models import Dataset, Episode
from tests.recorder.conftest import H264, work

MakeEpisode = Callable[..., Episode]


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("Cubes in a row", "cubes-in-a-row"),
        ("../../etc/passwd", "etcpasswd"),
        ("a/b\\c", "abc"),
        ("<script>alert(1)</script>", "scriptalert1script"),
        ("🤖🦾", "dataset"),
        (".hidden", "hidden"),
        ("Zürich  Größe", "zurich-groe"),
        ("x" * 300, "x" * 80),
        ("new\nline\0", "new-line"),
    ],
)
def test_it_makes_a_safe_folder_name_of_any_title(db: None, home: Path, title: str, slug: str) -> None:
    dataset = create_dataset(title=title, actor=Actor("olga"))
    assert dataset.slug == slug and re.fullmatch(r"[a-z0-9_-]+", slug)
    assert dataset.path.parent == home / "datasets" and not dataset.path.exists()


def test_it_gives_two_titles_two_folders(db: None, home: Path) -> None:
    assert [create_dataset(title=title, actor=Actor("olga")).slug for title in ("A b", "A, b", "A-b")] == [
        "a-b",
        "a-b-2",
        "a-b-3",
    ]


def test_it_never_takes_a_folder_that_is_there(db: None, home: Path) -> None:
    (home / "datasets/cubes").mkdir()
    (home / "datasets/cubes/notes.txt").write_text("somebody's")
    assert create_dataset(title="Cubes", actor=Actor("olga")).slug == "cubes-2"


def test_it_never_takes_a_name_that_differs_in_case_only(db: None, home: Path) -> None:
    Dataset.objects.create(slug="Cubes", title="Put there by hand")
    assert create_dataset(title="Cubes", actor=Actor("olga")).slug == "cubes-2"


def test_it_tells_of_the_dataset_that_has_the_title(db: None, home: Path) -> None:
    create_dataset(title="Cubes", actor=Actor("olga"))
    with pytest.raises(Refused, match="'Cubes' exists already") as refusal:
        create_dataset(title="  cubes ", actor=Actor("sven"))
    assert refusal.value.detail == {"slug": "cubes"} and Dataset.objects.count() == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"every": 0},
        {"policy": "sometimes"},
        {"encoding": {"codec": "wmv"}},
        {"encoding": {"codec": "h264", "crf": 99}},
        {"encoding": {"bitrate": 5}},
    ],
)
def test_it_refuses_settings_that_are_none(db: None, home: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(Refused) as refusal:
        create_dataset(title="Cubes", actor=Actor("olga"), **wrong)
    assert refusal.value.status == 422 and not Dataset.objects.exists()


def test_it_refuses_an_empty_title(db: None, home: Path) -> None:
    with pytest.raises(Refused, check=lambda refused: refused.code == "invalid"):
        create_dataset(title=" \n\t ", actor=Actor("olga"))


def test_it_changes_settings_and_keeps_them_beside_the_folders(db: None, home: Path) -> None:
    dataset = create_dataset(title="Cubes", actor=Actor("olga"))
    change_dataset(dataset=dataset, title="Red cubes", policy="every", every=5, goal=None, actor=Actor("olga"))
    dataset.refresh_from_db()
    assert (dataset.title, dataset.slug, dataset.policy, dataset.every) == ("Red cubes", "cubes", "every", 5)
    assert '"title": "Red cubes"' in (home / "datasets/.settings/cubes.json").read_text()
    with pytest.raises(TypeError):
        change_dataset(dataset=dataset, slug="other", actor=Actor("olga"))


def test_two_changes_at_once_keep_each_other_s_values(db: None, home: Path) -> None:
    """Two people change the encoding at once: each read the dataset before the other's change was saved."""
    create_dataset(title="Cubes", actor=Actor("olga"), encoding={"g": 30})
    first, second = (Dataset.objects.get(slug="cubes") for _ in range(2))
    change_dataset(dataset=first, encoding={"crf": 31}, actor=Actor("olga"))
    change_dataset(dataset=second, encoding={"g": 4}, actor=Actor("sven"))
    encoding = Dataset.objects.get(slug="cubes").encoding
    assert (encoding["codec"], encoding["crf"], encoding["g"]) == ("libsvtav1", 31, 4)


def test_no_setting_of_a_deleted_dataset_changes(db: None, home: Path) -> None:
    dataset = create_dataset(title="Cubes", actor=Actor("olga"))
    seen = Dataset.objects.get(pk=dataset.pk)
    trash_dataset(dataset=dataset, actor=Actor("sven"))
    with pytest.raises(Refused, check=lambda refused: refused.code == "trashed"):
        change_dataset(dataset=seen, goal=5, actor=Actor("olga"))
    assert Dataset.with_trash.get(pk=dataset.pk).goal is None


def test_it_leaves_a_preset_of_another_encoder_to_the_codec() -> None:
    assert encode_settings({"codec": "h264", "preset": "12"}).preset is None
    assert encode_settings({"codec": "libsvtav1", "preset": "medium"}).preset is None
    assert encode_settings({"codec": "libsvtav1", "preset": "8"}).preset == "8"
    assert encode_settings(H264).preset == "ultrafast"


@pytest.mark.django_db(transaction=True)
class TestFolders:
    @pytest.fixture
    def committed(self, transactional_db: None, cubes: Dataset, make_episode: MakeEpisode) -> Dataset:
        make_episode()
        make_episode()
        work(start_encoding(dataset=cubes, actor=Actor("olga")))
        cubes.refresh_from_db()
        return cubes

    def test_it_knows_a_folder_that_was_put_there(self, committed: Dataset) -> None:
        ids = set(Episode.objects.values_list("pk", flat=True))
        shutil.copytree(committed.path, committed.path.with_name("copied"))
        Episode.objects.all().delete()
        dataset = adopt_folder(slug="copied", actor=WORKER)
        assert (dataset.title, dataset.total_episodes, dataset.fps, dataset.robot_type) == ("copied", 2, 30, "arm")
        rows = dataset.episodes.order_by("episode_index")
        assert {row.pk for row in rows} == ids, "UUIDs are for life"
        assert [(row.state, row.task, row.ticks, row.episode_index) for row in rows] == [
            ("encoded", "push", 8, 0),
            ("encoded", "push", 8, 1),
        ]
        assert adopt_folder(path=dataset.path, actor=WORKER).pk == dataset.pk, "twice is once"

    def test_it_knows_what_another_program_recorded(self, committed: Dataset) -> None:
        foreign = committed.path.with_name("foreign")
        shutil.copytree(committed.path, foreign)
        (foreign / "meta/robotdata.json").unlink()
        ids = [set(adopt_folder(slug="foreign", actor=WORKER).episodes.values_list("pk", flat=True)) for _ in range(2)]
        assert len(ids[0]) == 2 and ids[0] == ids[1], "the same rows, whenever it is looked at"

    @pytest.mark.parametrize("name", ["white space", "ünder"])
    def test_it_says_how_to_rename_a_folder(self, committed: Dataset, name: str) -> None:
        shutil.copytree(committed.path, committed.path.with_name(name))
        with pytest.raises(Refused, match="rename it to (white-space|under)"):
            adopt_folder(slug=name, actor=WORKER)

    def test_it_refuses_folders_that_lie_elsewhere_or_are_none(self, committed: Dataset, home: Path) -> None:
        with pytest.raises(Refused, match="move or copy it there"):
            adopt_folder(path=home / "spool", actor=WORKER)
        (home / "datasets/empty").mkdir()
        with pytest.raises(Refused, match=r"it has no meta/info\.json"):
            adopt_folder(slug="empty", actor=WORKER)
        assert Dataset.objects.count() == 1

    def test_it_says_that_a_folder_is_missing_and_forgets_nothing(self, committed: Dataset) -> None:
        away = committed.path.rename(committed.path.with_name("away"))
        refresh_dataset(dataset=committed)
        committed.refresh_from_db()
        assert "is missing" in committed.problem
        assert committed.episodes.committed().count() == 2
        away.rename(committed.path)
        refresh_dataset(dataset=committed)
        committed.refresh_from_db()
        assert committed.problem == ""

    def test_it_says_what_is_wrong_with_a_folder(self, committed: Dataset) -> None:
        (committed.path / "meta/info.json").write_text("{")
        refresh_dataset(dataset=committed)
        committed.refresh_from_db()
        assert "info.json" in committed.problem and committed.total_episodes == 2

    def test_it_follows_the_folder_to_an_earlier_revision_and_back(
        self, committed: Dataset, make_episode: MakeEpisode
    ) -> None:
        third = make_episode()
        work(start_encoding(dataset=committed, actor=Actor("olga")))
        newest = committed.path.rename(committed.path.with_name(".newest"))
        (committed.revisions_path / "1").rename(committed.path)
        refresh_dataset(dataset=committed)
        third.refresh_from_db()
        assert third.episode_index is None and third.purged_at is not None and "no longer in Cubes" in third.error
        shutil.rmtree(committed.path)
        newest.rename(committed.path)
        refresh_dataset(dataset=committed)
        third.refresh_from_db()
        assert (third.state, third.episode_index, third.purged_at, third.error) == ("encoded", 2, None, "")


def test_settings_of_a_newer_program_are_left_as_they_are(home: Path) -> None:
    kept = home / "datasets/.settings/cubes.json"
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text('{"version": 2, "title": "Red cubes"}')
    assert load_settings("cubes") == {}
    kept.write_text('{"title": "Red cubes"}')  # of before there were versions
    assert load_settings("cubes") == {"title": "Red cubes"}
