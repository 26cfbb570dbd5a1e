"""Scripts and styles go over the wire as gzip, and are the same files."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

ROOT = Path(__file__).resolve().parent.parent.parent
STYLE = "/static/css/controls.css"
ZIPPED = {"headers": {"accept-encoding": "gzip, deflate"}}


@pytest.mark.parametrize("address", [STYLE, "/static/js/lib/dom.js", "/static/icons.svg"])
def test_a_text_file_comes_as_gzip_and_is_the_file(client: Client, address: str) -> None:
    file = (ROOT / address[1:]).read_bytes()
    for _ in range(2):  # compressed, then remembered
        answer = client.get(address, **ZIPPED)
        body = answer.getvalue()
        assert answer["Content-Encoding"] == "gzip" and answer["Vary"] == "Accept-Encoding"
        assert int(answer["Content-Length"]) == len(body) < len(file) / 2
        assert gzip.decompress(body) == file
    plain = client.get(address)
    assert "Content-Encoding" not in plain and plain.getvalue() == file and plain["Vary"] == "Accept-Encoding"
    assert answer["Content-Type"] == plain["Content-Type"] and answer["Cache-Control"] == plain["Cache-Control"]


def read(client: Client, **how: Any) -> Any:
    """The answer for the style, read to its end, which closes its file."""
    answer = client.get(STYLE, **how)
    answer.getvalue()
    return answer


@pytest.mark.parametrize("coding", ["gzip", "identity"])
def test_a_browser_that_has_it_gets_nothing(client: Client, coding: str) -> None:
    etag = read(client, headers={"accept-encoding": coding})["ETag"]
    for known in (etag, f"W/{etag.removeprefix('W/')}"):
        again = read(client, headers={"accept-encoding": coding, "if-none-match": known})
        assert (again.status_code, again["ETag"], again["Vary"]) == (304, etag, "Accept-Encoding")
    assert read(client, headers={"accept-encoding": coding, "if-none-match": 'W/"another"'}).status_code == 200


def test_the_two_codings_are_not_the_same_bytes(client: Client) -> None:
    """A part of one must not be joined to the other: a strong ETag would allow that."""
    zipped, plain = read(client, **ZIPPED)["ETag"], read(client)["ETag"]
    assert zipped == f"W/{plain}" and plain.startswith('"')


@pytest.mark.parametrize(
    ("accepted", "is_zipped"),
    [
        ("gzip;q=0", False),
        ("gzip; q=0.000, *", False),
        ("*;q=0", False),
        ("gzip;q=much", False),
        ("x-gzipped", False),
        ("br, GZIP;q=0.1", True),
        ("*", True),
    ],
)
def test_who_refuses_gzip_does_not_get_it(client: Client, accepted: str, is_zipped: bool) -> None:
    answer = read(client, headers={"accept-encoding": accepted})
    assert ("Content-Encoding" in answer) == is_zipped and answer["Vary"] == "Accept-Encoding"


def test_a_head_says_what_the_file_would_come_with(client: Client) -> None:
    unknown = client.head("/static/css/wall.css", **ZIPPED)
    assert unknown["Content-Encoding"] == "gzip" and "Content-Length" not in unknown, "it was not compressed yet"
    whole, head = read(client, **ZIPPED), client.head(STYLE, **ZIPPED)
    for name in ("Content-Encoding", "Content-Length", "ETag", "Vary"):
        assert head[name] == whole[name], name
    assert head.getvalue() == b""


def test_parts_pictures_and_pages_stay_as_they_are(client: Client, db: None) -> None:
    part = client.get(STYLE, headers={"accept-encoding": "gzip", "range": "bytes=0-9"})
    assert part.status_code == 206 and len(part.getvalue()) == 10 and "Content-Encoding" not in part
    assert part["Vary"] == "Accept-Encoding"
    icon = next((ROOT / "static/icons").glob("*.png")).relative_to(ROOT)
    picture = client.get(f"/{icon}", **ZIPPED)
    assert "Content-Encoding" not in picture and picture.getvalue() == (ROOT / icon).read_bytes()
    assert "Content-Encoding" not in client.get("/sign-in/", **ZIPPED)
