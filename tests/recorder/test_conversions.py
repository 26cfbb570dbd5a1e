"""A folder of an older version is converted from the Datasets page: a new dataset, with progress and cancel."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from recorder.models import Dataset, Operation, Rig, Session, Unopened
from recorder.worker import convert
from recorder.worker.recover import rebuild, recover
from recorder.worker.run import run_operation
from robotdata.dataset.convert.version_1 import UNNAMED
from tests.support.old_dataset import data_file, write_old
from tests.support.version_1 import write_version_1

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="session")
def _written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_old(tmp_path_factory.mktemp("old") / "cubes")


@pytest.fixture
def old(home: Path, bells: Any, _written: Path) -> Path:
    """A dataset v2.1 among the datasets, and its line on the page."""
    copy = Path(shutil.copytree(_written, home / "datasets/cubes"))
    recover()
    return copy


def begin(olga: Client, **body: Any) -> tuple[int, dict[str, Any]]:
    row = Unopened.objects.get(name="cubes")
    answer = olga.post(f"/api/unopened/{row.pk}/convert", body, content_type="application/json")
    return answer.status_code, answer.json()


def page(olga: Client) -> str:
    return olga.get("/unopened/").content.decode()


def test_the_button_makes_a_dataset_and_the_line_names_it(old: Path, olga: Client) -> None:
    assert "Convert to v3.0" in page(olga)
    assert olga.get("/api/unopened").json()["items"][0]["remedy"] == "convert"
    code, operation = begin(olga)
    assert (code, operation["type"], operation["summary"]) == (201, "convert", "convert cubes to v3.0")
    assert "Cancel" in page(olga) and "Convert to v3.0" not in page(olga)
    assert begin(olga)[1]["error"]["code"] == "running"
    run_operation(operation["id"])
    done = olga.get(f"/api/operations/{operation['id']}").json()
    assert (done["state"], done["error"], done["steps_done"]) == ("done", "", done["steps_total"])
    dataset = Dataset.objects.get()
    assert (dataset.title, dataset.total_episodes, dataset.problem) == ("cubes (v3.0)", 3, "")
    assert dataset.episodes.committed().count() == 3 and dataset.slug == operation["dataset"]
    assert f'href="/datasets/{dataset.slug}/"' in page(olga) and "Convert" not in page(olga).split("</h2>")[1][:20]
    assert olga.get(f"/datasets/{dataset.slug}/").status_code == 200
    assert (old / "meta/info.json").is_file() and begin(olga)[1]["error"]["code"] == "exists"
    recover()
    assert Unopened.objects.get().name == "cubes" and Dataset.objects.count() == 1


def test_a_dataset_of_version_1_is_converted_the_same_way(home: Path, bells: Any, olga: Client) -> None:
    write_version_1(home / "datasets/cubes")
    recover()
    assert "LeRobot dataset v1.6" in page(olga)
    _, operation = begin(olga)
    run_operation(operation["id"])
    dataset = Dataset.objects.get()
    assert (dataset.total_episodes, dataset.problem) == (3, "")
    assert set(dataset.episodes.committed().values_list("task", flat=True)) == {UNNAMED}
    assert olga.get(f"/datasets/{dataset.slug}/").status_code == 200


def test_cancelled_while_a_worker_runs_it_nothing_is_left(
    old: Path, home: Path, olga: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, operation = begin(olga)
    answers = []
    real = convert.convert_dataset

    def cancelled_on_the_way(*args: Any, progress: Any, **options: Any) -> Any:
        def step(done: int, total: int) -> None:
            if done == 4:
                assert Operation.objects.get().can_cancel
                answers.append(olga.post(f"/api/operations/{operation['id']}/cancel").status_code)
            progress(done, total)

        return real(*args, progress=step, **options)

    monkeypatch.setattr(convert, "convert_dataset", cancelled_on_the_way)
    run_operation(operation["id"])
    assert answers == [200]
    assert not Operation.objects.exists() and not Dataset.objects.exists()
    assert not (home / "datasets" / operation["dataset"]).exists()
    assert list((home / "datasets/.work").glob("*")) == []
    assert "Convert to v3.0" in page(olga)
    monkeypatch.undo()


def test_cancelled_no_dataset_comes_back_and_its_name_is_free(old: Path, home: Path, olga: Client) -> None:
    _, operation = begin(olga)
    assert olga.post(f"/api/operations/{operation['id']}/cancel").status_code == 200
    assert list((home / "datasets/.settings").iterdir()) == []
    rebuild()
    assert not Dataset.objects.exists()
    assert begin(olga)[1]["dataset"] == operation["dataset"]


def test_cancelled_while_somebody_records_into_it_the_dataset_stays(old: Path, home: Path, olga: Client) -> None:
    _, operation = begin(olga)
    dataset = Dataset.objects.get()
    Session.objects.create(rig=Rig.objects.create(name="so101"), dataset=dataset)
    assert olga.post(f"/api/operations/{operation['id']}/cancel").status_code == 200
    assert Dataset.objects.get() == dataset and Operation.objects.get().state == "cancelled"
    assert (home / f"datasets/.settings/{dataset.slug}.json").is_file()


def test_it_cannot_be_cancelled_once_it_is_being_put_in_place(
    old: Path, olga: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, operation = begin(olga)
    answers = []
    real = convert.convert_dataset

    def too_late(*args: Any, before_swap: Any, **options: Any) -> Any:
        def begin_writing() -> None:
            before_swap()
            answers.append(olga.post(f"/api/operations/{operation['id']}/cancel").status_code)

        return real(*args, before_swap=begin_writing, **options)

    monkeypatch.setattr(convert, "convert_dataset", too_late)
    run_operation(operation["id"])
    assert answers == [409] and Dataset.objects.get().total_episodes == 3
    assert Operation.objects.get().state == "done"


def test_what_cannot_be_converted_is_named_and_can_be_left_out(old: Path, olga: Client) -> None:
    data_file(old, 1).write_bytes(b"cut off")
    _, operation = begin(olga)
    run_operation(operation["id"])
    assert Operation.objects.get().state == "failed" and "episode 1" in page(olga)
    assert "Convert without it" in page(olga)
    code, again = begin(olga, leave_out=True)
    assert code == 201 and Operation.objects.count() == Dataset.objects.count() == 1
    run_operation(again["id"])
    dataset = Dataset.objects.get()
    assert dataset.total_episodes == 2
    assert "Episode 1 was left out" in olga.get(f"/datasets/{dataset.slug}/remarks/").content.decode()


def test_a_worker_that_dies_leaves_it_to_the_next(old: Path, olga: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    _, operation = begin(olga)
    with monkeypatch.context() as dying:
        dying.setattr(convert, "write_rows", lambda _: (_ for _ in ()).throw(SystemExit))
        with pytest.raises(SystemExit):
            run_operation(operation["id"])
    Operation.objects.update(token="", lease_until=None)
    run_operation(operation["id"])
    assert Operation.objects.get().state == "done" and Dataset.objects.get().total_episodes == 3


def test_other_folders_have_no_remedy(old: Path, home: Path, olga: Client) -> None:
    (home / "datasets/photos").mkdir()
    recover()
    row = Unopened.objects.get(name="photos")
    answer = olga.post(f"/api/unopened/{row.pk}/convert", {}, content_type="application/json")
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "no_remedy")
    assert olga.post("/api/unopened/999/convert", {}, content_type="application/json").status_code == 404


def test_a_folder_that_becomes_a_link_is_not_converted(old: Path, tmp_path: Path, olga: Client) -> None:
    operation = begin(olga)[1]
    old.rename(tmp_path / "moved")
    old.symlink_to(tmp_path / "moved")
    run_operation(operation["id"])
    failed = Operation.objects.get(pk=operation["id"])
    assert failed.state == "failed" and "points outside" in failed.error
    code, answer = begin(olga)
    assert (code, answer["error"]["code"]) == (422, "elsewhere")
