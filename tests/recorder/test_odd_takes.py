"""Every field of `take.json` with an odd value, one at a time: nothing stops, every page comes up."""

from __future__ import annotations

import json
import os
import uuid
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from recorder.actor import Actor
from recorder.jobs.encoding import start_encoding
from recorder.models import Dataset, Episode, Unopened
from recorder.quality.assess import assess_by_id
from recorder.worker.recover import recover
from recorder.worker.sweep import sweep
from robotdata.spool import read_manifest
from tests.recorder.conftest import FRONT, work, write_take
from tests.support.odd import outline, some_odd
from tests.support.sweeps import THOROUGH

GOOD = "0b9d4fd4-58a2-4a6d-8a6f-6a3a3ff4a000"
MARK = {"code": "stale", "camera": FRONT, "from_tick": 0, "to_tick": 2, "text": "no picture", "severity": "warn"}
ENTRY = {"at": "2026-11-01T12:00:00+00:00", "by": "olga", "changes": {"verdict": "keep"}}


def good_manifest(folder: Path) -> dict[str, Any]:
    """A take with something in every field."""
    write_take(folder, number=1, ticks=3, cameras=(FRONT,), dataset="odd")
    manifest = json.loads((folder / "take.json").read_text())
    manifest |= {"marks": [MARK], "rig_marks": [MARK], "operator": "olga", "session": str(uuid.UUID(int=7))}
    manifest["counters"] = {"ticks": 3, "dropped_ticks": 1, "cameras": {FRONT: {"dropped": 1}}}
    manifest["curation"] |= {"verdict": "keep", "labels": ["a"], "rating": 4, "trim": [0, 2], "history": [ENTRY]}
    (folder / "take.json").write_text(json.dumps(manifest))
    return dict(manifest)


def put(spool: Path, good: Path, manifest: Any) -> str:
    """A take beside the good one, with the same rows and pictures and this manifest."""
    name = str(uuid.uuid4())
    (spool / name).mkdir()
    for path in good.iterdir():
        if path.name != "take.json" and path.is_file():
            os.link(path, spool / name / path.name)
    (spool / name / "take.json").write_text(json.dumps(manifest))
    return name


@pytest.fixture
def client(db: None) -> Client:
    made = Client(raise_request_exception=False)
    made.force_login(User.objects.create_user("olga"))
    return made


@pytest.fixture
def odd_home(home: Path, bells: Any, db: None) -> dict[str, str]:
    """What is odd in each take, by its id; the good one is among them."""
    spool = home / "spool"
    manifest = good_manifest(spool / GOOD)
    made = {put(spool, spool / GOOD, odd): f"{field} = {value!r}" for field, value, odd in some_odd(manifest)}
    return {**made, GOOD: "nothing"}


def representatives(spool: Path, names: set[str]) -> list[str]:
    """One take of each kind: many odd values leave the same behind the door."""
    kinds: dict[str, str] = {}
    for name in sorted(names):
        facts = read_manifest(spool / name)
        kinds.setdefault(repr(outline(dict(facts))), name)
    return list(kinds.values())


