"""The main button of the record page, on a machine so busy that the rig's words come seconds late."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

A_SECOND = re.compile(r"^(?!0:00\.)\d+:\d\d")
"""What the clock of a take of at least a second says, however late one looks."""


def may_press(page: Page, does: str) -> None:
    """Wait until the button does this at once: nothing is unanswered, and no press is held back as too hasty."""
    expect(page.locator(f'#big[data-does="{does}"]:enabled:not([data-held])')).to_be_visible()
