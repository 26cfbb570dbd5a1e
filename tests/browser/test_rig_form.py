"""Add a rig, at a station that is a fake at its socket: form and text, ports, cameras, check, save, and the list."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import APIResponse, Locator, Page, Route, expect

from robotdata.station.rig_text import read_rig_text
from tests.support.desk_data import Held, until_held
from tests.support.fake_station import rig_process
from tests.support.form_desk import FILE, LEFT, PC, RIGHT, Desk, camera
from tests.support.in_sight import into_sight, pictured
from tests.support.questions import let_questions_stay
from tests.support.station_thread import Beside, beside
from tests.support.whole import until

pytestmark = pytest.mark.browser


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def station(product: Any, desk: Desk) -> Iterator[Beside]:
    with beside(product, PC, answer=desk, rigs=[rig_process("so101", robot="lerobot so101_follower")]) as made:
        yield made


@pytest.fixture
def visit(station: Beside, visit: Any) -> Any:
    """The station stays until the pages are closed: they would ask it for its devices, in vain."""
    return visit


@pytest.fixture
def opened(visit: Any, station: Beside) -> Page:
    """The page to add a rig, with everything that the station knows."""
    page = visit(f"/rigs/add/?station={PC}")
    expect(page.locator("#robot .kind")).to_have_count(2)
    expect(page.locator(".camera-card")).to_have_count(2)
    return page


def text(page: Page) -> Any:
    return expect(page.locator("#text"))


def test_a_rig_is_put_together_from_what_is_found(opened: Page, desk: Desk, station: Beside) -> None:
    page = opened
    page.locator("#robot .kind input").first.focus()
    page.keyboard.press("ArrowDown")  # looks around
    expect(page.locator("#robot .kind input").nth(1)).to_be_checked()
    page.fill("#rig-name", "bench")
    page.get_by_placeholder("Search").first.fill("so 101")
    expect(page.locator("#robot .kind:visible")).to_have_count(1)
    page.locator("#robot .kind:visible input").click()
    page.locator("#robot select[data-key=port]").select_option(RIGHT)
    page.locator("#robot select[data-key=on_end]").select_option("hold")
    page.locator("#robot summary").click()
    page.locator("#robot [data-key=arm_config]").fill("{ speed = 3 }")
    page.locator("#teleoperator input[type=search]").press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#teleoperator .chosen")).to_contain_text("Autopilot")
    page.get_by_role("checkbox", name="Camera 0").check()
    text(page).to_have_value(re.compile("cameras.front", re.DOTALL))
    page.locator(".camera-card.is-used").get_by_label("Name").fill("over-the-table")
    page.locator(".camera-card.is-used").get_by_label("Name").press("Tab")
    text(page).to_have_value(re.compile("over-the-table", re.DOTALL))
    expect(page.locator("#text-errors")).to_be_empty()

    page.click("#check")
    expect(page.locator("#check-sum")).to_have_text("Everything works.")
    page.click("#save-start")
    page.wait_for_url("**/rigs/")
    tables = read_rig_text(desk.files["bench"]).tables
    assert tables["robot"] == {
        "kind": "lerobot",
        "type": "so101_follower",
        "port": RIGHT,
        "on_end": "hold",
        "arm_config": {"speed": 3},
    }
    assert tables["teleoperator"] == {"kind": "autopilot"} and tables["rig"] == {"name": "bench", "fps": 30}
    shape = {"width": 640, "height": 480, "fps": 30}
    assert tables["cameras"] == {"over-the-table": {"kind": "pyav", "url": camera(0)["url"], **shape}}
    names = [ask["name"] for ask in station.station.asked if ask["name"] in ("check_rig", "write_rig", "start_rig")]
    assert names == ["check_rig", "write_rig", "start_rig"]


def test_processors_are_put_in_order(opened: Page, desk: Desk) -> None:
    page = opened
    box = page.locator("#processors")
    box.locator("summary").first.click()
    add, cards = box.get_by_role("button", name="Add a processor"), box.locator("article")
    for place, make in (("robot", "lab:Joints"), ("teleoperator", "lab:Hand")):
        add.click()
        cards.last.locator("[data-key=at]").select_option(place)
        cards.last.locator("[data-key=make]").fill(make)
        text(page).to_have_value(re.compile(make))
    cards.first.get_by_placeholder("urdf").fill("limits")
    page.keyboard.press("Enter")
    expect(cards.first.locator("[data-key=limits]")).to_be_focused()
    page.keyboard.press("Control+A")
    page.keyboard.type("[1, 2]")
    page.keyboard.press("Tab")
    text(page).to_have_value(re.compile(r"limits = \[1, 2\]"))
    box.get_by_role("button", name="Move up processor 2").click()
    text(page).to_have_value(re.compile("lab:Hand.*lab:Joints", re.DOTALL))
    steps = read_rig_text(page.input_value("#text")).tables["processor"]
    assert steps == [
        {"kind": "lerobot", "at": "teleoperator", "make": "lab:Hand"},
        {"kind": "lerobot", "at": "robot", "make": "lab:Joints", "limits": [1, 2]},
    ]
    box.get_by_role("button", name="Remove processor 1").click()
    expect(cards).to_have_count(1)
    text(page).not_to_have_value(re.compile("lab:Hand"))
    written = page.input_value("#text")
    page.fill("#text", f'{written}\n[[processor]]\nkind = "lerobot"\nat = "observation"\nmake = "lab:See"\n')
    expect(cards).to_have_count(2)
    expect(cards.last.locator("[data-key=at]")).to_have_value("observation")


def test_the_port_that_goes_when_its_cable_is_pulled_is_chosen(opened: Page, desk: Desk) -> None:
    page = opened
    page.locator("#robot .kind").nth(1).locator("input").click()
    page.get_by_role("button", name="Find by unplugging").click()
    words = page.locator("#robot .port-words")
    expect(words).to_contain_text("Unplug the cable")
    desk.ports = [RIGHT]
    expect(words).to_contain_text("Found: ttyACM0")
    desk.ports = [LEFT, RIGHT]
    expect(words).to_contain_text("It is ttyACM0")
    expect(page.locator("#robot select[data-key=port]")).to_have_value(LEFT)
    text(page).to_have_value(re.compile(LEFT))


def asked_for(station: Beside, number: int) -> int:
    """How often the page has asked for a picture of a camera."""
    asks = list(station.station.asked)
    return sum(1 for ask in asks if ask["name"] == "preview" and ask["args"]["url"] == camera(number)["url"])


def card(page: Page, camera: str) -> Locator:
    return page.locator(".camera-card", has=page.get_by_role("checkbox", name=camera))


def test_cameras_are_live_and_a_bus_that_carries_too_much_is_named(opened: Page, station: Beside) -> None:
    page = opened
    picture = page.get_by_alt_text("Picture of Camera 1")
    pictured(card(page, "Camera 1"), picture, 64)  # a picture is fetched, and shown, where it is in sight
    until(lambda: asked_for(station, 1) >= 3)
    page.get_by_role("button", name="Pause the picture of Camera 1").click()
    expect(page.get_by_role("button", name="Resume the picture of Camera 1")).to_be_visible()
    paused = asked_for(station, 1)
    others = asked_for(station, 0)
    into_sight(card(page, "Camera 0"))
    until(lambda: asked_for(station, 0) >= others + 3)
    assert asked_for(station, 1) <= paused + 1  # one may have been on its way
    page.get_by_role("checkbox", name="Camera 0").check()
    page.get_by_role("checkbox", name="Camera 1").check()
    expect(page.locator("#cameras .note")).to_have_count(0)
    page.get_by_label("Size").first.select_option("800×600")
    expect(page.locator("#cameras .note")).to_have_count(0)
    page.get_by_label("Size").last.select_option("800×600")  # neither alone is too much for the bus of both sockets
    expect(page.locator("#cameras .note")).to_contain_text("USB bus 3 carries")
    page.get_by_role("checkbox", name="Camera 0").uncheck()
    expect(page.locator("#cameras .note")).to_have_count(0)
    expect(page.get_by_alt_text("Picture of Camera 1")).to_be_visible()


def test_colour_and_depth_of_a_camera_that_only_a_driver_sees(opened: Page) -> None:
    page = opened
    page.click("#find-cameras")
    expect(page.locator("#found-words")).to_contain_text("looped: no USB")
    picture = page.get_by_alt_text("Picture of Intel RealSense D435 serial 0123456789")
    pictured(page.locator("#found-words"), picture, 64)
    for stream in ("colour", "depth"):
        button = page.get_by_role("button", name=f"Use {stream} of Intel RealSense D435")
        button.press("Enter")
        expect(button).to_be_disabled()
    text(page).to_have_value(re.compile("depth = true"))
    shape = {"kind": "realsense", "serial": "0123456789", "width": 640, "height": 480, "fps": 30}
    cameras = read_rig_text(page.input_value("#text")).tables["cameras"]
    assert cameras == {"front": shape, "wrist": shape | {"depth": True}}


def test_a_camera_that_is_mounted_sideways_is_turned(opened: Page) -> None:
    page = opened
    rotate = page.get_by_role("button", name="Rotate the picture of Camera 0")
    pictured(card(page, "Camera 0"), page.get_by_alt_text("Picture of Camera 0"), 64)
    rotate.click()  # before it is chosen
    expect(page.get_by_alt_text("Picture of Camera 0")).to_have_attribute("data-turn", "90")
    page.get_by_role("checkbox", name="Camera 0").check()
    text(page).to_have_value(re.compile(r"width = 480\nheight = 640\nfps = 30\nrotate = 90"))
    expect(page.get_by_label("Size")).to_have_value("480×640")
    rotate.click()
    text(page).to_have_value(re.compile(r"width = 640\nheight = 480\nfps = 30\nrotate = 180"))
    expect(rotate).to_be_focused()
    page.keyboard.press("Enter")
    text(page).to_have_value(re.compile(r"width = 480\nheight = 640\nfps = 30\nrotate = 270"))
    page.keyboard.press("Enter")
    text(page).to_have_value(re.compile(r"width = 640\nheight = 480\nfps = 30\n*$"))
    expect(page.get_by_alt_text("Picture of Camera 0")).to_have_attribute("data-turn", "0")


def test_the_form_follows_the_text_and_a_broken_text_is_kept(visit: Any, station: Beside) -> None:
    page = visit("/rigs/so101/edit/")
    text(page).to_have_value(FILE)
    expect(page.locator("#robot select[data-key=port]")).to_have_value(LEFT)
    page.fill("#rig-fps", "25")
    text(page).to_have_value(FILE.replace("fps = 30", "fps = 25"))  # comments and all
    broken = FILE.replace("fps = 30", "fps = ")
    page.fill("#text", broken)
    expect(page.get_by_role("button", name="Line 4")).to_be_visible()
    expect(page.locator("#gutter .is-wrong")).to_have_text("4\n")
    expect(page.locator("#sections")).to_have_js_property("inert", True)
    text(page).to_have_value(broken)
    page.fill("#text", FILE.replace("fps = 30", "fps = 0"))
    expect(page.locator("#text-errors")).to_contain_text("rig.fps")
    expect(page.locator("#rig-fps")).to_have_value("0")
    expect(page.locator("#rig-fps")).to_have_attribute("aria-invalid", "true")
    page.fill("#text", FILE.replace("fps = 30", "fps = 12.5"))
    expect(page.locator("#rig-fps")).to_have_value("12.5")
    expect(page.locator("#text-errors")).to_be_empty()
    # A comment that goes with what is removed is said.
    page.locator("#robot select[data-key=port]").select_option("")
    expect(page.locator("#text-lost")).to_contain_text("# left plug")


@pytest.mark.parametrize(
    "button, order, said", [("check", "check_rig", "Everything works."), ("save", "write_rig", "")]
)
def test_a_press_before_the_form_is_open_is_done_once(
    visit: Any, station: Beside, button: str, order: str, said: str
) -> None:
    page = visit("about:blank")
    held = Held(page, "**/check-text")
    page.goto("/rigs/so101/edit/")
    until_held(page, held, "")
    page.click(f"#{button}")
    expect(page.locator("#checked")).to_contain_text("Reading the rig file")
    page.click(f"#{button}")
    held.let_go()
    expect(page.locator("#checked" if said else ".toast")).to_contain_text(said or "Saved so101")
    assert [ask["name"] for ask in station.station.asked].count(order) == 1


def test_an_early_restart_of_an_arm_still_takes_a_second_press(visit: Any, station: Beside) -> None:
    page = visit("about:blank")
    held = Held(page, "**/check-text")
    page.goto("/rigs/so101/edit/")
    until_held(page, held, "")
    page.click("#save-start")
    page.click("#save-start")  # of an impatient hand, that has read no question
    held.let_go()
    expect(page.locator("#save-start")).to_have_text("Arm supported: restart")
    expect(page.locator("#check")).to_be_enabled()
    assert not {"write_rig", "restart_rig"} & {ask["name"] for ask in station.station.asked}


def test_what_somebody_else_changed_is_not_written_over(visit: Any, station: Beside, desk: Desk) -> None:
    page = visit("/rigs/so101/edit/")
    text(page).to_have_value(FILE)
    page.fill("#rig-fps", "20")
    desk.version = "v7"
    page.click("#save")
    expect(page.locator("#checked")).to_contain_text("Somebody changed so101.toml")
    assert desk.files["so101"] == FILE
    page.get_by_role("button", name="Drop my changes").click()
    text(page).to_have_value(FILE)
    page.fill("#rig-fps", "20")
    page.click("#save")
    expect(page.locator(".toast")).to_contain_text("Saved so101")
    assert desk.files["so101"] == FILE.replace("fps = 30", "fps = 20")
    let_questions_stay(page)
    page.click("#save-start")
    expect(page.locator("#save-start")).to_have_text("Arm supported: restart")
    page.click("#save-start")
    page.wait_for_url("**/rigs/")
    assert "restart_rig" in [ask["name"] for ask in station.station.asked]
    visit.forgive()  # the browser writes down the answer of 409


def test_the_list_follows_and_a_rig_is_removed_after_a_question(visit: Any, station: Beside) -> None:
    page = visit("/rigs/")
    line = page.locator(f"#rig-{PC}-so101")
    expect(line.locator(".chip")).to_have_text("stopped")
    line.get_by_role("button", name="Start").click()
    expect(page.locator(".toast")).to_contain_text("Starting so101")
    words = [f"word {number}" for number in range(9)]
    failed = rig_process("so101", state="failed", problem="no motor answers", last_words=words, since=time.time())
    station.report(rigs=[failed])
    expect(line.locator(".chip")).to_have_text("failed")
    expect(line).to_contain_text("no motor answers")
    line.locator("summary").click()
    expect(line.locator("pre")).to_contain_text("word 8")
    station.report(rigs=[{**failed, "last_words": [*words, "and more"]}])
    expect(line.locator("pre")).to_contain_text("and more")
    expect(line.locator("pre")).to_be_visible()  # it stays open

    line.get_by_role("button", name="Remove").click()
    dialog = page.locator("#remove")
    expect(dialog).to_contain_text("Its takes and datasets stay")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    line.get_by_role("button", name="Remove").click()
    dialog.get_by_role("button", name="Remove").click()
    expect(page.locator(".toast").last).to_contain_text("Removed so101")
    orders = [ask["name"] for ask in station.station.asked if ask["name"] in ("start_rig", "stop_rig", "remove_rig")]
    assert orders == ["start_rig", "remove_rig"]
    station.report(rigs=[])
    expect(line).to_have_count(0)
    expect(page.get_by_label(f"Computer {PC}")).to_contain_text("No rig on this computer yet")


def test_a_station_that_goes_is_said_and_comes_back(visit: Any, opened: Page, station: Beside) -> None:
    page = opened
    expect(page.locator("#away")).to_be_hidden()
    station.station.speaks = False
    expect(page.locator("#away")).to_be_visible()
    late = visit("/rigs/so101/edit/")
    expect(late.locator("#away")).to_be_visible()
    late.click("#save")
    expect(late.locator("#checked")).to_contain_text("could not be read, so nothing was done")
    page.fill("#rig-name", "typed-meanwhile")
    text(page).to_have_value(re.compile("typed-meanwhile"))
    station.station.speaks = True
    expect(page.locator("#away")).to_be_hidden()
    expect(page.locator("#rig-name")).to_have_value("typed-meanwhile")
    text(late).to_have_value(FILE)
    expect(late.locator("#robot select[data-key=port]")).to_have_value(LEFT)
    visit.forgive()  # the browser writes down each answer of 409


def test_a_camera_that_is_plugged_in_during_a_look_is_found(opened: Page, desk: Desk, station: Beside) -> None:
    late: list[tuple[Route, APIResponse]] = []
    opened.route("**/devices", lambda route: late.append((route, route.fetch())), times=1)
    opened.evaluate("() => { window.moves = 0; document.addEventListener('row-moved', () => { window.moves += 1; }); }")

    def plug() -> None:
        desk.cameras, desk.devices_seq = desk.cameras + 1, desk.devices_seq + 1
        station.report(devices_seq=desk.devices_seq)
        opened.wait_for_function("heard => window.moves >= heard", arg=desk.devices_seq)

    plug()
    until_held(opened, late, "")
    plug()
    route, answer = late[0]
    route.fulfill(response=answer)
    expect(opened.locator(".camera-card")).to_have_count(4)
