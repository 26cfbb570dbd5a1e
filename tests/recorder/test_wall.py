"""The wall's questions: every filter and order, its totals, its pages, and who stands next in it."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from recorder.browse import ordering
from recorder.browse.filters import Filter, choices, rows_in, totals
from recorder.browse.lists import neighbours
from recorder.models import Change, Dataset, Episode, Rig, Session

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 10, 12, tzinfo=UTC)
FRONT = "observation.images.front"
FEATURES = {FRONT: {"dtype": "video", "shape": [48, 64, 3]}, "action": {"dtype": "float32", "shape": [1]}}


@pytest.fixture
def cups() -> Dataset:
    return Dataset.objects.create(slug="cups", title="Cups", features=FEATURES, fps=30)


@pytest.fixture
def person(client: Client) -> Client:
    client.force_login(get_user_model().objects.create_user("olga"))
    return client


def take(dataset: Dataset, n: int = 0, **fields: Any) -> Episode:
    """The n-th, n minutes before noon."""
    about = {"state": "recorded", "task": "Put", "ticks": 90, "recorded_at": NOON - timedelta(minutes=n)}
    return Episode.objects.create(dataset=dataset, **{**about, **fields})


def mark(code: str, severity: str = "warn") -> dict[str, Any]:
    return {"code": code, "severity": severity, "from_tick": 0, "to_tick": 9, "text": f"It is {code}."}


def found(dataset: Dataset, view: str = "all", **asked: str) -> set[uuid.UUID]:
    return set(rows_in(dataset, view, Filter.read(asked)).values_list("pk", flat=True))


def ids_on(page: str) -> list[str]:
    return re.findall(r'id="take-([0-9a-f-]+)"', page)


@pytest.mark.parametrize(
    ("asked", "fields"),
    [
        ({"task": "Stack"}, {"task": "Stack"}),
        ({"label": "good grip"}, {"labels": ["late", "good grip"]}),
        ({"label": "gut gegriffen: Tür 🥄"}, {"labels": ["gut gegriffen: Tür 🥄"]}),
        ({"label": 'a "b" \\ c'}, {"labels": ['a "b" \\ c']}),
        ({"mark": "frozen"}, {"marks": [mark("frozen")]}),
        ({"mark": "bad"}, {"marks": [mark("nan", "bad")]}),
        ({"mark": "any"}, {"marks": [mark("late", "note")]}),
        ({"operator": "ben"}, {"operator": "ben"}),
        ({"longer": "5"}, {"ticks": 200}),
        ({"shorter": "1.5"}, {"trim_first": 10, "trim_end": 50}),
        ({"since": "2026-11-11"}, {"recorded_at": NOON + timedelta(days=1)}),
        ({"until": "2026-11-09"}, {"recorded_at": NOON - timedelta(days=1)}),
        ({"q": "spoon"}, {"task": "Take the Spoon"}),
        ({"q": "spoon cup"}, {"task": "Take the spoon", "note": "the cup fell"}),
        ({"q": "wobbly"}, {"labels": ["wobbly"]}),
        ({"verdict": "keep"}, {"verdict": "keep"}),
        ({"verdict": "reject"}, {"verdict": "reject"}),
        ({"state": "interrupted"}, {"state": "interrupted"}),
    ],
    ids=str,
)
def test_it_finds_what_is_asked_for(cups: Dataset, asked: dict[str, str], fields: dict[str, Any]) -> None:
    for n in range(3):
        take(cups, n)
    one = take(cups, 5, **fields)
    assert found(cups, **asked) == {one.pk}


def test_it_finds_what_is_not_marked(cups: Dataset) -> None:
    take(cups, marks=[mark("frozen")])
    one = take(cups, 1)
    assert found(cups, mark="none") == {one.pk}


def test_it_finds_by_rig_and_by_the_beginning_of_an_id(cups: Dataset) -> None:
    rig = Rig.objects.create(name="arm-2")
    one, other = take(cups, rig=rig), take(cups, 1)
    assert found(cups, rig="arm-2") == {one.pk}
    assert found(cups, q=str(other.pk)[:13]) == {other.pk}


def test_it_takes_a_percent_sign_as_a_letter(cups: Dataset) -> None:
    take(cups)
    half = take(cups, 1, task="Fill it 50% full")
    assert found(cups, q="%") == {half.pk}


@pytest.mark.parametrize(
    "asked",
    [
        {"since": "yesterday"},
        {"longer": "-3"},
        {"longer": "nan"},
        {"sort": "random"},
        {"state": "gone"},
        {"session": "7"},
        {"mark": '"} OR 1'},
        {"what": "ever"},
    ],
    ids=str,
)
def test_it_leaves_out_what_makes_no_sense(cups: Dataset, person: Client, asked: dict[str, str]) -> None:
    one = take(cups)
    assert Filter.read(asked) == Filter()
    page = person.get("/datasets/cups/", asked)
    assert ids_on(page.text) == [str(one.pk)]


def test_it_counts_what_is_found_in_every_list(cups: Dataset) -> None:
    take(cups, ticks=60)
    take(cups, 1, verdict="keep", trim_first=30)
    take(cups, 2, verdict="reject")
    take(cups, 3, state="encoded", episode_index=0, verdict="keep")
    take(cups, 4, task="Other")
    counted = totals(cups, Filter(task="Put"))
    assert {view: row["episodes"] for view, row in counted.items()} == {
        "review": 1,
        "kept": 1,
        "committed": 1,
        "all": 3,
    }
    assert counted["all"]["seconds"] == pytest.approx(2 + 2 + 3)


@pytest.fixture
def mixed(cups: Dataset) -> list[Episode]:
    """Of several lengths and weights, some recorded at the same moment."""
    rows = []
    for n in range(30):
        marks = [mark("nan", "bad")] * (n % 5 == 0) + [mark("late")] * (n % 3 == 0)
        rows.append(take(cups, n // 2, ticks=30 + 10 * (n % 7), marks=marks))
    return rows


@pytest.mark.parametrize("sort", ["", "oldest", "longest", "shortest", "worst"])
def test_it_pages_every_order_without_a_gap(cups: Dataset, mixed: list[Episode], sort: str) -> None:
    rows = rows_in(cups, "all", Filter())
    whole, more = ordering.page(rows, sort, None, 100)
    assert len(whole) == 30 and not more
    seen: list[Episode] = []
    more = True
    while more:
        part, more = ordering.page(rows, sort, seen[-1] if seen else None, 7)
        seen += part
    assert seen == whole
    keys = {
        "": lambda e: -e.recorded_at.timestamp(),
        "oldest": lambda e: e.recorded_at.timestamp(),
        "longest": lambda e: -e.ticks,
        "shortest": lambda e: e.ticks,
        "worst": lambda e: -sum({"bad": 100, "warn": 10}[m["severity"]] for m in e.marks),
    }
    assert [keys[sort](e) for e in whole] == sorted(keys[sort](e) for e in whole)


@pytest.mark.parametrize("sort", ["", "oldest", "longest", "shortest", "worst"])
def test_it_walks_a_list_in_the_order_that_is_shown(cups: Dataset, mixed: list[Episode], sort: str) -> None:
    asked = Filter(sort=sort, shorter="2")
    whole, _ = ordering.page(rows_in(cups, "review", asked), sort, None, 100)
    first, second, third = whole[:3]
    near = neighbours("review", second, asked)
    assert (near.previous, near.next) == (first, third)
    round_the_list = [str(episode.pk) for episode in whole[2:] + whole[:1]]  # behind it, then from the beginning
    assert near.ahead.split() == round_the_list[: ordering.PRELOADED]
    assert (near.position, near.total) == (2, len(whole))
    assert neighbours("review", whole[-1], asked).ahead.startswith(str(first.pk))
    Episode.objects.filter(pk=second.pk).update(verdict="keep")  # it has left the list: its place stays
    second.refresh_from_db()
    assert neighbours("review", second, asked).next == third


def test_it_takes_the_filter_along_to_the_player(person: Client, cups: Dataset) -> None:
    rows = [take(cups, n, task="Put" if n % 2 else "Stack & go") for n in range(6)]
    page = person.get("/datasets/cups/?view=review&task=Stack+%26+go").text
    link = re.search(rf'href="(/episodes/{rows[2].pk}/[^"]*)"', page)
    assert link is not None
    player = person.get(link[1].replace("&amp;", "&")).text
    assert f'data-previous="{rows[0].pk}"' in player
    assert f'data-next="{rows[4].pk}"' in player
    assert '<span class="num">2 of 3</span>' in player


def test_it_answers_a_changed_filter_with_the_list_and_its_address(person: Client, cups: Dataset) -> None:
    one = take(cups, task="Stack")
    take(cups, 1)
    answer = person.get("/datasets/cups/wall/?view=review&task=Stack&label=", headers={"HX-Request": "true"})
    assert answer.headers["HX-Replace-Url"] == "/datasets/cups/?view=review&task=Stack"
    assert ids_on(answer.text) == [str(one.pk)]
    assert "<!doctype" not in answer.text


def test_it_names_everything_that_a_selection_of_all_means(person: Client, cups: Dataset) -> None:
    open_ones = [take(cups, n, marks=[mark("frozen")]) for n in range(40)]
    open_ones.append(take(cups, 49, marks=[mark("frozen")], state="encoded", episode_index=0))
    done = take(cups, 50, marks=[mark("frozen")], state="encoding")
    take(cups, 51)
    ids = person.get("/datasets/cups/wall/ids/?view=all&mark=frozen").json()
    assert ids == {"editable": [str(each.pk) for each in open_ones], "others": [str(done.pk)]}


def test_it_offers_to_reject_all_with_a_mark_while_it_shows_them(person: Client, cups: Dataset) -> None:
    for n in range(3):
        take(cups, n, marks=[mark("frozen")])
    page = person.get("/datasets/cups/?view=all&mark=frozen&sort=worst").text
    assert "Reject all 3 shown here" in page
    assert "Reject all" not in person.get("/datasets/cups/?view=all&mark=none").text
    take(cups, 4, state="encoded", episode_index=0, marks=[mark("frozen")])
    assert "Reject all 1 shown here" in person.get("/datasets/cups/?view=committed&mark=frozen").text


def test_it_lists_what_there_is_to_choose(cups: Dataset) -> None:
    take(cups, labels=["a", "b"], operator="ben", marks=[mark("late"), mark("late")])
    take(cups, 1, labels=["b"], task="Stack")
    assert choices(cups) == {
        "task": [("Put", 1), ("Stack", 1)],
        "operator": [("ben", 1)],
        "rig": [],
        "label": [("b", 2), ("a", 1)],
        "mark": [("late", 1)],
    }


@pytest.fixture
def post(person: Client) -> Iterator[Any]:
    yield lambda url, **body: person.post(url, body, content_type="application/json")


def test_it_changes_words_of_many_and_undoes_them_as_one(post: Any, cups: Dataset) -> None:
    rows = [take(cups, n, labels=["late", "x"] if n else []) for n in range(3)]
    ids = [str(each.pk) for each in rows]
    said = {"task": "Stack", "add_labels": ["good", "x"], "remove_labels": ["late"]}
    answer = post("/api/episodes/edit", episodes=ids, **said)
    assert answer.status_code == 200 and answer.json()["episodes"] == 3
    assert [each.labels for each in Episode.objects.newest_first()] == [["good", "x"], ["x", "good"], ["x", "good"]]
    assert set(Episode.objects.values_list("task", flat=True)) == {"Stack"}
    assert len(set(Change.objects.values_list("group", flat=True))) == 1
    assert len(post("/api/undo").json()["episodes"]) == 3
    assert [each.labels for each in Episode.objects.newest_first()] == [[], ["late", "x"], ["late", "x"]]


def test_it_rates_many_and_adds_a_note_below_what_each_says(post: Any, cups: Dataset) -> None:
    rows = [take(cups, n, rating=2, note=said) for n, said in enumerate(["", "dark", "dark\nslips"])]
    ids = [str(each.pk) for each in rows]
    assert post("/api/episodes/edit", episodes=ids, rating=5, add_note=" slips ").status_code == 200
    assert [each.note for each in Episode.objects.newest_first()] == ["slips", "dark\nslips", "dark\nslips"]
    assert set(Episode.objects.values_list("rating", "task")) == {(5, "Put")}
    assert post("/api/episodes/edit", episodes=ids, rating=None).status_code == 200
    assert set(Episode.objects.values_list("rating", flat=True)) == {None}
    for _ in range(2):
        post("/api/undo")
    assert [each.note for each in Episode.objects.newest_first()] == ["", "dark", "dark\nslips"]
    assert set(Episode.objects.values_list("rating", flat=True)) == {2}


def test_a_note_that_would_be_too_long_is_added_to_none(post: Any, cups: Dataset) -> None:
    rows = [take(cups), take(cups, 1, note="x" * 9_990)]
    answer = post("/api/episodes/edit", episodes=[str(each.pk) for each in rows], add_note="y" * 20)
    assert answer.status_code == 422 and "10000" in answer.json()["error"]["message"]
    assert set(Episode.objects.values_list("note", flat=True)) == {"", "x" * 9_990}


def test_a_card_says_how_many_labels_it_leaves_out(person: Client, cups: Dataset) -> None:
    one = take(cups, labels=["a", "b", "c", "slow", "dark"])
    card = person.get(f"/episodes/{one.pk}/card/").text
    assert "and 2 more" in card and 'title="slow, dark"' in card


def test_it_changes_none_where_one_cannot_be_changed(post: Any, cups: Dataset) -> None:
    rows = [take(cups), take(cups, 1, state="encoded", episode_index=0)]
    answer = post("/api/episodes/edit", episodes=[str(each.pk) for each in rows], task="Stack")
    assert answer.status_code == 409
    assert set(Episode.objects.values_list("task", flat=True)) == {"Put"}


def test_it_asks_as_little_of_the_database_for_5000_takes_as_for_50(person: Client, cups: Dataset) -> None:
    def rows(count: int, begin: int) -> None:
        about = {"dataset": cups, "state": "recorded", "task": "Put", "ticks": 90}
        many = (
            Episode(**about, marks=[mark("late")] if n % 3 else [], recorded_at=NOON - timedelta(seconds=n))
            for n in range(begin, begin + count)
        )
        Episode.objects.bulk_create(many, batch_size=500)

    def queries(url: str) -> int:
        with CaptureQueriesContext(
            connection,
        ) as asked:
            answer = person.get(url)
        assert answer.status_code == 200
        return len(asked)

    urls = [
        "/datasets/cups/?view=review",
        "/datasets/cups/wall/?view=all&mark=late&sort=worst",
        "/datasets/cups/frames/",
        "/datasets/cups/overview/",
    ]
    rows(50, 0)
    few = [queries(url) for url in urls]
    rows(4950, 50)
    assert [queries(url) for url in urls] == few
    assert max(few) <= 20
    page = person.get(urls[1]).text
    assert 'id="wall-count">3333</b>' in page


def test_it_says_how_far_each_task_is_towards_the_goal(cups: Dataset, person: Client) -> None:
    Dataset.objects.filter(pk=cups.pk).update(goal=3)
    for n in range(5):
        take(cups, n, verdict="keep")
    take(cups, 5, task="Stack", verdict="keep")
    take(cups, 6, task="Stack", verdict="reject")
    head = person.get("/datasets/cups/wall/head/").text
    assert "Goal: 4 of 6 kept" in head, "five of three make up for no other task"
    assert re.search(r">1</span> rejected", head)
    assert "Goal: 5 of 3 kept" in person.get("/datasets/cups/wall/head/", {"task": "Put"}).text
    page = person.get("/datasets/cups/").text
    assert "Put: 5 of 3 kept" in page and "Stack: 1 of 3 kept" in page


def test_it_says_on_the_record_page_how_far_the_task_is(cups: Dataset, person: Client) -> None:
    Dataset.objects.filter(pk=cups.pk).update(goal=50)
    rig = Rig.objects.create(name="arm-2")
    Session.objects.create(rig=rig, dataset=cups, task="Pick the cube")
    for n in range(2):
        take(cups, n, task="Pick the cube", verdict="keep")
    take(cups, 3)
    assert "Pick the cube: 2 of 50 kept" in person.get("/record/arm-2/").text


def test_it_shows_on_the_card_what_is_cut_off(cups: Dataset, person: Client) -> None:
    whole, cut = take(cups, 1), take(cups, 2, trim_first=10, trim_end=50)
    assert 'class="trimmed"' not in person.get(f"/episodes/{whole.pk}/card/").text
    card = person.get(f"/episodes/{cut.pk}/card/").text
    assert 'viewBox="0 0 90 1"' in card and '<rect width="10"' in card and '<rect x="50"' in card


def test_it_weighs_marks_however_they_are_written(cups: Dataset) -> None:
    bad, late = mark("nan", "bad"), mark("late")
    made = take(cups, marks=[late])
    other = take(cups, 1)
    other.marks = [bad, bad, late]
    other.save(update_fields=["marks"])
    third = Episode(dataset=cups, marks=[bad, mark("black", "bad")])
    Episode.objects.bulk_create([third])
    fourth = take(cups, 2, marks=[late])
    cups.episodes.filter(pk=fourth.pk).update(marks=[bad])
    fifth = take(cups, 3)
    fifth.marks = [bad]
    Episode.objects.bulk_update([fifth], ["marks"])
    weights = dict(Episode.objects.values_list("pk", "marks_weight"))
    assert weights == {made.pk: 10, other.pk: 110, third.pk: 200, fourth.pk: 100, fifth.pk: 100}


def test_it_asks_the_worst_first_in_one_query(cups: Dataset, mixed: list[Episode]) -> None:
    rows = rows_in(cups, "all", Filter())
    with CaptureQueriesContext(connection) as asked:
        ordering.page(rows, "worst", mixed[3], 7)
    assert len(asked) == 1


TOP = "observation.images.top"


def pictures_on(page: str) -> list[str]:
    return re.findall(r'src="/media/[0-9a-f-]+/strip/([^"]*)\.jpg', page)


def test_it_shows_the_pictures_of_the_camera_that_is_chosen(person: Client, cups: Dataset) -> None:
    one = take(cups)
    assert "wall-camera" not in person.get("/datasets/cups/").text  # there is one camera: nothing to choose
    cups.features = {**FEATURES, TOP: FEATURES[FRONT]}
    cups.save()
    assert pictures_on(person.get("/datasets/cups/").text) == [FRONT]
    page = person.get("/datasets/cups/", {"view": "review", "camera": TOP}).text
    assert pictures_on(page) == [TOP] and f'<option value="{TOP}" selected>top</option>' in page
    assert pictures_on(person.get("/datasets/cups/", {"camera": "all"}).text) == [FRONT, TOP]
    gone = person.get("/datasets/cups/", {"camera": "observation.images.gone"}).text
    assert pictures_on(gone) == [FRONT] and '<span class="of">front</span>' in gone
    # What leads on from there, and the card that is fetched again, show the same camera.
    links = [link.replace("&amp;", "&") for link in re.findall(r'(?:href|hx-get)="([^"]*camera=[^"]*)"', page)]
    assert f"/episodes/{one.pk}/?list=review&camera={TOP}" in links
    again = next(link for link in links if "wall=yes" in link)
    assert pictures_on(person.get(again).text) == [TOP]
    assert "Remove this filter" not in page  # it narrows nothing


def test_it_takes_the_camera_of_the_frames_page_for_itself(person: Client, cups: Dataset) -> None:
    take(cups)
    cups.features = {**FEATURES, TOP: FEATURES[FRONT]}
    cups.save()
    page = person.get("/datasets/cups/frames/", {"camera": TOP}).text
    assert pictures_on(page) == [TOP]
    assert f'href="?camera={FRONT}"' in page


def test_it_offers_what_is_to_be_changed_and_keeps_that_choice(person: Client, cups: Dataset) -> None:
    take(cups, state="encoded", episode_index=0, task="Other", committed_task="Put")
    page = person.get("/datasets/cups/?view=committed&planned=relabel").text
    assert '<option value="relabel" selected>To be relabelled</option>' in page
    assert 'name="planned"' not in person.get("/datasets/cups/?view=review").text


def test_a_take_that_is_being_recorded_is_to_review_nowhere(person: Client, cups: Dataset) -> None:
    rig = Rig.objects.create(name="bench")
    session = Session.objects.create(rig=rig, dataset=cups, task="lift")
    take(cups, 1, session=session)
    take(cups, 2, session=session, state="recording", ticks=0)
    lists = totals(cups, Filter())
    assert (lists["review"]["episodes"], lists["all"]["episodes"]) == (1, 2)
    assert rows_in(cups, "review", Filter()).count() == 1
    assert person.get("/api/datasets/cups").json()["to_review"] == 1
    home, figures = person.get("/").content.decode(), person.get("/datasets/cups/figures/").content.decode()
    assert "<b>1</b><span>to review" in home and "<b>1</b><span>to review" in figures
    assert "1 to review" in person.get("/record/bench/takes/").content.decode()


def test_the_list_of_the_dataset_counts_what_is_rejected_in_it(person: Client, cups: Dataset) -> None:
    for n in range(4):
        done: dict[str, Any] = {"state": "encoded", "episode_index": n} if n < 2 else {}
        take(cups, n, verdict="reject" if n else "keep", **done)
    for view, count in (("committed", 1), ("all", 3)):
        head = person.get(f"/datasets/cups/wall/head/?view={view}").content.decode()
        (link, said) = re.findall(
            r'<a href="([^"]*verdict=reject[^"]*)"><span class="num">(\d+)</span> rejected', head
        )[0]
        assert int(said) == count
        shown = person.get(f"/datasets/cups/wall/ids/{link.replace('&amp;', '&')}").json()
        assert len(shown["editable"]) == count


def test_frames_are_told_from_0_with_both_ends(person: Client, cups: Dataset) -> None:
    one = take(cups, 1, ticks=123, trim_first=12, trim_end=111)
    card = person.get(f"/episodes/{one.pk}/card/").content.decode()
    assert "frames 12–110" in card and "99 of 123 frames" in card
    refused = person.patch(f"/api/episodes/{one.pk}", {"trim": [0, 124]}, content_type="application/json")
    assert refused.status_code == 422 and "frames 0–122" in refused.json()["error"]["message"]
    done = person.patch(f"/api/episodes/{one.pk}", {"trim": [12, 101]}, content_type="application/json")
    assert done.status_code == 200
    assert "last frame: 110 → 100" in person.get(f"/episodes/{one.pk}/").content.decode()
