"""Pages and the API say the same number of the same thing, wherever they say it."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from recorder.models import Dataset, Episode, Rig, Session
from recorder.quality.assess import _from_rig
from robotdata import numbers

pytestmark = pytest.mark.django_db
FPS, TICKS, BYTES = 30.0, 123, 1_234_567
TRIM = (12, 111)


@pytest.fixture
def cups() -> Dataset:
    """Takes and episodes in every state, one trimmed of each that can be; a take is being recorded."""
    now = timezone.now()
    dataset = Dataset.objects.create(slug="cups", title="Cups", fps=FPS, total_episodes=3, total_frames=3 * TICKS)
    rig = Rig.objects.create(name="arm-1", state="recording", last_seen_at=now)
    session = Session.objects.create(rig=rig, dataset=dataset, task="lift")
    trim = {"trim_first": TRIM[0], "trim_end": TRIM[1]}
    kinds: list[dict[str, Any]] = [
        *({"verdict": "unreviewed", **more} for more in ({}, {}, {}, trim)),
        *({"verdict": "keep", **more} for more in ({}, trim, {"state": "failed"})),
        *({"verdict": "reject", **more} for more in ({}, trim)),
        *({"verdict": "unreviewed", "state": "encoded", "episode_index": index} for index in (0, 1)),
        {"verdict": "reject", "state": "encoded", "episode_index": 2, "committed_task": "lift"},
        {"verdict": "reject", "purged_at": now},
        {"verdict": "unreviewed", "state": "recording", "ticks": 0},
    ]
    for minutes, kind in enumerate(kinds):
        when = now - timedelta(minutes=minutes)
        about = {"state": "recorded", "task": "lift", "ticks": TICKS, "fps": FPS, "size_bytes": BYTES, **kind}
        Episode.objects.create(dataset=dataset, rig=rig, session=session, recorded_at=when, **about)
    gone = Dataset.objects.create(slug="gone", title="Gone", trashed_at=now, trashed_slug="gone-1")
    Episode.objects.create(dataset=gone, state="recorded", task="lift", ticks=TICKS, verdict="reject")
    return dataset


def words(client: Client, url: str, **more: Any) -> str:
    """The text of a page or a fragment, without its markup."""
    answer = client.get(url, **more)
    assert answer.status_code == 200, url
    page = re.sub(r"<(script|style|template)\b.*?</\1>|<[^>]*>", " ", answer.content.decode(), flags=re.S)
    return " ".join(html.unescape(page).split())


def shown(client: Client, *places: tuple[str, str]) -> dict[tuple[str, str], list[str]]:
    """What the pattern finds at each of the places."""
    return {(url, pattern): re.findall(pattern, words(client, url)) for url, pattern in places}


def asked(client: Client, url: str) -> Any:
    answer = client.get(f"/api/{url}")
    assert answer.status_code == 200, url
    return answer.json()


FIGURES, HEAD = "/datasets/cups/figures/", "/datasets/cups/wall/head/"
FACTS = {
    "to review": (
        4,
        "to_review",
        [
            ("/", r"(\d+) takes? to review Cups"),
            ("/", r"Cups .*?(\d+) to review"),
            ("/datasets/", r"(\d+) to review"),
            (FIGURES, r"(\d+) to review"),
            (f"{HEAD}?view=review", r"To review (\d+)"),
            (f"{HEAD}?view=review", r"(\d+) takes? ·"),
            ("/record/arm-1/", r"(\d+) to review"),
        ],
    ),
    "kept": (
        3,
        "keep",
        [
            ("/", r"(\d+) kept takes? to encode Cups"),
            ("/datasets/", r"(\d+) kept, not encoded"),
            (FIGURES, r"(\d+) kept, not encoded"),
            (FIGURES, r"Encode (\d+) kept takes"),
            (f"{HEAD}?view=kept", r"(\d+) takes? ·"),
        ],
    ),
    "rejected": (
        2,
        "reject",
        [
            (FIGURES, r"(\d+) in the trash"),
            ("/record/arm-1/", r"(\d+) rejected"),
        ],
    ),
    "committed": (
        3,
        "committed",
        [
            ("/datasets/", r"(\d+) episodes"),
            (FIGURES, r"(\d+) episodes in the dataset"),
            (f"{HEAD}?view=committed", r"(\d+) episodes? ·"),
        ],
    ),
}


@pytest.mark.parametrize("fact", FACTS)
def test_every_page_counts_the_same(administrator: Client, cups: Dataset, fact: str) -> None:
    count, in_api, places = FACTS[fact]
    found = shown(administrator, *places)
    assert {place: values[:1] for place, values in found.items()} == {place: [str(count)] for place in places}
    assert asked(administrator, "datasets/cups")[in_api] == count
    assert asked(administrator, "datasets")["items"][0][in_api] == count


def test_the_trash_counts_what_its_lines_are(administrator: Client, cups: Dataset) -> None:
    page = words(administrator, "/trash/")
    lines = page.count("Restore")
    takes = asked(administrator, "trash")
    trashed_datasets = 1
    assert takes == {"episodes": 2, "bytes": 2 * BYTES}
    assert re.findall(r"Trash (\d+) Rejected", page) == [str(lines)] == [str(2 + trashed_datasets)]
    assert page.count(numbers.size(2 * BYTES)) == 2, "in the sentence and on the button"
    assert page.count(numbers.size(BYTES)) == 2, "on each line"


def lists(client: Client) -> Iterator[tuple[str, str]]:
    for view in ("review", "kept", "committed"):
        yield view, words(client, f"{HEAD}?view={view}")


def test_lists_and_dataset_say_one_length(administrator: Client, cups: Dataset) -> None:
    """The seconds that are kept: those of the cards that the list shows, and of the dataset's takes together."""
    kept = (TRIM[1] - TRIM[0]) / FPS
    whole = TICKS / FPS
    seconds = {"review": 3 * whole + kept, "kept": 2 * whole + kept, "committed": 3 * whole}
    for view, page in lists(administrator):
        assert f"· {numbers.span(seconds[view])}" in page, view
    figures = words(administrator, FIGURES)
    assert f"{numbers.span(seconds['review'] + seconds['kept'])} in takes" in figures
    assert f"{numbers.span(seconds['committed'])} encoded" in figures
    assert f"{numbers.span(sum(seconds.values()))} in all" in words(administrator, "/datasets/")


