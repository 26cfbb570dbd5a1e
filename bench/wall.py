"""The wall of thousands in a real Chromium: how long to the first paint with cards, and from a filter to its cards.

python bench/wall.py [takes, default 5000] [rounds, default 7]
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from desk_home import ROOT, home_with
from playwright.sync_api import Page, sync_playwright
from ports import free_port

from tests.support.chromium import chromium_path

# When a card has been painted: the frame after the one in which it was there.
SEEN = """() => new Promise((done) => {
  const look = () => document.querySelector('#cards .take')
    ? requestAnimationFrame(() => setTimeout(() => done(performance.now()), 0)) : requestAnimationFrame(look);
  look();
})"""
FILTERED = """([name, value]) => new Promise((done) => {
  const field = document.querySelector(`#filter [name=${name}]`);
  const old = document.querySelector('#cards');
  field.value = value;
  const began = performance.now();
  const look = () => document.querySelector('#cards') !== old && document.querySelector('#cards .take, .empty h2')
    ? requestAnimationFrame(() => setTimeout(() => done(performance.now() - began), 0)) : requestAnimationFrame(look);
  field.dispatchEvent(new Event('change', { bubbles: true }));
  look();
})"""
PAINTS = """() => Object.fromEntries(performance.getEntriesByType('paint').map((e) => [e.name, e.startTime])
  .concat([['response', performance.getEntriesByType('navigation')[0].responseEnd]]))"""
FILTERS = [
    ("task", "Stack two cubes"),
    ("mark", "bad"),
    ("task", ""),
    ("sort", "longest"),
    ("mark", ""),
    ("sort", "worst"),
]
FILTERS += [("sort", ""), ("label", "slow"), ("operator", "mei"), ("label", ""), ("longer", "1.9"), ("operator", "")]


@contextmanager
def web() -> Iterator[str]:
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "uvicorn",
        "robotdata.asgi:application",
        "--port",
        str(port),
        "--log-level",
        "error",
    ]
    with subprocess.Popen(command, cwd=ROOT, env=os.environ) as process:
        url = f"http://127.0.0.1:{port}"
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{url}/healthz").read()
                break
            except OSError:
                time.sleep(0.1)
        yield url
        process.terminate()
        process.wait(20)


def summary(values: list[float]) -> dict[str, float]:
    return {"median": round(statistics.median(values)), "longest": round(max(values))}


def first_paints(page: Page, rounds: int) -> dict[str, Any]:
    found: dict[str, list[float]] = {"response": [], "first-contentful-paint": [], "first_card": []}
    for _ in range(rounds):
        page.goto("/datasets/bench/?view=review", wait_until="commit")
        card = page.evaluate(SEEN)
        paints = page.evaluate(PAINTS)
        for name in ("response", "first-contentful-paint"):
            found[name].append(paints.get(name, float("nan")))
        found["first_card"].append(card)
        page.wait_for_load_state("load")
    return {name: summary(values) for name, values in found.items()}


def filters(page: Page) -> dict[str, Any]:
    page.goto("/datasets/bench/?view=review")
    page.locator("#filter summary").click()
    page.wait_for_timeout(1000)
    found = {}
    for number, (name, value) in enumerate(FILTERS, 1):
        found[f"{number} {name}={value}"] = page.evaluate(FILTERED, [name, value])
        page.wait_for_timeout(400)
    return {**summary(list(found.values())), "each": {name: round(value) for name, value in found.items()}}


def scrolled(page: Page) -> dict[str, Any]:
    """To the end of a thousand cards, as fast as pages come; then how long a frame takes while scrolling back."""
    page.goto("/datasets/bench/?view=review")
    began = time.perf_counter()
    waits = 0
    while page.locator("#cards .take").count() < 1000 and time.perf_counter() < began + 60:
        page.mouse.wheel(0, 3000)
        page.wait_for_timeout(16)
        waits += page.locator("#cards > .loading").is_visible() and page.evaluate(
            "() => document.querySelector('#cards > .loading').getBoundingClientRect().top < innerHeight"
        )
    loaded = time.perf_counter() - began
    frames = page.evaluate("""() => new Promise((done) => {
      const times = []; let last = performance.now();
      const step = (now) => { times.push(now - last); last = now; scrollBy(0, -400);
        if (times.length < 120) requestAnimationFrame(step); else done(times); };
      requestAnimationFrame(step);
    })""")
    return {"seconds_to_1000": round(loaded, 1), "end_in_sight": waits, "frame_ms": summary(frames)}


def main() -> None:
    takes = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 7
    chromium = chromium_path()
    with home_with(takes), web() as url, sync_playwright() as playwright:
        from recorder.models import SignInCode
        from recorder.models.access import ensure_operator

        ensure_operator()
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(base_url=url, viewport={"width": 1440, "height": 900})
        page.goto(f"/sign-in/?code={SignInCode.issue(minutes=10)}")
        report: dict[str, Any] = {"takes": takes, "first": first_paints(page, rounds)}
        report |= {"filter": filters(page), "scroll": scrolled(page)}
        browser.close()
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
