"""A film of 20 seconds, made by the product itself: from an empty home to a dataset that LeRobot loads.

    .venv/bin/python bench/film.py [folder, default docs/images]

Writes film.mp4 (H.264, 1280x720) and film.webp (animated, for the README). Everything is real: the product runs in a
home of its own with its simulated rig, a headless Chromium presses what a person presses. A scene has a length in the
film, and what happened in it is shown at the speed that fits: on a slow machine it is faster than it was.
"""

from __future__ import annotations

import base64
import contextlib
import io
import sys
import tempfile
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from PIL import Image
from playwright.sync_api import Locator, Page, sync_playwright
from running_product import product
from screenshots import ROOT, SLUG

sys.path.insert(0, str(ROOT))

from tests.support.chromium import chromium_path

SIZE = {"width": 1280, "height": 720}
FPS, WEBP_FPS, WEBP_SIZE = 20, 6, (640, 360)
TAKE_S = 5
CAMERA = '[cameras.{name}]\nkind = "sim"\nwidth = 480\nheight = 360\nfps = 8\n'
RIG = '[rig]\nname = "sim"\nfps = 10\n[robot]\nkind = "sim"\n[teleoperator]\nkind = "autopilot"\n'
RIG += "".join(CAMERA.format(name=name) for name in ("front", "top", "wrist"))
"""Slow enough for a machine that films at the same time."""

# The caption at the bottom of each page and a ring where it is pressed; both are there on the next page too.
DRAWN = """
(() => {
  const put = () => {
    if (document.getElementById("film-words") || !document.body) return;
    const words = document.createElement("div");
    words.id = "film-words";
    words.style.cssText = "position:fixed;z-index:2147483647;left:50%;bottom:22px;transform:translateX(-50%);"
      + "padding:11px 24px;border-radius:99px;background:rgb(8 10 14 / 0.94);color:#fff;pointer-events:none;"
      + "font:600 23px system-ui,sans-serif;white-space:nowrap;border:1px solid rgb(255 255 255 / 0.22);"
      + "box-shadow:0 6px 30px rgb(0 0 0 / 0.5)";
    words.textContent = sessionStorage.getItem("film-words") ?? "";
    words.hidden = !words.textContent;
    document.documentElement.append(words);
  };
  window.filmSays = (text) => {
    put();
    sessionStorage.setItem("film-words", text);
    const words = document.getElementById("film-words");
    words.textContent = text;
    words.hidden = !text;
  };
  document.addEventListener("DOMContentLoaded", put);
  document.addEventListener("pointerdown", (event) => {
    const ring = document.createElement("div");
    ring.style.cssText = `position:fixed;z-index:2147483646;left:${event.clientX - 22}px;top:${event.clientY - 22}px;`
      + "width:38px;height:38px;border:3px solid #5aa2ff;border-radius:50%;pointer-events:none";
    document.documentElement.append(ring);
    setTimeout(() => ring.remove(), 700);
  }, true);
})();
"""


@dataclass
class Scene:
    """Frames with the time at which each was shown, in seconds; `length_s` is what the film has of them."""

    length_s: float
    began: float = 0.0
    ended: float = 0.0
    frames: list[tuple[float, bytes]] = field(default_factory=list)

    def at(self, second: float) -> bytes:
        """Return the picture that stood at this second of the scene in the film."""
        then = self.began + (self.ended - self.began) * second / self.length_s
        return self.frames[max(0, bisect_right([when for when, _ in self.frames], then) - 1)][1]


