"""Two people at the same takes: the second one is told who was first, and sees what is so now."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, WebSocketRoute, expect

from tests.support import programs
from tests.support.browser import quiet
from tests.support.desk_data import ROOT, call, fill
from tests.support.leaving import close_context, close_page

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def takes(product: Any) -> list[str]:
    return fill(product, "shared", 4, 20)


def hears_nothing(socket: WebSocketRoute) -> None:
    """A page whose bell is silent: as in the moment before it rings."""


@pytest.fixture(scope="module")
def account(product: Any) -> tuple[str, str]:
    """The name and the password of a second person."""
    name, password = "ben", "two-people"
    env = product.env(DJANGO_SUPERUSER_USERNAME=name, DJANGO_SUPERUSER_PASSWORD=password, DJANGO_SUPERUSER_EMAIL="")
    programs.run([sys.executable, "manage.py", "createsuperuser", "--noinput"], cwd=ROOT, env=env, check=True)
    return name, password


@pytest.fixture(scope="module")
def bens(chromium: Any, product: Any, account: tuple[str, str]) -> Iterator[BrowserContext]:
    """The browser of a second person."""
    context = chromium.new_context(base_url=product.url, viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto("/sign-in/")
    page.fill("[name=username]", account[0])
    page.fill("[name=password]", account[1])
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/")
    close_page(page)
    yield context
    close_context(context)


@pytest.fixture
def ben(bens: BrowserContext) -> Iterator[Page]:
    """A second person, whose page does not know yet what the first one did."""
    page = bens.new_page()
    page.set_default_timeout(60_000)
    page.route_web_socket("**/ws/events/*", hears_nothing)
    yield page
    close_page(page)


def test_it_tells_the_second_one_who_was_first(visit: Any, ben: Page, takes: list[str]) -> None:
    mine = visit(f"/episodes/{takes[0]}/?list=all")
    expect(mine.locator("#verdict")).to_have_text("to review")
    mine.uncheck("#advance")
    ben.goto(f"/episodes/{takes[0]}/?list=all")
    ben.uncheck("#advance")
    mine.keyboard.press("k")
    expect(mine.locator("#verdict")).to_have_text("keep")
    ben.keyboard.press("r")
    expect(ben.locator(".toast.is-bad")).to_contain_text("set verdict to keep")
    expect(ben.locator("#verdict")).to_have_text("keep")  # what is so now
    ben.keyboard.press("r")
    expect(ben.locator("#verdict")).to_have_text("rejected")  # seen, and decided


def test_it_tells_two_who_share_a_sign_in_too(visit: Any, chromium: Any, product: Any, takes: list[str]) -> None:
    mine = visit(f"/episodes/{takes[0]}/?list=all")
    call(mine, "PATCH", f"/api/episodes/{takes[0]}", {"verdict": "unreviewed"})
    context = chromium.new_context(base_url=product.url)
    other = context.new_page()
    other.set_default_timeout(60_000)
    other.route_web_socket("**/ws/events/*", hears_nothing)
    other.goto(product.link())
    other.goto(f"/episodes/{takes[0]}/?list=all")
    other.uncheck("#advance")
    mine.reload()
    mine.uncheck("#advance")
    mine.keyboard.press("k")
    expect(mine.locator("#verdict")).to_have_text("keep")
    other.keyboard.press("r")
    expect(other.locator(".toast.is-bad")).to_contain_text("in another browser set verdict to keep")
    expect(other.locator("#verdict")).to_have_text("keep")
    close_context(context)
    call(mine, "PATCH", f"/api/episodes/{takes[0]}", {"verdict": "reject"})


def test_it_tells_it_on_the_wall_too(visit: Any, ben: Page, takes: list[str]) -> None:
    mine = visit("/datasets/shared/?view=all")
    ben.goto("/datasets/shared/?view=all")
    mine.locator(f"#keep-{takes[1]}").click()
    expect(mine.locator(f"#take-{takes[1]}")).to_have_class("take is-keep")
    ben.locator(f"#reject-{takes[1]}").click()
    expect(ben.locator(".toast.is-bad")).to_contain_text("set verdict to keep")
    expect(ben.locator(f"#take-{takes[1]}")).to_have_class("take is-keep")


def test_it_keeps_what_the_second_one_typed(visit: Any, ben: Page, takes: list[str]) -> None:
    ben.goto(f"/episodes/{takes[2]}/?list=all")
    ben.locator("#edit-note").fill("the light is off")
    mine = visit(f"/episodes/{takes[2]}/?list=all")
    mine.locator("#edit-note").fill("dark")
    mine.get_by_role("button", name="Save").click()
    expect(mine.locator(".toast", has_text="Saved.")).to_be_visible()
    ben.get_by_role("button", name="Save").click()
    expect(ben.locator(".toast.is-bad")).to_contain_text("set note to dark")
    expect(ben.locator("#edit-note")).to_have_value("the light is off")
    ben.get_by_role("button", name="Save").click()
    expect(ben.locator(".toast", has_text="Saved.")).to_be_visible()


def test_it_tells_it_of_many_at_once_too(visit: Any, ben: Page, takes: list[str]) -> None:
    mine = visit("/about/")
    call(mine, "POST", "/api/episodes/verdict", {"episodes": takes[:2], "verdict": "unreviewed"})
    ben.goto("/datasets/shared/?view=all")
    call(mine, "PATCH", f"/api/episodes/{takes[1]}", {"verdict": "keep"})
    for take in takes[:2]:
        ben.locator(f"[data-pick='{take}']").click()
    ben.keyboard.press("r")
    expect(ben.locator(".toast.is-bad")).to_contain_text("set verdict to keep")
    expect(ben.locator(f"#take-{takes[1]}")).to_have_class("take is-keep")
    assert [call(mine, "GET", f"/api/episodes/{take}")["verdict"] for take in takes[:2]] == ["unreviewed", "keep"]
    ben.keyboard.press("r")
    expect(ben.locator(f"#take-{takes[1]}")).to_have_class("take is-reject")
    call(mine, "POST", "/api/episodes/verdict", {"episodes": takes[:2], "verdict": "unreviewed"})


def test_it_never_conflicts_with_oneself(visit: Any, takes: list[str]) -> None:
    """Keys faster than any answer."""
    page = visit(f"/episodes/{takes[3]}/?list=all")
    expect(page.locator("#frames")).to_have_text("19")
    page.uncheck("#advance")
    page.locator("#advance").blur()
    for key in ["k", "r", "k", "[", "r", "ArrowRight", "[", "k"]:
        page.keyboard.press(key)
    expect(page.locator("#details")).to_have_attribute("data-trim", "1,20")
    page.keyboard.press("z")
    page.keyboard.press("r")
    expect(page.locator("#verdict")).to_have_text("rejected")
    expect(page.locator(".toast.is-bad")).to_have_count(0)
    page.goto("/datasets/shared/?view=all")
    for _ in range(3):
        for verdict in ("keep", "reject"):
            page.locator(f"#{verdict}-{takes[1]}").evaluate("(button) => button.click()")
    quiet(page, 1.0)
    expect(page.locator(".toast.is-bad")).to_have_count(0)
    assert call(page, "GET", f"/api/episodes/{takes[1]}")["verdict"] in {"keep", "reject", "unreviewed"}
