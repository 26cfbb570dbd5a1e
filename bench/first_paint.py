"""What a first visit of each page costs the browser: processor time until something is seen, requests, bytes.

    .venv/bin/python bench/first_paint.py [--pages home,player] [--visits 3] [--state many]

Each visit begins with an empty cache. Times are processor time of the page's main thread (a trace's `tdur`), median of
the visits: `paint` until the first contentful paint, `rest` until the page asks for nothing more. Sizes are what came
over the wire in kB: the document, our own scripts and styles, and everything. Budgets: 300 ms until the first paint,
150 kB of scripts and styles.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from every_page import change
from page_states import ROOT, SIGNED_OUT, addresses, fill, rig_of
from playwright.sync_api import Browser, Page, sync_playwright

sys.path.insert(0, str(ROOT))

from tests.support.browser import FLAGS, Traffic, quiet, running
from tests.support.chromium import chromium_path

PAINT_MS, OWN_KB = 300, 150
CATEGORIES = ["-*", "toplevel", "devtools.timeline", "loading", "blink.user_timing"]
PARTS = {
    "script": {"EvaluateScript", "v8.compile", "v8.compileModule", "v8.evaluateModule", "FunctionCall"},
    "style": {"UpdateLayoutTree", "RecalculateStyles", "ParseAuthorStyleSheet"},
    "layout": {"Layout"},
}
SKIPPED = {"api"}
"""A page of somebody else's making."""


@dataclass
class Visited:
    """One visit: milliseconds of processor, kilobytes over the wire, requests."""

    paint: float
    script: float
    style: float
    layout: float
    rest: float
    document: float
    own: float
    all: float
    requests: int


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pages", default="")
    parser.add_argument("--visits", type=int, default=3)
    parser.add_argument("--state", default="many")
    asked = parser.parse_args()
    only = set(filter(None, asked.pages.split(",")))
    over = 0
    with tempfile.TemporaryDirectory(prefix="robotdata-paint-") as place, sync_playwright() as playwright:
        home = Path(place)
        facts = fill(home, asked.state)
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=FLAGS)
        with running(home, rig_of(asked.state)) as product:
            signed_in = sign_in(browser, product, facts)
            pages = [(each, signed_in) for each in addresses(facts).items()]
            pages += [((name, SIGNED_OUT[name]), None) for name in ("sign-in",)]
            sys.stdout.write(
                "| page | paint ms | script | style | layout | rest ms | requests | html kB | own kB | all kB |\n"
            )
            sys.stdout.write("|---|---|---|---|---|---|---|---|---|---|\n")
            for (name, address), state in pages:
                if name in SKIPPED or (only and name not in only):
                    continue
                visits = [visit(browser, product.url, state, address) for _ in range(asked.visits)]
                found = Visited(**{key: statistics.median(getattr(v, key) for v in visits) for key in vars(visits[0])})
                over += found.paint > PAINT_MS or found.own > OWN_KB
                sys.stdout.write(line(name, found))
                sys.stdout.flush()
        browser.close()
    sys.stdout.write(f"{over} pages over the budget\n")
    return 1 if over else 0


def line(name: str, found: Visited) -> str:
    times = f"{found.paint:.0f} | {found.script:.0f} | {found.style:.0f} | {found.layout:.0f} | {found.rest:.0f}"
    sizes = f"{found.requests:.0f} | {found.document:.0f} | {found.own:.0f} | {found.all:.0f}"
    return f"| {name} | {times} | {sizes} |\n"


def sign_in(browser: Browser, product: Any, facts: dict[str, Any]) -> Any:
    """Follow the printed link, change what the state says, and return the cookies."""
    context = browser.new_context(base_url=product.url)
    page = context.new_page()
    page.goto(product.printed)
    change(page, facts)
    state = context.storage_state()
    context.close()
    return state


def visit(browser: Browser, url: str, state: Any, address: str) -> Visited:
    """Open a page with an empty cache and measure it."""
    context = browser.new_context(base_url=url, storage_state=state, viewport={"width": 1440, "height": 900})
    page = context.new_page()
    sizes = Sizes(page)
    Traffic.of(page)
    browser.start_tracing(page=page, categories=CATEGORIES)
    page.goto(address)
    quiet(page)
    events = json.loads(browser.stop_tracing())["traceEvents"]
    context.close()
    return Visited(**times_of(events), **sizes.found())


class Sizes:
    """What each request of a page brought over the wire."""

    def __init__(self, page: Page) -> None:
        self.kinds: dict[str, str] = {}
        self.bytes: dict[str, float] = {}
        self.urls: dict[str, str] = {}
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        session.on("Network.responseReceived", self.begins)
        session.on("Network.loadingFinished", self.ends)

    def begins(self, said: dict[str, Any]) -> None:
        self.kinds[said["requestId"]] = said["type"]
        self.urls[said["requestId"]] = said["response"]["url"]

    def ends(self, said: dict[str, Any]) -> None:
        self.bytes[said["requestId"]] = said["encodedDataLength"]

    def found(self) -> dict[str, Any]:
        kilo = {key: size / 1000 for key, size in self.bytes.items()}
        own = {
            key
            for key, kind in self.kinds.items()
            if kind in ("Script", "Stylesheet") and "/vendor/" not in self.urls[key]
        }
        return {
            "document": sum(size for key, size in kilo.items() if self.kinds.get(key) == "Document"),
            "own": sum(size for key, size in kilo.items() if key in own),
            "all": sum(kilo.values()),
            "requests": len(self.kinds),
        }


def times_of(events: list[dict[str, Any]]) -> dict[str, float]:
    """Return the processor time in ms of the main thread until the first contentful paint, by part, and in all."""
    painted = max((e for e in events if e["name"] == "firstContentfulPaint"), key=lambda e: e["ts"])
    thread = painted["pid"], painted["tid"]
    own = [e for e in events if (e["pid"], e["tid"]) == thread and e.get("ph") == "X"]
    tasks = [e for e in own if e["name"].endswith("RunTask")]
    before = [e for e in own if e["ts"] < painted["ts"]]
    return {
        "paint": total(e for e in tasks if e["ts"] < painted["ts"]),
        **{part: total(outermost(before, names)) for part, names in PARTS.items()},
        "rest": total(tasks),
    }


def outermost(events: list[dict[str, Any]], names: set[str]) -> list[dict[str, Any]]:
    """Return the events of these names that lie in no other of them."""
    found: list[dict[str, Any]] = []
    end = 0.0
    for event in sorted((e for e in events if e["name"] in names), key=lambda e: (e["ts"], -e.get("dur", 0))):
        if event["ts"] >= end:
            found.append(event)
            end = event["ts"] + event.get("dur", 0)
    return found


def total(events: Any) -> float:
    return sum(event.get("tdur", event.get("dur", 0)) for event in events) / 1000


if __name__ == "__main__":
    raise SystemExit(main())
