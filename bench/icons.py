"""Draw the icons of the installed product from static/icons/app.svg; run it after the drawing has changed.

    .venv/bin/python bench/icons.py

Needs a Chromium. `maskable` and the one for Apple fill their square, since the system cuts the corners itself.
"""

from __future__ import annotations

import base64
import shutil
from pathlib import Path

from playwright.sync_api import sync_playwright

FOLDER = Path(__file__).resolve().parent.parent / "static/icons"
ICONS = {"app-192.png": (192, 22), "app-512.png": (512, 22), "maskable-512.png": (512, 0), "apple-180.png": (180, 0)}
"""Of each file the width in pixels, and how round its corners are, in percent."""
PAGE = """
<style>html, body {{ margin: 0; background: none }} img {{ display: block; border-radius: {round}% }}</style>
<img width="{width}" height="{width}" src="data:image/svg+xml;base64,{drawing}">
"""


def main() -> None:
    drawing = base64.b64encode((FOLDER / "app.svg").read_bytes()).decode()
    chromium = next(path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name)))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for name, (width, round_) in ICONS.items():
            page = browser.new_page(viewport={"width": width, "height": width})
            page.set_content(PAGE.format(width=width, round=round_, drawing=drawing))
            page.locator("img").evaluate("(image) => image.decode()")
            page.screenshot(path=FOLDER / name, omit_background=True)
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
