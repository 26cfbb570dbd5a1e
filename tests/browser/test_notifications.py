"""Whoever asks for it is notified of the end of a batch by the browser, while the page is not looked at."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.support.committing import commit
from tests.support.desk_data import fill, until_held

pytestmark = pytest.mark.browser
# The system shows notifications, and says whether a window is in front: both are its edge.
SYSTEM = """
  window.shown = [];
  const show = (words, options) => window.shown.push({ words, ...options });
  window.Notification = class {
    static permission = "default";
    static async requestPermission() { return (this.permission = "granted"); }
    constructor(words, options) { show(words, options); }
  };
  const worker = window.ServiceWorkerRegistration?.prototype ?? {};
  worker.showNotification = async (words, options) => show(words, options);
  window.isAway = false;
  Object.defineProperty(Document.prototype, "hidden", { get: () => window.isAway });
"""
LOOK = "(isAway) => { window.isAway = isAway; document.dispatchEvent(new Event('visibilitychange')); }"


def shown(page: Page) -> list[str]:
    return [each["words"] for each in page.evaluate("shown")]


def test_the_end_of_a_batch_is_shown_by_the_browser(visit: Any, product: Any) -> None:
    page = visit("about:blank", permissions=["notifications"])
    page.add_init_script(SYSTEM)
    page.goto("/operations/")
    title = page.title()
    tell = page.locator("#tell")
    expect(tell).to_have_text("Notify me when batches finish")
    tell.click()
    expect(tell).to_have_text("You will be notified")
    assert shown(page) == ["You will be told here"]

    page.evaluate(LOOK, True)
    done, last = (fill(product, f"told-{name}", 1, 6) for name in ("done", "last"))
    commit(product, "told-done", done)
    page.wait_for_function("() => shown.length === 2")
    notification = page.evaluate("shown[1]")
    assert notification["words"] == "A batch is done" and "told-done" in notification["body"]
    expect(page).to_have_title(f"Done: {notification['body']}")

    page.evaluate(LOOK, False)
    expect(page).to_have_title(title)
    tell.click()
    expect(tell).to_have_text("Notify me when batches finish")
    page.evaluate(LOOK, True)
    commit(product, "told-last", last)
    expect(page.locator(".toast", has_text="told-last")).to_be_visible()
    assert len(shown(page)) == 2, "nobody asks for it any more"


def test_who_began_a_batch_hears_of_an_end_that_comes_before_the_answer_to_the_press(visit: Any, product: Any) -> None:
    take = fill(product, "told-early", 1, 6)
    product.api.call("POST", "/api/episodes/verdict", {"episodes": take, "verdict": "keep"})
    page = visit("/datasets/told-early/")
    held: list[tuple[Route, Any]] = []
    page.route("**/api/datasets/told-early/encode", lambda route: held.append((route, route.fetch())))
    page.evaluate("""() => document.addEventListener("row-moved", ({ detail: { kind, state } }) => {
      window.isOver ||= kind === "operation" && state === "done";
    })""")
    page.get_by_role("button", name="Encode 1 kept take").click()
    page.wait_for_function("() => window.isOver")
    expect(page.locator(".toast", has_text="told-early")).to_have_count(0)  # nobody knows yet whose batch it was
    until_held(page, held, "")
    route, answer = held[0]
    route.fulfill(response=answer)
    expect(page.locator(".toast", has_text="told-early")).to_be_visible()
