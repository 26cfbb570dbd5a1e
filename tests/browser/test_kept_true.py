"""Pages that are open while a dataset's committed episodes change: they show the new state, and say that it came."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from robotdata.dataset.lock import dataset_lock
from tests.support.browser import pictures, quiet
from tests.support.committing import commit
from tests.support.desk_data import fill, until, until_drawn
from tests.support.late import Late
from tests.support.questions import let_questions_stay

pytestmark = pytest.mark.browser
TICKS = 8


def committed(product: Any, slug: str, takes: int) -> list[str]:
    ids = fill(product, slug, takes, TICKS)
    commit(product, slug, ids)
    return ids


def test_the_player_shows_the_frames_that_the_episode_has_now(visit: Any, product: Any) -> None:
    ids = committed(product, "reopened", 2)
    page = visit(f"/episodes/{ids[0]}/?list=committed")
    expect(page.locator("#frames")).to_have_text(str(TICKS - 1))
    until_drawn(page)
    product.api.call("PATCH", f"/api/episodes/{ids[0]}", {"trim": [4, TICKS]})
    product.api.call("POST", "/api/datasets/reopened/apply")
    expect(page.locator("#frames")).to_have_text("3")
    quiet(page)
    until(lambda: {(code.episode, code.tick) for code in pictures(page)}, {(0, 4)})
    page.keyboard.press("ArrowRight")
    expect(page.locator("#at-frame")).to_have_text("1")
    page.keyboard.press("[")
    expect(page.locator("[data-plan]")).to_contain_text("trimmed to frames 1–3")
    product.api.call("POST", "/api/datasets/reopened/revert", {"revision": 1})
    expect(page.locator("#frames")).to_have_text(str(TICKS - 1))
    expect(page.locator("[data-plan]")).to_contain_text("trimmed to frames 4–7")


def test_what_is_deleted_leaves_the_wall_and_what_comes_back_returns(visit: Any, product: Any) -> None:
    ids = committed(product, "walls", 3)
    page = visit("/datasets/walls/?view=committed")
    both = visit("/datasets/walls/?view=all")
    newest_first = [f"take-{one}" for one in reversed(ids)]
    for wall in (page, both):
        expect(wall.locator("#cards .take")).to_have_count(3)
    product.api.call("PATCH", f"/api/episodes/{ids[1]}", {"verdict": "reject"})
    product.api.call("POST", "/api/datasets/walls/apply")
    for wall in (page, both):
        expect(wall.locator(f"#take-{ids[1]}")).to_have_count(0)
        expect(wall.locator("#wall-count")).to_have_text("2")
    product.api.call("POST", "/api/datasets/walls/revert", {"revision": 1})
    for wall in (page, both):
        expect(wall.locator("#cards .take")).to_have_count(3)
        shown = wall.locator("#cards .take").all()
        assert [one.get_attribute("id") for one in shown] == newest_first, "each in its place"


def test_it_says_that_a_change_is_under_way_and_that_it_is_there(visit: Any, product: Any) -> None:
    ids = committed(product, "told", 2)
    product.api.call("PATCH", f"/api/episodes/{ids[0]}", {"task": "fold the towel"})
    page = visit("/datasets/told/?view=committed")
    with dataset_lock(product.home / "datasets/told", wait_s=60):  # the change waits for it
        page.locator("#apply").click()
        # Nobody is offered to apply once more what is being applied.
        expect(page.locator("#apply")).to_be_disabled()
    expect(page.locator(".toast", has_text="Changes applied")).to_be_visible()
    page.get_by_role("link", name="History").click()
    page.wait_for_url("**/history/")
    let_questions_stay(page)
    answer = Late(page, "**/api/datasets/told/revert")
    page.get_by_role("button", name="Revert").click()
    page.get_by_role("button", name="Revert to 1?").click()
    answer.wait()
    expect(page.locator("#revisions")).to_contain_text("reverted to revision 1")  # it is done before its answer is here
    answer.end()
    expect(page.locator(".toast", has_text="Reverted to revision 1")).to_be_visible()


def test_the_plots_follow_the_systems_colours(visit: Any, product: Any) -> None:
    ids = fill(product, "evening", 1, TICKS)
    page = visit(f"/episodes/{ids[0]}/?list=all", color_scheme="light")
    page.locator("#signals canvas").first.wait_for()
    quiet(page)
    drawn = "() => document.querySelector('#signals canvas').toDataURL()"
    before = page.evaluate(drawn)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"(before) => ({drawn})() !== before", arg=before)