@pytest.mark.faults  # hundreds of takes; more than a thousand for `make thorough`
def test_no_odd_field_stops_a_start_a_page_or_a_measurement(
    odd_home: dict[str, str], home: Path, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    report = recover()
    rows = {str(pk) for pk in Episode.objects.values_list("pk", flat=True)}
    assert report.takes == len(odd_home) > (1000 if THOROUGH else 330) and GOOD in rows
    assert report.usable == len(rows) > 0.9 * len(odd_home)
    unread = set(Unopened.objects.values_list("name", flat=True))
    assert rows | unread == odd_home.keys(), "each take is in a list, or is named as unreadable"
    assert all(name in "\n".join(report.lost) for name in unread)
    sweep()
    shown = representatives(home / "spool", rows)
    for name in shown:
        assess_by_id(name)
        episode = Episode.objects.get(pk=name)
        measured = (episode.take_path / "quality.json").exists()
        assert measured or "unreadable" in [mark["code"] for mark in episode.marks], odd_home[name]
    pages = ["/", "/newest/", "/datasets/", "/trash/", "/api/datasets", "/api/rigs", "/api/sessions"]
    for slug in Dataset.objects.values_list("slug", flat=True):
        pages += [f"/datasets/{slug}/{part}" for part in ("", "overview/", "frames/", "wall/head/", "wall/ids/")]
        pages += [f"/datasets/{slug}/?view=all&sort={sort}&most=500" for sort in ("longest", "worst")]
    for name in shown:
        pages += [f"/api/episodes/{name}", f"/media/{name}/frame/{FRONT}/1.jpg", f"/episodes/{name}/"]
    answers = {page: client.get(page).status_code for page in pages}
    after = ""
    while after is not None:
        answer = client.get("/api/episodes?limit=500" + after)
        answers[after] = answer.status_code
        after = f"&after={following}" if (following := answer.json()["next"]) else None
    assert not {page: status for page, status in answers.items() if status >= 500}
    assert not [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]


def test_what_is_put_aside_is_named_and_stays_in_the_file(home: Path, bells: Any, client: Client) -> None:
    spool = home / "spool"
    good = good_manifest(spool / GOOD)
    odd = {**good, "marks": 5, "operator": 7, "curation": {**good["curation"], "labels": "abc", "trim": [-5, 3]}}
    del odd["rig_marks"]  # it has not been measured yet
    name = put(spool, spool / GOOD, odd)
    recover()
    assess_by_id(name)
    page = client.get(f"/episodes/{name}/").content.decode()
    assert all(field in page for field in ("marks", "operator", "curation.labels", "curation.trim"))
    version = client.get(f"/api/episodes/{name}").json()["version"]
    answer = client.patch(f"/api/episodes/{name}", {"rating": 2, "version": version}, "application/json")
    assert answer.status_code == 200, answer.content
    answer = client.patch(f"/api/episodes/{name}", {"labels": ["dark"]}, "application/json")
    written = json.loads((spool / name / "take.json").read_text())
    assert (written["operator"], written["rig_marks"], written["curation"]["trim"]) == (7, 5, [-5, 3])
    assert (written["curation"]["rating"], written["curation"]["labels"]) == (2, ["dark"])
    assert written["put_aside"] == {"labels": "abc"}
    answer = client.patch(f"/api/episodes/{name}", {"verdict": "reject"}, "application/json")
    assert answer.status_code == 200 and Episode.objects.get(pk=name).verdict == "reject"


@pytest.mark.parametrize("part", ["features.action", "cameras.width"])
def test_a_take_that_is_not_sure_of_its_rows_says_so_before_it_is_encoded(
    home: Path, bells: Any, cubes: Dataset, part: str
) -> None:
    spool = home / "spool"
    good = good_manifest(spool / GOOD) | {"dataset": "cubes"}
    odd = json.loads(json.dumps(good))
    if part == "features.action":
        odd["features"]["action"]["shape"] = "x"
    else:
        odd["cameras"][FRONT]["width"] = ""
    name = put(spool, spool / GOOD, odd)
    before = {path.name: path.read_bytes() for path in (spool / name).iterdir() if path.is_file()}
    recover()
    assert Dataset.objects.get(slug="cubes").features == {} or "action" in Dataset.objects.get(slug="cubes").features
    operation = start_encoding(
        dataset=cubes, actor=Actor("olga"), episodes=[Episode.objects.get(pk=name)], include_unreviewed=True
    )
    done = work(operation)
    episode = Episode.objects.get(pk=name)
    assert done.state == "failed" and part.split(".")[0] in episode.error, (done.state, episode.error)
    assert {path.name: path.read_bytes() for path in (spool / name).iterdir() if path.name in before} == before


def test_an_unfinished_take_whose_manifest_is_odd_is_left_as_it_is(home: Path, bells: Any, db: None) -> None:
    folder = home / "spool" / GOOD
    write_take(folder, number=1, ticks=3, cameras=(FRONT,), state="recording")
    manifest = json.loads((folder / "take.json").read_text())
    manifest["features"]["action"] = 0
    (folder / "take.json").write_text(json.dumps(manifest))
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert recover().usable == 0
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.name in before} == before
    assert "features.action" in Unopened.objects.get(name=GOOD).why


def test_a_plan_of_recovery_cuts_no_file_elsewhere(home: Path, bells: Any, db: None) -> None:
    folder, other = home / "spool" / GOOD, home / "precious"
    write_take(folder, number=1, ticks=3, cameras=(FRONT,), state="recording")
    other.write_bytes(b"precious")
    plan = {"cuts": {"../../precious": 0}, "manifest": {"recovery": {"kept_ticks": 0, "lost_ticks": 0}}}
    (folder / ".recovery.json").write_text(json.dumps(plan))
    assert recover().usable == 1 and other.read_bytes() == b"precious"
    assert Episode.objects.get(pk=GOOD).ticks == 3


def test_a_joint_whose_name_is_no_text_is_put_aside(home: Path, bells: Any, client: Client) -> None:
    """Half a surrogate pair within the list of names reached the overview's page, which cannot be encoded then."""
    spool = home / "spool"
    good = good_manifest(spool / GOOD)
    features = {**good["features"]}
    features["action"] = {**features["action"], "names": ["\ud800", *features["action"]["names"][1:]]}
    odd = put(spool, spool / GOOD, {**good, "features": features})
    recover()
    for name in (GOOD, odd):
        assess_by_id(name)
    slug = Episode.objects.get(pk=odd).dataset.slug
    for page in (f"/datasets/{slug}/overview/", f"/episodes/{odd}/", f"/media/{odd}/signals.bin"):
        assert client.get(page).status_code == 200, page


@pytest.mark.parametrize("shape", [[2**31], [2**16, 2**16], [2**40, 2**40]])
def test_a_shape_that_no_row_can_have_is_put_aside(home: Path, bells: Any, client: Client, shape: list[int]) -> None:
    """Arrow counts the values of a row in 31 bits, and raises an error of its own beyond."""
    spool = home / "spool"
    good = good_manifest(spool / GOOD)
    features = {**good["features"], "action": {**good["features"]["action"], "shape": shape}}
    odd = put(spool, spool / GOOD, {**good, "features": features})
    recover()
    assess_by_id(odd)
    for page in (f"/episodes/{odd}/", f"/media/{odd}/signals.bin", f"/media/{odd}/frame/{FRONT}/1.jpg"):
        assert client.get(page).status_code < 500, page
