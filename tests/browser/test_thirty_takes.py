"""Thirty takes reviewed by keys alone and encoded: LeRobot sees the kept, trimmed and relabelled ones, no others."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.verify.check import verify_dataset
from robotdata.video import open_video
from robotdata.video.barcode import read
from tests.support.browser import SIZE, Window
from tests.support.desk_data import ROOT, fill
from tests.support.leaving import close_page

pytestmark = pytest.mark.browser
CAMERAS = ("observation.images.front", "observation.images.top")

TAKES, TICKS = 30, 20
TRIMMED, RELABELLED, MISTAKEN = {2, 16}, 4, 8
KEPT = range(0, TAKES, 2)
WANTED = {
    number: {
        "ticks": list(range(3, 18)) if number in TRIMMED else list(range(TICKS)),
        "task": "stack the cubes" if number == RELABELLED else "lift the cube",
    }
    for number in KEPT
}


@pytest.fixture(scope="module")
def walked(product: Any, window: Window) -> Path:
    """The dataset that a person made of thirty takes with a keyboard."""
    page = window.open(SIZE)
    page.set_default_timeout(60_000)
    ids = fill(product, "walk", TAKES, TICKS)
    page.goto("/datasets/walk/?view=review&sort=oldest")
    expect(page.locator("#wall-count")).to_have_text(str(TAKES))
    press(page, "j", "Enter")
    for number, episode in enumerate(ids):
        at(page, episode)
        if number in TRIMMED:
            trim(page)
        if number == RELABELLED:
            relabel(page)
        if number == MISTAKEN:  # rejected by mistake: undo leads back to it
            press(page, "r")
            at(page, ids[number + 1])
            press(page, "z")
            at(page, episode)
            expect(page.locator("#verdict")).to_have_text("to review")
        press(page, "r" if number % 2 else "k")
    expect(page.locator(".toast", has_text="All reviewed")).to_be_visible()
    expect(page.locator("#end-kept")).to_have_text(str(len(KEPT)))
    expect(page.locator("#end-rejected")).to_have_text(str(TAKES - len(KEPT)))
    page.locator("#end-encode").focus()
    press(page, "Enter")
    expect(page.locator(".toast", has_text="Encoding started")).to_be_visible()
    page.goto("/datasets/walk/?view=kept")
    expect(page.locator(".tabs a").nth(2).locator(".count")).to_have_text(str(len(KEPT)), timeout=300_000)
    close_page(page)
    return Path(product.home / "datasets" / "walk")


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def at(page: Page, episode: str) -> None:
    """The player shows this one, words and pictures."""
    expect(page.locator("#details")).to_have_attribute("data-episode", episode)
    expect(page.locator("#at-frame")).to_have_text("0")
    expect(page.locator("#frames")).to_have_text(str(TICKS - 1))


def trim(page: Page) -> None:
    """Frames 3 to 17 are kept."""
    press(page, "ArrowRight", "ArrowRight", "ArrowRight")
    expect(page.locator("#at-frame")).to_have_text("3")
    press(page, "[")
    expect(page.locator("#details")).to_have_attribute("data-trim", "3,20")
    press(page, "End", "ArrowLeft", "ArrowLeft")
    expect(page.locator("#at-frame")).to_have_text("17")
    press(page, "]")
    expect(page.locator("#details")).to_have_attribute("data-trim", "3,18")


def relabel(page: Page) -> None:
    press(page, "e")
    page.keyboard.type("stack the cubes")
    press(page, "Enter", "Escape")
    expect(page.locator("h1.task-title")).to_contain_text("stack the cubes")


def test_the_dataset_holds_exactly_what_was_kept(walked: Path) -> None:
    assert verify_dataset(walked).problems == []
    found = {}
    for info in DatasetFolder.open(walked).episodes:
        frames = []
        for key in CAMERAS:
            span = info.videos[key]
            with open_video(span.path) as video:
                first, end = span.first_frame, span.first_frame + info.length
                frames.append([read(video.frame(number)) for number in range(first, end)])
        assert {code.episode for codes in frames for code in codes} == {frames[0][0].episode}
        assert [code.tick for code in frames[0]] == [code.tick for code in frames[1]]
        found[frames[0][0].episode] = {"ticks": [code.tick for code in frames[0]], "task": info.tasks[0]}
    assert found == WANTED


def test_lerobot_sees_exactly_what_was_kept(walked: Path) -> None:
    made = Path(os.environ.get("ROBOTDATA_INTEROP_VENV") or ROOT / ".venv-interop") / "bin" / "python"
    python = Path(os.environ.get("ROBOTDATA_INTEROP_PYTHON") or made)
    if not python.exists():
        pytest.skip(f"no LeRobot at {python}: `make interop` makes it")
    command = [str(python), "bench/interop_frames.py", str(walked)]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[int, dict[str, Any]] = {}
    for number, frame in enumerate(json.loads(done.stdout)):
        assert frame["index"] == number
        front, top = (frame["pictures"][key] for key in CAMERAS)
        assert (front["episode"], front["tick"]) == (top["episode"], top["tick"])
        assert (front["camera"], top["camera"]) == (0, 1)
        one = found.setdefault(front["episode"], {"ticks": [], "task": frame["task"]})
        assert frame["frame_index"] == len(one["ticks"]) and frame["task"] == one["task"]
        one["ticks"].append(front["tick"])
    assert found == WANTED
