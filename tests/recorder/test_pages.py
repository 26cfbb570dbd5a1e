"""Every page and fragment: with nothing there, with much there, with words that want to be markup."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from recorder.models import Dataset, Episode, Job, Operation, Rig, Session
from recorder.templatetags import formatting
from viewer.views import labels_in_use, newest_beside

pytestmark = pytest.mark.django_db

FRONT = "observation.images.front"
FEATURES = {
    FRONT: {"dtype": "video", "shape": [480, 640, 3], "names": ["height", "width", "channels"]},
    "action": {"dtype": "float32", "shape": [6], "names": None},
}
WICKED = "<script>alert('x')</script> \"quoted\" 🥄 " + "long" * 60


@pytest.fixture
def rig() -> Rig:
    """A rig that is there and ready."""
    cameras = [{"key": FRONT, "name": "front", "width": 640, "height": 480, "fps": 30}]
    return Rig.objects.create(
        name="arm-1", state="idle", features=FEATURES, cameras=cameras, last_seen_at=timezone.now()
    )


@pytest.fixture
def dataset() -> Dataset:
    return Dataset.objects.create(slug="cups", title="Cups", features=FEATURES, fps=30)


def make_take(dataset: Dataset, minutes_ago: float = 0, **fields: Any) -> Episode:
    when = timezone.now() - timedelta(minutes=minutes_ago)
    return Episode.objects.create(
        **{"dataset": dataset, "state": "recorded", "task": "Put", "ticks": 90, "recorded_at": when, **fields}
    )


def text(client: Client, url: str, **more: Any) -> str:
    response = client.get(url, **more)
    assert response.status_code == 200, url
    return str(response.content, "utf-8")


HTMX = {"headers": {"HX-Request": "true"}}


@pytest.mark.parametrize("url", ["/", "/record/", "/datasets/", "/operations/", "/trash/"])
def test_it_says_what_to_do_where_there_is_nothing(person: Client, url: str) -> None:
    page = text(person, url)
    assert 'class="empty"' in page
    assert "<!doctype html>" in page


@pytest.mark.parametrize(
    "url", ["/", "/record/", "/datasets/", "/operations/", "/trash/", "/rigs/", "/rigs/tiles/", "/operations/count/"]
)
def test_it_leads_a_stranger_to_the_sign_in(client: Client, url: str) -> None:
    response = client.get(url)
    assert (response.status_code, response.headers["Location"]) == (302, f"/sign-in/?next={url}")


def test_it_tells_a_stranger_nothing_about_rigs(client: Client, rig: Rig) -> None:
    response = client.get("/nowhere/")
    assert response.status_code == 404
    assert rig.name not in str(response.content, "utf-8")


def test_it_goes_straight_to_the_only_rig(person: Client, rig: Rig) -> None:
    assert person.get("/record/").headers["Location"] == "/record/arm-1/"


def test_it_lets_people_choose_between_rigs(person: Client, rig: Rig) -> None:
    Rig.objects.create(name="arm-2", state="idle", last_seen_at=timezone.now())
    page = text(person, "/record/")
    assert "/record/arm-1/" in page
    assert "/record/arm-2/" in page


def test_the_start_page_shows_every_rig_with_the_queries_of_one(
    person: Client, rig: Rig, django_assert_num_queries: Any
) -> None:
    few = text(person, "/")
    with CaptureQueriesContext(connection) as before:
        text(person, "/")
    for number in range(2, 7):
        Rig.objects.create(name=f"arm-{number}", features=FEATURES)
    with django_assert_num_queries(len(before)):
        many = text(person, "/")
    tiles = [len(re.findall(r'<a class="tile" href="/record/arm-', page)) for page in (few, many)]
    assert tiles == [1, 6]


def test_it_shows_a_rig_that_fell_silent_as_offline(person: Client, rig: Rig) -> None:
    Rig.objects.update(last_seen_at=timezone.now() - timedelta(seconds=30))
    assert "offline" in text(person, "/rigs/tiles/", **HTMX)


def test_no_page_calls_a_take_recording_whose_rig_is_away(person: Client, rig: Rig, dataset: Dataset) -> None:
    take = make_take(dataset, rig=rig, state="recording", ticks=0)
    pages = ["/", "/datasets/cups/?view=all", f"/episodes/{take.pk}/card/", f"/episodes/{take.pk}/"]
    for page in (text(person, url) for url in pages):
        assert "tone-rec" in page
        assert re.search(r'data-live="episode:[0-9a-f-]+ rig:arm-1"', page), "it moves when the rig does"
    Rig.objects.update(state="offline", state_since=timezone.now())
    for page in (text(person, url) for url in pages):
        assert "tone-rec" not in page
        assert "cut off" in page


def test_it_offers_the_dataset_and_task_of_the_last_session(person: Client, rig: Rig, dataset: Dataset) -> None:
    Session.objects.create(rig=rig, dataset=dataset, task="Stack the cubes", countdown_s=0, episode_s=12.5)
    page = text(person, "/record/arm-1/")
    assert 'value="Stack the cubes"' in page
    assert '<option value="cups" selected>' in page
    assert re.search(r'name="countdown_s"[^>]* value="0"', page)
    assert re.search(r'name="episode_s"[^>]* value="12.5"', page)


def test_it_lists_the_takes_of_the_session_newest_first(person: Client, rig: Rig, dataset: Dataset) -> None:
    session = Session.objects.create(rig=rig, dataset=dataset, task="Put")
    old, new = (make_take(dataset, minutes, session=session, rig=rig) for minutes in (9, 1))
    make_take(dataset, 0)
    fragment = text(person, "/record/arm-1/takes/", **HTMX)
    assert re.findall(r'id="take-([0-9a-f-]+)"', fragment) == [str(new.pk), str(old.pk)]
    assert f"/api/sessions/{session.pk}/end" in fragment


@pytest.mark.parametrize(("view", "found"), [("review", 2), ("kept", 1), ("committed", 1)])
def test_it_sorts_a_dataset_into_lists_with_their_counts(
    person: Client, dataset: Dataset, view: str, found: int
) -> None:
    for verdict in ("unreviewed", "unreviewed", "keep", "reject"):
        make_take(dataset, verdict=verdict)
    make_take(dataset, state="encoded", episode_index=0)
    page = text(person, f"/datasets/cups/?view={view}")
    assert page.count('<article class="take') == found
    assert "Encode 1 kept take" in page
    counts = re.findall(r'<a href="\?view=\w+"[^>]*>[^<]+<span class="count">(\d+)</span>', page)
    assert counts == ["2", "1", "1", "4"]  # all that is not rejected


def test_it_pages_a_long_list_without_a_gap(person: Client, dataset: Dataset) -> None:
    ids = [str(make_take(dataset, minutes).pk) for minutes in range(80)]
    seen, url = [], "/datasets/cups/cards/?view=review"
    while url:
        page = text(person, url, **HTMX)
        seen += re.findall(r'id="take-([0-9a-f-]+)"', page)
        more = re.search(r'hx-get="(/datasets/cups/cards/[^"]+)" hx-trigger="revealed"', page)
        url = more[1].replace("&amp;", "&") if more else ""
    assert seen == ids


@pytest.mark.parametrize("after", ["nonsense", "00000000-0000-4000-8000-000000000000", ""])
def test_it_begins_anew_at_an_unknown_cursor(person: Client, dataset: Dataset, after: str) -> None:
    take = make_take(dataset)
    assert str(take.pk) in text(person, f"/datasets/cups/cards/?view=review&after={after}")


def test_it_offers_the_most_used_labels_first_then_the_last_used(dataset: Dataset) -> None:
    for minutes, labels in enumerate([["new"], ["often", "new"], ["failure"], ["often", "old"], ["often", "old"]]):
        take = make_take(dataset, minutes, labels=labels)
    make_take(Dataset.objects.create(slug="other", title="Other"), labels=["elsewhere"] * 9)
    assert labels_in_use(newest_beside(take)) == ["success", "failure", "often", "new", "old"]


def test_it_shows_peoples_words_as_words(person: Client, rig: Rig) -> None:
    wicked = Dataset.objects.create(slug="wicked", title=WICKED[:200], features=FEATURES, problem=WICKED)
    marks = [{"code": "frozen", "camera": FRONT, "from_tick": 3, "to_tick": 9, "text": WICKED}]
    more = {"task": WICKED, "note": WICKED, "labels": [WICKED], "operator": WICKED[:150], "error": WICKED}
    take = make_take(wicked, marks=marks, rig=rig, **more)
    for url in ("/", "/datasets/", "/datasets/wicked/", f"/episodes/{take.pk}/", f"/episodes/{take.pk}/card/"):
        page = text(person, url)
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert" in page


def test_it_says_that_an_unknown_thing_is_not_there(person: Client) -> None:
    nobody = uuid.uuid4()
    for url in ("/record/nobody/", "/datasets/none/", f"/episodes/{nobody}/", f"/operations/{nobody}/"):
        response = person.get(url)
        assert response.status_code == 404
        assert "Page not found" in str(response.content, "utf-8")


def test_it_walks_a_list_from_its_newest_to_its_oldest(person: Client, dataset: Dataset) -> None:
    new, middle, old = (make_take(dataset, minutes) for minutes in (1, 2, 3))
    page = text(person, f"/episodes/{middle.pk}/?list=review")
    assert f'data-previous="{new.pk}"' in page
    assert f'data-next="{old.pk}"' in page
    assert '<span class="num">2 of 3</span> to review' in page


def test_it_leads_from_the_last_take_back_to_what_is_left_to_review(person: Client, dataset: Dataset) -> None:
    new, old = make_take(dataset, 1), make_take(dataset, 2)
    assert f'data-ahead="{new.pk}"' in text(person, f"/episodes/{old.pk}/?list=review")


def test_it_answers_htmx_with_the_details_alone(person: Client, dataset: Dataset) -> None:
    take = make_take(dataset)
    fragment = text(person, f"/episodes/{take.pk}/", **HTMX)
    assert fragment.lstrip().startswith("<aside")
    assert "<!doctype" not in fragment


@pytest.mark.parametrize(("state", "editable"), [("recorded", True), ("recording", False), ("encoding", False)])
def test_it_offers_a_verdict_only_where_it_counts(person: Client, dataset: Dataset, state: str, editable: bool) -> None:
    take = make_take(dataset, state=state)
    assert ("data-judge" in text(person, f"/episodes/{take.pk}/")) is editable
    assert ("/api/episodes/" in text(person, f"/episodes/{take.pk}/card/")) is editable


def test_it_gathers_marks_of_one_kind_into_one_sentence(dataset: Dataset) -> None:
    marks = [{"code": "stale", "camera": FRONT, "from_tick": t, "to_tick": t + 2, "text": "late"} for t in (30, 60)]
    (kind,) = formatting.flags_of(make_take(dataset, marks=marks))
    assert [place["at"] for place in kind["places"]] == ["0:01.0", "0:02.0"]


def test_it_shows_a_batch_with_its_progress_and_its_error(person: Client, dataset: Dataset) -> None:
    take = make_take(dataset, state="encoding", verdict="keep")
    operation = Operation.objects.create(
        type="encode", dataset=dataset, state="failed", error="The disk is full: free 2 GB, then try again."
    )
    Job.objects.create(operation=operation, episode=take, camera=FRONT, state="failed", frames_done=30, frames_total=90)
    for url in ("/operations/", f"/operations/{operation.pk}/", "/datasets/cups/operations/"):
        page = text(person, url, **HTMX)
        assert "free 2 GB" in page
        assert f"/api/operations/{operation.pk}/retry" in page
        assert "30 of 90 frames" in page


def test_it_says_how_much_emptying_the_trash_frees(person: Client, dataset: Dataset) -> None:
    take = make_take(dataset, verdict="reject", size_bytes=3_400_000)
    page = text(person, "/trash/")
    assert "Empty trash (3.4 MB)" in page
    assert f"/api/episodes/{take.pk}/restore" in page


def test_it_links_every_page_of_the_bar(person: Client) -> None:
    page = text(person, "/")
    for name in ("record-any", "datasets", "operations", "trash"):
        assert f'href="{reverse(f"recorder:{name}")}"' in page


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0:00.0"), (7.34, "0:07.3"), (59.96, "1:00.0"), (723, "12:03"), (3723, "1:02:03"), (None, "–")],
)
def test_it_says_times_as_a_clock_does(seconds: float | None, said: str) -> None:
    assert formatting.clock(seconds) == said


@pytest.mark.parametrize(
    ("count", "said"), [(0, "0 B"), (999, "999 B"), (1500, "2 kB"), (3_400_000, "3.4 MB"), (12e12, "12.0 TB")]
)
def test_it_says_sizes_as_disks_are_sold(count: float, said: str) -> None:
    assert formatting.size(count) == said


def test_it_shows_commands_in_a_message_as_code_and_everything_else_as_words() -> None:
    assert formatting.code_html("Run `make signin`, or <b>`a < b`</b>.") == (
        "Run <code>make signin</code>, or &lt;b&gt;<code>a &lt; b</code>&lt;/b&gt;."
    )


def test_a_used_sign_in_link_shows_no_backticks(client: Client) -> None:
    response = client.get("/sign-in/?code=nonsense")
    assert "`" not in response.content.decode() and "<code>make signin</code>" in response.content.decode()
