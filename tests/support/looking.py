"""Pictures of pages for a person, where ROBOTDATA_SHOTS names a folder for them."""

from __future__ import annotations

import os
from pathlib import Path

from playwright.sync_api import Page

SHOTS = os.environ.get("ROBOTDATA_SHOTS")


def look(page: Page, name: str) -> None:
    """Keep a picture of the page at three widths, dark and light."""
    for width in (1440, 1024, 390) if SHOTS else ():
        for scheme in ("light", "dark"):
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            page.evaluate("document.getAnimations().forEach(a => a.effect.getTiming().iterations === 1 && a.finish())")
            page.screenshot(path=str(Path(str(SHOTS)) / f"{name}-{width}-{scheme}.png"))
    if SHOTS:
        page.set_viewport_size({"width": 1440, "height": 900})
