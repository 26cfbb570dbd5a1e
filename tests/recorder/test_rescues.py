"""A folder that cannot be opened is repaired from the Datasets page, into a new dataset, after a report."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from recorder.catalog.source_folders import source_folder
from recorder.errors import Refused
from recorder.models import Dataset, Episode, Operation, Unopened
from recorder.worker.recover import recover
from recorder.worker.run import run_operation
from tests.recorder.conftest import frames

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def broken(four: list[Episode], cubes: Dataset, home: Path) -> Path:
    """A folder among the datasets whose table of episodes and info.json are gone, and its line on the page."""
    copy = Path(shutil.copytree(cubes.path, home / "datasets/broken"))
    shutil.rmtree(copy / "meta/episodes")
    (copy / "meta/info.json").unlink()
    recover()
    return copy


def report(olga: Client, row: Unopened) -> dict[str, Any]:
    while (answer := olga.get(f"/api/unopened/{row.pk}/repair").json())["running"]:
        threading.Event().wait(0.01)
    return dict(answer)


def test_a_report_then_a_dataset_of_what_is_whole(broken: Path, cubes: Dataset, olga: Client) -> None:
    row = Unopened.objects.get(name="broken")
    assert row.remedy == "repair" and "robotdata repair broken --into" in row.cure
    page = olga.get("/unopened/").text
    assert "Check and repair" in page and f"/unopened/{row.pk}/repair/" in page
    told = report(olga, row)
    assert told["episodes"] == 4 and {"info", "episodes"} <= {each["code"] for each in told["findings"]}
    assert "Repair into a new dataset" in olga.get(f"/unopened/{row.pk}/repair/").text
    assert not Operation.objects.filter(type="rescue").exists(), "nothing is done yet"
    answer = olga.post(f"/api/unopened/{row.pk}/repair")
    assert (answer.status_code, answer.json()["type"]) == (201, "rescue")
    assert olga.post(f"/api/unopened/{row.pk}/repair").json()["error"]["code"] == "running"
    run_operation(answer.json()["id"])
    made = Dataset.objects.get(slug=answer.json()["dataset"])
    operation = Operation.objects.get(pk=answer.json()["id"])
    assert (operation.state, operation.error, made.title) == ("done", "", "broken (repaired)")
    assert made.total_episodes == 4 and frames(made) == frames(cubes)
    assert not (broken / "meta/info.json").exists(), "the folder stays as it is"
    assert f'Repaired: what was whole is in <a href="/datasets/{made.slug}/"' in olga.get("/unopened/").text
    assert olga.post(f"/api/unopened/{row.pk}/repair").json()["error"]["code"] == "exists"


def test_cancelled_before_it_runs_nothing_is_left(broken: Path, olga: Client) -> None:
    row = Unopened.objects.get(name="broken")
    begun = olga.post(f"/api/unopened/{row.pk}/repair").json()
    assert olga.post(f"/api/operations/{begun['id']}/cancel").status_code == 200
    assert not Operation.objects.filter(type="rescue").exists()
    assert not Dataset.objects.filter(slug=begun["dataset"]).exists()
    assert "Check and repair" in olga.get("/unopened/").text


def test_a_folder_without_rows_is_refused_with_words(broken: Path, olga: Client) -> None:
    for path in broken.glob("data/*/*.parquet"):
        path.unlink()
    recover()
    row = Unopened.objects.get(name="broken")
    assert not row.remedy and row.cure
    assert olga.get(f"/api/unopened/{row.pk}/repair").status_code == 422
    assert olga.post(f"/api/unopened/{row.pk}/repair").status_code == 422


@pytest.mark.parametrize("lost", ("meta/info.json", "meta/episodes"))
def test_a_link_that_leads_elsewhere_is_not_repaired(
    four: list[Episode],
    cubes: Dataset,
    home: Path,
    tmp_path_factory: pytest.TempPathFactory,
    olga: Client,
    lost: str,
) -> None:
    outside = Path(shutil.copytree(cubes.path, tmp_path_factory.mktemp("disk") / "cubes"))
    shutil.rmtree(outside / lost) if (outside / lost).is_dir() else (outside / lost).unlink()
    (home / "datasets/linked").symlink_to(outside)
    recover()
    row = Unopened.objects.get(name="linked")
    assert not row.remedy and "eplace the link with the" in row.cure
    assert olga.post(f"/api/unopened/{row.pk}/repair").status_code == 422


def test_a_folder_that_becomes_a_link_is_not_repaired(broken: Path, tmp_path: Path, olga: Client) -> None:
    row = Unopened.objects.get(name="broken")
    begun = olga.post(f"/api/unopened/{row.pk}/repair").json()
    broken.rename(tmp_path / "moved")
    broken.symlink_to(tmp_path / "moved")
    answer = olga.get(f"/api/unopened/{row.pk}/repair")
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "elsewhere")
    run_operation(begun["id"])
    operation = Operation.objects.get(pk=begun["id"])
    assert operation.state == "failed" and "points outside" in operation.error
    again = olga.post(f"/api/unopened/{row.pk}/repair")
    assert (again.status_code, again.json()["error"]["code"]) == (422, "elsewhere")


def test_what_is_read_is_the_folder_that_was_checked(home: Path, tmp_path: Path) -> None:
    folder, link = home / "datasets/lost", home / "datasets/alias"
    folder.mkdir(parents=True)
    link.symlink_to(folder)
    checked = source_folder("alias", verb="repair")
    link.unlink()
    link.symlink_to(tmp_path)  # somebody changes the link between the check and the reading
    assert checked.resolve() == folder.resolve()
    with pytest.raises(Refused, match="points outside"):
        source_folder("alias", verb="repair")
