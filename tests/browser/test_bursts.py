"""What moves many times in a moment is fetched a few times, and not again once nothing moves."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.support.browser import quiet
from tests.support.desk_data import fill

pytestmark = pytest.mark.browser

# Changes the take by hand faster than answers come, for longer than one burst of the page.
CHANGES = """
async (take) => {
  const token = document.querySelector("meta[name=csrf-token]").content;
  for (let n = 0; n < 12; n += 1) {
    const body = JSON.stringify({ verdict: n % 2 ? "keep" : "unreviewed" });
    await fetch(`/api/episodes/${take}`, { method: "PATCH", body, headers: { "X-CSRFToken": token } });
    await new Promise((done) => setTimeout(done, 60));
  }
}
"""


def test_it_ends_after_a_burst(product: Any, visit: Any) -> None:
    """Two panels of this page show the same things: neither may take the other for what stands in its place."""
    takes = fill(product, "bursts", 2, 10)
    page = visit("/datasets/bursts/?view=all")
    quiet(page, 1.0)
    page.evaluate(CHANGES, takes[0])
    card = page.locator(f"#take-{takes[0]}.is-keep")
    expect(card).to_have_count(1)
    quiet(page, 1.0)
    assert card.count() == 1
