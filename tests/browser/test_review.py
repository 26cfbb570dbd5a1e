"""The curation desk: many judged at once, two compared in step, keys of one's own."""

from __future__ import annotations

import base64
import io
import re
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, Route, expect

from robotdata.video.barcode import read
from tests.support.desk_data import call, fill, until_drawn, until_held

pytestmark = pytest.mark.browser

FRONT = "observation.images.front"


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


@pytest.fixture(scope="module")
def wall_ids(product: Any) -> list[str]:
    """A dataset of fifty takes, more than a page of the wall."""
    return fill(product, "wall", 50, 6)


def test_it_filters_at_once_and_keeps_the_filter_in_the_address(visit: Any, wall_ids: list[str]) -> None:
    page = visit("/datasets/wall/?view=review")
    expect(page.locator("#wall-count")).to_have_text("50")
    page.select_option("#filter [name=task]", "lift the cube")
    expect(page.locator("#wall-count")).to_have_text("25")
    expect(page).to_have_url("/datasets/wall/?view=review&task=lift+the+cube")
    press(page, "/")
    page.keyboard.type("nobody did this")
    expect(page.get_by_text("No matches")).to_be_visible()
    expect(page).to_have_url(re.compile("nobody.did.this"))  # earlier requests hold a part of it
    page.reload()
    expect(page.locator("#filter-q")).to_have_value("nobody did this")
    page.get_by_role("link", name="nobody did this").click()
    expect(page.locator("#wall-count")).to_have_text("25")


def test_it_judges_many_at_once_and_takes_it_back_as_one(visit: Any, wall_ids: list[str]) -> None:
    page = visit("/datasets/wall/?view=review&sort=oldest", width=1024)
    boxes = page.locator("#cards [data-pick]")
    expect(boxes).to_have_count(36)
    boxes.nth(1).click()
    boxes.nth(4).click(modifiers=["Shift"])
    expect(page.locator("[data-picked]")).to_have_text("4 selected")
    page.locator('[data-many="reject"]').click()
    expect(page.locator("#wall-count")).to_have_text("46")
    expect(page.locator("#cards .is-reject")).to_have_count(4)
    expect(page.locator("[data-picked]")).to_have_text("Select")
    press(page, "z")
    expect(page.locator("#wall-count")).to_have_text("50")
    expect(page.locator("[data-undoes]")).to_have_count(0)
    expect(page.locator("#cards .is-reject")).to_have_count(0)

    press(page, "Control+a")
    expect(page.locator("[data-picked]")).to_have_text("36 selected")
    page.get_by_role("button", name="Select all 50").click()
    expect(page.locator("[data-picked]")).to_have_text("50 selected")
    page.get_by_role("button", name="Task, labels").click()
    page.locator("#many-form [name=rating]").select_option("4")
    page.locator("#many-form [name=add_labels]").fill("checked, good")
    press(page, "Enter")
    expect(page.locator(".toast").last).to_contain_text("50 takes changed")
    expect(page.locator("#cards .take .chips").first).to_contain_text("checked")
    said = call(page, "GET", "/api/episodes?dataset=wall")["items"]
    assert {(*each["labels"], each["rating"]) for each in said} == {("checked", "good", 4)}
    press(page, "z")
    expect(page.locator("#cards .take .chips .chip")).to_have_count(0)


def test_it_compares_two_in_step(visit: Any, wall_ids: list[str]) -> None:
    page = visit("/datasets/wall/?view=review&sort=oldest", width=1024)
    boxes = page.locator("#cards [data-pick]")
    boxes.nth(0).click()
    boxes.nth(2).click()
    press(page, "c")
    expect(page.locator("[data-side]")).to_have_count(2)
    expect(page.locator(".stage canvas")).to_have_count(4)
    expect(page.locator("[data-frames]").nth(1)).to_have_text("5")
    until_drawn(page)
    for tick in range(4):
        expect(page.locator("[data-frame]").nth(0)).to_have_text(str(tick))
        expect(page.locator("[data-frame]").nth(1)).to_have_text(str(tick))
        assert [(code.tick, code.episode, code.camera) for code in codes(page)] == [
            (tick, episode, camera) for episode in (0, 2) for camera in (0, 1)
        ]
        press(page, "ArrowRight")
    press(page, "Home", "Space")
    expect(page.locator("#play")).to_have_attribute("aria-label", "Play")
    expect(page.locator("[data-frame]").nth(0)).to_have_text("5")
    expect(page.locator("[data-frame]").nth(1)).to_have_text("5")


