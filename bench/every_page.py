"""Pictures of every page in every state, width and theme, and what is wrong with them.

    .venv/bin/python bench/screenshots.py --every-page FOLDER [--states one,many] [--widths 390] [--pages home,player]

FOLDER/index.html shows the pictures side by side. The offenders are printed: pages that scroll sideways, what axe
finds, what the browser complains of, targets too small for a finger. Exits with 1 where there is one.
"""

from __future__ import annotations

import argparse
import html
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from page_acts import Act, acts_of
from page_states import ROOT, SIGNED_OUT, STATES, addresses, fill, rig_of
from playwright.sync_api import Browser, Page, sync_playwright

sys.path.insert(0, str(ROOT))

from tests.support.browser import FLAGS, Traffic, quiet, running
from tests.support.chromium import chromium_path
from tests.support.desk_data import call, until
from tests.support.page_checks import axe_violations, sideways_px, small_targets

SIZES = {1440: 900, 1280: 720, 1024: 768, 390: 844}
TOUCHED = 1024  # a tablet and a phone are touched
PATIENCE_MS = 120_000  # a busy machine needs it for one page
THEMES = ("dark", "light")
EXPECTED = {"not-found": "404", "sign-in-used": "403"}
"""What the browser may say of a page, because the page is there to show it."""
GONE = ("error-dataset-overview-", "status of 410 (Gone)", "/strip/observation.images.top.jpg?")
"""The page, the status and the picture of the one take whose file of a camera is empty; no other 410 is expected."""
BUILT = {"/api/docs": ".opblock-tag"}
"""By address what a page builds by itself, after everything that it asks for has come."""
CUT_OFF = """() => [...document.querySelectorAll(".button, .chip, .length")].filter((one) => {
  const frame = one.closest(".take, .panel, .line");
  return frame && one.checkVisibility() && one.getBoundingClientRect().right > frame.getBoundingClientRect().right + 1;
}).map((one) => `${one.className} ${one.textContent.trim().slice(0, 30)}`)"""
"""What reaches out of its card, and so is cut off there."""
Offender = tuple[str, str, int, str, str]
"""State, page, width, theme, what is wrong."""


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--states", default=",".join(STATES))
    parser.add_argument("--widths", default=",".join(map(str, SIZES)))
    parser.add_argument("--pages", default="", help="short names, as in the names of the pictures")
    asked = parser.parse_args(arguments)
    asked.folder.mkdir(parents=True, exist_ok=True)
    widths = [int(width) for width in asked.widths.split(",")]
    offenders: list[Offender] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=FLAGS)
        for state in asked.states.split(","):
            for found in look(browser, asked.folder, state, widths, set(filter(None, asked.pages.split(",")))):
                sys.stdout.write(" | ".join(map(str, found)) + "\n")
                sys.stdout.flush()
                offenders.append(found)
        browser.close()
    (asked.folder / "index.html").write_text(contact_sheet(asked.folder))
    sys.stdout.write(f"{len(offenders)} offenders; {asked.folder}/index.html shows the pictures\n")
    return 1 if offenders else 0


def look(browser: Browser, folder: Path, state: str, widths: list[int], only: set[str]) -> Iterator[Offender]:
    """Take the pictures of one state, each by a product of its own."""
    with tempfile.TemporaryDirectory(prefix="robotdata-pages-") as place:
        home = Path(place)
        facts = fill(home, state)
        with running(home, rig_of(state)) as product:
            context = browser.new_context(base_url=product.url)
            page = context.new_page()
            page.set_default_timeout(PATIENCE_MS)
            page.goto(product.printed)
            page.goto("/rigs/")
            page.locator(".station, .empty").first.wait_for()
            change(page, facts)
            signed_in = context.storage_state()
            context.close()
            pages = {name: Act(address) for name, address in addresses(facts).items()}
            nobody = {name: Act(address) for name, address in SIGNED_OUT.items()}
            # What is done on a page changes what others show: those come last.
            for acts, storage in ((pages, signed_in), (nobody, None), (acts_of(state, facts), signed_in)):
                acts = {name: act for name, act in acts.items() if not only or name in only}
                for width in widths:
                    size = {"width": width, "height": SIZES[width]}
                    by_hand: dict[str, Any] = {"has_touch": True, "is_mobile": True} if width <= TOUCHED else {}
                    context = browser.new_context(
                        base_url=product.url, storage_state=storage, viewport=size, reduced_motion="reduce", **by_hand
                    )
                    for name, act in acts.items():
                        for theme, wrong in pictures(context.new_page(), folder, f"{state}-{name}-{width}", act):
                            yield state, name, width, theme, wrong
                    context.close()


