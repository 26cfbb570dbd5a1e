"""A first visit of a page loads little: its own scripts and styles, counted in bytes as they are compressed."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

from django.test import Client
from django.utils import timezone

from recorder.models import Dataset, Episode, Rig

ROOT = Path(__file__).resolve().parent.parent.parent
STATIC = ROOT / "static"
MOST_BYTES = 150_000
DATASET_TABS = ("", "overview/", "frames/", "edit/", "use/", "history/", "files/", "settings/")
PAGES = ["/", "/record/arm-1/", "/rigs/", "/rigs/add/", "/datasets/", "/operations/", "/trash/", "/disk/", "/import/"]
PAGES += ["/keys/", "/help/", "/help/curation/", "/about/", "/account/", "/sign-in/"]
PAGES += [f"/datasets/cups/{tab}" for tab in DATASET_TABS]


def closure(file: Path) -> set[Path]:
    """Return the file and every script that it imports, at once or later, by a path of our own."""
    found, left = set(), [file]
    while left:
        path = left.pop()
        if path in found:
            continue
        found.add(path)
        if path.suffix == ".js":
            named = re.findall(r"""(?:from|import)\s*\(?\s*["'](\.{1,2}/[^"']+|/static/[^"']+)["']""", path.read_text())
            for name in named:
                target = ROOT / name[1:] if name.startswith("/") else path.parent / name
                left.append(target.resolve())
    return found


def loaded(page: str) -> set[Path]:
    """Return our own scripts and styles that the page names, and what they import; libraries of others are not ours."""
    names = re.findall(r'(?:src|href)="/static/([^"?]+\.(?:js|css))', page)
    return {each for name in names if not name.startswith("vendor/") for each in closure(STATIC / name)}


def weight(files: set[Path]) -> int:
    """Return the bytes of the files as gzip sends them."""
    return sum(len(gzip.compress(file.read_bytes(), 6)) for file in files if "vendor" not in file.parts)


def test_a_first_visit_of_each_page_stays_within_its_budget(person: Client) -> None:
    dataset = Dataset.objects.create(slug="cups", title="Cups", fps=30)
    Rig.objects.create(name="arm-1", state="ready", last_seen_at=timezone.now())
    pair = [Episode.objects.create(dataset=dataset, state="recorded", ticks=9, task="lift").pk for _ in range(2)]
    weights = {}
    for url in [*PAGES, f"/episodes/{pair[0]}/", f"/compare/?a={pair[0]}&b={pair[1]}"]:
        page = person.get(url, follow=True)
        assert page.status_code == 200, url
        files = loaded(page.text)
        assert len(files) > 3, url
        weights[url] = weight(files)
    assert {url: size for url, size in weights.items() if size > MOST_BYTES} == {}


def test_what_a_script_imports_counts() -> None:
    names = {file.name for file in closure(STATIC / "js/player/page.js")}
    assert {"player.js", "format.js", "api.js"} <= names