def codes(page: Page) -> list[Any]:
    script = "() => [...document.querySelectorAll('.stage canvas')].map((canvas) => canvas.toDataURL('image/png'))"
    shown = [Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))) for url in page.evaluate(script)]
    return [read(np.asarray(image.convert("RGB"))) for image in shown]


def test_it_lets_people_choose_their_keys(visit: Any, wall_ids: list[str]) -> None:
    page = visit("/keys/")
    page.get_by_role("button", name="Keep", exact=True).click()
    press(page, "r")
    expect(page.locator(".toast").last).to_contain_text("R is already used for “Reject”")
    press(page, "PageDown")
    expect(page.locator(".toast").last).to_contain_text("Saved")
    page.goto(f"/episodes/{wall_ids[0]}/?list=review")
    expect(page.locator("#keep kbd")).to_have_text("PageDown")
    expect(page.locator("#frames")).to_have_text("5")
    press(page, "k")  # given up: it means nothing now
    press(page, "PageDown")
    expect(page.locator("#details")).not_to_have_attribute("data-episode", wall_ids[0])
    page.goto(f"/episodes/{wall_ids[0]}/?list=kept")
    expect(page.locator("#verdict")).to_have_text("keep")
    page.goto("/keys/")
    page.get_by_role("button", name="Reset to defaults").click()
    expect(page.get_by_role("button", name="Keep", exact=True)).to_have_text("K")


def test_a_key_is_chosen_before_the_one_before_it_is_saved(visit: Any, wall_ids: list[str]) -> None:
    page = visit("/keys/")
    held: list[Route] = []
    page.route("**/keys/", lambda route: route.continue_() if held else held.append(route))
    keep, reject = (page.get_by_role("button", name=name, exact=True) for name in ("Keep", "Reject"))
    keep.click()
    press(page, "PageDown")
    until_held(page, held, "")
    reject.click()
    held[0].continue_()
    expect(page.locator(".toast", has_text="Saved")).to_have_count(1)
    expect(reject).to_have_text("Press a key …")
    with page.expect_response("**/keys/"):
        press(page, "PageUp")
    page.reload()
    expect(keep).to_have_text("PageDown")
    expect(reject).to_have_text("PageUp")
    page.get_by_role("button", name="Reset to defaults").click()
    expect(keep).to_have_text("K")


def test_it_shows_another_camera_and_keeps_it_while_one_filters(visit: Any, wall_ids: list[str]) -> None:
    page = visit("/datasets/wall/?view=all")
    first = page.locator("#cards .take").first.locator("img")
    expect(first).to_have_attribute("src", re.compile("images.front"))
    page.locator("#wall-camera").focus()
    page.select_option("#wall-camera", "observation.images.top")
    expect(first).to_have_attribute("src", re.compile("images.top"))
    expect(page).to_have_url("/datasets/wall/?view=all&camera=observation.images.top")
    expect(page.locator("#wall-camera")).to_be_focused()
    page.wait_for_function("() => document.querySelector('#cards .take img').naturalWidth > 0")
    page.select_option("#filter [name=task]", "lift the cube")
    expect(page.locator("#wall-count")).to_have_text("25")
    expect(first).to_have_attribute("src", re.compile("images.top"))
    page.select_option("#wall-camera", "all")
    expect(page.locator("#cards .take").first.locator("img")).to_have_count(2)
    page.reload()
    expect(page.locator("#wall-camera")).to_have_value("all")
    expect(page.locator("#wall-count")).to_have_text("25")


def test_what_is_chosen_as_soon_as_the_list_has_come_is_done(visit: Any, wall_ids: list[str]) -> None:
    page = visit("/datasets/wall/?view=all")
    page.evaluate(
        """() => {
          const choose = ({ detail }) => {
            if (detail.target.id !== "wall-list") return;
            document.removeEventListener("htmx:afterSwap", choose);
            setTimeout(() => {
              const camera = document.getElementById("wall-camera");
              camera.value = "all";
              camera.dispatchEvent(new Event("change", { bubbles: true }));
            });
          };
          document.addEventListener("htmx:afterSwap", choose);
        }"""
    )
    page.select_option("#filter [name=task]", "lift the cube")
    expect(page.locator("#cards .take").first.locator("img")).to_have_count(2)
    expect(page.locator("#wall-count")).to_have_text("25")


def test_it_keeps_the_history_open_after_going_back(visit: Any, wall_ids: list[str]) -> None:
    page = visit(f"/episodes/{wall_ids[3]}/?list=all")
    call(page, "PATCH", f"/api/episodes/{wall_ids[3]}", {"note": "odd"})
    page.reload()
    history = page.locator("details.history")
    history.locator("summary").click()
    before = history.locator("li").count()
    page.get_by_role("button", name="Restore the original recording").click()
    expect(history.locator("li")).to_have_count(before + 1)
    expect(history.locator("li").first).to_be_visible()