def change(page: Page, facts: dict[str, Any]) -> None:
    """Judge and annotate takes, then add the kept ones to the dataset, or fail at it."""
    for verdict in ("keep", "reject"):
        if takes := facts.get(verdict):
            call(page, "POST", "/api/episodes/verdict", {"episodes": takes, "verdict": verdict})
    for take, said in facts.get("annotate", {}).items():
        call(page, "PATCH", f"/api/episodes/{take}", said)
    if slug := facts.get("encode"):
        operation = call(page, "POST", f"/api/datasets/{slug}/encode", {})["id"]
        ended = {"done", "failed", "cancelled", "partial"}
        until(lambda: call(page, "GET", f"/api/operations/{operation}")["state"] in ended, True, within_s=180)


def pictures(page: Page, folder: Path, name: str, act: Act) -> Iterator[tuple[str, str]]:
    """Take the page in both themes, give each fault with its theme, and close the page."""
    complaints: list[tuple[str, str]] = []  # what is said, and of which address
    page.on("pageerror", lambda error: complaints.append((str(error), "")))
    page.on(
        "console",
        lambda said: complaints.append((said.text, said.location["url"])) if said.type == "error" else None,
    )
    Traffic.of(page)
    page.set_default_timeout(PATIENCE_MS)
    page.emulate_media(color_scheme="dark")
    page.goto(act.address)
    quiet(page)
    if act.address in BUILT:
        page.locator(BUILT[act.address]).first.wait_for()
    with act.done(page):
        for theme in THEMES:
            page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
            # A sheet lies over what the window shows; the page behind it may be longer.
            shoot(page, folder / f"{name}-{theme}.jpg", whole=not act.is_in_window)
            yield from ((theme, wrong) for wrong in axe_violations(page))
        yield from (("both", wrong) for wrong in misplaced(page))
    allowed = act.expected or next((word for key, word in EXPECTED.items() if key in name), None)
    for said, where in complaints:
        if (allowed is None or allowed not in said) and not is_gone_picture(name, said, where):
            yield "both", f"console: {said} {where}".rstrip()
    page.close()


def shoot(page: Page, path: Path, *, whole: bool) -> None:
    """Take a picture of the window, or of the `whole` page in a window as high as that.

    A full-page screenshot of Chromium forgets that the page is touched: buttons would have the size for a mouse.
    """
    size = page.viewport_size
    if whole and size:
        height = int(page.evaluate("document.documentElement.scrollHeight"))
        page.set_viewport_size({"width": size["width"], "height": max(size["height"], height)})
    page.screenshot(path=path, type="jpeg", quality=70)
    if size:
        page.set_viewport_size(size)


def is_gone_picture(name: str, said: str, where: str) -> bool:
    """Return whether the page with the contact sheet asked for the picture that the state has made impossible."""
    page, status, picture = GONE
    return name.startswith(page) and status in said and picture in where


def misplaced(page: Page) -> Iterator[str]:
    """Give what does not fit, and what is too small for a finger."""
    if (over := sideways_px(page)) > 0:
        yield f"scrolls sideways by {over} px"
    yield from (f"cut off: {wrong}" for wrong in page.evaluate(CUT_OFF))
    if (page.viewport_size or {"width": 0})["width"] <= TOUCHED:
        yield from (f"small target: {wrong}" for wrong in small_targets(page))


def contact_sheet(folder: Path) -> str:
    """Return a page that shows every picture of the folder, a row for each page of a state."""
    rows: dict[str, list[Path]] = {}
    for picture in sorted(folder.glob("*.jpg")):
        rows.setdefault(picture.stem.rsplit("-", 2)[0], []).append(picture)
    parts = [
        "<!doctype html><meta charset=utf-8><title>All pages</title><style>body{font:14px sans-serif;background:#777}"
        "div{display:flex;gap:8px;align-items:start;overflow:auto}img{height:420px}</style>"
    ]
    for name, shown in rows.items():
        images = "".join(
            f'<a href="{html.escape(one.name)}"><img loading=lazy src="{html.escape(one.name)}" alt=""></a>'
            for one in shown
        )
        parts.append(f"<h2>{html.escape(name)}</h2><div>{images}</div>")
    return "\n".join(parts)
