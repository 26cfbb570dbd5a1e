"""Back on the wall: a filter is undone, the place in a long list is found again; long acts say how far they are."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from playwright.sync_api import Error, Route, expect

from tests.support.browser import quiet
from tests.support.desk_data import until, until_held
from tests.support.in_sight import box_of

pytestmark = pytest.mark.browser
AT_REST = """(id) => new Promise((found) => {
  const card = () => document.getElementById(id);
  card().scrollIntoView({ block: "center", behavior: "instant" });
  const { top } = card().getBoundingClientRect();
  setTimeout(() => found(top > 0 && Math.abs(card().getBoundingClientRect().top - top) < 2), 300);
})"""


def test_it_undoes_a_filter_by_back(visit: Any, crowd: list[str]) -> None:
    page = visit("/datasets/crowd/?view=review")
    count = page.locator("#wall-count")
    expect(count).to_have_text("70")
    page.select_option("#filter [name=task]", "lift the cube")
    expect(count).to_have_text("35")
    page.locator("#filter-q").press_sequentially("nobody did", delay=120)
    expect(page.get_by_text("No matches")).to_be_visible()
    page.go_back()
    expect(count).to_have_text("35")
    expect(page.locator("#filter-q")).to_have_value("")
    expect(page).to_have_url("/datasets/crowd/?view=review&task=lift+the+cube")
    page.go_back()
    expect(count).to_have_text("70")
    expect(page.locator("#filter [name=task]")).to_have_value("")
    page.go_forward()
    expect(count).to_have_text("35")
    expect(page.locator("#filter [name=task]")).to_have_value("lift the cube")


TYPE_AND_GO_BACK = """() => new Promise((later) => {
  const field = document.getElementById("filter-q");
  field.value = "nobody";
  field.dispatchEvent(new Event("input", { bubbles: true }));
  history.back();
  setTimeout(later, 400);
})"""


def test_what_was_typed_just_before_back_is_no_step_of_its_own(visit: Any, crowd: list[str]) -> None:
    page = visit("/datasets/crowd/?view=review")
    expect(page.locator("#wall-count")).to_have_text("70")
    page.select_option("#filter [name=task]", "lift the cube")
    expect(page.locator("#wall-count")).to_have_text("35")
    page.evaluate(TYPE_AND_GO_BACK)
    quiet(page)
    expect(page.locator("#wall-count")).to_have_text("70")
    expect(page.locator("#filter-q")).to_have_value("")
    page.go_forward()
    expect(page.locator("#wall-count")).to_have_text("35")


def test_a_filter_that_was_taken_back_before_its_answer_came_is_not_shown(visit: Any, crowd: list[str]) -> None:
    page = visit("/datasets/crowd/?view=review")
    expect(page.locator("#wall-count")).to_have_text("70")
    held: list[Route] = []
    page.route("**/datasets/crowd/wall/*", lambda route: route.continue_() if held else held.append(route))
    page.select_option("#filter [name=task]", "lift the cube")
    until_held(page, held, "")
    with page.expect_response("**/datasets/crowd/wall/*"):
        page.go_back()
    expect(page.locator("#filter [name=task]")).to_have_value("")
    with contextlib.suppress(Error):  # the page may have given it up
        held[0].continue_()
    quiet(page)
    expect(page.locator("#wall-count")).to_have_text("70")
    expect(page).to_have_url("/datasets/crowd/?view=review")
    visit.forgive()  # htmx writes down each request that it gives up


def test_it_comes_back_to_the_place_it_left(visit: Any, crowd: list[str]) -> None:
    page = visit("/datasets/crowd/?view=review&sort=oldest")
    cards = page.locator("#cards .take")
    while cards.count() < 70:
        page.mouse.wheel(0, 2000)
        page.wait_for_timeout(50)
    card = page.locator(f"#take-{crowd[60]}")
    # By its id: a card that comes near is fetched anew, and the element of a moment ago is gone.
    until(lambda: page.evaluate(AT_REST, f"take-{crowd[60]}"), True)
    before = box_of(card)
    card.locator("a.title").click()
    expect(page.locator("#details")).to_have_attribute("data-episode", crowd[60])
    page.go_back()
    expect(card).to_be_in_viewport()
    expect(cards).to_have_count(70)
    until(lambda: abs(before["y"] - box_of(card)["y"]) < 40, True)
    expect(page.locator("#wall-count")).to_have_text("70")


def test_it_says_how_far_a_long_act_is_and_stops_it(visit: Any) -> None:
    page = visit("/about/")
    page.evaluate("""async () => {
      const { inPortions } = await import('/static/js/lib/progress.js');
      const items = Array.from({ length: 1100 }, (_, n) => n);
      window.done = inPortions(items, 'Moving to the trash …', () => new Promise((go) => { window.go = go; }));
    }""")
    box = page.locator(".toast.is-long")
    expect(box).to_contain_text("0 of 1,100")
    for said in ("250 of 1,100", "500 of 1,100"):
        page.evaluate("() => window.go()")
        expect(box).to_contain_text(said)
    box.get_by_role("button", name="Stop").click()
    page.evaluate("() => window.go()")
    assert page.evaluate("() => window.done") == 750
    expect(box).to_have_count(0)


def test_it_lists_takes_as_rows_and_remembers_it(visit: Any, crowd: list[str]) -> None:
    page = visit("/datasets/crowd/?view=review")
    first, second = page.locator("#cards .take").nth(0), page.locator("#cards .take").nth(1)
    page.get_by_role("button", name="Rows", exact=True).click()
    above, below = box_of(first), box_of(second)
    assert below["y"] > above["y"] and below["x"] == above["x"]
    page.reload()
    expect(page.get_by_role("button", name="Rows", exact=True)).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Cards", exact=True).click()
    expect(page.locator("#wall")).to_have_attribute("data-look", "cards")
