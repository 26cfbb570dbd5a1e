"""On a tablet at the robot: an installed product says that it cannot be reached, and the screen stays on."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.support.big_button import may_press
from tests.support.desk_data import call, fill

pytestmark = pytest.mark.browser

# A browser's tab cannot be made an installed app from outside.
INSTALLED = """
  const asked = window.matchMedia.bind(window);
  const standalone = (query) => Object.defineProperty(asked(query), "matches", { value: true });
  window.matchMedia = (query) => (query === "(display-mode: standalone)" ? standalone(query) : asked(query));
"""
# What the system would do: a headless browser has no screen.
SCREEN = """
  window.locks = { held: 0 };
  const request = async () => {
    window.locks.held += 1;
    const lock = new EventTarget();
    lock.release = async () => { window.locks.held -= 1; lock.dispatchEvent(new Event("release")); };
    return lock;
  };
  Object.defineProperty(navigator, "wakeLock", { value: { request } });
"""
KEPT = """async () => {
  const kept = [];
  for (const name of await caches.keys()) kept.push(...await (await caches.open(name)).keys());
  return kept.map((request) => new URL(request.url).pathname);
}"""


def test_an_installed_product_says_that_it_cannot_be_reached_and_keeps_nothing_else(visit: Any) -> None:
    page = visit("/offline/")
    page.add_init_script(INSTALLED)
    page.goto("/")
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page.goto("/help/")
    page.locator("#menu-button").click()
    page.get_by_role("navigation", name="More").get_by_role("link", name="About").click()
    expect(page.get_by_role("heading", name="About robotdata")).to_be_visible()
    call(page, "GET", "/api/rigs")
    assert page.evaluate(KEPT) == ["/offline/", "/static/css/offline.css"]
    page.context.set_offline(True)
    page.goto("/datasets/")
    expect(page.get_by_role("heading", name="Can't reach robotdata")).to_be_visible()
    assert page.url.endswith("/datasets/")
    page.context.set_offline(False)
    page.get_by_role("link", name="Try again").click()
    expect(page.get_by_role("heading", name="Datasets", level=1)).to_be_visible()
    visit.forgive()


def test_the_screen_stays_on_while_a_take_is_recorded(product: Any, visit: Any) -> None:
    fill(product, "awake", 0, 0)
    page = visit("/help/")
    page.add_init_script(SCREEN)
    page.goto("/record/bench-1/?dataset=awake")
    expect(page.locator("#state")).to_have_text("ready")
    page.fill("[name=task]", "Wave")
    page.fill("[name=countdown_s]", "0")
    may_press(page, "record")
    page.locator("#big").click()
    page.wait_for_function("() => window.locks.held === 1")
    may_press(page, "stop")
    page.locator("#big").click()
    page.wait_for_function("() => window.locks.held === 0")