class Film:
    """What a page shows, scene by scene."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.scenes: list[Scene] = []
        self.shown: tuple[float, bytes] = (0.0, b"")
        self.session = page.context.new_cdp_session(page)
        self.session.on("Page.screencastFrame", self.keep)
        self.session.send("Page.startScreencast", {"format": "jpeg", "quality": 88, "everyNthFrame": 1})

    def keep(self, frame: dict[str, Any]) -> None:
        self.shown = (frame["metadata"]["timestamp"], base64.b64decode(frame["data"]))
        if self.scenes and not self.scenes[-1].ended:
            self.scenes[-1].frames.append(self.shown)
        self.session.send("Page.screencastFrameAck", {"sessionId": frame["sessionId"]})

    @contextlib.contextmanager
    def scene(self, words: str, length_s: float) -> Iterator[None]:
        """Keep what happens inside, with these words below it."""
        self.page.evaluate("(words) => filmSays(words)", words)
        self.page.wait_for_timeout(250)
        scene = Scene(length_s, began=self.shown[0], frames=[self.shown])
        self.scenes.append(scene)
        yield
        self.page.wait_for_timeout(250)
        scene.ended = max(self.shown[0], scene.began + 0.001)

    def pictures(self, fps: int) -> Iterator[Image.Image]:
        for scene in self.scenes:
            for number in range(round(scene.length_s * fps)):
                yield Image.open(io.BytesIO(scene.at((number + 0.5) / fps))).convert("RGB")


def press(target: Locator) -> None:
    """Press it as somebody who is seen to do so."""
    target.scroll_into_view_if_needed()
    box = target.bounding_box()
    assert box is not None
    mouse = target.page.mouse
    mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=4)
    mouse.down()
    target.page.wait_for_timeout(180)
    mouse.up()


def play(page: Page, film: Film) -> None:
    page.goto("/")
    page.locator("#begin").wait_for()
    with film.scene("Nothing there yet. A simulated robot is connected.", 2.0):
        page.wait_for_timeout(1200)
        press(page.get_by_text("Record a first take"))
    _record(page, film)
    _review(page, film)
    _encode(page, film)


def _record(page: Page, film: Film) -> None:
    page.locator("#state", has_text="ready").wait_for()
    page.locator("#stage canvas, #stage img").first.wait_for()
    page.wait_for_timeout(4000)  # the rig's first second is never its best
    with film.scene("Name the dataset and the task …", 2.0):
        page.locator("[name=title]").press_sequentially("Pick up cubes", delay=40)
        page.locator("[name=task]").press_sequentially("Put the red cube on the mat", delay=30)
        page.fill("[name=countdown_s]", "0")
        page.keyboard.press("Enter")
    for number in range(1, 4):
        page.keyboard.press("Space")
        page.locator("#state", has_text="recording").wait_for()
        if number == 1:
            with film.scene("… Space begins, Space ends. Every camera, every joint, live.", 4.0):
                page.wait_for_timeout(TAKE_S * 1000)
                page.keyboard.press("Space")
                page.locator("#takes-count", has_text="1").wait_for()
        else:
            page.wait_for_timeout(TAKE_S * 1000)
            page.keyboard.press("Space")
        page.locator("#state", has_text="ready").wait_for()
        page.locator("#takes-count", has_text=str(number)).wait_for()


def _review(page: Page, film: Film) -> None:
    page.locator("#session a.title").first.click()
    page.locator("#signals .signal").first.wait_for()
    page.wait_for_timeout(2500)
    box = page.locator("#scrub").bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    with film.scene("Scrub a take the moment it ends: nothing is encoded yet", 3.5):
        page.mouse.move(box["x"] + 4, middle)
        page.mouse.down()
        for step in range(1, 41):
            page.mouse.move(box["x"] + box["width"] * step / 45, middle)
            page.wait_for_timeout(60)
        page.mouse.up()
    with film.scene("R rejects a take, K keeps it; Z undoes either", 3.0):
        for number, key in ((3, "r"), (2, "k"), (1, "k")):
            page.locator("#details", has_text=f"#{number}").wait_for()
            page.wait_for_timeout(1000)
            page.keyboard.press(key)
        page.wait_for_timeout(1500)


def _encode(page: Page, film: Film) -> None:
    page.goto(f"/datasets/{SLUG}/?view=kept")
    encode = page.get_by_role("button", name="Encode 2 kept takes")
    encode.wait_for()
    with film.scene("Only what you kept is encoded …", 1.5):
        page.wait_for_timeout(500)
        press(encode)
        page.wait_for_timeout(300)
    page.goto("/operations/")
    page.get_by_text("frames/s").first.wait_for(timeout=120_000)
    with film.scene("… and every frame is decoded again before the raw one goes", 2.0):
        page.locator(".operation", has_text="done").first.wait_for(timeout=600_000)
        page.wait_for_timeout(500)
    page.goto(f"/datasets/{SLUG}/use/")
    page.get_by_text("LeRobotDataset(").first.wait_for()
    with film.scene("A plain LeRobotDataset v3.0: train on it", 2.0):
        page.wait_for_timeout(800)


def write_mp4(film: Film, path: Path) -> None:
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as file:
        stream = file.add_stream("libx264", rate=FPS, options={"crf": "26", "preset": "fast"})
        stream.width, stream.height, stream.pix_fmt = SIZE["width"], SIZE["height"], "yuv420p"
        for number, picture in enumerate(film.pictures(FPS)):
            frame = av.VideoFrame.from_image(picture.resize((SIZE["width"], SIZE["height"])))
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            file.mux(stream.encode(frame))
        file.mux(stream.encode())


def write_webp(film: Film, path: Path) -> None:
    first, *others = [picture.resize(WEBP_SIZE, Image.Resampling.LANCZOS) for picture in film.pictures(WEBP_FPS)]
    options = {"duration": round(1000 / WEBP_FPS), "loop": 0, "quality": 55, "method": 2}
    first.save(path, save_all=True, append_images=others, **options)


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "docs/images")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright, contextlib.ExitStack() as stack:
        rig = Path(home, "sim.toml")
        rig.write_text(RIG)
        link = stack.enter_context(product(Path(home), "--rig", str(rig)))
        flags = ["--no-sandbox", "--disable-gpu"]
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=flags)
        page = browser.new_page(viewport=SIZE, color_scheme="dark", base_url=link.split("/sign-in")[0])
        page.set_default_timeout(120_000)
        page.add_init_script(DRAWN)
        page.goto(link)
        film = Film(page)
        play(page, film)
        browser.close()
    write_mp4(film, folder / "film.mp4")
    write_webp(film, folder / "film.webp")
    for name in ("film.mp4", "film.webp"):
        print(f"{name}: {(folder / name).stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
