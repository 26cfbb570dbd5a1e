"""Playing three cameras of 640x480 in a real Chromium at several speeds: how evenly pictures come to the screen.

For each speed: pictures drawn a second, frames of the take a second, the gaps between two drawn pictures (ms), and
whether all cameras were always drawn from the same frame. `stops` is what a step by key does while it plays.

    .venv/bin/python bench/play_smooth.py [speeds ...]
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "bench")]

from review_keys import CAMERAS, SIZE, picture  # noqa: E402
from running_product import product  # noqa: E402

from robotdata.capture.records import Row  # noqa: E402
from robotdata.spool import TakeWriter, new_take_id  # noqa: E402
from tests.support.chromium import chromium_path  # noqa: E402

FPS, TICKS = 30, 900
WATCH = """() => {
  window.drawn = [];
  const bits = (context) => {
    const { data } = context.getImageData(0, 8, 16 * 16, 1);
    let value = 0;
    for (let i = 0; i < 16; i += 1) value = value * 2 + (data[(i * 16 + 8) * 4] > 127 ? 1 : 0);
    return value;
  };
  const proto = CanvasRenderingContext2D.prototype;
  const drawImage = proto.drawImage;
  proto.drawImage = function (...all) {
    drawImage.apply(this, all);
    if (this.canvas.closest?.("#stage")) window.drawn.push([performance.now(), bits(this)]);
  };
}"""


def make_take(spool: Path) -> str:
    import numpy as np

    from robotdata.video.barcode import Barcode, draw
    from robotdata.video.jpeg import decode_jpeg, encode_jpeg

    video = {"dtype": "video", "shape": [SIZE[1], SIZE[0], 3], "names": ["height", "width", "channels"]}
    joints = {"dtype": "float32", "shape": [6], "names": [f"joint{i}.pos" for i in range(6)]}
    about = {key: {"codec": "mjpeg", "width": SIZE[0], "height": SIZE[1]} for key in CAMERAS}
    facts = {"fps": FPS, "task": "play", "dataset": "play", "rig": "bench", "robot_type": "bench"}
    features = {"action": joints, "observation.state": joints, **dict.fromkeys(CAMERAS, video)}
    writer = TakeWriter(spool / new_take_id(), facts, features, about)
    grounds = [np.array(decode_jpeg(picture(0, 0, tick))) for tick in range(6)]
    values = {"action": np.zeros(6, np.float32), "observation.state": np.zeros(6, np.float32)}
    for tick in range(TICKS):
        now = 5_000_000_000 + tick * 1_000_000_000 // FPS
        for camera, key in enumerate(CAMERAS):
            rgb = grounds[(tick + camera) % 6]
            draw(rgb, Barcode(tick, 0, camera))
            writer.add_frame(key, tick, now, encode_jpeg(rgb))
        writer.add_row(Row(tick, now, now, values, {key: (tick, now) for key in CAMERAS}))
    writer.finish("recorded", end_reason="stop")
    return writer.folder.name


def play(page: Page, rate: float) -> dict[str, Any]:
    page.keyboard.press("Home")
    page.locator(f'[data-rate="{rate:g}"]').click()
    page.wait_for_timeout(600)
    page.evaluate("() => { window.drawn.length = 0; }")
    page.keyboard.press("Space")
    page.wait_for_timeout(5000)
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(400)
    stopped, label = page.evaluate("() => window.drawn.length"), page.locator("#play").get_attribute("aria-label")
    page.wait_for_timeout(400)
    drawn = page.evaluate("() => window.drawn")
    bundles = [drawn[i : i + len(CAMERAS)] for i in range(0, len(drawn), len(CAMERAS))]
    times = [bundle[0][0] for bundle in bundles][:-1]
    gaps = sorted(b - a for a, b in zip(times, times[1:], strict=False))
    seconds = (times[-1] - times[0]) / 1000
    return {
        "rate": rate,
        "pictures_a_second": round(len(gaps) / seconds, 1),
        "frames_a_second": round((bundles[-2][0][1] - bundles[0][0][1]) / seconds, 1),
        "gap_p50_ms": round(gaps[len(gaps) // 2], 1),
        "gap_p95_ms": round(gaps[int(len(gaps) * 0.95)], 1),
        "gap_max_ms": round(gaps[-1], 1),
        "in_step": all(len({frame for _, frame in bundle}) == 1 for bundle in bundles),
        "stops": label == "Play" and stopped == len(drawn),
    }


def main() -> None:
    rates = [float(rate) for rate in sys.argv[1:]] or [0.25, 1.0, 4.0]
    chromium = chromium_path()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        home = Path(folder)
        episode = make_take(home / "spool")
        with product(home, "--no-rig") as link:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
            page = browser.new_page(viewport={"width": 1440, "height": 900}, base_url=link.split("/sign-in")[0])
            page.add_init_script(f"({WATCH})()")
            page.goto(link)
            page.wait_for_timeout(12_000)
            page.goto(f"/episodes/{episode}/?list=all")
            page.locator(".signal-plot").first.wait_for()
            page.wait_for_timeout(1500)
            runs = [play(page, rate) for rate in rates]
            browser.close()
    ok = all(run["in_step"] and run["stops"] for run in runs)
    print(
        json.dumps({"cameras": len(CAMERAS), "size": SIZE, "cores": os.cpu_count(), "runs": runs, "ok": ok}, indent=2)
    )


if __name__ == "__main__":
    main()
