"""Nobody answers for a while: said in words, nothing is lost, and it goes on by itself."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.support.browser import quiet
from tests.support.in_sight import into_sight

pytestmark = pytest.mark.browser


def test_the_player_says_it_in_words_and_goes_on(visit: Any, crowd: list[str]) -> None:
    page = visit(f"/episodes/{crowd[5]}/?list=review&sort=oldest")
    expect(page.locator("#signals canvas").first).to_be_visible()
    quiet(page)
    page.context.set_offline(True)
    page.keyboard.press("b")
    expect(page.locator(".toast").last).to_contain_text("Can't reach robotdata")
    expect(page.locator("#details")).to_have_attribute("data-episode", crowd[5])
    expect(page.locator("#signals")).to_contain_text("Can't reach robotdata")
    expect(page.locator("#lost")).to_be_visible()
    expect(page.get_by_text("Failed to fetch")).to_have_count(0)
    page.context.set_offline(False)
    expect(page.locator("#lost")).to_be_hidden()
    expect(page.locator("#signals canvas").first).to_be_visible()
    expect(page.locator("#film img")).to_be_visible()
    page.keyboard.press("b")
    expect(page.locator("#details")).to_have_attribute("data-episode", crowd[4])
    visit.forgive()


def test_a_page_whose_person_has_signed_out_elsewhere_says_so(visit: Any) -> None:
    page = visit("about:blank")
    # As the server shuts it: tests/recorder/sockets/test_inputs.py.
    page.route_web_socket("**/ws/events/*", lambda socket: socket.close(code=4403, reason="signed out"))
    page.goto("/datasets/")
    expect(page.get_by_role("link", name="Sign in again")).to_have_attribute("href", "/sign-in/?next=/datasets/")
    expect(page.locator("#lost")).not_to_contain_text("Reconnecting", use_inner_text=True)
    page.unroute_all()


def test_the_wall_says_that_a_filter_was_not_heard_and_fetches_the_rest_later(visit: Any, crowd: list[str]) -> None:
    page = visit("/datasets/crowd/", width=1024, height=500)
    cards = page.locator("#cards .take")
    expect(cards.first).to_be_visible()
    had = cards.count()
    assert had < len(crowd)
    page.context.set_offline(True)
    page.get_by_role("combobox", name="Order").select_option("oldest")
    expect(page.locator(".toast").last).to_contain_text("Can't reach robotdata")
    into_sight(page.locator("#cards > .loading"))
    expect(page.locator("#cards > .loading")).to_contain_text("Trying again")
    page.context.set_offline(False)
    expect(cards).to_have_count(len(crowd))
    visit.forgive()
