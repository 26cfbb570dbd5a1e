"""The joints in the form of a rig: its rest pose, the limits of a browser teleoperator, at a fake station's desk."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from robotdata.station.rig_text import read_rig_text
from tests.support.desk_data import until
from tests.support.fake_station import rig_process
from tests.support.form_desk import PC, Desk
from tests.support.station_thread import Beside, beside

pytestmark = pytest.mark.browser
BENCH = """[rig]
name = "bench-1"
fps = 30

[robot]  # the one that runs
kind = "sim"
on_end = "rest"
rest = { "elbow_flex.pos" = 40, tail = 3 }

[teleoperator]
kind = "browser"
low = -90
high = 90
joints = { gripper = { low = 0, high = 100, keys = ["z", "x"] } }
"""
JOINTS = ["shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll", "gripper"]


@pytest.fixture
def desk() -> Desk:
    made = Desk()
    made.files["bench-1"] = BENCH
    return made


@pytest.fixture
def station(product: Any, desk: Desk) -> Iterator[Beside]:
    with beside(product, PC, answer=desk, rigs=[rig_process("bench-1"), rig_process("so101")]) as made:
        yield made


@pytest.fixture
def visit(station: Beside, visit: Any) -> Any:
    """The station stays until the pages are closed: they would ask it for its devices, in vain."""
    return visit


def tables(page: Page) -> dict[str, Any]:
    return read_rig_text(page.input_value("#text")).tables


def rest(page: Page) -> Any:
    return page.locator("#robot").get_by_role("group", name="rest", exact=True)


def in_file(page: Page, *path: str) -> Any:
    value: Any = tables(page)
    for key in path:
        value = value.get(key, {})
    return value


def test_an_arm_that_has_not_run_gets_its_pose_by_rows(visit: Any) -> None:
    page = visit("/rigs/so101/edit/")
    robot = page.locator("#robot")
    expect(rest(page)).to_be_hidden()
    robot.locator("select[data-key=on_end]").select_option("rest")
    expect(rest(page).locator("> .field-wrong")).to_contain_text("is missing")
    add = rest(page).get_by_role("button", name="Add a joint")
    add.press("Enter")
    expect(rest(page).get_by_label("joint 1, Joint")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.type("9o")
    expect(rest(page).locator(".row-words")).to_contain_text("Name the joint")
    page.keyboard.press("Shift+Tab")
    page.keyboard.type("elbow_flex.pos")
    expect(rest(page).locator(".one-row .field-wrong")).to_contain_text("'9o'")
    expect(rest(page).locator("> .field-wrong")).to_have_count(0)
    rest(page).get_by_label("joint 1, Value").fill("-12.5")
    expect(page.locator("#text-errors")).to_be_empty()
    expect(rest(page).locator(".field-wrong")).to_have_count(0)
    add.click()
    page.keyboard.type("elbow_flex.pos")
    expect(rest(page).locator(".one-row").last.locator(".row-words")).to_contain_text("Another row")
    rest(page).get_by_label("joint 2, Joint").fill("gripper.pos")
    rest(page).get_by_label("joint 2, Value").fill("5")
    until(lambda: in_file(page, "robot", "rest"), {"elbow_flex.pos": -12.5, "gripper.pos": 5})
    rest(page).get_by_role("button", name="Remove joint 1").press("Enter")
    expect(rest(page).get_by_role("button", name="Remove joint 1")).to_be_focused()
    until(lambda: in_file(page, "robot", "rest"), {"gripper.pos": 5})
    rest(page).get_by_role("button", name="Remove joint 1").press("Enter")
    expect(add).to_be_focused()
    expect(rest(page).locator("> .field-wrong")).to_contain_text("is missing")


def test_a_row_without_a_name_stays_while_the_form_is_drawn_again(visit: Any) -> None:
    page = visit("/rigs/so101/edit/")
    page.locator("#robot select[data-key=on_end]").select_option("rest")
    rest(page).get_by_role("button", name="Add a joint").click()
    rest(page).get_by_label("joint 1, Value").fill("7")
    expect(page.locator("#text")).to_have_value(re.compile('on_end = "rest"'))
    text = page.input_value("#text")
    page.fill("#text", text.replace("fps = 30", "fps = 25"))
    expect(page.locator("#rig-fps")).to_have_value("25")  # the form was drawn again
    expect(rest(page).get_by_label("joint 1, Value")).to_have_value("7")
    rest(page).get_by_label("joint 1, Joint").fill("a.pos")
    until(lambda: in_file(page, "robot", "rest"), {"a.pos": 7})


def test_a_robot_that_has_run_has_a_field_for_each_joint(visit: Any) -> None:
    page = visit("/rigs/bench-1/edit/")
    fields = rest(page).locator(".joint-values .field")
    expect(fields).to_have_count(6)
    expect(fields.locator("> span")).to_have_text([f"{name} ({'%' if name == 'gripper' else '°'})" for name in JOINTS])
    elbow = rest(page).locator("[data-key='rest.elbow_flex.pos']")
    expect(elbow).to_have_value("40")
    expect(fields.nth(2).locator("small")).to_have_text(re.compile(r"^−?\d.* to \d.* °$"))
    elbow.fill("4000")
    expect(fields.nth(2).locator("small")).to_contain_text("beyond")
    elbow.fill("forty")
    expect(fields.nth(2).locator(".field-wrong")).to_contain_text("'forty'")
    expect(elbow).to_have_attribute("aria-invalid", "true")
    elbow.fill("")
    other = rest(page).locator(".one-row")
    expect(other).to_contain_text("not a joint of this robot")
    other.get_by_role("button", name="Remove").click()
    expect(rest(page).locator("> .field-wrong")).to_contain_text("is missing")
    rest(page).locator("[data-key='rest.gripper.pos']").fill("10")
    until(lambda: in_file(page, "robot", "rest"), {"gripper.pos": 10})
    expect(page.locator("#text-errors")).to_be_empty()
    assert "# the one that runs" in page.input_value("#text")


def test_the_present_pose_is_that_which_the_running_rig_says(visit: Any) -> None:
    page = visit("about:blank")
    seen: list[list[float]] = []

    def through(socket: WebSocketRoute) -> None:
        def came(message: str | bytes) -> None:
            said = json.loads(message) if isinstance(message, str) else {}
            seen.extend(row[1] for row in said.get("rows", []))
            socket.send(message)

        socket.connect_to_server().on_message(came)

    page.route_web_socket("**/ws/live/**", through)
    page.goto("/rigs/bench-1/edit/")
    take = rest(page).get_by_role("button", name="Use the present pose")
    take.press("Enter")
    expect(rest(page)).to_contain_text("This is where the robot stands now")
    expect(take).to_be_focused()
    until(lambda: len(in_file(page, "robot", "rest")), 7)  # with that which is no joint of the robot
    pose = in_file(page, "robot", "rest")
    poses = [{f"{name}.pos": round(value, 1) for name, value in zip(JOINTS, row, strict=True)} for row in seen]
    assert {name: value for name, value in pose.items() if name != "tail"} in poses
    expect(rest(page).locator("[data-key='rest.wrist_roll.pos']")).to_have_value(f"{pose['wrist_roll.pos']:g}")


def test_a_rig_that_does_not_run_has_no_present_pose(visit: Any) -> None:
    page = visit("about:blank")

    def offline(socket: WebSocketRoute) -> None:
        socket.send(json.dumps({"type": "status", "online": False, "v": 1}))

    page.route_web_socket("**/ws/live/**", offline)
    page.goto("/rigs/bench-1/edit/")
    rest(page).get_by_role("button", name="Use the present pose").click()
    expect(rest(page)).to_contain_text("bench-1 does not run. Start it")
    assert in_file(page, "robot", "rest") == {"elbow_flex.pos": 40, "tail": 3}


def test_the_limits_of_joints_that_a_page_drives(visit: Any) -> None:
    page = visit("/rigs/bench-1/edit/")
    joints = page.locator("#teleoperator").get_by_role("group", name="joints", exact=True)
    expect(joints.get_by_label("joint 1, Joint")).to_have_value("gripper")
    expect(joints.locator(".one-row")).to_contain_text("Also keys, in the text")
    joints.get_by_label("joint 1, Low").fill("100")
    expect(joints.locator(".row-words").first).to_contain_text("high wants more than low (100)")
    joints.get_by_label("joint 1, Low").fill("five")
    expect(joints.locator(".row-words").first).to_contain_text("low wants a number")
    joints.get_by_label("joint 1, Low").fill("5")
    expect(joints.locator(".row-words").first).to_be_hidden()
    joints.get_by_label("joint 1, Unit").fill("%")
    joints.get_by_label("joint 1, Speed").fill("20")
    gripper = {"low": 5, "high": 100, "unit": "%", "speed": 20, "keys": ["z", "x"]}
    until(lambda: in_file(page, "teleoperator", "joints"), {"gripper": gripper})
    joints.get_by_role("button", name="Add the robot's joints").click()
    expect(joints.locator(".one-row")).to_have_count(6)
    expect(joints.get_by_role("button", name="Add the robot's joints")).to_be_disabled()
    expect(joints.get_by_label("joint 2, Low")).to_be_focused()
    until(lambda: sorted(in_file(page, "teleoperator", "joints")), sorted(JOINTS))
    elbow = in_file(page, "teleoperator", "joints")["elbow_flex"]
    assert elbow["unit"] == "°" and elbow["low"] < elbow["high"]
    assert in_file(page, "teleoperator", "joints")["gripper"] == gripper
    for _ in range(6):
        joints.get_by_role("button", name="Remove joint 1").click()
    until(lambda: "joints" in tables(page)["teleoperator"], False)


def test_a_wrong_limit_is_neither_saved_nor_checked(visit: Any, desk: Desk, station: Beside) -> None:
    page = visit("/rigs/bench-1/edit/")
    joints = page.locator("#teleoperator").get_by_role("group", name="joints", exact=True)
    low, checked = joints.get_by_label("joint 1, Low"), page.locator("#checked")
    low.fill("five")
    for button in ("#check", "#save"):
        page.click(button)
        expect(checked).to_contain_text("joint 1, Low: low wants a number")
        expect(low).to_be_focused()
        page.locator("#rig-fps").focus()
    low.fill("100")
    page.click("#save")
    expect(checked).to_contain_text("joint 1, High: high wants more than low (100)")
    expect(joints.get_by_label("joint 1, High")).to_be_focused()
    low.fill("5")
    joints.get_by_role("button", name="Add a joint").click()
    joints.get_by_label("joint 2, Low").fill("7")  # of a joint without a name: it is not in the file
    page.click("#save")
    expect(checked).to_contain_text("joint 2, Joint: Name the joint")
    expect(joints.get_by_label("joint 2, Joint")).to_be_focused()
    assert desk.files["bench-1"] == BENCH
    assert "check_rig" not in [ask["name"] for ask in station.station.asked]
    joints.get_by_role("button", name="Remove joint 2").click()
    page.click("#save")
    expect(page.locator(".toast")).to_contain_text("Saved bench-1")
    assert read_rig_text(desk.files["bench-1"]).tables["teleoperator"]["joints"]["gripper"]["low"] == 5


def test_a_field_that_the_station_finds_wrong_is_gone_to(visit: Any, desk: Desk) -> None:
    page = visit("/rigs/bench-1/edit/")
    rest(page).locator("[data-key='rest.elbow_flex.pos']").fill("forty")
    page.locator("#text").focus()
    page.click("#save")
    expect(page.locator("#checked")).to_contain_text("'forty'")
    expect(rest(page).locator("[data-key='rest.elbow_flex.pos']")).to_be_focused()
    assert desk.files["bench-1"] == BENCH


def test_keys_of_every_robot_and_of_the_rig_are_fields(visit: Any) -> None:
    page = visit("/rigs/so101/edit/")
    robot, rig = page.locator("#robot"), page.locator("[aria-label=Rig]")
    robot.locator("summary").click()
    robot.locator("select[data-key=action]").select_option("requested")
    robot.locator("[data-key=replay_speed]").fill("15")
    expect(robot.locator("[data-key=rest_speed]")).to_have_attribute("placeholder", "30")
    robot.locator("select[data-key=reset]").select_option("rest")
    expect(rest(page)).to_be_visible()
    rest(page).get_by_role("button", name="Add a joint").click()
    page.keyboard.type("a.pos")
    rest(page).get_by_label("joint 1, Value").fill("1")
    rig.locator("summary").click()
    rig.locator("[data-key=connect_s]").fill("0")
    expect(rig.locator(".field", has=page.locator("[data-key=connect_s]")).locator(".field-wrong")).to_contain_text(
        "1 to 600"
    )
    rig.locator("[data-key=connect_s]").fill("45")
    expect(page.locator("#text-errors")).to_be_empty()
    until(lambda: in_file(page, "rig", "connect_s"), 45)
    robot_table = in_file(page, "robot")
    wanted = {"action": "requested", "replay_speed": 15, "reset": "rest", "rest": {"a.pos": 1}}
    assert {key: robot_table.get(key) for key in wanted} == wanted
