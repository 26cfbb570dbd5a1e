"""Keys that come faster than answers: each judges its take, once, in the order of the list; a refusal comes back."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.support.browser import pictures, quiet
from tests.support.desk_data import call, fill, until, until_held

pytestmark = pytest.mark.browser
TICKS = 8
# By the page itself, the moment that the refusal shows: a busy machine would come too late for it.
PRESS_WHEN_REFUSED = """() => new MutationObserver((_, observer) => {
  observer.disconnect();
  document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "r", bubbles: true }));
  document.body.dataset.pressed = "yes";
}).observe(document.getElementById("refused"), { childList: true })"""


def verdicts(page: Page, slug: str) -> dict[str, str]:
    return {row["id"]: row["verdict"] for row in call(page, "GET", f"/api/episodes?dataset={slug}&limit=100")["items"]}


def test_it_judges_each_take_once_however_slow_the_answers_are(visit: Any, product: Any) -> None:
    ids = fill(product, "fast", 10, TICKS)
    sent: list[str] = []

    def slowly(route: Route) -> None:
        if route.request.method == "PATCH":
            sent.append(route.request.url.split("/")[-1])
            time.sleep(0.15)
        route.continue_()

    page = visit(f"/episodes/{ids[0]}/?list=review&sort=oldest")
    expect(page.locator("#frames")).to_have_text(str(TICKS - 1))
    quiet(page)
    page.route("**/api/episodes/*", slowly)
    for _ in ids[:6]:
        page.keyboard.press("r")
    expect(page.locator("#details")).to_have_attribute("data-episode", ids[6])
    page.keyboard.press("k")
    expect(page.locator("#details")).to_have_attribute("data-episode", ids[7])
    page.keyboard.press("z")  # takes the newest back, not the one that the server has heard of by now
    expect(page.locator("#details")).to_have_attribute("data-episode", ids[6])
    expect(page.locator("#verdict")).to_have_text("to review")
    until(lambda: [code.episode for code in pictures(page)], [6, 6])
    assert sent == ids[:7]
    assert [verdicts(page, "fast")[one] for one in ids] == ["reject"] * 6 + ["unreviewed"] * 4
    for _ in range(9):  # more than there are: the last one is not judged again
        page.keyboard.press("r")
    expect(page.locator(".toast", has_text="All reviewed").last).to_be_visible()  # a late key is told so again
    until(lambda: set(verdicts(page, "fast").values()), {"reject"})
    assert sent[7:] == ids[6:]


def test_a_refused_verdict_comes_back_with_its_take_and_the_reason(visit: Any, product: Any) -> None:
    ids = fill(product, "refused", 6, TICKS)
    words = "It is in a batch that is being encoded."
    refusing = [True]

    def refuse(route: Route) -> None:
        if route.request.method == "PATCH" and refusing[0]:
            time.sleep(0.3)
            body = json.dumps({"error": {"code": "encoding", "message": words}})
            route.fulfill(status=409, content_type="application/json", body=body)
        else:
            route.continue_()

    def slowly(route: Route) -> None:
        time.sleep(0.8)  # longer than a hand rests
        route.continue_()

    page = visit(f"/episodes/{ids[0]}/?list=review&sort=oldest")
    expect(page.locator("#frames")).to_have_text(str(TICKS - 1))
    quiet(page)
    page.route(f"**/api/episodes/{ids[1]}", refuse)
    page.route(f"**/episodes/{ids[1]}/?*", slowly)
    page.evaluate(PRESS_WHEN_REFUSED)  # meant for another take
    for _ in range(4):
        page.keyboard.press("r")
    expect(page.locator("#refused li")).to_have_count(1)
    expect(page.locator("#refused")).to_contain_text(words)
    expect(page.locator("#refused")).to_contain_text(call(page, "GET", f"/api/episodes/{ids[1]}")["name"])
    expect(page.locator("body")).to_have_attribute("data-pressed", "yes")
    expect(page.locator("#details")).to_have_attribute("data-episode", ids[1])
    expect(page.locator("#verdict")).to_have_text("to review")
    until(lambda: [code.episode for code in pictures(page)], [1, 1])
    page.wait_for_timeout(1000)  # the hand has rested: keys count again
    found = verdicts(page, "refused")
    assert (found[ids[0]], found[ids[1]], found[ids[5]]) == ("reject", "unreviewed", "unreviewed")

    refusing[0] = False
    page.keyboard.press("k")
    expect(page.locator("#refused")).to_be_hidden()
    until(lambda: verdicts(page, "refused")[ids[1]], "keep")
    visit.forgive()  # the browser writes down each answer of 409


def test_what_waits_is_sent_when_the_page_is_left(visit: Any, product: Any) -> None:
    ids = fill(product, "left", 6, TICKS)
    page = visit(f"/episodes/{ids[0]}/?list=review&sort=oldest")
    expect(page.locator("#frames")).to_have_text(str(TICKS - 1))
    quiet(page)
    # In one go, so that no answer comes in between, and away as soon as the fifth is shown.
    page.evaluate(
        """(last) => new Promise((shown) => {
      const there = () => document.getElementById("details").dataset.episode === last;
      const look = () => (there() ? shown() : setTimeout(look));
      const press = () => document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "r", bubbles: true }));
      for (let i = 0; i < 4; i += 1) press();
      look();
    }).then(() => location.assign("/datasets/left/?view=all"))""",
        ids[4],
    )
    page.wait_for_url("**/datasets/left/**")
    done = ["reject"] * 4 + ["unreviewed"] * 2
    until(lambda: [verdicts(page, "left")[one] for one in ids], done)


def test_keys_before_the_scripts_are_here_are_counted(visit: Any, product: Any) -> None:
    page = visit("about:blank")
    ids = fill(product, "early", 3, TICKS)
    held: list[Route] = []
    page.route("**/js/player/review.js", lambda route: held.append(route))
    page.goto(f"/episodes/{ids[0]}/?list=review&sort=oldest", wait_until="commit")
    page.locator("#details").wait_for()
    page.keyboard.press("k")
    page.keyboard.press("r")
    until_held(page, held, "")
    held[0].continue_()
    expect(page.locator("#details")).to_have_attribute("data-episode", ids[2])
    until(lambda: [verdicts(page, "early")[one] for one in ids], ["keep", "reject", "unreviewed"])