def test_it_keeps_what_is_opened_just_before_an_answer_comes(visit: Any, wall_ids: list[str]) -> None:
    page = visit(f"/episodes/{wall_ids[4]}/?list=all")
    call(page, "PATCH", f"/api/episodes/{wall_ids[4]}", {"note": "odd"})
    page.reload()
    expect(page.locator("#history-summary")).to_have_text("History (1)")
    # The press comes in the same task as the answer: the browser tells of the opened fold only after the swap.
    page.evaluate(
        """() => {
          const press = () => document.getElementById("history-summary").click();
          document.addEventListener("htmx:beforeOnLoad", press, { once: true, capture: true });
        }"""
    )
    call(page, "PATCH", f"/api/episodes/{wall_ids[4]}", {"note": "odder"})
    expect(page.locator("#history-summary")).to_have_text("History (2)")
    expect(page.locator("details.history li").first).to_be_visible()


# A press begins as the answer comes, and ends in the task after its swap.
PRESS_AROUND_ANSWER = """([id, kind, down, up, init]) => {
  const pressed = document.getElementById(id);
  const details = document.getElementById("details");
  const tell = (name) => pressed.dispatchEvent(new window[kind](name, { bubbles: true, ...init }));
  document.addEventListener("htmx:beforeOnLoad", () => {
    tell(down);
    setTimeout(() => {
      window.stayed = details.isConnected;
      tell(up);
      if (pressed.isConnected) pressed.click();
    });
  }, { once: true, capture: true });
}"""
BY_FINGER = ["PointerEvent", "pointerdown", "pointerup", {}]
BY_SPACE = ["KeyboardEvent", "keydown", "keyup", {"key": " "}]


@pytest.mark.parametrize("how", [BY_FINGER, BY_SPACE], ids=["finger", "space"])
def test_a_press_that_began_before_the_page_was_fetched_again_is_a_press(
    visit: Any, wall_ids: list[str], how: list[Any]
) -> None:
    page = visit("/about/")
    note = how[0]
    call(page, "PATCH", f"/api/episodes/{wall_ids[5]}", {"note": f"odd {note}"})
    page.goto(f"/episodes/{wall_ids[5]}/?list=all")
    summary = page.locator("#history-summary")
    before = int(re.sub(r"\D", "", summary.inner_text()))
    page.evaluate(PRESS_AROUND_ANSWER, ["history-summary", *how])
    call(page, "PATCH", f"/api/episodes/{wall_ids[5]}", {"note": f"odder {note}"})
    expect(summary).to_have_text(f"History ({before + 1})")
    expect(page.locator("details.history li").first).to_be_visible()
    # Nor does what is beside it move under the finger.
    page.evaluate(PRESS_AROUND_ANSWER, ["loop", *how])
    call(page, "PATCH", f"/api/episodes/{wall_ids[5]}", {"note": f"oddest {note}"})
    expect(summary).to_have_text(f"History ({before + 2})")
    assert page.evaluate("window.stayed")
    expect(page.locator("#loop")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("details.history li").first).to_be_visible()


def test_a_link_keeps_the_focus_while_the_page_around_it_is_fetched_again(visit: Any, wall_ids: list[str]) -> None:
    page = visit(f"/episodes/{wall_ids[6]}/?list=all")
    page.get_by_role("link", name="MP4").focus()
    call(page, "PATCH", f"/api/episodes/{wall_ids[6]}", {"note": "odd"})
    expect(page.locator("#history-summary")).to_have_text("History (1)")
    expect(page.get_by_role("link", name="MP4")).to_be_focused()


def test_what_is_open_stays_open_when_the_end_of_the_list_is_looked_for_again(visit: Any, product: Any) -> None:
    (take,) = fill(product, "last-one", 1, 4)
    product.api.call("PATCH", f"/api/episodes/{take}", {"note": "odd"})
    page = visit(f"/episodes/{take}/?list=review&sort=oldest")
    expect(page.locator("#history-summary")).to_have_text("History (1)")
    call(page, "PATCH", f"/api/episodes/{take}", {"note": "odder"})
    expect(page.locator("#history-summary")).to_have_text("History (2)")  # fetched again while it was closed
    page.locator("#history-summary").click()
    expect(page.locator("details.history")).to_have_attribute("open", "")
    page.keyboard.press("k")
    expect(page.locator(".toast", has_text="All reviewed")).to_be_visible()  # before what comes after it: it goes again
    expect(page.locator("#history-summary")).to_have_text("History (3)")
    expect(page.locator("details.history")).to_have_attribute("open", "")
