"""Take the pictures of the documentation anew: starts the product in a home of its own, records, looks.

    .venv/bin/python bench/screenshots.py [folder, default docs/images]

Run it on a machine that has nothing else to do: the pictures show what the rig measured.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.support.chromium import chromium_path  # noqa: E402

SIZE = {"width": 1440, "height": 900}
TAKES_S = (6, 8, 5)


@contextlib.contextmanager
def product(home: Path) -> Iterator[str]:
    """The printed sign-in link of `manage.py run`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    env = {**os.environ, "ROBOTDATA_HOME": str(home), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "manage.py", "run", "--port", port]
    with (
        (home / "log").open("w") as log,
        subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=log, text=True) as process,
    ):
        try:
            yield next(line.split()[-1] for line in process.stdout or () if "/sign-in/?code=" in line)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)


def record(page: Page, folder: Path) -> None:
    """Three takes, and the picture of the third while it is recorded."""
    page.goto("/record/sim/")
    page.get_by_text("ready").first.wait_for()
    page.wait_for_timeout(3000)  # the rig's first second is never its best
    page.fill("[name=title]", "Pick up cubes")
    page.fill("[name=task]", "Put the red cube on the mat")
    page.fill("[name=countdown_s]", "0")
    page.keyboard.press("Enter")
    for number, seconds in enumerate(TAKES_S, 1):
        page.keyboard.press("Space")
        page.locator("#state", has_text="recording").wait_for()
        page.wait_for_timeout(seconds * 1000)
        if number == len(TAKES_S):
            page.screenshot(path=folder / "record.png")
        page.keyboard.press("Space")
        page.locator("#state", has_text="ready").wait_for()
        page.locator("#takes-count", has_text=str(number)).wait_for()


def look(page: Page, folder: Path) -> None:
    page.locator("#session a.title").first.click()
    page.locator("#signals .signal").first.wait_for()
    for _ in range(6):
        page.keyboard.press("Shift+ArrowRight")
    page.wait_for_timeout(800)
    page.screenshot(path=folder / "review.png")


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "docs/images")
    folder.mkdir(parents=True, exist_ok=True)
    chromium = chromium_path()
    with tempfile.TemporaryDirectory() as home, product(Path(home)) as link, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport=SIZE, color_scheme="dark", base_url=link.split("/sign-in")[0])
        page.goto(link)
        record(page, folder)
        look(page, folder)
        browser.close()
    print(f"Wrote {folder}/record.png and review.png")


if __name__ == "__main__":
    main()
