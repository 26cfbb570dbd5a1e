"""The bar: what lies under the pointer, what is held, and that scrubbing never goes back to an older picture."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import pictures, quiet
from tests.support.committing import commit
from tests.support.desk_data import until
from tests.support.in_sight import box_of
from tests.support.takes import make_take

pytestmark = pytest.mark.browser
TICKS = 150
# Sixty steps a second over the bar, as a pointer drags it; what each drawn picture says it is, which was asked last,
# and the number that stands beside it.
SCRUB = """async (count) => {
  const range = document.getElementById("range");
  const bits = (canvas) => {
    const { data } = canvas.getContext("2d").getImageData(0, 8, 16 * 16, 1);
    let value = 0;
    for (let i = 0; i < 16; i += 1) value = value * 2 + (data[(i * 16 + 8) * 4] > 127 ? 1 : 0);
    return value;
  };
  const asked = [];
  const drawn = [];
  const proto = CanvasRenderingContext2D.prototype;
  const drawImage = proto.drawImage;
  proto.drawImage = function (...all) {
    drawImage.apply(this, all);
    if (!this.canvas.closest("#stage")) return;
    const canvas = this.canvas;
    const said = () => Number(document.getElementById("at-frame").textContent);
    const now = performance.now();
    queueMicrotask(() => drawn.push([bits(canvas), asked.length - 1, said(), now]));
  };
  range.dispatchEvent(new PointerEvent("pointerdown"));
  const end = performance.now() + 60_000;
  const few = () => new Set(drawn.map(([frame]) => frame)).size <= 5 && performance.now() < end; // on a busy machine
  for (let i = 0; i < count || few(); i += 1) {
    const frame = Math.round((Number(range.max) / 2) * (1 - Math.cos((i / count) * 9)));
    range.value = String(frame);
    asked.push(frame);
    range.dispatchEvent(new Event("input"));
    await new Promise((on) => setTimeout(on, 1000 / 60));
  }
  range.dispatchEvent(new PointerEvent("pointerup"));
  const later = (ms) => new Promise((on) => setTimeout(on, ms));
  while (drawn.at(-1)?.[0] !== asked.at(-1) && performance.now() < end) await later(50);
  await later(1500); // nothing older comes after it
  proto.drawImage = drawImage;
  return { asked, drawn };
}"""


@pytest.fixture(scope="module")
def ids(product: Any) -> list[str]:
    """A take, and one that is committed as AV1."""
    product.api.call("POST", "/api/datasets", {"title": "bar"})
    made = [make_take(product.home / "spool", TICKS, episode=n, dataset="bar").name for n in range(2)]
    product.recover()
    commit(product, "bar", made[1:])
    return made


def at(page: Page, frame: int) -> None:
    expect(page.locator("#at-frame")).to_have_text(str(frame))
    assert [code.tick for code in pictures(page)] == [frame, frame]


@pytest.mark.parametrize("which", [0, 1], ids=["take", "av1"])
def test_a_fast_scrub_never_goes_back_and_ends_where_it_was_asked(visit: Any, ids: list[str], which: int) -> None:
    page = visit(f"/episodes/{ids[which]}/?list=all")
    expect(page.locator("#frames")).to_have_text(str(TICKS - 1))
    found = page.evaluate(SCRUB, 180)
    asked, newest, before = found["asked"], -1, (-1, 0.0)
    for frame, reached, said, now in found["drawn"]:
        if frame != before[0]:
            assert frame == asked[reached] or now - before[1] > 50, (
                "only who would see nothing sees what is not the newest"
            )
            before = (frame, now)
        assert frame == said, "the number beside the picture is the picture's"
        places = [i for i in range(reached + 1) if asked[i] == frame and i >= newest]
        assert places, f"frame {frame} is older than the one shown before"
        newest = places[0]
    assert found["drawn"][-1][0] == asked[-1]
    assert len({frame for frame, *_ in found["drawn"]}) > 5
    at(page, asked[-1])


def test_it_shows_what_lies_under_the_pointer(visit: Any, ids: list[str]) -> None:
    page = visit(f"/episodes/{ids[0]}/?list=all")
    expect(page.locator("#frames")).to_have_text(str(TICKS - 1))
    box = box_of(page.locator("#scrub"))
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 20)
    expect(page.locator("#thumb span")).to_have_text(re.compile(r"^0:02\.[45] · 7[45]$"))
    expect(page.locator("#thumb img")).to_be_visible()
    expect(page.locator("#thumb img")).to_have_attribute("src", re.compile(r"/7[45]\.jpg"))
    expect(page.locator("#thumb img")).to_have_js_property("naturalHeight", 96)
    page.keyboard.press("2")
    page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + 20)
    expect(page.locator("#thumb img")).to_have_attribute("src", re.compile("images.top/37"))
    at(page, 0)
    page.mouse.move(5, 5)
    expect(page.locator("#thumb")).to_be_hidden()


def test_it_steps_back_over_what_it_holds_without_asking(visit: Any, ids: list[str]) -> None:
    page = visit(f"/episodes/{ids[1]}/?list=all")
    asked: list[str] = []
    expect(page.locator("#frames")).to_have_text(str(TICKS - 1))
    page.keyboard.press("Control+ArrowRight")
    at(page, 5)
    page.keyboard.press("Shift+ArrowRight")
    at(page, 15)
    page.evaluate("""() => {
      window.sent = [];
      const send = WebSocket.prototype.send;
      WebSocket.prototype.send = function (data) { window.sent.push(data); send.call(this, data); };
    }""")
    page.keyboard.press("Shift+ArrowLeft")
    at(page, 5)
    page.keyboard.press("Control+ArrowLeft")
    at(page, 0)
    asked = page.evaluate("window.sent")
    assert not [words for words in asked if '"seek"' in words]
    lit = """(canvas) => {
      const at = (n) => Math.round((n / 149) * (canvas.width - 1));
      return [0, 5, 15, 60].map((n) => canvas.getContext("2d").getImageData(at(n), 1, 1, 1).data[3] > 0);
    }"""
    until(lambda: page.locator("#held").evaluate(lit), [True, True, True, False])


def test_the_address_follows_the_pause_and_is_copied(visit: Any, ids: list[str]) -> None:
    page = visit(f"/episodes/{ids[0]}/?list=all&frame=42", permissions=["clipboard-read", "clipboard-write"])
    at(page, 42)
    page.keyboard.press("ArrowRight")
    expect(page).to_have_url(re.compile("frame=43"))
    for _ in range(2):
        page.keyboard.press("<")  # slowly: a busy machine must see it play
    page.keyboard.press("Space")
    expect(page.locator("#play")).to_have_attribute("aria-label", "Pause")
    page.wait_for_function("() => Number(document.getElementById('at-frame').textContent) > 46")
    assert "frame=43" in page.url  # it plays: the address stays
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#play")).to_have_attribute("aria-label", "Play")
    page.wait_for_function(
        "() => new URL(location).searchParams.get('frame') === document.getElementById('at-frame').textContent"
    )
    frame = page.locator("#at-frame").inner_text()
    page.keyboard.press("y")
    expect(page.locator(".toast").last).to_contain_text(f"frame {frame}")
    assert f"frame={frame}" in page.evaluate("navigator.clipboard.readText()")


def test_a_click_on_a_plot_goes_there(visit: Any, ids: list[str]) -> None:
    page = visit(f"/episodes/{ids[0]}/?list=all")
    over = page.locator(".signal-plot .u-over").first
    expect(over).to_be_visible()
    box = box_of(over)
    over.click(position={"x": box["width"] / 2, "y": 40})
    expect(page.locator("#at-frame")).to_have_text(re.compile("^7[45]$"))
    at(page, int(page.locator("#at-frame").inner_text()))


def test_the_keys_for_five_frames_can_be_changed(visit: Any, ids: list[str]) -> None:
    page = visit("/keys/")
    page.get_by_role("button", name="Five frames forward", exact=True).click()
    page.keyboard.press("PageDown")
    expect(page.locator(".toast").last).to_contain_text("Saved")
    page.goto(f"/episodes/{ids[0]}/?list=all")
    expect(page.locator("#frames")).to_have_text(str(TICKS - 1))
    page.keyboard.press("PageDown")
    at(page, 5)
    page.goto("/keys/")
    page.get_by_role("button", name="Reset to defaults").click()
    expect(page.get_by_role("button", name="Five frames forward", exact=True)).to_have_text("Ctrl →")


GROUPS = """async () => {
  const { plotsOf, stepOf, thinned, times } = await import("/static/js/player/plot_groups.js");
  const wave = (size) => Float32Array.from({ length: 9000 }, (_, i) => size * Math.sin(i / 50));
  const sizes = [["shoulder", 1.5], ["elbow", 2], ["gripper", 80], ["still", 0]];
  const of = (feature) => sizes.map(([name]) => ({ feature, name }));
  const columns = sizes.map(([, size]) => wave(size));
  const spiked = wave(1);
  spiked[4321] = 9;
  spiked[4322] = -7;
  const signals = [...of("action"), ...of("observation.state"), { feature: "observation.force", name: "force" }];
  const plots = plotsOf({ signals, columns: [...columns, ...columns, spiked] });
  const step = stepOf(9000);
  const thin = thinned(spiked, step);
  return {
    plots: plots.map(({ title, lines }) => [title, lines.map(({ name, over }) => name + (over ? "+" : ""))]),
    peaks: [Math.max(...thin), Math.min(...thin)],
    lengths: [thin.length, times(9000, 30, step).length],
    when: times(9000, 30, step)[thin.indexOf(9)],
    short: thinned(spiked.slice(0, 100), stepOf(100)).length,
  };
}"""


def test_plots_hold_action_over_state_by_scale_and_lose_no_peak(visit: Any, ids: list[str]) -> None:
    page = visit(f"/episodes/{ids[0]}/?list=all")
    found = page.evaluate(GROUPS)
    assert found["plots"] == [
        ["State and action", ["gripper+", "still+"]],
        ["State and action", ["shoulder+", "elbow+"]],
        ["observation.force", ["force"]],
    ]
    assert found["peaks"] == [9, -7]
    assert found["lengths"][0] == found["lengths"][1] < 4000
    assert abs(found["when"] - 4321 / 30) < 0.2
    assert found["short"] == 100


def test_a_joint_and_the_action_can_be_switched_off(visit: Any, ids: list[str]) -> None:
    page = visit(f"/episodes/{ids[0]}/?list=all")
    expect(page.locator("#signals figcaption").first).to_contain_text("State and action")
    joint = page.locator("#signals .joints button", has_text="joint_2")
    expect(joint).to_contain_text("→")
    joint.click()
    expect(joint).to_have_attribute("aria-pressed", "false")
    action = page.get_by_role("button", name="action", exact=True)
    action.click()
    expect(action).to_have_attribute("aria-pressed", "false")
    page.reload()
    expect(joint).to_have_attribute("aria-pressed", "true")


def test_the_other_action_is_a_line_of_its_own_that_can_be_switched_off(
    visit: Any, product: Any, ids: list[str]
) -> None:
    take = make_take(product.home / "spool", 40, dataset="twofold", recorded_action="sent").name
    product.recover()
    page = visit(f"/episodes/{take}/?list=all")
    plot = page.locator(".signal-plot canvas").first
    requested = page.get_by_role("button", name="requested", exact=True)
    expect(requested).to_have_attribute("title", re.compile("what the teleoperator requested"))
    expect(page.get_by_role("button", name="action", exact=True)).to_be_visible()
    quiet(page)  # the plot is as it stays

    def shows() -> str:
        return str(plot.evaluate("(canvas) => canvas.toDataURL()"))

    before = shows()
    requested.click()
    expect(requested).to_have_attribute("aria-pressed", "false")
    until(lambda: shows() != before, True)
    requested.click()
    expect(requested).to_have_attribute("aria-pressed", "true")
    until(lambda: shows() == before, True)
    page.goto(f"/episodes/{ids[0]}/?list=all")
    expect(page.locator("#signals figcaption").first).to_contain_text("State and action")
    expect(requested).to_have_count(0)
