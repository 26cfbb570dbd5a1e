"""A range of a joint as a filter: which episodes were there, on the wall, in the API and in the player's list."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.test import Client

from recorder.browse import filters as filters_module
from recorder.browse import reach as reach_module
from recorder.browse.filters import Filter, rows_in, totals
from recorder.browse.reach import Reach, find_reaching
from recorder.catalog.sending import chosen_episodes
from recorder.catalog.split_parts import parts_by_filter
from recorder.errors import Refused
from recorder.models import Dataset, Episode
from recorder.quality.overview import overview
from robotdata.dataset.episode_statistics import extremes_by_index

pytestmark = pytest.mark.django_db
MakeEpisode = Callable[..., Episode]
STATE = "observation.state"


def joint_of(dataset: Dataset) -> dict[str, Any]:
    """The first joint of the state, as the overview knows it."""
    return next(dict(line) for line in overview(dataset)["ranges"] if line["feature"] == STATE)


def in_range(dataset: Dataset, low: float, high: float, **asked: str) -> list[int]:
    reach = f"{STATE}/{joint_of(dataset)['name']}:{low}..{high}"
    rows = rows_in(dataset, "all", Filter.read({"reach": reach, **asked}))
    return sorted(row.number or 0 for row in rows)


def test_it_finds_episodes_whose_joint_was_in_the_range_or_passed_it(cubes: Dataset, measured: list[Episode]) -> None:
    first, second, third = (take.number for take in measured)
    line = joint_of(cubes)
    assert in_range(cubes, line["least"], line["least"]) == [first]
    assert in_range(cubes, line["most"], line["most"]) == [third]
    assert in_range(cubes, 12, 13) == [second]
    assert in_range(cubes, 15.01, 15.02) == [second], "between two frames it passed"
    assert in_range(cubes, 9, 20) == [first, second, third]
    assert in_range(cubes, 100, 200) == []
    assert in_range(cubes, 9, 20, longer="100") == []


def test_counts_are_those_of_the_list(cubes: Dataset, measured: list[Episode]) -> None:
    filters = Filter(reach=f"{STATE}/{joint_of(cubes)['name']}:12..22")
    assert totals(cubes, filters)["all"]["episodes"] == rows_in(cubes, "all", filters).count() == 2


@pytest.fixture
def committed(cubes: Dataset) -> Dataset:
    """Three committed episodes, of the last of which the statistics hold no largest value."""
    path = cubes.path / "meta/episodes/chunk-000/file-000.parquet"
    path.parent.mkdir(parents=True)
    extremes = {"min": [[0.0, 5.0], [0.0, -1.0], [3.0, 7.0]], "max": [[1.0, 6.0], [1.0, 4.0], None]}
    columns = {"episode_index": [0, 1, 2], **{f"stats/{STATE}/{name}": each for name, each in extremes.items()}}
    pq.write_table(pa.table(columns), path)
    cubes.features = {STATE: {"dtype": "float32", "shape": [2], "names": ["a", "b"]}}
    cubes.save()
    for index in range(3):
        Episode.objects.create(dataset=cubes, state="encoded", ticks=9, episode_index=index, number=index + 1)
    return cubes


def test_a_committed_episode_is_judged_by_what_the_dataset_keeps_of_it(committed: Dataset) -> None:
    cubes = committed
    assert extremes_by_index(cubes.path, STATE, lambda size: size - 1) == ({0: (5, 6), 1: (-1, 4)}, [])
    found = rows_in(cubes, "committed", Filter(reach=f"{STATE}/b:4.5..5.5"))
    assert [row.number for row in found] == [1]
    assert not rows_in(cubes, "committed", Filter(reach=f"{STATE}/c:0..9")).exists()


@pytest.mark.parametrize("text", ["a", "a/b", "a/b:1", "a/b:2..1", "a/b:nan..1", "a/b:0..inf", "/b:0..1", "a/:0..1"])
def test_what_is_no_range_is_no_condition(text: str) -> None:
    assert Reach.read(text) is None
    assert Filter.read({"reach": text}) == Filter()


def test_a_name_may_hold_every_sign() -> None:
    assert Reach.read("a.b/c/d: e:-1.5..2e3") == Reach("a.b", "c/d: e", -1.5, 2000)


def test_the_wall_says_the_range_and_offers_to_remove_it(
    person: Client, cubes: Dataset, measured: list[Episode]
) -> None:
    name = joint_of(cubes)["name"]
    asked = {"view": "all", "reach": f"{STATE}/{name}:12..13", "sort": "oldest"}
    page = person.get("/datasets/cubes/", asked).text
    assert re.findall(r'id="take-([0-9a-f-]+)"', page) == [str(measured[1].pk)]
    chip = re.search(r'<a class="chip" href="([^"]+)"[^>]*><span class="clip">([^<]+)<', page)
    assert chip is not None and chip[2] == f"{name} (state) 12 to 13"
    assert "reach" not in chip[1] and "sort=oldest" in chip[1]
    assert f'name="reach" value="{STATE}/{name}:12..13"' in page, "other filters are added to it"


def test_the_chip_says_the_unit_where_the_dataset_knows_it(
    person: Client, cubes: Dataset, measured: list[Episode]
) -> None:
    line = joint_of(cubes)
    names = [str(one["name"]) for one in overview(cubes)["ranges"] if one["feature"] == STATE]
    units = ["°"] * len(names)
    cubes.features[STATE] = {"dtype": "float32", "shape": [len(names)], "names": names, "units": units}
    cubes.save(update_fields=["features"])
    page = person.get("/datasets/cubes/", {"view": "all", "reach": f"{STATE}/{line['name']}:12..13"}).text
    assert f"{line['name']} (state) 12 to 13 °<" in page
    assert Reach(STATE, "other", 0, 1).unit_in(cubes.features) == Reach("gone", "a", 0, 1).unit_in({"gone": 3}) == ""


def test_the_overview_says_which_joint_and_scale_a_drawing_has(
    person: Client, cubes: Dataset, measured: list[Episode]
) -> None:
    line = joint_of(cubes)
    page = person.get("/datasets/cubes/overview/").text
    (low, high) = re.findall(rf'data-reach="{STATE}/{line["name"]}"[^>]*data-low="([^"]+)" data-high="([^"]+)"', page)[
        0
    ]
    assert float(low) <= line["least"] and float(high) >= line["most"]
    assert "data-reach" not in person.get("/datasets/cubes/overview/file/").text


def test_the_api_lists_them(person: Client, cubes: Dataset, measured: list[Episode]) -> None:
    reach = f"{STATE}/{joint_of(cubes)['name']}:12..13"
    answer = person.get("/api/episodes", {"dataset": "cubes", "reach": reach}).json()
    assert [each["id"] for each in answer["items"]] == [str(measured[1].pk)]
    for wrong in ({"reach": reach}, {"dataset": "cubes", "reach": "a/b:2..1"}):
        refused = person.get("/api/episodes", wrong)
        assert refused.status_code == 422 and refused.json()["error"]["code"] == "invalid"
    assert person.get("/api/episodes", {"dataset": "nothing", "reach": reach}).status_code == 404


def test_all_committed_episodes_are_looked_at_and_the_newest_takes(
    person: Client, committed: Dataset, monkeypatch: pytest.MonkeyPatch, make_episode: MakeEpisode
) -> None:
    monkeypatch.setattr(reach_module, "MOST_EPISODES", 1)
    here = Reach(STATE, "b", -10, 10)
    rows = Episode.objects.filter(dataset=committed)
    assert (len(find_reaching(rows, committed, here).episodes), find_reaching(rows, committed, here).gaps) == (2, "")
    asked = {"view": "all", "reach": f"{STATE}/b:-10..10"}
    assert chosen_episodes(committed, numbers="", query=asked) == [0, 1]
    for number in range(2):
        Episode.objects.create(dataset=committed, state="recorded", ticks=9, number=number + 8)
    assert "b (state) -10 to 10 (of the newest 1 take)" in person.get("/datasets/cubes/", asked).text
    refused = person.get("/api/episodes", {"dataset": "cubes", "reach": asked["reach"]})
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "too_many")
    assert len(person.get("/api/episodes", {"dataset": "cubes", "state": "encoded", **asked}).json()["items"]) == 2
    assert chosen_episodes(committed, numbers="", query=asked) == [0, 1], "these are all that are committed"


def test_more_episodes_are_found_than_a_query_has_parameters(cubes: Dataset) -> None:
    Episode.objects.create(dataset=cubes, state="encoded", ticks=9, episode_index=0, number=1)
    (pk,) = Episode.objects.values_list("pk", flat=True)
    many = frozenset([pk, *(uuid.UUID(int=number) for number in range(300_000))])
    assert [row.pk for row in reach_module.Reached(many).narrow(Episode.objects.all())] == [pk]


def test_damaged_statistics_are_said_and_nothing_is_sent_by_them(person: Client, committed: Dataset) -> None:
    name = "meta/episodes/chunk-000/file-001.parquet"
    (committed.path / name).write_bytes(b"PAR1 and nothing else")
    asked = {"view": "committed", "reach": f"{STATE}/b:-10..10"}
    page = person.get("/datasets/cubes/", asked).text
    assert "b (state) -10 to 10 (1 damaged file left out)" in page
    assert rows_in(committed, "committed", Filter.read(asked)).count() == 2, "the others are found"
    with pytest.raises(Refused, match=name, check=lambda refused: refused.status == 409):
        chosen_episodes(committed, numbers="", query=asked)
    with pytest.raises(Refused, match=name):
        parts_by_filter(committed, [("Near", f"reach={asked['reach']}")])
    assert person.get("/api/episodes", {"dataset": "cubes", "reach": asked["reach"]}).status_code == 409


@pytest.mark.parametrize("wrong", [{"reach": "a/b:2..1"}, {"longer": "long"}, {"since": "friday"}, {"state": "odd"}])
def test_nothing_is_sent_or_split_by_a_mistyped_filter(
    person: Client, committed: Dataset, wrong: dict[str, str]
) -> None:
    (name,) = wrong
    with pytest.raises(Refused, match=f"^{name}=", check=lambda refused: refused.status == 422):
        chosen_episodes(committed, numbers="", query=wrong)
    with pytest.raises(Refused, match=f"^{name}=", check=lambda refused: refused.status == 422):
        parts_by_filter(committed, [("Part", f"?{name}={wrong[name]}")])
    answer = person.get("/api/datasets/cubes/archive.zip", wrong)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid")


def test_a_page_looks_once_and_reads_each_measurement_once(
    person: Client, cubes: Dataset, measured: list[Episode], monkeypatch: pytest.MonkeyPatch
) -> None:
    looked, read = [], []

    def look(*given: Any) -> Any:
        looked.append(given)
        return find_reaching(*given)

    real = reach_module.metrics_of

    def metrics(folder: Path) -> Any:
        read.append(folder.name)
        return real(folder)

    monkeypatch.setattr(filters_module, "find_reaching", look)
    monkeypatch.setattr(reach_module, "metrics_of", metrics)
    asked = {"reach": f"{STATE}/{joint_of(cubes)['name']}:12..13"}
    for part in ("", "wall/", "wall/head/", "wall/ids/", "cards/"):
        looked.clear()
        assert person.get(f"/datasets/cubes/{part}", asked).status_code == 200
        assert len(looked) == 1, part
    assert sorted(read) == sorted(str(take.pk) for take in measured)
