"""What the record page does beside recording: target, again, marks, notes, keys, the time of the loop."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from robotdata.video.barcode import Barcode, read
from tests.support.big_button import may_press
from tests.support.browser import drawn
from tests.support.desk_data import call, until
from tests.support.late import Late

pytestmark = pytest.mark.browser
TONES = """() => {
  window.tones = 0;
  const make = AudioContext.prototype.createOscillator;
  AudioContext.prototype.createOscillator = function () { window.tones += 1; return make.call(this); };
}"""


def opened(visit: Any, title: str, **fields: str) -> Page:
    """The record page, about to record into a new dataset of this title; takes begin and end by Space."""
    page: Page = visit("/record/bench-1/")
    expect(page.locator("#state")).to_have_text("ready")
    page.evaluate(TONES)
    page.select_option("#dataset", "")
    own = {"title": title, "task": f"push {title}", "countdown_s": "0", "reset_s": "", "target": ""}
    for name, value in (own | fields).items():
        page.fill(f"[name={name}]", value)
        page.keyboard.press("Enter")
    return page


def record_take(page: Page, count: int) -> None:
    """Record one more take of four frames or more, the `count`-th of its session."""
    begin(page)
    until(lambda: ticks(page) > 3, True)  # of a busy rig, which the page's clock is ahead of
    page.keyboard.press("Space")
    expect(page.locator("#takes-count")).to_have_text(str(count))
    expect(page.locator("#state")).to_have_text("ready")


def ticks(page: Page) -> int:
    """Of the take that runs, as the rig has said."""
    take = call(page, "GET", "/api/rigs/bench-1")["status"].get("take")
    return int(take["ticks"]) if take else 0


def begin(page: Page) -> None:
    may_press(page, "record")
    page.keyboard.press("Space")
    running(page)


def running(page: Page) -> None:
    """Wait until a take runs that has frames, and every command is answered."""
    expect(page.locator("#state")).to_have_text("recording")
    may_press(page, "stop")
    expect(page.locator("#timer")).to_have_text(re.compile(r"0:\d\d\.[3-9]"))  # it has frames


# Once all of them are there; one that is on its way has no size.
GHOSTS = """() => {
  const shown = [...document.querySelectorAll("#stage img.ghost:not([hidden])")];
  return shown.every((image) => image.complete && image.naturalWidth) ? shown.map(painted) : [];
}"""
PAINTED = """() => {
  window.painted = (image) => {
    const { naturalWidth: width, naturalHeight: height } = image;
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    canvas.getContext("2d").drawImage(image, 0, 0);
    return canvas.toDataURL("image/png");
  };
}"""


def ghosts(page: Page, tick: int) -> list[tuple[int, int]]:
    """Wait until every camera shows this tick of one take as a ghost; (camera, episode) of each."""
    page.evaluate(PAINTED)
    found: list[Barcode] = []

    def seen() -> list[int]:
        found[:] = [read(image) for image in drawn(page, GHOSTS)]
        return [code.tick for code in found]

    until(seen, [tick] * 3)
    return [(code.camera, code.episode) for code in found]


def test_the_last_episode_of_the_target_is_heard_and_seen_and_lies_over_the_next(visit: Any) -> None:
    page = opened(visit, "target", target="2")
    expect(page.locator("#ghost")).to_be_hidden()
    for count in (1, 2):
        record_take(page, count)
    line, keeps = page.locator("#target"), page.locator("#session").get_by_role("button", name="Keep")
    expect(line).to_contain_text("0 of 2")
    keeps.nth(1).click()  # the first one
    expect(line).to_contain_text("1 of 2")
    before = page.evaluate("window.tones")
    keeps.nth(0).click()
    expect(line).to_contain_text("2 of 2")
    expect(page.locator("#toasts")).to_contain_text("Target reached: 2 of 2 kept")
    assert page.evaluate("window.tones") == before + 3
    record_take(page, 3)  # recording beyond it stays possible
    shows_frames_of_earlier_takes(page)
    end_session(page)


def shows_frames_of_earlier_takes(page: Page) -> None:
    """Of the last kept one, the second of three, and of the newest; the choice stays."""
    page.keyboard.press("o")
    expect(page.locator("#ghost-take option")).to_have_count(4)
    expect(page.locator("#ghost-take option").first).to_have_text("The last kept take")
    expect(page.locator("#ghost-number")).to_have_text(re.compile(r"^0 of \d+$"))
    kept = ghosts(page, 0)
    assert [camera for camera, _ in kept] == [0, 1, 2] and len({episode for _, episode in kept}) == 1
    page.locator("#ghost-frame").fill("2")
    expect(page.locator("#ghost-number")).to_have_text(re.compile(r"^2 of \d+$"))
    assert ghosts(page, 2) == kept
    page.locator("#ghost-opacity").fill("80")
    expect(page.locator("#stage img.ghost").first).to_have_css("opacity", "0.8")
    page.select_option("#ghost-take", index=1)  # the newest one
    newest = ghosts(page, 0)
    assert newest[0][1] == kept[0][1] + 1
    page.reload()
    assert ghosts(page, 0) == newest  # the choice is remembered
    expect(page.locator("#stage img.ghost").first).to_have_css("opacity", "0.8")
    page.keyboard.press("o")
    expect(page.locator("#stage img.ghost:visible")).to_have_count(0)


def test_a_new_target_is_the_running_sessions_at_once(visit: Any) -> None:
    page, other = opened(visit, "later"), visit("/record/bench-1/")
    record_take(page, 1)
    expect(page.locator("#target")).to_have_count(0)
    page.fill("[name=target]", "40")
    page.keyboard.press("Enter")
    expect(page.locator("#target")).to_contain_text("0 of 40")
    expect(other.locator("#target")).to_contain_text("0 of 40")
    page.fill("[name=target]", "")
    page.keyboard.press("Enter")
    call(page, "PATCH", "/api/datasets/later", {"goal": 7})
    record_take(page, 2)
    expect(page.locator("#target")).to_contain_text("0 of 7")  # the dataset's goal
    end_session(page)


def test_the_take_just_ended_is_recorded_again_and_comes_back(visit: Any) -> None:
    page = opened(visit, "again")
    again = page.locator("[data-command=rerecord]")
    record_take(page, 1)
    expect(again).to_be_enabled()
    first = page.locator("#session article.take").first
    first.get_by_role("button", name="Keep").click()
    expect(first).to_have_class(re.compile("is-keep"))
    page.keyboard.press("Backspace")
    page.locator(".toast", has_text="Recording again.").get_by_role("button", name="Undo").click()  # while it is there
    running(page)
    expect(page.locator("#session")).to_contain_text("0 rejected")
    expect(page.locator("#session article.take.is-keep")).to_have_count(1)
    page.keyboard.press("Backspace")  # the take that runs
    expect(page.locator("#session")).to_contain_text("1 rejected")
    running(page)
    page.keyboard.press("Space")
    expect(page.locator("#takes-count")).to_have_text("3")
    end_session(page)
    expect(again).to_be_disabled()  # the next take would belong to no session


def test_a_take_is_marked_and_noted_while_it_runs_and_afterwards(visit: Any) -> None:
    page = opened(visit, "marks")
    success, failure = (page.locator(f"#remarks [data-outcome={name}]") for name in ("success", "failure"))
    begin(page)
    page.keyboard.press("s")
    page.keyboard.press("n")
    page.keyboard.type("slips: s f n")
    page.keyboard.press("Enter")
    expect(page.locator("#note-form")).to_be_hidden()
    expect(success).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("f")
    expect(failure).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#state")).to_have_text("recording")  # nothing was stopped
    page.keyboard.press("Space")
    card = page.locator("#session article.take").first
    expect(card.locator(".chip")).to_contain_text(["failure"])
    expect(failure).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("s")
    expect(card.locator(".chip")).to_contain_text(["success"])
    page.keyboard.press("n")
    expect(page.locator("#note")).to_have_value("slips: s f n")
    page.keyboard.press("Control+A")
    page.keyboard.type("at the end")
    page.keyboard.press("Escape")  # leaves it as it was
    page.keyboard.press("z")  # undoes the mark
    expect(card.locator(".chip")).to_contain_text(["failure"])
    (take,) = call(page, "GET", "/api/episodes?dataset=marks")["items"]
    assert (take["labels"], take["note"], take["verdict"]) == (["failure"], "slips: s f n", "unreviewed")
    end_session(page)
    page.goto("/datasets/marks/?view=all&label=success")
    expect(page.locator("#cards article.take")).to_have_count(0)
    page.goto("/datasets/marks/?view=all&label=failure")
    expect(page.locator("#cards article.take")).to_have_count(1)


def test_marks_and_targets_count_though_an_earlier_answer_is_late(visit: Any) -> None:
    page = opened(visit, "hasty")
    record_take(page, 1)
    card = page.locator("#session article.take").first
    answer = Late(page, "**/takes/*")
    page.keyboard.press("s")
    answer.wait()
    page.keyboard.press("f")
    expect(page.locator("#remarks [data-outcome=failure]")).to_have_attribute("aria-pressed", "true")
    answer.end()
    expect(card.locator(".chip")).to_contain_text(["failure"])
    answer = Late(page, "**/api/sessions/*")
    for target in ("30", "40"):
        page.fill("[name=target]", target)
        page.keyboard.press("Enter")
    answer.wait()
    expect(page.locator("#target")).to_contain_text("0 of 30")  # the second waits for the answer to the first
    answer.end()
    expect(page.locator("#target")).to_contain_text("0 of 40")
    end_session(page)


def test_the_arrows_of_lerobot_record_do_as_there(visit: Any) -> None:
    page = visit("/keys/")
    page.get_by_role("button", name="As in lerobot-record").click()
    expect(page.locator(".toast").last).to_contain_text("Saved")
    page = opened(visit, "arrows", reset_s="600")
    begin(page)
    page.keyboard.press("ArrowRight")
    expect(page.locator("#state")).to_have_text("resetting")
    may_press(page, "finish_reset")
    page.keyboard.press("ArrowRight")
    running(page)
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#session")).to_contain_text("1 rejected")
    running(page)
    page.keyboard.press("Escape")
    expect(page.locator("#end-session")).to_have_count(0)
    expect(page.locator("#session")).to_contain_text("2 to review · 1 rejected")
    expect(page.locator("#state")).to_have_text("ready")
    page.goto("/keys/")
    page.get_by_role("button", name="None").click()
    expect(page.locator(".toast").last).to_contain_text("Saved")


def test_a_take_is_stopped_though_the_answer_to_its_start_is_late(visit: Any) -> None:
    page = opened(visit, "late-answer")
    answer = Late(page, "**/api/rigs/bench-1/record")
    may_press(page, "record")
    page.keyboard.press("Space")
    answer.wait()
    running(page)
    page.keyboard.press("Space")
    expect(page.locator("#takes-count")).to_have_text("1")
    expect(page.locator("#state")).to_have_text("ready")
    answer.end()
    end_session(page)


def end_session(page: Page) -> None:
    page.click("#end-session")
    expect(page.locator("#end-session")).to_have_count(0)


def test_a_slow_driver_is_seen_and_named(visit: Any) -> None:
    """What the rig says is changed on its way: here no driver is slow."""
    page = visit("about:blank")
    slow: dict[str, float] = {}

    def through(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()
        server.on_message(lambda message: socket.send(slowed(message)))

    def slowed(message: Any) -> Any:
        told = json.loads(message) if isinstance(message, str) else {}
        parts = ((told.get("counters") or {}).get("loop") or {}).get("parts", {})
        for part, p50_ms in slow.items():
            if part in parts:
                parts[part]["p50_ms"] = p50_ms
        return json.dumps(told) if parts else message

    page.route_web_socket("**/ws/live/**", through)
    page.goto("/record/bench-1/")
    expect(page.locator("[data-part=observe]")).to_have_text(re.compile(r"observe \d+\.\d"))
    expect(page.locator("#loop-plot")).to_have_attribute("aria-label", re.compile(r"^Of 100 ms a tick has"))
    slow["teleoperate"] = 131.4
    expect(page.locator("#loop-words")).to_contain_text("The teleoperator takes 131 ms, more than the 100 ms of a tick")
    slow |= {"teleoperate": 60, "act": 60}
    expect(page.locator("#loop-words")).to_contain_text("together, more than the 100 ms of a tick")
    slow |= {"teleoperate": 1, "act": 1, "observe": 1}
    expect(page.locator("#loop-words")).to_be_hidden()
