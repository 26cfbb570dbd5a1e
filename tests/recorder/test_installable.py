"""The product as an installed app: a manifest with icons that are there, and a page for lost connections."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent.parent
MANIFEST = ROOT / "static/app.webmanifest"


def test_the_manifest_names_icons_of_their_real_sizes() -> None:
    manifest = json.loads(MANIFEST.read_text())
    assert (manifest["start_url"], manifest["scope"], manifest["display"]) == ("/", "/", "standalone")
    sizes = set()
    for icon in manifest["icons"]:
        path = MANIFEST.parent / icon["src"]
        if path.suffix == ".png":
            with Image.open(path) as picture:
                assert icon["sizes"] == f"{picture.width}x{picture.height}"
        assert path.is_file()
        sizes.add((icon["sizes"], icon.get("purpose", "any")))
    assert {("192x192", "any"), ("512x512", "any"), ("512x512", "maskable")} <= sizes


def test_icons_that_the_system_cuts_fill_their_square_and_the_others_have_round_corners() -> None:
    for name, alpha in {"maskable-512.png": 255, "apple-180.png": 255, "app-512.png": 0, "app-192.png": 0}.items():
        with Image.open(ROOT / "static/icons" / name) as picture:
            assert picture.convert("RGBA").getpixel((0, 0))[3] == alpha, name  # type: ignore[index]


@pytest.mark.django_db
def test_every_page_leads_to_the_manifest_and_has_a_colour_for_each_theme(client: Client) -> None:
    page = client.get("/sign-in/").text
    assert re.search(r'<link rel="manifest" href="/static/app\.webmanifest">', page)
    assert re.search(r'<link rel="apple-touch-icon" href="/static/icons/apple-180\.png">', page)
    tokens = (ROOT / "static/css/tokens.css").read_text()
    surface = re.search(r"--surface: light-dark\((#\w+), (#\w+)\)", tokens)
    assert surface is not None
    colours = dict(re.findall(r'prefers-color-scheme: (\w+)\)" content="(#\w+)"', page))
    assert colours == {"light": surface[1], "dark": surface[2]}


def test_a_stranger_gets_the_page_for_lost_connections_and_its_worker(client: Client) -> None:
    page = client.get("/offline/")
    assert (page.status_code, page.cookies.keys() & {"sessionid"}) == (200, set())
    assert set(re.findall(r'<link rel="stylesheet" href="([^"]+)"', page.text)) == {"/static/css/offline.css"}
    assert "<script" not in page.text
    worker = client.get("/service-worker.js")
    assert worker.headers["Content-Type"] == "text/javascript"
    assert worker.headers["Cache-Control"] == "no-cache"
    assert "/static/css/offline.css" in worker.text and '"/offline/"' in worker.text


def test_the_worker_is_another_one_when_the_page_that_it_keeps_changes(
    client: Client, settings: Any, tmp_path: Path
) -> None:
    for name in ("templates/offline.html", "static/css/offline.css", "static/js/service_worker.js"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(settings.WEB_FILES / name, tmp_path / name)
    settings.WEB_FILES = tmp_path
    before = client.get("/service-worker.js").content
    assert client.get("/service-worker.js").content == before
    (tmp_path / "static/css/offline.css").write_text("p { color: red }")
    assert client.get("/service-worker.js").content != before
