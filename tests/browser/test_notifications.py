"""Whoever asks for it is notified of the end of a batch by the browser, while the page is not looked at."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support.committing import commit
from tests.support.desk_data import call, fill, until

pytestmark = pytest.mark.browser
FRESH_HOME = True  # a take whose frames are gone would disturb the pages of other tests
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

    visit.forgive("status of 410")  # the picture of the take whose frames are gone
    page.evaluate(LOOK, True)
    done, failing, last = (fill(product, f"told-{name}", 1, 6) for name in ("done", "failing", "last"))
    commit(product, "told-done", done)
    page.wait_for_function("() => shown.length === 2")
    notification = page.evaluate("shown[1]")
    assert notification["words"] == "A batch is done" and "told-done" in notification["body"]
    expect(page).to_have_title(f"Done: {notification['body']}")

    for file in (product.home / "spool" / failing[0]).glob("*.mkv"):
        file.write_bytes(b"")
    call(page, "PATCH", f"/api/episodes/{failing[0]}", {"verdict": "keep"})
    call(page, "POST", "/api/datasets/told-failing/encode")
    page.wait_for_function("() => shown.length === 3")
    assert page.evaluate("shown[2].words") == "A batch failed"

    page.evaluate(LOOK, False)
    expect(page).to_have_title(title)
    tell.click()
    expect(tell).to_have_text("Notify me when batches finish")
    page.evaluate(LOOK, True)
    commit(product, "told-last", last)
    expect(page.locator(".toast", has_text="told-last")).to_be_visible()
    assert len(shown(page)) == 3, "nobody asks for it any more"


MOVED = """([id, begun]) => {
  Date.now = () => Date.parse(begun);
  const detail = { kind: "operation", id, state: "failed", operation: id, operation_type: "encode" };
  for (const turn of [1, 2]) document.dispatchEvent(new CustomEvent("row-moved", { detail }));
}"""


def test_a_batch_that_fails_before_its_beginning_is_heard_of_is_told_once(visit: Any, product: Any) -> None:
    page = visit("/about/")
    visit.forgive("status of 410")
    (take,) = fill(product, "told-at-once", 1, 6)
    for file in (product.home / "spool" / take).glob("*.mkv"):
        file.write_bytes(b"")
    call(page, "PATCH", f"/api/episodes/{take}", {"verdict": "keep"})
    begun = call(page, "POST", "/api/datasets/told-at-once/encode")
    until(lambda: call(page, "GET", f"/api/operations/{begun['id']}")["state"], "failed")
    page = visit("/about/")  # it has heard of nothing
    page.evaluate(MOVED, [begun["id"], begun["created_at"]])
    expect(page.locator(".toast", has_text="told-at-once")).to_have_count(1)