def test_the_overview_counts_what_the_lists_do_without_the_rejected(administrator: Client, cups: Dataset) -> None:
    page = words(administrator, "/datasets/cups/overview/")
    rows = Episode.objects.filter(dataset=cups, purged_at=None).exclude(verdict="reject").exclude(state="recording")
    assert re.findall(r"(\d+) episodes \(rejected excluded\)", page) == [str(rows.count())] == [str(4 + 3 + 2)]
    assert f"(rejected excluded) · {numbers.span(sum(row.duration_s for row in rows))}" in page


def test_a_trimmed_take_says_one_length_and_both_counts(administrator: Client, cups: Dataset) -> None:
    take = Episode.objects.get(dataset=cups, trim_first=TRIM[0], verdict="keep")
    kept, length = numbers.frame_count(TRIM[1] - TRIM[0], TICKS), numbers.clock(take.duration_s)
    card, facts = words(administrator, f"/episodes/{take.pk}/card/"), words(administrator, f"/episodes/{take.pk}/")
    assert kept == "99 of 123 frames"
    for page in (card, facts):
        assert kept in page
        assert length in page
        assert numbers.clock(TICKS / FPS) not in page
    assert asked(administrator, f"episodes/{take.pk}")["duration_s"] == pytest.approx(take.duration_s)


def test_a_range_is_printed_once_for_all(administrator: Client, cups: Dataset) -> None:
    take = Episode.objects.get(dataset=cups, trim_first=TRIM[0], verdict="keep")
    card = administrator.get(f"/episodes/{take.pk}/card/").content.decode()
    assert f'title="Keeps {numbers.frame_range(*TRIM)}"' in card
    assert numbers.frame_range(*TRIM) == "frames 12–110"


def test_what_is_rejected_in_the_dataset_leaves_out_the_trash(administrator: Client, cups: Dataset) -> None:
    pages = dict(lists(administrator))
    assert re.findall(r"(\d+) rejected", pages["committed"]) == ["1"]
    assert re.findall(r"(\d+) rejected", pages["review"]) == ["3"], "of takes and episodes"


def test_a_take_in_progress_is_counted_nowhere_as_to_review(administrator: Client) -> None:
    """While the first take of a dataset is recorded, no page says that one waits, nor that there is none."""
    dataset = Dataset.objects.create(slug="new", title="New")
    rig = Rig.objects.create(name="arm-1", state="recording", last_seen_at=timezone.now())
    session = Session.objects.create(rig=rig, dataset=dataset, task="lift")
    Episode.objects.create(dataset=dataset, rig=rig, session=session, state="recording", task="lift")
    for url in ("/", "/datasets/", "/datasets/new/figures/", "/record/arm-1/"):
        assert re.findall(r"([1-9]\d*) (?:takes? )?to review", words(administrator, url)) == [], url
    assert asked(administrator, "datasets/new")["to_review"] == 0
    assert "no takes yet" not in words(administrator, "/datasets/").lower()


def test_reject_all_names_the_number_of_its_own_list(administrator: Client, cups: Dataset) -> None:
    mark = [{"code": "stall", "severity": "warn", "from_tick": 0, "to_tick": 5, "text": "The loop stalled."}]
    for episode in Episode.objects.filter(dataset=cups, verdict="unreviewed", state="recorded")[:2]:
        episode.marks = mark
        episode.save(update_fields=["marks"])
    address = "view=review&mark=stall"
    page = words(administrator, f"/datasets/cups/?{address}")
    listed = administrator.get(f"/datasets/cups/wall/ids/?{address}").json()
    assert re.findall(r"Reject all (\d+) shown here", page) == [str(len(listed["editable"]))] == ["2"]


def test_a_moment_is_no_range() -> None:
    text = _from_rig({"code": "camera_lost", "from_tick": 330, "to_tick": 331, "text": "Camera front is gone"}, FPS)
    assert text["text"] == "Camera front is gone, at 11.0 s."
