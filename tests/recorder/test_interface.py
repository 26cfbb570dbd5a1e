"""One type scale, one spacing scale: written down, used by every sheet, and shown on a living page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from recorder.views import interface

ROOT = Path(__file__).resolve().parent.parent.parent
SHEETS = sorted(path for path in (ROOT / "static/css").glob("*.css") if path.name != "offline.css")
TOKENS = dict(re.findall(r"^\s*--([\w-]+): ([^;]+);", (ROOT / "static/css/tokens.css").read_text(), re.M))
DOC = (ROOT / "docs/interface.md").read_text()
SPACES = {0, 1, 2, 4, 6, 8, 10, 12, 16, 24, 36}
ROOM = 38
"""From here on a space makes room for something of a fixed size."""
AT_ARMS_LENGTH = {"3.5rem", "2.25rem"}


def declarations(path: Path, names: str) -> list[str]:
    return re.findall(rf"(?<![\w-])(?:{names})(?:-[a-z]+)?: ([^;}}]+)", path.read_text())


@pytest.mark.parametrize("path", SHEETS, ids=lambda path: path.name)
def test_a_sheet_uses_sizes_of_the_scales(path: Path) -> None:
    spaces = [space for value in declarations(path, "padding|margin|gap|row-gap|column-gap") for space in pixels(value)]
    assert [space for space in spaces if space not in SPACES and space < ROOM] == []
    sizes = [value for value in declarations(path, "font-size") if re.fullmatch(r"[\d.]+(rem|px)", value)]
    assert [size for size in sizes if size not in AT_ARMS_LENGTH] == []


def pixels(value: str) -> list[int]:
    return [] if "calc" in value else [int(number) for number in re.findall(r"(?<![\w.])(\d+)px", value)]


def test_the_document_names_every_size_and_colour_as_it_is() -> None:
    written = dict(re.findall(r"^\| `--([\w-]+)` \| ([\d.]+(?:rem|px)) \|", DOC, re.M))
    assert written == {name: TOKENS[name] for name in (*interface.TYPE, *interface.SPACES)}
    colours = {name for name, value in TOKENS.items() if value.startswith("light-dark(#")} - {"lift", "shade"}
    named = set(re.findall(r"`--([\w-]+)`", DOC)) | {f"signal-{number}" for number in range(1, 9)}
    assert colours <= named


def test_the_document_names_classes_that_exist() -> None:
    rows = re.findall(r"^\| (`[a-z`,; -]+) \| [^|]+ \| [^|]+ \|$", DOC.split("## Components")[1], re.M)
    names = {name for row in rows for name in re.findall(r"`([a-z-]+)`", row)}
    styled = "".join(path.read_text() for path in SHEETS)
    assert len(names) > 25
    assert [name for name in sorted(names) if f".{name}" not in styled] == []


@pytest.mark.django_db
def test_the_living_page_shows_all_of_it_in_debug_only(client: Client, settings: pytest.FixtureRequest) -> None:
    client.force_login(get_user_model().objects.create_user("olga"))
    assert client.get("/interface/").status_code == 404
    settings.DEBUG = True  # type: ignore[attr-defined]
    page = client.get("/interface/").text
    sheet = (ROOT / "static/css/interface.css").read_text()
    for kind, names in (("colour", set(re.findall(r'data-colour="([\w-]+)"', page))), ("size", set(interface.TYPE))):
        assert len(names) > 5
        assert {name for name in names if f'[data-{kind}="{name}"]' not in sheet} == set()
    drawn = re.findall(r'<symbol id="([\w-]+)"', (ROOT / "static/icons.svg").read_text())
    assert all(f"icons.svg#{name}" in page for name in drawn)
