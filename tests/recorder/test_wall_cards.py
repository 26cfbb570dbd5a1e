"""What a card of the wall shows: labels, the trim, and the pictures of the camera that is chosen."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from recorder.models import Dataset
from tests.support.wall_rows import FEATURES, FRONT, cups, person, take

__all__ = ["cups", "person"]
pytestmark = pytest.mark.django_db
TOP = "observation.images.top"


def pictures_on(page: str) -> list[str]:
    return re.findall(r'src="/media/[0-9a-f-]+/strip/([^"]*)\.jpg', page)


def test_a_card_says_how_many_labels_it_leaves_out(person: Client, cups: Dataset) -> None:
    one = take(cups, labels=["a", "b", "c", "slow", "dark"])
    card = person.get(f"/episodes/{one.pk}/card/").text
    assert "and 2 more" in card and 'title="slow, dark"' in card


def test_it_shows_on_the_card_what_is_cut_off(cups: Dataset, person: Client) -> None:
    whole, cut = take(cups, 1), take(cups, 2, trim_first=10, trim_end=50)
    assert 'class="trimmed"' not in person.get(f"/episodes/{whole.pk}/card/").text
    card = person.get(f"/episodes/{cut.pk}/card/").text
    assert 'viewBox="0 0 90 1"' in card and '<rect width="10"' in card and '<rect x="50"' in card


def test_frames_are_told_from_0_with_both_ends(person: Client, cups: Dataset) -> None:
    one = take(cups, 1, ticks=123, trim_first=12, trim_end=111)
    card = person.get(f"/episodes/{one.pk}/card/").content.decode()
    assert "frames 12–110" in card and "99 of 123 frames" in card
    refused = person.patch(f"/api/episodes/{one.pk}", {"trim": [0, 124]}, content_type="application/json")
    assert refused.status_code == 422 and "frames 0–122" in refused.json()["error"]["message"]
    done = person.patch(f"/api/episodes/{one.pk}", {"trim": [12, 101]}, content_type="application/json")
    assert done.status_code == 200
    assert "last frame: 110 → 100" in person.get(f"/episodes/{one.pk}/").content.decode()


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
