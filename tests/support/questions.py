"""Buttons that ask for a second press, on a machine so busy that the question would be gone before it comes."""

from __future__ import annotations

from playwright.sync_api import Page

ASKS_MS = 4000
"""For so long a button of the product asks."""

STAY = """(asks) => {
  const later = window.setTimeout;
  window.setTimeout = (act, after, ...more) => later(act, after === asks ? 100 * asks : after, ...more);
}"""


def let_questions_stay(page: Page) -> None:
    """From now on, until it is loaded again, the page waits for a second press as long as a test may take."""
    page.evaluate(STAY, ASKS_MS)
