"""Everybody can use the pages: axe looks at each of them, in both themes."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from tests.support.browser import quiet
from tests.support.desk_data import call, fill
from tests.support.leaving import close_context

pytestmark = pytest.mark.browser

VENDOR = Path(__file__).resolve().parent / "vendor"
AXE = VENDOR / "axe-4.10.3.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]
PAGES = [
    "/",
    "/record/bench-1/",
    "/datasets/",
    "/datasets/axe/?view=all",
    "/datasets/axe/?view=all&mark=any&label=x",
    "/datasets/axe/overview/",
    "/datasets/axe/frames/",
    *(f"/datasets/axe/{page}/" for page in ("edit", "use", "history", "files", "settings")),
    "/episodes/{0}/?list=review",
    "/compare/?a={0}&b={1}",
    "/rigs/",
    "/rigs/add/",
    "/rigs/add/?from=sim",
    "/operations/",
    "/trash/",
    "/keys/",
    "/help/",
    "/help/devices/",
    "/about/",
]


@pytest.fixture(scope="module")
def takes(chromium: Any, product: Any, signed_in: Any) -> list[str]:
    context = chromium.new_context(storage_state=signed_in, base_url=product.url)
    page = context.new_page()
    page.goto("/")
    ids = fill(page, product, "axe", 4, 30)
    call(page, "PATCH", f"/api/episodes/{ids[0]}", {"labels": ["success"], "rating": 4, "trim": [3, 20]})
    call(page, "PATCH", f"/api/episodes/{ids[2]}", {"verdict": "keep"})
    call(page, "PATCH", f"/api/episodes/{ids[3]}", {"verdict": "reject"})
    close_context(context)
    return ids


def test_it_uses_axe_unchanged() -> None:
    assert hashlib.sha256(AXE.read_bytes()).hexdigest() in (VENDOR / "README.md").read_text()


@pytest.mark.parametrize(("scheme", "width"), [("dark", 1440), ("light", 390)])
def test_it_can_be_used_by_everybody(visit: Any, takes: list[str], scheme: str, width: int) -> None:
    page = visit("/", width=width, color_scheme=scheme, reduced_motion="reduce")
    found = []
    for path in PAGES:
        page.goto(path.format(*takes))
        quiet(page)
        page.evaluate(AXE.read_text())
        # Pictures of the scene lie behind some words: axe cannot see their contrast, and says so by itself.
        asked = {"runOnly": RULES, "resultTypes": ["violations"]}
        report = page.evaluate("(asked) => axe.run(document, asked)", asked)
        for each in report["violations"]:
            where = [(node["target"], node["html"][:120]) for node in each["nodes"][:3]]
            found.append(f"{path}: {each['id']}: {each['help']}: {where}")
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, path
    assert not found, "\n".join(found)
