"""The five steps of a new user, on what the page shows: record, look, decide, encode, look again."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from robotdata.capture.sim import JOINTS
from robotdata.dataset.verify.check import verify_dataset
from tests.support.big_button import may_press
from tests.support.desk_data import accept_rates, call, until, until_drawn

pytestmark = pytest.mark.browser
FRESH_HOME = True  # a new user has no dataset yet

Frames = Callable[[Page], list[Any]]
UNITS = [f"{joint} °" for joint in JOINTS[:-1]] + [f"{JOINTS[-1]} %"]
"""What the plots call the joints of the simulated arm."""
TASK = "Put the red cube on the <b>plate</b> 🥄"


@pytest.fixture
def recorded(visit: Any) -> Page:
    """The record page after four takes of one session."""
    page = visit("/record/bench-1/")
    expect(page.locator("#state")).to_have_text("ready")
    expect(page.locator("#stage .camera canvas")).to_have_count(3)
    page.fill("[name=title]", "Cubes / <i>first</i>")
    page.fill("[name=task]", TASK)
    page.fill("[name=countdown_s]", "1")
    page.keyboard.press("Enter")
    for number in range(4):
        record_take(page, number + 1, frames=4 if number else 15)  # the first one is walked through
    return page


def record_take(page: Page, count: int, frames: int) -> None:
    may_press(page, "record")
    page.keyboard.press("Space")
    expect(page.locator("#state")).to_have_text("recording")
    until(lambda: frames_of_take(page) >= frames, True)
    may_press(page, "stop")
    page.keyboard.press("Space")
    expect(page.locator("#state")).to_have_text("ready")
    expect(page.locator("#takes-count")).to_have_text(str(count))


def frames_of_take(page: Page) -> int:
    """Of the take that runs, as the rig has said: the clock of the page may be ahead of a busy rig."""
    take = call(page, "GET", "/api/rigs/bench-1")["status"].get("take")
    return int(take["ticks"]) if take else 0


def test_it_goes_from_recording_to_a_dataset_that_plays(recorded: Page, frames: Frames, product: Any) -> None:
    page = recorded
    assert_live(page)
    accept_rates(page)
    cards = page.locator("#session article.take")
    expect(cards).to_have_count(4)
    expect(cards.first.locator("a.title")).to_have_text(TASK)
    expect(cards.first.locator("img")).to_have_js_property("complete", True)

    look_at_a_take(page, cards, frames)
    decide_by_keys(page)
    shown = encode(page)
    look_at_an_episode(page, frames)

    assert shown == str(product.home / "datasets" / shown.rsplit("/", 1)[1])
    report = verify_dataset(product.home / "datasets" / shown.rsplit("/", 1)[1])
    assert (report.episodes, report.problems) == (2, [])


def assert_live(page: Page) -> None:
    """Pictures move, numbers are there, the plots have lines."""
    expect(page.locator("[data-fact=fps]")).to_have_text(re.compile(r"^(9|1[0-9])\.\d"))
    expect(page.locator("[data-fact=disk]")).to_have_text(re.compile("h|min"))
    expect(page.locator("#stage .camera .name").first).to_have_text(re.compile("front.*fps.*old"))
    drawn = "canvas => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some(v => v)"
    for plot in ("state", "action"):
        until(lambda plot=plot: page.locator(f"[data-plot={plot}]").evaluate(drawn), True)
        expect(page.locator(f"[data-legend={plot}] span")).to_have_text(UNITS)


def look_at_a_take(page: Page, cards: Any, frames: Frames) -> None:
    """Every camera shows the same tick, and one key press is one frame."""
    cards.nth(3).locator("a.title").click()
    expect(page.locator("#stage canvas")).to_have_count(3)
    expect(page.locator("#at-frame")).to_have_text("0")
    expect(page.locator("#signals .signal figcaption")).to_contain_text(["State and action"])
    expect(page.locator("#signals .joints .is-pair")).to_have_count(6)  # a state and an action each
    pairs = page.locator("#signals .joints button", has=page.locator(".is-pair"))
    expect(pairs).to_contain_text(UNITS)
    until_drawn(page)
    first = in_step(frames(page))
    for step in range(1, 4):
        page.keyboard.press("ArrowRight")
        expect(page.locator("#at-frame")).to_have_text(str(step))
        assert in_step(frames(page)) == first + step
    page.keyboard.press("Shift+ArrowRight")
    expect(page.locator("#at-frame")).to_have_text("13")
    assert in_step(frames(page)) == first + 13
    page.keyboard.press("Home")
    expect(page.locator("#at-frame")).to_have_text("0")
    page.keyboard.press(">")
    page.keyboard.press("Space")
    expect(page.locator("#play")).to_have_attribute("aria-label", "Play")  # it has ended by itself
    last = int(page.inner_text("#frames"))
    expect(page.locator("#at-frame")).to_have_text(str(last))
    assert in_step(frames(page)) == first + last


def in_step(shown: list[Any]) -> int:
    assert [code.camera for code in shown] == [0, 1, 2]
    assert len({(code.tick, code.episode) for code in shown}) == 1
    return int(shown[0].tick)


def decide_by_keys(page: Page) -> None:
    """Keep, reject, take that back, reject again, keep: the list moves on by itself."""
    page.goto("/datasets/")
    page.locator("a.line.dataset").click()
    page.locator("#cards a.title").first.click()
    place = page.locator(".walk a")
    expect(place).to_have_text("1 of 4 to review")
    page.keyboard.press("k")
    page.keyboard.press("r")  # at once: it means the take that comes
    expect(place).to_have_text("1 of 2 to review")
    expect(page.locator(".toast")).to_contain_text("trash")
    page.keyboard.press("z")
    expect(page.locator(".toast").last).to_contain_text("Undone")
    expect(place).to_have_text("1 of 3 to review")
    page.keyboard.press("r")
    expect(place).to_have_text("1 of 2 to review")
    page.keyboard.press("k")
    expect(place).to_have_text("1 of 1 to review")
    page.locator(".walk a").click()
    expect(page.locator(".tabs a").nth(0)).to_contain_text("1")
    expect(page.locator(".tabs a").nth(1)).to_contain_text("2")


def encode(page: Page) -> str:
    """The batch goes through while the page looks on; answers the folder that is shown."""
    lists = page.url
    page.get_by_role("link", name="Settings", exact=True).click()
    page.select_option("[name='encoding.codec']", "h264")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".toast").last).to_contain_text("Settings saved")
    page.goto(lists)
    page.get_by_role("button", name="Encode 2 kept takes").click()
    expect(page.locator(".toast", has_text="has 2 more episodes")).to_be_visible(timeout=180_000)
    expect(page.locator(".tabs a").nth(2).locator(".count")).to_have_text("2", timeout=60_000)
    page.locator(".tabs a").nth(2).click()
    expect(page.locator("#cards article.take")).to_have_count(2)
    expect(page.locator("#cards .chip").first).to_have_text("episode 1")
    page.get_by_role("link", name="Use", exact=True).click()
    assert "LeRobotDataset(" in page.inner_text("#python")
    folder = page.inner_text("#folder").strip()
    page.go_back()
    look_into_the_batch(page)
    return folder


def look_into_the_batch(page: Page) -> None:
    """The history of the page Encoding: an episode's log behind one press; then back to the dataset."""
    back = page.url
    page.goto("/operations/")
    batch = page.locator(".operation")
    expect(batch).to_contain_text("of raw frames became")
    batch.locator("summary").click()
    logs = batch.get_by_role("button", name="Log of")
    expect(logs).to_have_count(2)
    logs.first.click()
    log = page.locator("#job-log .job-log")
    expect(log).to_have_count(3)  # one for each camera
    expect(log.first).to_contain_text("encoded")
    page.keyboard.press("Escape")
    expect(logs.first).to_be_focused()
    page.goto(back)
    expect(page.locator("#cards article.take")).to_have_count(2)


def look_at_an_episode(page: Page, frames: Frames) -> None:
    """The same player, out of the dataset."""
    page.locator("#cards a.title").first.click()
    expect(page.locator("#at-frame")).to_have_text("0")
    expect(page.locator("#stage canvas")).to_have_count(3)
    until_drawn(page)
    first = in_step(frames(page))
    for step in (1, 2):
        page.keyboard.press("ArrowRight")
        expect(page.locator("#at-frame")).to_have_text(str(step))
        assert in_step(frames(page)) == first + step
