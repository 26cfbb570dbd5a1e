"""The wall's filters: what each finds, what there is to choose, and what a filter means to page and selection."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from recorder.browse.filters import Filter, choices
from recorder.models import Dataset, Rig
from tests.support.wall_rows import NOON, cups, found, ids_on, mark, person, take

__all__ = ["cups", "person"]
pytestmark = pytest.mark.django_db


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


def test_it_answers_a_changed_filter_with_the_list_and_its_address(person: Client, cups: Dataset) -> None:
    one = take(cups, task="Stack")
    take(cups, 1)
    answer = person.get("/datasets/cups/wall/?view=review&task=Stack&label=", headers={"HX-Request": "true"})
    assert answer.headers["HX-Replace-Url"] == "/datasets/cups/?view=review&task=Stack"
    assert ids_on(answer.text) == [str(one.pk)]
    assert "<!doctype" not in answer.text


def test_it_takes_the_filter_along_to_the_player(person: Client, cups: Dataset) -> None:
    rows = [take(cups, n, task="Put" if n % 2 else "Stack & go") for n in range(6)]
    page = person.get("/datasets/cups/?view=review&task=Stack+%26+go").text
    link = re.search(rf'href="(/episodes/{rows[2].pk}/[^"]*)"', page)
    assert link is not None
    player = person.get(link[1].replace("&amp;", "&")).text
    assert f'data-previous="{rows[0].pk}"' in player
    assert f'data-next="{rows[4].pk}"' in player
    assert '<span class="num">2 of 3</span>' in player


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


def test_it_offers_what_is_to_be_changed_and_keeps_that_choice(person: Client, cups: Dataset) -> None:
    take(cups, state="encoded", episode_index=0, task="Other", committed_task="Put")
    page = person.get("/datasets/cups/?view=committed&planned=relabel").text
    assert '<option value="relabel" selected>To be relabelled</option>' in page
    assert 'name="planned"' not in person.get("/datasets/cups/?view=review").text
