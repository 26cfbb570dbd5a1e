"""One's own quick acts, on slow and reordered answers: nothing is refused, and the page shows what is so."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import APIResponse, Route, expect

from tests.support.browser import heard, quiet
from tests.support.desk_data import call, fill, until_held
from tests.support.late import Late
from tests.support.questions import let_questions_stay

pytestmark = pytest.mark.browser
WALL = "/datasets/quick/?view=all"


@pytest.fixture(scope="module")
def takes(product: Any) -> list[str]:
    return fill(product, "quick", 6, 20)


def test_a_card_that_was_asked_for_before_something_moved_is_asked_for_again(visit: Any, takes: list[str]) -> None:
    page = visit(WALL)
    card = page.locator(f"#take-{takes[0]}")
    page.wait_for_function(f"() => 'htmx-internal-data' in document.getElementById('take-{takes[0]}')")
    held: list[tuple[Route, APIResponse]] = []
    page.route(
        f"**/episodes/{takes[0]}/card/*",
        lambda route: route.continue_() if held else held.append((route, route.fetch())),
    )
    until_held(page, held, f"() => window.htmx.trigger(document.getElementById('take-{takes[0]}'), 'moved')")
    with heard(page, takes[0], held=1):
        call(page, "PATCH", f"/api/episodes/{takes[0]}", {"verdict": "keep"})
    route, response = held[0]
    route.fulfill(response=response)
    expect(card).to_have_class("take is-keep")


def test_undo_on_the_wall_waits_for_what_was_pressed_before(visit: Any, takes: list[str]) -> None:
    page = visit(WALL)
    call(page, "PATCH", f"/api/episodes/{takes[1]}", {"rating": 4})
    held: list[Route] = []
    page.route(f"**/api/episodes/{takes[2]}", lambda route: route.continue_() if held else held.append(route))
    page.locator(f"#keep-{takes[2]}").click()
    until_held(page, held, "")
    undone: list[str] = []
    page.on("request", lambda request: undone.append(request.url) if request.url.endswith("/api/undo") else None)
    page.keyboard.press("z")
    call(page, "GET", f"/api/episodes/{takes[1]}")  # an undo that did not wait would be asked for before this
    assert not undone
    held[0].continue_()
    expect(page.locator(".toast", has_text="Undone.")).to_be_visible()
    assert call(page, "GET", f"/api/episodes/{takes[1]}")["rating"] == 4
    assert call(page, "GET", f"/api/episodes/{takes[2]}")["verdict"] == "unreviewed"


def test_a_verdict_follows_an_act_on_many_at_once(visit: Any, takes: list[str]) -> None:
    page = visit(WALL)
    late = Late(page, "**/card/*")
    page.locator(f"[data-pick='{takes[3]}']").click()
    page.locator(f"[data-pick='{takes[4]}']").click()
    page.keyboard.press("k")
    expect(page.locator(".toast", has_text="2 takes kept.")).to_be_visible()
    page.locator(f"#reject-{takes[3]}").click()  # its card is still the one from before
    expect(page.locator(".toast.is-bad")).to_have_count(0)
    late.end()
    expect(page.locator(f"#take-{takes[3]}")).to_have_class("take is-reject")
    expect(page.locator(f"#take-{takes[4]}")).to_have_class("take is-keep")


def test_a_form_that_is_saved_again_before_the_answer_keeps_the_second_value(visit: Any, takes: list[str]) -> None:
    page = visit("/datasets/quick/settings/")
    goal = page.locator(".settings [name=goal]")
    save = Late(page, "**/api/datasets/quick")
    goal.fill("30")
    goal.press("Enter")
    save.wait()
    goal.fill("31")
    goal.press("Enter")
    save.end()
    expect(page.locator(".toast", has_text="Settings saved.")).to_have_count(1)
    assert call(page, "GET", "/api/datasets/quick")["goal"] == 31


TWO_FINGERS = """() => {
  const elt = document.querySelector("article.take[data-live]");
  const button = elt.querySelector("button");
  const finger = (type, pointerId) => button.dispatchEvent(new PointerEvent(type, { pointerId, bubbles: true }));
  const comes = () => {
    const detail = { elt, target: elt, shouldSwap: true, xhr: { status: 200, responseURL: "" } };
    document.dispatchEvent(new CustomEvent("htmx:beforeSwap", { detail }));
    return detail.shouldSwap;
  };
  finger("pointerdown", 5);
  finger("pointerdown", 6);
  finger("pointerup", 5);
  const while_one_is_down = comes();
  finger("pointercancel", 6);
  return [while_one_is_down, comes()];
}"""


def test_a_finger_that_is_lifted_leaves_the_press_of_another(visit: Any, takes: list[str]) -> None:
    page = visit(WALL)
    expect(page.locator(f"#take-{takes[0]}")).to_be_visible()
    assert page.evaluate(TWO_FINGERS) == [False, True]


def test_a_second_act_on_many_says_that_the_first_is_not_done(visit: Any, takes: list[str]) -> None:
    page = visit(WALL)
    act = Late(page, "**/api/episodes/verdict")
    for take in takes[1:3]:  # neither has a verdict
        page.locator(f"[data-pick='{take}']").click()
    page.keyboard.press("k")
    act.wait()
    page.keyboard.press("r")
    expect(page.locator(".toast.is-bad")).to_contain_text("Keeping … Not done yet")
    act.end()
    for take in takes[1:3]:
        expect(page.locator(f"#take-{take}")).to_have_class("take is-keep")
    undo = page.locator(".toast", has_text="2 takes kept.")
    undo.evaluate_all("(shown) => shown.forEach((each) => each.querySelector('[aria-label=Close]').click())")
    expect(undo).to_have_count(0)  # closed, or gone by itself
    page.keyboard.press("z")  # also without its button
    expect(page.locator(".toast", has_text="Undone for 2 takes.")).to_be_visible()


def test_what_is_picked_while_an_act_on_many_runs_stays_picked(visit: Any, takes: list[str]) -> None:
    page = visit(WALL)
    act = Late(page, "**/api/episodes/verdict")
    page.locator(f"[data-pick='{takes[0]}']").click()
    page.keyboard.press("k")
    act.wait()
    page.locator(f"[data-pick='{takes[2]}']").click()
    act.end()
    expect(page.locator(".toast", has_text="1 take kept.")).to_be_visible()
    expect(page.locator("[data-picked]")).to_have_text("1 selected")
    expect(page.locator(f"[data-pick='{takes[2]}']")).to_be_checked()


def test_a_second_press_is_heard_whatever_moves_meanwhile(visit: Any, takes: list[str]) -> None:
    page = visit(WALL)
    call(page, "PATCH", f"/api/episodes/{takes[5]}", {"verdict": "reject"})
    page.goto("/trash/")
    page.wait_for_function("() => 'htmx-internal-data' in document.getElementById('trash-head')")
    let_questions_stay(page)
    button = page.locator("#empty-old")
    button.click()
    expect(button).to_have_text("Delete those permanently?")
    with heard(page, takes[1]):
        call(page, "PATCH", f"/api/episodes/{takes[1]}", {"rating": 2})
    expect(button).to_have_text("Delete those permanently?")
    with page.expect_response("**/api/trash/empty") as answer:
        button.click()
    assert answer.value.ok


def test_a_take_that_is_taken_back_comes_to_its_place_in_the_list(visit: Any, takes: list[str]) -> None:
    page = visit("/datasets/quick/")
    call(page, "POST", "/api/episodes/verdict", {"episodes": takes, "verdict": "unreviewed"})
    call(page, "PATCH", f"/api/episodes/{takes[2]}", {"verdict": "reject"})
    page.goto("/datasets/quick/")
    cards = page.locator("#cards .take")
    expect(cards).to_have_count(5)
    call(page, "POST", f"/api/episodes/{takes[2]}/restore")
    expect(cards).to_have_count(6)
    shown = [card.get_attribute("id") for card in cards.all()]
    assert shown == [f"take-{take}" for take in reversed(takes)]


def test_what_is_opened_is_not_fetched_away_by_an_answer_that_comes_late(visit: Any, takes: list[str]) -> None:
    page = visit("/datasets/quick/edit/")
    page.wait_for_function("() => 'htmx-internal-data' in document.querySelector('[data-keeps-open]')")
    late = Late(page, "**/datasets/quick/tasks/")
    late.wait("() => window.htmx.trigger(document.querySelector('[data-keeps-open]'), 'moved')")
    page.locator("[data-keeps-open] summary").first.click()
    late.end()
    quiet(page)
    expect(page.locator("[data-keeps-open] input[name=to]").first).to_be_visible()
