"""The guided first take: its steps follow what has happened, it can be left, and it comes once."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.utils import timezone

from recorder.models import Dataset, Episode, Rig

pytestmark = pytest.mark.django_db
STRIP = "/first-take/"


def steps(client: Client) -> tuple[int, int]:
    """The steps that are done, and the number of the current one; 0 for none."""
    page = client.get(STRIP).text
    items = re.findall(r"<li class=\"(is-done)?\"( aria-current=\"step\")?>", page)
    current = next((number for number, (_, now) in enumerate(items, 1) if now), 0)
    return sum(bool(done) for done, _ in items), current


def test_it_begins_with_the_simulated_rig_where_there_is_one(person: Client) -> None:
    seen = timezone.now()
    Rig.objects.create(name="arm", state="idle", robot_type="so101_follower", last_seen_at=seen)
    assert "arm, which will move" in person.get("/").text
    assert person.post("/first-take/start/")["Location"] == "/record/arm/"
    Rig.objects.create(name="virtual", state="idle", robot_type="sim_arm", last_seen_at=seen)
    assert person.post("/first-take/start/")["Location"] == "/record/virtual/"
    assert person.get("/").text.count("virtual") and "nothing can break" in person.get("/").text


def test_a_step_is_done_when_it_has_happened(person: Client) -> None:
    assert "Guide me" in person.get("/").text
    assert person.get(STRIP).text.strip() == "" and 'id="first-take"' not in person.get("/").text
    assert person.post("/first-take/start/")["Location"] == "/record/"
    assert 'id="first-take"' in person.get("/").text and "Guide me" not in person.get("/").text
    assert steps(person) == (0, 1)
    Rig.objects.create(name="sim", state="ready", last_seen_at=timezone.now())
    assert steps(person) == (1, 2)
    dataset = Dataset.objects.create(slug="cups", title="Cups", fps=30)
    take = Episode.objects.create(dataset=dataset, task="Put", state="recording", ticks=9)
    assert steps(person) == (1, 2), "a take is recorded when it has ended"
    Episode.objects.filter(pk=take.pk).update(state="recorded")
    assert steps(person) == (2, 3)
    Episode.objects.filter(pk=take.pk).update(verdict="reject")
    assert steps(person) == (3, 4) and "record another" in person.get(STRIP).text
    Episode.objects.filter(pk=take.pk).update(verdict="keep")
    assert '/datasets/cups/"' in person.get(STRIP).text
    Episode.objects.filter(pk=take.pk).update(state="encoded", episode_index=0)
    assert steps(person) == (4, 0) and person.get(STRIP).text.strip() == "", "it says so once"


def test_it_is_left_for_good(person: Client) -> None:
    person.post("/first-take/start/")
    assert person.get("/first-take/leave/").status_code == 405
    assert person.post("/first-take/leave/").status_code == 200
    assert person.get(STRIP).text.strip() == "" and "Guide me" not in person.get("/").text


def test_earlier_takes_count_for_nothing(person: Client) -> None:
    dataset = Dataset.objects.create(slug="cups", title="Cups", fps=30)
    Episode.objects.create(dataset=dataset, task="Put", state="encoded", episode_index=0, ticks=9)
    Rig.objects.create(name="sim", state="ready", last_seen_at=timezone.now())
    assert person.post("/first-take/start/")["Location"] == "/record/sim/"
    assert steps(person) == (1, 2)


def test_a_take_that_waits_for_review_is_named_while_nothing_is_kept(person: Client) -> None:
    person.post("/first-take/start/")
    dataset = Dataset.objects.create(slug="cups", title="Cups", fps=30)
    Rig.objects.create(name="sim", state="ready", last_seen_at=timezone.now())
    Episode.objects.create(dataset=dataset, task="Put", state="recorded", ticks=9, verdict="reject")
    waiting = [Episode.objects.create(dataset=dataset, task="Put", state="recorded", ticks=9) for _ in range(2)]
    assert steps(person) == (2, 3)
    assert f'/episodes/{waiting[-1].pk}/?list=review"' in person.get(STRIP).text
    Episode.objects.filter(pk=waiting[0].pk).update(verdict="keep")
    assert steps(person) == (3, 4) and "press <b>Encode" in person.get(STRIP).text


@pytest.mark.parametrize(
    ("change", "said"),
    [({"verdict": "keep"}, "press <b>Encode"), ({"state": "encoded", "episode_index": 0}, "LeRobot trains")],
)
def test_it_looks_at_every_take(person: Client, change: dict[str, object], said: str) -> None:
    person.post("/first-take/start/")
    dataset = Dataset.objects.create(slug="cups", title="Cups", fps=30)
    for _ in range(51):
        last = Episode.objects.create(dataset=dataset, task="Put", state="recorded", ticks=9, verdict="reject")
    Episode.objects.filter(pk=last.pk).update(**change)
    page = person.get(STRIP).text
    assert said in page and "Nothing is kept yet" not in page


def test_it_says_that_a_kept_take_is_being_encoded(person: Client) -> None:
    person.post("/first-take/start/")
    dataset = Dataset.objects.create(slug="cups", title="Cups", fps=30)
    Episode.objects.create(dataset=dataset, task="Put", state="recorded", ticks=9, verdict="keep")
    Episode.objects.create(dataset=dataset, task="Put", state="encoding", ticks=9, verdict="keep")
    page = person.get(STRIP).text
    assert steps(person) == (3, 4) and "being encoded" in page and "press <b>Encode" not in page
