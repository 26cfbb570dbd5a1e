"""The form of a rig, with several teleoperators and measured rates, at a station that is a fake at its socket."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from robotdata.station.rig_text import read_rig_text
from tests.support.desk_data import Held, until_held
from tests.support.fake_station import rig_process
from tests.support.form_desk import PC, Desk, camera
from tests.support.in_sight import while_in_sight
from tests.support.station_thread import Beside, beside

pytestmark = pytest.mark.browser
PAIR = """[rig]
name = "pair"
fps = 30

[robot]
kind = "sim"

[teleoperators.arm]  # the leader
kind = "autopilot"

[teleoperators.base]
kind = "autopilot"
seed = 4

[[processor]]
kind = "lerobot"
at = "teleoperator"
teleoperator = "base"
make = "lab:Base"
"""


@pytest.fixture
def desk() -> Desk:
    made = Desk()
    made.files["pair"] = PAIR
    return made


@pytest.fixture
def station(product: Any, desk: Desk) -> Iterator[Beside]:
    with beside(product, PC, answer=desk, rigs=[rig_process("pair"), rig_process("so101")]) as made:
        yield made


@pytest.fixture
def visit(station: Beside, visit: Any) -> Any:
    """The station stays until the pages are closed: they would ask it for its devices, in vain."""
    return visit


def text(page: Page) -> Any:
    return expect(page.locator("#text"))


def tables(page: Page) -> dict[str, Any]:
    return read_rig_text(page.input_value("#text")).tables


def test_a_second_teleoperator_is_added_named_and_removed(visit: Any, desk: Desk) -> None:
    page = visit(f"/rigs/add/?station={PC}")
    page.locator("#robot .kind", has_text="Simulated arm").locator("input").click()  # the form is open
    page.fill("#rig-name", "pair2")
    section = page.locator("#teleoperator")
    expect(section.locator("#add-teleoperator")).to_have_count(0)  # the first one comes first
    section.locator("[data-kind=autopilot] input").click()
    section.locator("[data-key=seed]").or_(section.locator("summary")).first.click()
    section.locator("[data-key=seed]").fill("7")
    section.locator("#add-teleoperator").click()
    arm, base = section.locator("[data-at='teleoperators.arm']"), section.locator("[data-at='teleoperators.base']")
    expect(arm.locator(".chosen")).to_contain_text("Autopilot")
    expect(base.locator("input[type=search]")).to_be_focused()
    expect(base.locator(".field-wrong")).to_be_visible()  # it has no kind yet, and says so where it stands
    page.click("#save")
    expect(page.locator("#checked")).to_contain_text("teleoperators.base.kind")
    assert "pair2" not in desk.files

    base.locator("[data-kind=autopilot] input").click()
    expect(base.locator(".field-wrong")).to_have_count(0)
    base.get_by_label("Name").fill("arm")
    base.get_by_label("Name").press("Tab")
    expect(base.get_by_label("Name")).to_have_attribute("aria-invalid", "true")
    page.click("#save")  # refused: the name would be lost
    expect(page.locator("#checked")).to_contain_text("Another teleoperator has this name")
    expect(base.get_by_label("Name")).to_be_focused()
    assert "pair2" not in desk.files
    base.get_by_label("Name").fill("wheels")
    base.get_by_label("Name").press("Tab")
    text(page).to_have_value(re.compile(r"\[teleoperators\.wheels\]"))
    expect(page.locator("#text-errors")).to_be_empty()
    both = {"arm": {"kind": "autopilot", "seed": 7}, "wheels": {"kind": "autopilot"}}
    assert tables(page)["teleoperators"] == both and "teleoperator" not in tables(page)
    page.click("#save")
    page.wait_for_url("**/rigs/pair2/edit/**")
    expect(section.locator(".device-card")).to_have_count(2)
    assert read_rig_text(desk.files["pair2"]).tables["teleoperators"] == both

    section.get_by_role("button", name="Remove teleoperator wheels").click()
    expect(section.locator(".device-card")).to_have_count(0)
    text(page).not_to_have_value(re.compile("teleoperators"))
    assert tables(page)["teleoperator"] == both["arm"]
    expect(page.locator("#text-errors")).to_be_empty()


def test_the_form_follows_the_text_of_several_and_says_errors_at_their_fields(visit: Any) -> None:
    page = visit("/rigs/pair/edit/")
    cards = page.locator("#teleoperator .device-card")
    expect(cards).to_have_count(2)
    expect(cards.last.locator("[data-key=seed]")).to_have_value("4")
    cards.last.locator("[data-key=seed]").fill("5")
    text(page).to_have_value(PAIR.replace("seed = 4", "seed = 5"))  # comments and all
    cards.last.get_by_label("Name").fill("wheels")
    cards.last.get_by_label("Name").press("Enter")
    text(page).to_have_value(re.compile('teleoperator = "wheels"'))  # its processor follows
    expect(page.locator("#text-errors")).to_be_empty()
    expect(cards.first.get_by_label("Name")).to_have_value("arm")
    page.fill("#text", PAIR + "\n[teleoperators.hand]\nkind = 3\n")
    expect(cards).to_have_count(3)
    expect(page.locator("[data-at='teleoperators.hand'] .field-wrong")).to_be_visible()
    expect(page.locator("[data-at='teleoperators.arm'] .field-wrong")).to_have_count(0)
    page.fill("#text", PAIR.replace("seed = 4", "seed = 4\nspeed = 2"))
    expect(cards).to_have_count(2)
    expect(cards.last.locator("[data-key=speed]")).to_have_value("2")  # of which the form knows nothing


@pytest.mark.parametrize(("name", "why"), [("front", "Another camera has this name"), ("à gauche", "letters, digits")])
def test_a_camera_whose_name_cannot_be_is_not_saved(visit: Any, desk: Desk, name: str, why: str) -> None:
    page = visit(f"/rigs/add/?station={PC}")
    page.locator("#robot .kind", has_text="Simulated arm").locator("input").click()
    page.fill("#rig-name", "named")
    page.locator("#teleoperator [data-kind=autopilot] input").click()
    used = page.locator(".camera-card.is-used")
    for number in range(2):
        page.get_by_role("checkbox", name=f"Camera {number}").check()
        expect(used).to_have_count(number + 1)
    names = [used.nth(number).get_by_label("Name") for number in range(2)]
    expect(names[0]).to_have_value("front")
    second = names[1].input_value()
    names[1].fill(name)
    page.click("#save")
    expect(page.locator("#checked")).to_contain_text(why)
    expect(names[1]).to_be_focused()
    assert "named" not in desk.files and set(tables(page)["cameras"]) == {"front", second}
    names[1].fill("left")
    page.click("#save")
    page.wait_for_url("**/rigs/named/edit/**")
    assert set(read_rig_text(desk.files["named"]).tables["cameras"]) == {"front", "left"}


def before_drivers_are_listed(visit: Any) -> tuple[Page, Held]:
    page: Page = visit("about:blank")
    held = Held(page, "**/kinds")
    page.goto("/rigs/pair/edit/")
    until_held(page, held, "")
    return page, held


def test_who_types_while_the_drivers_are_listed_goes_on_typing(visit: Any) -> None:
    page, held = before_drivers_are_listed(visit)
    base = page.locator("[data-at='teleoperators.base']")
    base.locator("[data-key=seed]").focus()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("5")
    held.let_go()
    expect(base.locator(".chosen")).to_contain_text("Autopilot")  # the form is drawn again, with what the driver names
    expect(base.locator("[data-key=seed]")).to_be_focused()
    page.keyboard.type("6")
    expect(base.locator("[data-key=seed]")).to_have_value("56")
    text(page).to_have_value(PAIR.replace("seed = 4", "seed = 56"))


def test_a_name_that_is_typed_while_the_drivers_are_listed_is_taken(visit: Any) -> None:
    page, held = before_drivers_are_listed(visit)
    arm = page.locator("[data-at='teleoperators.arm']")
    arm.get_by_label("Name").press("End")
    page.keyboard.type("_2")
    held.let_go()
    expect(arm.locator(".chosen")).to_contain_text("Autopilot")
    expect(arm.get_by_label("Name")).to_have_value("arm_2")
    page.keyboard.press("Tab")
    text(page).to_have_value(re.compile(r"\[teleoperators\.arm_2\]"))


def test_the_rate_of_a_chosen_camera_is_measured_beside_the_listed_one(visit: Any, desk: Desk, station: Beside) -> None:
    page = visit(f"/rigs/add/?station={PC}")
    expect(page.locator(".camera-card")).to_have_count(2)
    page.get_by_role("checkbox", name="Camera 0").check()
    card = page.locator(".camera-card.is-used")
    measured = card.locator(".measured")
    words = "30 listed, 24.8 measured: below the 30 that this rig asks for"
    while_in_sight(card, lambda timeout: expect(measured).to_contain_text(words, timeout=timeout))
    expect(measured).to_have_class(re.compile("tone-warn"))
    asks = [ask["args"] for ask in station.station.asked if ask["name"] == "measure_rate"]
    shape = {"width": 640, "height": 480, "fps": 30, "pixel_format": ""}
    assert asks == [{"url": camera(0)["url"], **shape}]  # once, and only the chosen one
    card.locator("[data-key=fps]").fill("20")
    expect(measured).to_contain_text("30 listed, 24.8 measured")
    expect(measured).not_to_have_class(re.compile("tone-warn"))
    desk.rate = 30.02
    card.get_by_label("Size").select_option("1280×720")
    expect(measured).to_contain_text("30 listed, 30 measured")
    desk.rate = 12
    card.get_by_role("button", name="Measure the rate").click()
    expect(measured).to_contain_text("12 measured: below the 20")
