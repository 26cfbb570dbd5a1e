"""Take the pictures of the documentation again: starts the product in a home of its own, records, looks.

    .venv/bin/python bench/screenshots.py [folder, default docs/images]
    .venv/bin/python bench/screenshots.py --every-page FOLDER ...   (see every_page.py)

Run it on a machine that has nothing else to do: the pictures show what the rig measured.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright
from running_product import product

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.support.chromium import chromium_path  # noqa: E402

SIZE = {"width": 1440, "height": 900}
TAKES_S = (6, 8, 4, 7, 5)
VERDICTS = ("keep", "keep", "reject", "keep", "keep")
SLUG = "pick-up-cubes"


def record(page: Page, folder: Path) -> None:
    """Some takes, and the picture of the last while it is recorded."""
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
            shoot(page, folder, "record")
        page.keyboard.press("Space")
        page.locator("#state", has_text="ready").wait_for()
        page.locator("#takes-count", has_text=str(number)).wait_for()


def shoot(page: Page, folder: Path, name: str) -> None:
    page.screenshot(path=folder / f"{name}.jpg", type="jpeg", quality=82)


def look(page: Page, folder: Path) -> None:
    """The player; the takes, kept and rejected; an encoded dataset with its overview; the start page."""
    page.locator("#session a.title").first.click()
    page.locator("#signals .signal").first.wait_for()
    for _ in range(6):
        page.keyboard.press("Shift+ArrowRight")
    page.wait_for_timeout(800)
    shoot(page, folder, "review")
    for verdict in VERDICTS:
        page.locator(f'[data-judge="{verdict}"]').first.click()
        page.wait_for_timeout(800)
    page.goto(f"/datasets/{SLUG}/?view=kept")
    page.get_by_role("button", name=f"Encode {VERDICTS.count('keep')} kept takes").click()
    page.goto("/operations/")
    page.get_by_text("frames/s").first.wait_for(timeout=60_000)
    page.wait_for_timeout(1500)
    shoot(page, folder, "encoding")
    page.locator(".operation", has_text="done").first.wait_for(timeout=300_000)
    page.goto(f"/datasets/{SLUG}/overview/")
    page.set_viewport_size({"width": 1440, "height": 1240})  # down to the joints
    page.wait_for_timeout(1500)
    for close in page.locator("#toasts [aria-label=Close]").all():
        close.click()
    shoot(page, folder, "overview")
    page.set_viewport_size(SIZE)  # type: ignore[arg-type]
    page.goto("/")
    page.wait_for_timeout(1500)
    shoot(page, folder, "home")


def main() -> None:
    if sys.argv[1:2] == ["--every-page"]:
        import every_page

        raise SystemExit(every_page.main(sys.argv[2:]))
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
    print(f"Wrote {folder}/*.jpg")


if __name__ == "__main__":
    main()
