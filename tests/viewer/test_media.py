from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client

from recorder.models import ApiToken, Episode
from robotdata.video.barcode import read
from robotdata.video.jpeg import decode_jpeg, jpeg_size
from tests.viewer.conftest import FRONT, TOP

MakeEpisode = Callable[..., Episode]


@pytest.fixture
def signed_in(client: Client, olga: User) -> Client:
    client.force_login(olga)
    return client


def words(response) -> str:
    assert list(response.json()) == ["error"]
    return response.json()["error"]["message"]


def test_it_serves_a_frame_of_a_take(signed_in: Client, make_episode: MakeEpisode) -> None:
    episode = make_episode(12)
    answer = signed_in.get(f"/media/{episode.pk}/frame/{TOP}/11.jpg")
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/jpeg")
    assert read(decode_jpeg(answer.content)).tick == 11
    small = signed_in.get(f"/media/{episode.pk}/frame/{TOP}/11.jpg?height=60")
    assert jpeg_size(small.content) == (80, 60)


def test_it_answers_not_modified_and_lets_a_versioned_address_be_kept(
    signed_in: Client, make_episode: MakeEpisode
) -> None:
    url = f"/media/{make_episode().pk}/frame/{FRONT}/3.jpg"
    first = signed_in.get(url)
    assert first["Cache-Control"] == "private, no-cache"
    again = signed_in.get(url, HTTP_IF_NONE_MATCH=first["ETag"])
    assert (again.status_code, again.content) == (304, b"")
    version = first["ETag"].strip('"').split("-")[0]
    assert "immutable" in signed_in.get(f"{url}?v={version}")["Cache-Control"]
    assert "immutable" not in signed_in.get(f"{url}?v=old")["Cache-Control"]


@pytest.mark.parametrize("n", ["12", "999999999"])
def test_it_says_how_many_frames_there_are(signed_in: Client, make_episode: MakeEpisode, n: str) -> None:
    answer = signed_in.get(f"/media/{make_episode(12).pk}/frame/{FRONT}/{n}.jpg")
    assert answer.status_code == 404 and "frames 0 to 11" in words(answer)


@pytest.mark.parametrize("n", ["-1", "NaN", "1e3", "0x1", "٣", "1.5", "9" * 40])
def test_it_refuses_what_is_no_frame_number(signed_in: Client, make_episode: MakeEpisode, n: str) -> None:
    answer = signed_in.get(f"/media/{make_episode(2).pk}/frame/{FRONT}/{n}.jpg")
    assert answer.status_code == 400 and "write" in words(answer)


@pytest.mark.parametrize(
    "path",
    [
        "frame/../0.jpg",
        "frame/..%2f..%2fetc%2fpasswd/0.jpg",
        "frame/%252e%252e/0.jpg",
        "frame/..%5c..%5c/0.jpg",
        "frame/~/0.jpg",
        "frame/%00/0.jpg",
        "strip/%2fetc%2fpasswd.jpg",
        "strip/..%2ftake.json.jpg",
        "video/..%2f..%2ftake.mp4",
    ],
)
def test_it_reads_nothing_outside_the_episode(signed_in: Client, make_episode: MakeEpisode, path: str) -> None:
    assert signed_in.get(f"/media/{make_episode(2).pk}/{path}").status_code == 404


@pytest.mark.parametrize("query", ["height=0", "height=x", "height=-5", "height=99999", "height=1e2"])
def test_it_refuses_a_height_that_is_none(signed_in: Client, make_episode: MakeEpisode, query: str) -> None:
    pk = make_episode(2).pk
    assert signed_in.get(f"/media/{pk}/frame/{FRONT}/0.jpg?{query}").status_code == 400
    assert signed_in.get(f"/media/{pk}/strip/{FRONT}.jpg?{query}").status_code == 400


def test_it_serves_a_filmstrip_and_signals(signed_in: Client, make_episode: MakeEpisode) -> None:
    pk = make_episode(12).pk
    strip = signed_in.get(f"/media/{pk}/strip/{FRONT}.jpg?count=6&height=60")
    assert jpeg_size(strip.content) == (6 * 80, 60)
    signals = signed_in.get(f"/media/{pk}/signals.bin")
    assert signals["Content-Type"] == "application/octet-stream" and b'"rows": 12' in signals.content
    assert signed_in.get(f"/media/{pk}/signals.bin", HTTP_IF_NONE_MATCH=signals["ETag"]).status_code == 304


def test_it_asks_who_is_there(client: Client, olga: User, make_episode: MakeEpisode) -> None:
    url = f"/media/{make_episode(2).pk}/frame/{FRONT}/0.jpg"
    assert client.get(url).status_code == 401
    assert client.get(url, HTTP_AUTHORIZATION="Bearer wrong").status_code == 401
    token = ApiToken.issue(user_id=olga.pk, name="script")
    assert client.get(url, HTTP_AUTHORIZATION=f"Bearer {token}").status_code == 200
    User.objects.update(is_active=False)
    assert client.get(url, HTTP_AUTHORIZATION=f"Bearer {token}").status_code == 401


def test_it_only_reads(signed_in: Client, make_episode: MakeEpisode) -> None:
    url = f"/media/{make_episode(2).pk}/frame/{FRONT}/0.jpg"
    assert (signed_in.head(url).status_code, signed_in.post(url).status_code) == (200, 405)


def test_it_says_what_is_gone(signed_in: Client, make_episode: MakeEpisode, home: Path) -> None:
    episode = make_episode(2)
    (episode.take_path).rename(home / "elsewhere")
    answer = signed_in.get(f"/media/{episode.pk}/frame/{FRONT}/0.jpg")
    assert answer.status_code == 410 and str(episode.pk) in words(answer)
    assert signed_in.get(f"/media/{uuid.uuid4()}/frame/{FRONT}/0.jpg").status_code == 404


def test_it_has_no_video_of_a_take(signed_in: Client, make_episode: MakeEpisode) -> None:
    answer = signed_in.get(f"/media/{make_episode(2).pk}/video/{FRONT}.mp4")
    assert answer.status_code == 404 and "encoded" in words(answer)
