"""Everybody can use every page: what axe finds in both themes, a finger in a glove, and keys alone."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Page

from tests.support.browser import quiet
from tests.support.desk_data import fill
from tests.support.page_checks import AXE, axe_violations, out_of_reach, sideways_px, small_targets

pytestmark = pytest.mark.browser

PAGES = [
    "/",
    "/record/bench-1/",
    "/datasets/",
    "/datasets/axe/?view=all",
    "/datasets/axe/?view=all&mark=any&label=x",
    *(f"/datasets/axe/{tab}/" for tab in ("overview", "frames", "edit", "use", "history", "files", "settings")),
    "/episodes/{0}/?list=review",
    "/compare/?a={0}&b={1}",
    "/rigs/",
    "/rigs/add/",
    "/rigs/add/?from=sim",
    f"/rigs/drivers/?station={quote(socket.gethostname())}",
    "/operations/",
    "/trash/",
    "/disk/",
    "/import/",
    "/keys/",
    "/help/",
    "/help/curation/",
    "/help/devices/",
    "/about/",
    "/account/",
]
OF_STRANGERS = ["/sign-in/", "/offline/"]
"""Pages for somebody who has not signed in."""
STRANGER = {"cookies": [], "origins": []}


@pytest.fixture(scope="module")
def takes(product: Any) -> list[str]:
    ids = fill(product, "axe", 4, 30)
    ask = product.api.call
    ask("PATCH", f"/api/episodes/{ids[0]}", {"labels": ["success"], "rating": 4, "trim": [3, 20]})
    ask("PATCH", f"/api/episodes/{ids[2]}", {"verdict": "keep"})
    ask("PATCH", f"/api/episodes/{ids[3]}", {"verdict": "reject"})
    return ids


def test_it_uses_axe_unchanged() -> None:
    assert hashlib.sha256(AXE.read_bytes()).hexdigest() in AXE.with_name("README.md").read_text()


def too_wide(page: Page) -> Iterator[str]:
    if (by_px := sideways_px(page)) > 0:
        yield f"{by_px} px wider than its window"


def at_a_desk(page: Page) -> Iterator[str]:
    yield from axe_violations(page)
    yield from too_wide(page)
    yield from out_of_reach(page)


def by_a_finger(page: Page) -> Iterator[str]:
    """On a phone, and on a tablet: the same page, turned and moved to a larger window."""
    yield from axe_violations(page)
    yield from too_wide(page)
    yield from small_targets(page)
    page.set_viewport_size({"width": 1024, "height": 768})
    yield from too_wide(page)
    yield from (f"at 1024 px: {each}" for each in small_targets(page))
    page.set_viewport_size({"width": 390, "height": 844})


def walk(page: Page, takes: list[str], check: Any, paths: list[str] = PAGES) -> None:
    found = []
    for path in paths:
        page.goto(path.format(*takes))
        quiet(page)
        found += [f"{path}: {each}" for each in check(page)]
    assert not found, "\n".join(found)


def test_every_page_by_mouse_and_by_keys_alone(visit: Any, takes: list[str]) -> None:
    walk(visit("about:blank", color_scheme="dark", reduced_motion="reduce"), takes, at_a_desk)


def test_every_page_by_a_finger_in_a_glove(visit: Any, takes: list[str]) -> None:
    phone = {"width": 390, "height": 844, "has_touch": True, "is_mobile": True}
    walk(visit("about:blank", **phone, color_scheme="light", reduced_motion="reduce"), takes, by_a_finger)


def test_the_pages_of_a_stranger_too(visit: Any) -> None:
    walk(visit("about:blank", storage_state=STRANGER), [], at_a_desk, OF_STRANGERS)
    phone = {"width": 390, "height": 844, "has_touch": True, "is_mobile": True}
    walk(visit("about:blank", **phone, storage_state=STRANGER), [], by_a_finger, OF_STRANGERS)
