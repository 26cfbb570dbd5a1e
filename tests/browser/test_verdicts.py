"""A verdict changes only where somebody means it, is always said, and one finds back to it."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, Route, WebSocket, expect

from tests.support.desk_data import call, fill, until

pytestmark = pytest.mark.browser
TICKS = 12


def verdict(page: Page, take: str) -> str:
    return str(call(page, "GET", f"/api/episodes/{take}")["verdict"])


def opened(page: Page, take: str) -> None:
    expect(page.locator("#details")).to_have_attribute("data-episode", take)
    expect(page.locator("#frames")).to_have_text(str(TICKS - 1))


def test_a_verdict_that_is_given_twice_changes_nothing(visit: Any, product: Any) -> None:
    ids = fill(product, "twice", 3, TICKS)
    page = visit(f"/episodes/{ids[2]}/?list=review&sort=oldest")
    opened(page, ids[2])
    page.locator("#advance").uncheck()
    name = call(page, "GET", f"/api/episodes/{ids[2]}")["name"]
    for key, word in (("k", "kept"), ("r", "rejected")):
        page.keyboard.press(key)
        expect(page.locator(".toast", has_text=f"{name} {word}.").first).to_be_visible()
        until(lambda: verdict(page, ids[2]), {"k": "keep", "r": "reject"}[key])
        for _ in range(2):
            page.keyboard.press(key)
            expect(page.locator(".toast").last).to_contain_text(f"{name} is {word} already")
        assert verdict(page, ids[2]) == {"k": "keep", "r": "reject"}[key]
    page.keyboard.press("u")
    expect(page.locator(".toast").last).to_contain_text(f"Verdict of {name} cleared")
    until(lambda: verdict(page, ids[2]), "unreviewed")
    expect(page.locator("#clear")).to_be_disabled()
    page.keyboard.press("z")
    until(lambda: verdict(page, ids[2]), "reject")
    page.locator("#advance").check()


def test_it_moves_on_from_a_take_that_is_kept_already_and_previous_leads_back(visit: Any, product: Any) -> None:
    page = visit("about:blank", alone=True)
    ids = fill(product, "back", 4, TICKS)
    product.api.call("PATCH", f"/api/episodes/{ids[1]}", {"verdict": "keep"})
    sockets: list[WebSocket] = []
    page.on("websocket", lambda socket: sockets.append(socket))
    page.clock.install()
    page.goto(f"/episodes/{ids[1]}/?list=review&sort=oldest")
    opened(page, ids[1])
    page.keyboard.press("k")
    opened(page, ids[2])
    assert verdict(page, ids[1]) == "keep"
    page.keyboard.press("r")
    opened(page, ids[3])
    page.keyboard.press("b")
    opened(page, ids[2])
    expect(page.locator("#verdict")).to_have_text("rejected")
    page.locator("#go-previous").click()
    opened(page, ids[1])
    page.keyboard.press("j")
    opened(page, ids[3])  # in the list to review the others stand no longer
    left = [socket for socket in sockets if any(f"/ws/play/{take}/" in socket.url for take in ids[1:3])]
    assert len(left) >= 4  # each was shown twice
    for socket in left:
        if not socket.is_closed():
            socket.wait_for_event("close")
    page.clock.fast_forward(3000)  # longer than a socket may be away
    expect(page.locator("#lost")).to_be_hidden()  # the sockets of the takes before were closed by the page itself


def test_the_buttons_of_a_card_say_what_they_did(visit: Any, product: Any) -> None:
    (take,) = fill(product, "card", 1, TICKS)
    page = visit("/datasets/card/?view=all")
    page.locator(f"#keep-{take}").click()
    expect(page.locator(".toast").last).to_contain_text("#1 kept")
    expect(page.locator(f"#take-{take}")).to_have_class("take is-keep")
    page.locator(f"#keep-{take}").click()
    expect(page.locator(".toast").last).to_contain_text("#1 is kept already")
    assert verdict(page, take) == "keep"
    page.locator(f"#clear-{take}").click()
    expect(page.locator(".toast").last).to_contain_text("Verdict of #1 cleared")
    expect(page.locator(f"#take-{take}")).to_have_class("take is-unreviewed")


@pytest.mark.parametrize("reached", [True, False], ids=["it was saved", "it was not"])
def test_a_verdict_without_an_answer_is_looked_up_and_settled(visit: Any, product: Any, reached: bool) -> None:
    slug = f"unsure-{reached}".lower()
    ids = fill(product, slug, 2, TICKS)
    page = visit(f"/episodes/{ids[0]}/?list=review&sort=oldest")
    opened(page, ids[0])
    away = [True]

    def cut(route: Route) -> None:
        if not away[0]:
            route.continue_()
            return
        if reached and route.request.method == "PATCH":
            route.fetch()
        route.abort("connectionreset")

    page.route(f"**/api/episodes/{ids[0]}", cut)
    page.keyboard.press("k")
    expect(page.locator("#refused li")).to_have_count(1)
    opened(page, ids[1])
    expect(page.locator(".toast.is-bad")).to_have_count(0)
    away[0] = False
    if reached:
        expect(page.locator("#refused")).to_be_hidden()
        expect(page.locator(".toast").last).to_contain_text("#1 kept")
    else:
        page.locator("#refused").get_by_role("button", name="Keep again").click()
        expect(page.locator("#refused")).to_be_hidden()
    until(lambda: verdict(page, ids[0]), "keep")
    visit.forgive()  # the browser writes down each connection that was cut
