from __future__ import annotations

import json
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client, override_settings
from django.utils import timezone

from recorder.models import ApiToken, Dataset, Episode, Rig
from robotdata.spool import TakeWriter

pytestmark = pytest.mark.django_db


class Api:
    """A program with a token."""

    def __init__(self, user: User) -> None:
        self.token = ApiToken.issue(user_id=user.pk, name="tests")
        self.client = Client(headers={"Authorization": f"Bearer {self.token}"})

    def __call__(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        data = "" if body is None else json.dumps(body)
        answer = self.client.generic(method, f"/api{path}", data, content_type="application/json")
        return answer.status_code, answer.json()


@pytest.fixture
def olga() -> User:
    return User.objects.create_user("olga")  # no password: hashing one takes a second


@pytest.fixture
def api(olga: User) -> Api:
    return Api(olga)


@pytest.fixture
def dataset(settings: Any, tmp_path: Path) -> Dataset:
    """Empty, in a home of this test's own."""
    settings.SPOOL_DIR, settings.DATASETS_DIR = tmp_path / "spool", tmp_path / "datasets"
    settings.STAGING_DIR = tmp_path / "staging"
    for folder in (settings.SPOOL_DIR, settings.DATASETS_DIR, settings.STAGING_DIR):
        folder.mkdir()
    return Dataset.objects.create(slug="pushing", title="Pushing")


@pytest.fixture
def takes(dataset: Dataset, settings: Any) -> list[Episode]:
    """Five recorded takes without cameras, a minute apart, the newest last."""
    features = {"action": {"dtype": "float32", "shape": [1], "names": ["a.pos"]}}
    made = []
    for number in range(5):
        folder = Path(settings.SPOOL_DIR) / str(uuid.uuid4())
        facts = {"rig": "sim", "dataset": "pushing", "task": "push", "fps": 30}
        TakeWriter(folder, facts, features, {}).finish("recorded")
        at = timezone.now() - timedelta(minutes=5 - number)
        made.append(
            Episode.objects.create(pk=folder.name, dataset=dataset, task="push", state="recorded", recorded_at=at)
        )
    return made


def test_it_answers_a_stranger_in_the_one_shape_of_an_error() -> None:
    answer = Client().get("/api/rigs")
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "sign_in"
    assert Client(headers={"Authorization": "Bearer nonsense"}).get("/api/rigs").status_code == 401


def test_it_takes_a_token_and_remembers_its_use(api: Api) -> None:
    assert api("GET", "/rigs") == (200, {"items": [], "next": None})
    assert ApiToken.objects.get().last_used_at is not None


def test_it_turns_away_a_token_of_somebody_who_may_no_longer_come_in(api: Api, olga: User) -> None:
    olga.is_active = False
    olga.save()
    assert api("GET", "/rigs")[0] == 401


def test_it_wants_the_csrf_token_from_a_browser(olga: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(olga)
    assert browser.get("/api/rigs").status_code == 200
    refused = browser.post("/api/undo", "", content_type="application/json")
    assert refused.status_code == 403 and refused.json()["error"]["code"] == "forbidden"


def test_it_says_which_methods_an_address_takes(api: Api) -> None:
    status, answer = api("DELETE", "/rigs")
    assert (status, answer["error"]["code"]) == (405, "method")
    assert "GET" in answer["error"]["message"]


def test_it_names_the_field_that_is_wrong(api: Api) -> None:
    status, answer = api("POST", "/datasets", {"title": "", "colour": "red"})
    assert status == 422
    assert {"body.body.title", "body.body.colour"} <= {field["where"] for field in answer["error"]["detail"]["fields"]}


def test_its_message_names_the_field_as_it_was_sent_and_says_what_is_wrong_in_words(api: Api) -> None:
    _, answer = api("POST", "/datasets", {"title": "a\0b", "encoding": {"crf": []}})
    message = answer["error"]["message"]
    assert "title: It has a NUL character" in message and "encoding.crf: " in message and "body" not in message


def test_it_says_that_a_body_is_not_json(olga: User) -> None:
    browser, token = Client(), ApiToken.issue(user_id=olga.pk, name="demo")
    answer = browser.post("/api/datasets", "{", content_type="application/json", HTTP_AUTHORIZATION=f"Bearer {token}")
    assert answer.status_code == 400 and "not JSON" in answer.json()["error"]["message"]


def test_a_program_with_a_token_reads_the_description(olga: User) -> None:
    browser, token = Client(), ApiToken.issue(user_id=olga.pk, name="demo")
    assert browser.get("/api/openapi.json", HTTP_AUTHORIZATION=f"Bearer {token}").json()["info"]["title"] == "robotdata"
    refused = browser.get("/api/openapi.json", HTTP_AUTHORIZATION="Bearer nothing")
    assert refused.status_code == 401 and refused.json()["error"]["code"] == "sign_in"


def test_it_makes_a_dataset_of_any_title(api: Api) -> None:
    status, made = api(
        "POST", "/datasets", {"title": "Cup / 🤖 <b>", "policy": "every", "every": 3, "encoding": {"codec": "h264"}}
    )
    assert status == 201
    assert made["title"] == "Cup / 🤖 <b>" and "/" not in made["slug"]
    assert (made["policy"], made["every"], made["encoding"]["codec"]) == ("every", 3, "h264")
    assert api("GET", f"/datasets/{made['slug']}") == (200, made)
    assert api("POST", "/datasets", {"title": "Cup / 🤖 <b>"})[0] == 409


def test_it_changes_only_what_is_given_of_a_dataset(api: Api, dataset: Dataset) -> None:
    api("PATCH", "/datasets/pushing", {"goal": 50, "policy": "session"})
    _, changed = api("PATCH", "/datasets/pushing", {"encoding": {"crf": 20}})
    assert (changed["goal"], changed["policy"], changed["encoding"]["crf"]) == (50, "session", 20)
    assert changed["encoding"]["g"] == 2
    assert api("PATCH", "/datasets/pushing", {"goal": None})[1]["goal"] is None
    assert api("PATCH", "/datasets/pushing", {"encoding": {"codec": "wax"}})[0] == 422


def test_it_lists_episodes_in_pages_newest_first(api: Api, takes: list[Episode]) -> None:
    seen, after = [], ""
    while True:
        _, page = api("GET", f"/episodes?dataset=pushing&limit=2{after}")
        seen += [episode["id"] for episode in page["items"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert seen == [str(take.pk) for take in reversed(takes)]
    assert api("GET", f"/episodes?after={uuid.uuid4()}")[1]["error"]["code"] == "no_cursor"
    assert api("GET", "/episodes?state=encoded")[1]["items"] == []
    assert api("GET", "/episodes?verdict=keep&task=push")[1]["items"] == []


def test_it_judges_and_takes_it_back(api: Api, takes: list[Episode]) -> None:
    ids = [str(take.pk) for take in takes]
    status, act = api("POST", "/episodes/verdict", {"episodes": ids[:3], "verdict": "reject"})
    assert (status, act["episodes"]) == (200, 3)
    assert api("GET", "/trash")[1]["episodes"] == 3
    assert api("POST", f"/episodes/{ids[0]}/restore")[1]["verdict"] == "unreviewed"
    assert api("POST", "/undo")[1]["episodes"] == [ids[0]]
    assert set(api("POST", "/undo")[1]["episodes"]) == set(ids[:3])
    assert api("POST", "/undo")[0] == 409
    missing = str(uuid.uuid4())
    assert api("POST", "/episodes/verdict", {"episodes": [ids[0], missing], "verdict": "keep"})[0] == 404
    assert api("GET", f"/episodes/{ids[0]}")[1]["verdict"] == "unreviewed"


def test_it_mends_an_episode_and_refuses_who_has_read_an_older_one(api: Api, takes: list[Episode]) -> None:
    path = f"/episodes/{takes[0].pk}"
    read = api("GET", path)[1]
    change = {"task": "push it", "labels": ["slow"], "rating": 4, "note": "ok", "verdict": "keep"}
    status, changed = api("PATCH", path, change | {"version": read["version"]})
    assert (status, {name: changed[name] for name in change}) == (200, change)
    status, answer = api("PATCH", path, {"verdict": "reject", "version": read["version"]})
    assert (status, answer["error"]["code"]) == (409, "conflict")
    assert "olga" in answer["error"]["message"]
    assert api("PATCH", path, {"rating": None})[1]["rating"] is None
    assert api("PATCH", path, {"rating": 9})[0] == 422
    assert api("PATCH", path, {"version": "yesterday", "rating": 3})[0] == 422


def test_it_empties_the_trash(api: Api, takes: list[Episode]) -> None:
    api("POST", "/episodes/verdict", {"episodes": [str(takes[0].pk)], "verdict": "reject"})
    assert api("POST", "/trash/empty", {"episodes": [str(takes[1].pk)]})[0] == 409
    status, answer = api("POST", "/trash/empty", {"most": 0})
    assert (status, answer["error"]["code"]) == (409, "more_in_trash") and takes[0].take_path.exists()
    status, freed = api("POST", "/trash/empty", {"most": 1})
    assert status == 200 and freed["freed_bytes"] > 0
    assert not takes[0].take_path.exists() and takes[1].take_path.exists()
    assert api("GET", f"/episodes/{takes[0].pk}")[1]["purged_at"]


def test_it_begins_shows_and_cancels_a_batch(api: Api, takes: list[Episode]) -> None:
    assert api("POST", "/datasets/pushing/encode", {})[0] == 409
    ids = [str(take.pk) for take in takes[:2]]
    api("POST", "/episodes/verdict", {"episodes": ids, "verdict": "keep"})
    status, operation = api("POST", "/datasets/pushing/encode", {})
    assert status == 202
    assert {job["episode"] for job in operation["jobs"]} == set(ids)
    assert api("GET", "/operations?dataset=pushing")[1]["items"][0]["id"] == operation["id"]
    assert api("POST", f"/operations/{operation['id']}/cancel")[1]["state"] == "cancelled"
    assert api("POST", f"/operations/{operation['id']}/cancel")[0] == 409
    assert api("GET", f"/episodes/{ids[0]}")[1]["state"] == "recorded"
    assert api("GET", f"/operations/{uuid.uuid4()}")[0] == 404


def test_it_shows_a_rig_that_fell_silent_as_offline(api: Api) -> None:
    Rig.objects.create(name="sim", state="recording", last_seen_at=timezone.now() - timedelta(minutes=1))
    shown = api("GET", "/rigs")[1]["items"][0]
    assert (shown["state"], shown["online"], shown["controls"]) == ("offline", False, [])
    status, answer = api("POST", "/rigs/sim/record", {"dataset": "nowhere", "task": "push"})
    assert (status, answer["error"]["code"]) == (404, "no_dataset")


def test_it_refuses_text_that_no_database_can_hold(api: Api) -> None:
    assert api("POST", "/datasets", {"title": "a\x00b"})[0] == 422
    assert api("POST", "/datasets", {"title": "\ud800"})[0] == 422
    assert api("GET", "/datasets/..%2f..%2fetc")[0] == 404


def test_it_shows_its_own_documentation_under_our_csp(olga: User, settings: Any) -> None:
    browser = Client()
    assert browser.get("/api/docs").status_code == 302
    browser.force_login(olga)
    page = browser.get("/api/docs").content.decode()
    assert "https://" not in page and "swagger-ui-bundle.js" in page
    schema = browser.get("/api/openapi.json").json()
    assert schema["info"]["title"] == "robotdata"
    operations = [(path, each) for path, methods in schema["paths"].items() for each in methods.values()]
    assert len(operations) > 30
    assert [path for path, each in operations if not each.get("description")] == []


@override_settings(DATA_UPLOAD_MAX_MEMORY_SIZE=1000)
def test_it_reads_no_more_than_it_can_use(api: Api) -> None:
    status, answer = api("POST", "/datasets", {"title": "x" * 2000})
    assert (status, answer["error"]["code"]) == (413, "too_big")


def test_it_prints_a_token_that_opens_the_api(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("token", "a robot")
    secret = capsys.readouterr().out.strip()
    assert Client(headers={"Authorization": f"Bearer {secret}"}).get("/api/rigs").status_code == 200
    assert ApiToken.objects.get().name == "a robot"


@pytest.mark.parametrize("version", ["9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00Z"])
def test_it_takes_no_version_of_a_year_that_nobody_wrote_in(api: Api, takes: list[Episode], version: str) -> None:
    path = f"/episodes/{takes[0].pk}"
    for method, address, body in (
        ("PATCH", path, {"rating": 3, "version": version}),
        (
            "POST",
            "/episodes/verdict",
            {"episodes": [str(takes[0].pk)], "verdict": "keep", "versions": {str(takes[0].pk): version}},
        ),
        (
            "POST",
            "/episodes/edit",
            {"episodes": [str(takes[0].pk)], "rating": 2, "versions": {str(takes[0].pk): version}},
        ),
    ):
        assert api(method, address, body)[0] in {200, 409, 422}, address


def test_a_session_has_a_target_until_it_is_given_none(api: Api, dataset: Dataset) -> None:
    Rig.objects.create(name="sim")
    _, session = api("POST", "/sessions", {"rig": "sim", "dataset": "pushing", "task": "push", "target": 50})
    assert session["target"] == 50
    address = f"/sessions/{session['id']}"
    assert api("PATCH", address, {"target": None}) == (200, session | {"target": None})
    assert [api("PATCH", address, body)[0] for body in ({"target": 0}, {"target": "many"}, {})] == [422, 422, 422]
    assert api("PATCH", f"/sessions/{uuid.uuid4()}", {"target": 3})[0] == 404
