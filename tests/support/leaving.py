"""Close a browser context in order."""

from __future__ import annotations

import contextlib

from playwright.sync_api import BrowserContext, Error, Page


def close_context(context: BrowserContext) -> None:
    """Close the context once its pages load nothing: Chromium may never answer while a page is being reloaded."""
    for page in context.pages:
        leave(page)
    context.close()


def close_page(page: Page) -> None:
    leave(page)
    page.close()


def leave(page: Page) -> None:
    """Go to the empty page, however often the page itself goes elsewhere."""
    while not page.is_closed() and page.url != "about:blank":
        # A reload that begins at the same moment takes the place of this navigation.
        with contextlib.suppress(Error):
            page.goto("about:blank")
