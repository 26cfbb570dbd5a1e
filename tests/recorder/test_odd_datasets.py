"""Dataset folders that hold anything: each is one line in words, and the others are opened."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client

from recorder.catalog import datasets_on_disk
from recorder.models import Dataset, Episode, Unopened
from recorder.worker import recover as recovery
from recorder.worker.recover import recover
from robotdata.dataset.write.new_episode import NewEpisode
from tests.dataset.conftest import _recorded, staged
from tests.support.odd import each_odd, outline, some_odd

__all__ = ["_recorded", "staged"]
EPISODES = "meta/episodes/chunk-000/file-000.parquet"


@pytest.fixture
def shelf(home: Path, db: None, bells: Any, _recorded: Path, staged: Sequence[NewEpisode]) -> Path:
    """The datasets folder with one good dataset of six episodes in it."""
    shutil.copytree(_recorded / "datasets/cubes", home / "datasets/good")
    return home / "datasets"


def put(shelf: Path, name: str) -> Path:
    return Path(shutil.copytree(shelf / "good", shelf / name))


def latin_1(path: Path, column: str) -> None:
    """Write the texts of a column as a converter does that knows no UTF-8."""
    table = pq.read_table(path)
    values: list[Any] = table.column(column).to_pylist()
    raw = [[b"cub\xe9"] if isinstance(value, list) else b"cub\xe9" for value in values]
    kind = pa.list_(pa.binary()) if isinstance(values[0], list) else pa.binary()
    binary = pa.array(raw, kind)
    if pa.types.is_list(kind):
        text: pa.Array = pa.ListArray.from_arrays(binary.offsets, binary.values.view(pa.string()))
    else:
        text = binary.view(pa.string())
    pq.write_table(table.set_column(table.column_names.index(column), column, text), path)


def test_text_that_is_not_utf_8_is_one_problem_in_words(shelf: Path) -> None:
    latin_1(put(shelf, "tasks") / "meta/tasks.parquet", "task")
    latin_1(put(shelf, "table") / EPISODES, "tasks")
    report = recover()
    assert Dataset.objects.get(slug="good").total_episodes == 6 and report.datasets >= 1
    for slug in ("tasks", "table"):
        (line,) = [line for line in report.lost if line.startswith(f"Dataset {slug}: ") and "UTF-8" in line]
        assert "Traceback" not in line and "parquet" in line
    assert "UTF-8" in Dataset.objects.get(slug="tasks").problem
    assert "UTF-8" in Unopened.objects.get(name="table").why, "no episode is known: it is one to repair"


def test_an_error_that_nobody_expects_stops_no_other_dataset(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "z"):
        put(shelf, name)
    known = datasets_on_disk.DatasetFolder.open

    def reads(path: Path, *args: Any, **more: Any) -> Any:
        if path.name == "a":
            raise MemoryError("malloc of 17732923532771456 failed")
        return known(path, *args, **more)

    monkeypatch.setattr(datasets_on_disk.DatasetFolder, "open", reads)
    report = recover()
    assert {row.slug for row in Dataset.objects.all()} == {"good", "z"}
    (line,) = [line for line in report.lost if line.startswith("Dataset a: ")]
    assert "memory" in line


def test_a_step_that_fails_does_not_stop_the_start(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> None:
        raise KeyError("odd")

    monkeypatch.setattr(recovery, "_restore_aside", fails)
    out = StringIO()
    call_command("recover", quiet=True, stdout=out)
    assert Episode.objects.committed().count() == 6 and "KeyError" in out.getvalue()


ENTRY = {
    "verdict": "keep",
    "labels": ["a"],
    "rating": 4,
    "note": "n",
    "operator": "olga",
    "reviewer": "olga",
    "reviewed_at": "2026-11-01T12:00:00+00:00",
    "recorded_at": "2026-11-01T12:00:00+00:00",
    "rate_hz": 30.0,
    "marks": [{"code": "stale", "camera": None, "from_tick": 0, "to_tick": 1, "text": "x", "severity": "warn"}],
    "planned": {"task": "stack", "trim": [0, 2]},
    "export": {"first_tick": 0},
}
ODD_HERE = (None, 5, "x", [1], {"a": {}}, 10**30, "9999-12-31T23:59:59-14:00")
SETTINGS = {
    "title": "Good",
    "policy": "every",
    "every": 3,
    "encode_unreviewed": True,
    "goal": 9,
    "encoding": {"codec": "h264", "crf": 23, "g": 2, "preset": "ultrafast", "pix_fmt": "yuv420p"},
    "thresholds": {"z": 5.0},
}


@pytest.fixture
def client(db: None) -> Client:
    made = Client(raise_request_exception=False)
    made.force_login(User.objects.create_user("olga"))
    return made


def asked(client: Client, slug: str) -> dict[str, int]:
    """What every page and answer about a dataset that failed answered."""
    first = Episode.objects.filter(dataset__slug=slug).order_by("episode_index").first()
    pages = ["/", "/datasets/", f"/datasets/{slug}/?view=all", f"/datasets/{slug}/overview/", "/api/datasets"]
    pages += [f"/datasets/{slug}/revisions/", f"/api/datasets/{slug}/revisions", f"/api/episodes?dataset={slug}"]
    if first is not None:
        pages += [f"/episodes/{first.pk}/", f"/api/episodes/{first.pk}", f"/media/{first.pk}/signals.bin"]
    answers = {page: client.get(page).status_code for page in pages}
    return {page: status for page, status in answers.items() if status >= 500}


@pytest.mark.faults  # a start for each of hundreds of odd fields
@pytest.mark.parametrize("name", ["meta/robotdata.json", "meta/info.json", "settings"])
def test_no_odd_field_beside_a_dataset_stops_a_start_or_a_page(shelf: Path, client: Client, name: str) -> None:
    path = shelf / ".settings/good.json" if name == "settings" else shelf / "good" / name
    path.parent.mkdir(exist_ok=True)
    value = SETTINGS if name == "settings" else json.loads(path.read_text())
    if name == "meta/robotdata.json":
        value["episodes"][0] |= ENTRY
        value["about"] = {"at": "2026-11-01T12:00:00+00:00", "what": "edit", "by": "olga", "deleted": 1}
    recover()
    seen: set[str] = set()
    for field, odd, made in some_odd(value, ODD_HERE):
        if field.startswith(("files.", "features.observation")) or field.count(".") > 3:
            continue  # more of the same
        path.write_text(json.dumps(made))
        if name == "settings":
            Episode.objects.all().delete()
            Dataset.objects.all().delete()
        report = recover()
        assert report.takes == 0, (field, odd)
        rows = list(Episode.objects.order_by("episode_index").values("verdict", "labels", "rating", "marks", "task"))
        state = repr((outline(rows), outline(list(Dataset.objects.values("problem", "features", "encoding", "title")))))
        if state not in seen:
            seen.add(state)
            assert not asked(client, "good"), (field, odd)
    assert len(seen) > 1


def test_no_odd_statistics_stop_the_overview(shelf: Path, client: Client) -> None:
    path = shelf / "good/meta/stats.json"
    stats = json.loads(path.read_text())
    recover()
    bad = {}
    for field, odd, made in each_odd({"action": {name: stats["action"][name] for name in ("min", "q01", "max")}}):
        path.write_text(json.dumps({**stats, **made}))
        if (status := client.get("/datasets/good/overview/").status_code) >= 500:
            bad[f"{field} = {odd!r}"] = status
    assert not bad


def test_an_odd_setting_does_not_take_the_others_along(shelf: Path) -> None:
    (shelf / ".settings").mkdir()
    (shelf / ".settings/good.json").write_text(json.dumps(SETTINGS | {"goal": "many", "encoding": 5}))
    recover()
    row = Dataset.objects.get()
    assert (row.title, row.policy, row.every, row.goal, row.thresholds) == ("Good", "every", 3, None, {"z": 5.0})
    assert row.encoding["codec"] == "libsvtav1"


def test_words_can_be_written_though_an_entry_holds_no_json(shelf: Path, client: Client) -> None:
    path = shelf / "good/meta/robotdata.json"
    value = json.loads(path.read_text())
    value["episodes"][0] |= {"rate_hz": float("nan"), "labels": 5}
    path.write_text(json.dumps(value))
    recover()
    pk = Episode.objects.get(episode_index=0).pk
    answer = client.patch(f"/api/episodes/{pk}", {"rating": 2}, "application/json")
    assert answer.status_code == 200, answer.content
    assert "labels" in client.get(f"/api/episodes/{pk}").json()["marks"][0]["text"]
