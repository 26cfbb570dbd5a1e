"""The charts of a dataset's overview: places, round axes, and links to exactly what they count."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from recorder.models import Dataset, Episode
from recorder.quality.issue_map import issue_map, unusual_lengths
from recorder.quality.overview import overview
from recorder.quality.scale import nice_step
from recorder.views.charts import DAYS_HEIGHT, day_columns, heat_cells, outliers_of, ticks_of

NOON = datetime(2026, 11, 3, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("span", "most", "step"), [(10, 6, 2), (0.17, 18, 0.01), (59, 18, 5), (0, 5, 1), (1000, 1, 1000)]
)
def test_steps_are_round_and_few_enough(span: float, most: int, step: float) -> None:
    assert nice_step(span, most) == pytest.approx(step)


def test_an_axis_has_round_texts_at_their_places() -> None:
    assert [(tick["x"], tick["text"]) for tick in ticks_of(1.5, 2.5, 4)] == [
        (0, "1.5 s"),
        (50, "2.0 s"),
        (100, "2.5 s"),
    ]
    assert ticks_of(2.0, 2.0) == []


def test_a_length_far_from_the_others_is_unusual() -> None:
    ids = [uuid.UUID(int=number) for number in range(8)]
    found = unusual_lengths(ids, [10, 10.1, 9.9, 10, 10.2, 9.8, 30, 2])
    assert [(each["id"], each["seconds"]) for each in found] == [(str(ids[6]), 30), (str(ids[7]), 2)]
    assert unusual_lengths(ids, [10.0] * 7 + [10.5]) == [], "half a second of ten is not"
    assert unusual_lengths(ids[:3], [1, 1, 30]) == [], "three are too few to say"
    (dot,) = outliers_of({"edges_s": [0.0, 10.0, 20.0], "outliers": [{"id": "a", "seconds": 5.0}]})
    assert dot["x"] == 25


def test_columns_stack_operators_and_leave_no_day_out() -> None:
    first, last = date(2026, 11, 1), date(2026, 11, 4)
    chart = day_columns({(first, "olga"): 3, (first, "ben"): 1, (last, ""): 2})
    counts = [column["count"] for column in chart["days"]]
    assert counts == [0] * 10 + [4, 0, 0, 2] and chart["most"] == 4  # two weeks, so that one day is no wide bar
    assert chart["days"][-1]["day"] == last and chart["days"][-1]["labelled"]
    parts = chart["days"][10]["parts"]
    assert [part["operator"] for part in parts] == ["olga", "ben"] and sum(
        part["high"] for part in parts
    ) == DAYS_HEIGHT
    assert parts[1]["y"] == 0 and parts[0]["y"] == DAYS_HEIGHT / 4
    many = day_columns({(first + timedelta(days=2 * number), "olga"): 1 for number in range(60)})
    assert len(many["days"]) == 31 and many["days"][-1]["day"] == first + timedelta(days=118)


def flag(code: str, severity: str, tick: int) -> dict[str, Any]:
    return {"code": code, "severity": severity, "from_tick": tick, "to_tick": tick + 5, "text": f"{code} there."}


def take(dataset: Dataset, day: int, **fields: Any) -> Episode:
    about = {"state": "recorded", "task": "Put", "ticks": 90, "recorded_at": NOON + timedelta(days=day)}
    return Episode.objects.create(dataset=dataset, **{**about, **fields})


@pytest.fixture
def cups(db: None) -> Dataset:
    return Dataset.objects.create(slug="cups", title="Cups", fps=30)


def test_the_length_of_one_episode_is_a_slim_bar_in_the_middle(cups: Dataset) -> None:
    take(cups, 0, ticks=600, fps=30)
    lengths = overview(cups)["lengths"]
    assert lengths["counts"] == [0] * 7 + [1] + [0] * 7
    assert lengths["edges_s"][7] <= 20 <= lengths["edges_s"][8]


def test_the_map_has_the_gravest_flag_of_each_kind(cups: Dataset) -> None:
    late = take(cups, 1, marks=[flag("jerk", "warn", 4), flag("jerk", "bad", 40), flag("black", "note", 0)])
    early = take(cups, 0, marks=[flag("jerk", "warn", 7)])
    take(cups, 2)
    found = issue_map(cups.episodes.all())
    assert found["codes"] == ["jerk", "black"]
    assert [episode["id"] for episode in found["episodes"]] == [str(early.pk), str(late.pk)]
    cells = heat_cells(found)["cells"]
    assert [(cell["code"], cell["severity"], cell["tick"]) for cell in cells] == [
        ("jerk", "warn", 7), ("jerk", "bad", 40), ("black", "note", 0),
    ]  # fmt: skip
    assert [cell["number"] for cell in cells] == [early.number, late.number, late.number]
    assert heat_cells({"codes": [], "episodes": []})["cells"] == []


def test_each_part_of_a_chart_leads_to_what_it_counts(cups: Dataset, client: Client) -> None:
    client.force_login(get_user_model().objects.create_user("olga"))
    for day, operator, count in ((0, "olga", 3), (0, "ben & co", 2), (2, "olga", 1)):
        for _ in range(count):
            take(cups, day, operator=operator)
    odd = take(cups, 2, operator="olga", ticks=900, marks=[flag("black", "bad", 33)])
    page = client.get("/datasets/cups/overview/").text
    links = re.findall(r'href="([^"]+since=[^"]+)" aria-label="(\d+) on', page)
    assert [int(count) for _, count in links] == [3, 2, 2]
    for url, count in links:
        assert client.get(url.replace("&amp;", "&")).text.count('<article class="take') == int(count)
    assert f'href="?episode={odd.number}#ranges-title" aria-label="Far from the middle' in page
    assert f'href="/episodes/{odd.pk}/?list=all&amp;frame=33"' in page


def test_operators_beyond_the_seventh_are_one() -> None:
    day = date(2026, 11, 30)
    columns = day_columns({(day, f"person {n}"): 5_000 - n for n in range(3_000)})
    assert [each["name"] for each in columns["operators"]] == [f"person {n}" for n in range(7)] + [None]
    assert len(columns["days"][-1]["parts"]) == 8
    assert columns["days"][-1]["count"] == sum(5_000 - n for n in range(3_000)) == columns["most"]
