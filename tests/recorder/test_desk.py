"""The pages beside the wall: a dataset at a glance, first and last frames, two takes side by side."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from recorder.models import Dataset, Episode
from recorder.views.charts import BAR_HEIGHT, bars_of

pytestmark = pytest.mark.django_db

FRONT, TOP = "observation.images.front", "observation.images.top"
FEATURES = {key: {"dtype": "video", "shape": [48, 64, 3]} for key in (FRONT, TOP)}
WICKED = "<script>alert('x')</script> & 🥄"


@pytest.fixture
def cups() -> Dataset:
    return Dataset.objects.create(slug="cups", title="Cups", features=FEATURES, fps=30, goal=50)


def take(dataset: Dataset, n: int = 0, **fields: Any) -> Episode:
    about = {"state": "recorded", "task": "Put", "ticks": 90, "recorded_at": timezone.now() - timedelta(minutes=n)}
    return Episode.objects.create(dataset=dataset, **{**about, **fields})


def text(client: Client, url: str, **more: Any) -> str:
    answer = client.get(url, **more)
    assert answer.status_code == 200, url
    return answer.text


def test_it_says_what_to_do_where_there_is_nothing(person: Client, cups: Dataset) -> None:
    for url in ("/datasets/cups/overview/", "/datasets/cups/frames/"):
        assert 'class="empty' in text(person, url)


def test_it_leads_from_every_bar_to_what_it_counts(person: Client, cups: Dataset) -> None:
    for n, ticks in enumerate([30, 31, 31, 60, 90, 90, 91, 300]):
        take(cups, n, ticks=ticks)
    page = text(person, "/datasets/cups/overview/")
    bars = re.findall(r'href="(/datasets/cups/\?view=all&amp;longer=[^"]+)" aria-label="(\d+) from', page)
    assert sum(int(count) for _, count in bars) == 8
    for url, count in bars:
        shown = text(person, url.replace("&amp;", "&"))
        assert shown.count('<article class="take') >= int(count)


def test_it_names_marks_with_their_counts_and_shows_the_worst_first(person: Client, cups: Dataset) -> None:
    bad = {"code": "nan", "severity": "bad", "from_tick": 0, "to_tick": 3, "text": "No number."}
    late = {"code": "late", "severity": "warn", "from_tick": 0, "to_tick": 3, "text": "Late."}
    mild, worst = take(cups, 0, marks=[late]), take(cups, 1, marks=[bad, late])
    page = text(person, "/datasets/cups/overview/")
    assert "NaN value" in page
    assert "mark=late&amp;sort=worst" in page
    assert re.findall(r'id="take-([0-9a-f-]+)"', page) == [str(worst.pk), str(mild.pk)]


def test_it_shows_how_far_tasks_are_towards_the_goal(person: Client, cups: Dataset) -> None:
    for n in range(3):
        take(cups, n, verdict="keep" if n else "unreviewed", task=WICKED)
    page = text(person, "/datasets/cups/overview/")
    assert "<b>2</b> of 50 kept" in page
    assert "<script>alert" not in page
    link = re.search(r'href="(/datasets/cups/\?view=all&amp;task=[^"]+)"', page)
    assert link is not None
    assert text(person, link[1].replace("&amp;", "&")).count('<article class="take') == 3


def test_it_draws_bars_within_the_picture() -> None:
    bars = bars_of({"edges_s": [0, 1, 2, 3], "counts": [4, 0, 2], "median_s": 1.0})
    assert [bar["high"] for bar in bars] == [BAR_HEIGHT, 0, BAR_HEIGHT / 2]
    assert all(bar["y"] + bar["high"] == BAR_HEIGHT for bar in bars)
    assert bars_of({"edges_s": [], "counts": [], "median_s": None}) == []


def test_it_shows_first_and_last_frames_of_a_camera_page_by_page(person: Client, cups: Dataset) -> None:
    rows = [take(cups, n, task=WICKED) for n in range(60)]
    take(cups, 90, state="recording")
    page = text(person, f"/datasets/cups/frames/?camera={TOP}")
    assert "<script>alert" not in page
    seen: list[str] = []
    while True:
        seen += re.findall(rf"/media/([0-9a-f-]+)/strip/{re.escape(TOP)}.jpg\?count=3", page)
        more = re.search(r'hx-get="(/datasets/cups/frames/[^"]+)"', page)
        if more is None:
            break
        page = text(person, more[1].replace("&amp;", "&"), headers={"HX-Request": "true"})
        assert "<!doctype" not in page
    assert seen == [str(each.pk) for each in rows]


def test_it_shows_the_first_camera_where_another_is_unknown(person: Client, cups: Dataset) -> None:
    take(cups)
    assert f"/strip/{FRONT}.jpg" in text(person, "/datasets/cups/frames/?camera=nose")


def test_it_compares_two(person: Client, cups: Dataset) -> None:
    a, b = take(cups, 0), take(cups, 1, state="encoded", episode_index=0, task=WICKED)
    page = text(person, f"/compare/?a={a.pk}&b={b.pk}")
    assert re.findall(r'data-side="([0-9a-f-]+)"', page) == [str(a.pk), str(b.pk)]
    assert "<script>alert" not in page
    assert f'data-call="PATCH /api/episodes/{a.pk}"' in page
    assert f'data-call="PATCH /api/episodes/{b.pk}"' in page, "committed ones are judged, too"
    assert f"/episodes/{a.pk}/" in text(person, f"/episodes/{a.pk}/compare-head/")


def test_it_offers_the_neighbours_for_comparison(person: Client, cups: Dataset) -> None:
    new, old = take(cups, 0), take(cups, 1)
    assert f"/compare/?a={old.pk}&amp;b={new.pk}" in text(person, f"/episodes/{old.pk}/?list=review")


def test_it_compares_nothing_with_itself_or_with_nobody(person: Client, cups: Dataset) -> None:
    one = take(cups)
    for query in (f"a={one.pk}&b={one.pk}", f"a={one.pk}", f"a={one.pk}&b=x", f"a={one.pk}&b={uuid.uuid4()}"):
        assert person.get(f"/compare/?{query}").status_code == 404
    assert "Select two takes in a dataset" in person.get(f"/compare/?a={one.pk}").text


def test_it_says_where_nothing_moves(person: Client, cups: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    one = take(cups, ticks=300)
    monkeypatch.setattr("viewer.views.suggest_trim", lambda episode: (36, 276))
    assert "Nothing moves in the first 1.2 s and the last 0.8 s." in text(person, f"/episodes/{one.pk}/")
    monkeypatch.setattr("viewer.views.suggest_trim", lambda episode: (0, 276))
    assert "Nothing moves in the last 0.8 s." in text(person, f"/episodes/{one.pk}/")
    Episode.objects.filter(pk=one.pk).update(trim_first=3)
    assert "Nothing moves" not in text(person, f"/episodes/{one.pk}/")


def test_it_offers_labels_that_are_in_use_and_a_rating(person: Client, cups: Dataset) -> None:
    take(cups, 1, labels=["success", "wobbly"])
    one = take(cups, labels=["success"], rating=4)
    page = text(person, f"/episodes/{one.pk}/")
    chips = re.findall(r'data-label="(\w+)" aria-pressed="(\w+)"', page)
    assert chips == [("success", "true"), ("failure", "false"), ("wobbly", "false")]
    assert re.findall(r'data-rating="(\d)" aria-pressed="true"', page) == ["4"]
