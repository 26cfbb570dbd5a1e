"""Pages, messages and the API name an episode by its number in the dataset."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from recorder.actor import Actor
from recorder.errors import Refused
from recorder.models import Dataset, Episode, Job, Operation, Rig, Session
from recorder.quality.assess import assess
from recorder.review.verdicts import set_verdict

pytestmark = pytest.mark.django_db
FRONT = "observation.images.front"
FEATURES = {FRONT: {"dtype": "video", "shape": [480, 640, 3], "names": ["height", "width", "channels"]}}
NUMBER = 4711


@pytest.fixture
def cups() -> Dataset:
    return Dataset.objects.create(slug="cups", title="Cups", features=FEATURES, fps=30, next_number=NUMBER)


def make_take(dataset: Dataset, **fields: Any) -> Episode:
    return Episode.objects.create(**{"dataset": dataset, "state": "recorded", "task": "Put", "ticks": 90, **fields})


def text(client: Client, url: str, **more: Any) -> str:
    response = client.get(url, **more)
    assert response.status_code == 200, url
    return str(response.content, "utf-8")


@pytest.mark.parametrize(
    "url",
    [
        "/",
        "/datasets/cups/?view=all",
        "/datasets/cups/cards/?view=all",
        "/datasets/cups/frames/",
        "/datasets/cups/overview/",
        "/episodes/{take}/",
        "/compare/?a={take}&b={other}",
        "/record/arm/",
        "/operations/",
    ],
)
def test_a_page_names_a_take_by_its_number(administrator: Client, cups: Dataset, url: str) -> None:
    rig = Rig.objects.create(name="arm", features=FEATURES)
    session = Session.objects.create(rig=rig, dataset=cups)
    bad = {"code": "late", "camera": None, "from_tick": 0, "to_tick": 9, "severity": "bad", "text": "Late."}
    take, other = (make_take(cups, session=session, marks=[bad]) for _ in range(2))
    Job.objects.create(operation=Operation.objects.create(dataset=cups, type="encode"), episode=take, camera=FRONT)
    assert f"#{NUMBER}" in text(administrator, url.format(take=take.pk, other=other.pk))


def test_the_trash_names_a_take_by_its_number(administrator: Client, cups: Dataset) -> None:
    make_take(cups, verdict="reject")
    page = text(administrator, "/trash/")
    assert f'<span class="number">#{NUMBER}</span>' in page and f'data-said="#{NUMBER} restored.' in page


def test_title_heading_and_facts_of_the_player_have_the_number(administrator: Client, cups: Dataset) -> None:
    take, other = make_take(cups), make_take(cups, state="encoded", episode_index=7, verdict="keep")
    page = text(administrator, f"/episodes/{take.pk}/")
    assert f"<title>#{NUMBER} Put" in page and f'<h1 class="task-title"><span class="number">#{NUMBER}</span>' in page
    assert f">#{other.number}</a> side by side" in page
    page = text(administrator, f"/episodes/{other.pk}/")
    assert f"#{other.number} · episode 7 of the dataset" in page


@pytest.mark.parametrize("written", ["#{}", "{}"])
def test_the_search_finds_a_number(administrator: Client, cups: Dataset, written: str) -> None:
    takes = [make_take(cups, task=f"task {number}") for number in range(3)]
    page = text(administrator, "/datasets/cups/wall/", data={"view": "all", "q": written.format(takes[1].number)})
    assert [f'id="take-{take.pk}"' in page for take in takes] == [False, True, False]


def test_the_api_tells_the_number_and_finds_it(administrator: Client, cups: Dataset) -> None:
    takes = [make_take(cups) for _ in range(3)]
    make_take(Dataset.objects.create(slug="cubes", title="Cubes", next_number=NUMBER))
    found = administrator.get("/api/episodes", {"dataset": "cups", "number": takes[1].number}).json()["items"]
    assert [(each["id"], each["number"], each["name"]) for each in found] == [
        (str(takes[1].pk), NUMBER + 1, f"#{NUMBER + 1}")
    ]
    assert administrator.get("/api/episodes", {"number": 0}).status_code == 422


def test_a_refusal_names_the_take_by_its_number(cups: Dataset) -> None:
    take = make_take(cups, state="recording")
    with pytest.raises(Refused, match=rf"^#{NUMBER} \(Put\) is still being recorded"):
        set_verdict(episodes=[take], verdict="keep", actor=Actor("olga"))


def test_a_flag_that_names_another_take_is_a_link_to_it(
    administrator: Client, make_episode: Callable[..., Episode]
) -> None:
    takes = [make_episode(40, values=lambda t: [t, -t]) for _ in range(6)]
    for take in takes:
        assess(episode=take)
    copied = Episode.objects.get(pk=takes[5].pk)
    (mark,) = [mark for mark in copied.marks if mark["code"] == "near_copy"]
    other = Episode.objects.get(pk=mark["other"])
    assert mark["text"].startswith(f"Near-duplicate of {str(other.pk)[:8]} ("), "a number is that of one dataset"
    for url in (f"/episodes/{copied.pk}/", "/datasets/cubes/?view=all"):
        assert f'Near-duplicate of <a href="/episodes/{other.pk}/">#{other.number}</a> (' in text(administrator, url)


@pytest.mark.parametrize("stored", ["{short}", "#12"])
def test_a_flag_names_a_take_of_another_dataset_with_its_title(
    administrator: Client, cups: Dataset, stored: str
) -> None:
    other = make_take(Dataset.objects.create(slug="cubes", title="Cubes", next_number=7))
    said = f"Near-duplicate of {stored.format(short=str(other.pk)[:8])} (same motion)."
    mark = {"code": "near_copy", "severity": "warn", "text": said, "other": str(other.pk), "from_tick": 0}
    take = make_take(cups, marks=[{**mark, "to_tick": 90}])
    for url in (f"/episodes/{take.pk}/", "/datasets/cups/?view=all"):
        page = text(administrator, url)
        assert f'Near-duplicate of <a href="/episodes/{other.pk}/">#7 of Cubes</a> (same motion).' in page


@pytest.mark.parametrize("url", ["/", "/datasets/cups/cards/?view=all", "/record/arm/", "/datasets/cups/overview/"])
def test_a_page_finds_all_numbers_in_one_query(
    administrator: Client, cups: Dataset, url: str, django_assert_max_num_queries: Any
) -> None:
    session = Session.objects.create(rig=Rig.objects.create(name="arm", features=FEATURES), dataset=cups)
    others = [make_take(cups) for _ in range(8)]
    for other in others:
        mark = {"code": "near_copy", "severity": "warn", "text": f"Like {str(other.pk)[:8]}.", "other": str(other.pk)}
        make_take(cups, session=session, marks=[{**mark, "from_tick": 0, "to_tick": 90}])
    with django_assert_max_num_queries(60) as asked:
        page = text(administrator, url)
    assert f'<a href="/episodes/{others[-1].pk}/">#{others[-1].number}</a>.' in page
    asking = [each["sql"] for each in asked if '"recorder_dataset"."title"' in each["sql"]]
    named = [sql for sql in asking if any(other.pk.hex in sql for other in others)]
    assert len(named) == 1


@pytest.mark.parametrize("other", [None, "x", 3, ["a"], str(uuid.UUID(int=1))])
def test_an_odd_flag_stays_text(administrator: Client, cups: Dataset, other: Any) -> None:
    mark = {"code": "near_copy", "severity": "warn", "text": "Like <b>that</b> one.", "other": other}
    take = make_take(cups, marks=[{**mark, "from_tick": 0, "to_tick": 90}])
    assert "Like &lt;b&gt;that&lt;/b&gt; one." in text(administrator, f"/episodes/{take.pk}/")
