"""Three people at the product, counted: presses, seconds, and moments at which a page leaves them in doubt.

    .venv/bin/python bench/three_people.py [student] [operator] [curator]

A student on the first evening (1440 px), an operator whose hands hold a moving robot (a key, as a foot pedal sends it),
and a curator with 300 takes on a tablet (1024 px, touched). Each doubt is a question that the page must answer at that
moment; where it does not, it is printed and the script exits with 1. Typing a field counts as one press. Seconds are
those of the walk, with the takes that are recorded in it.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from film import RIG
from page_states import ROOT, fill
from playwright.sync_api import Browser, Locator, Page, sync_playwright
from running_product import product

sys.path.insert(0, str(ROOT))

from tests.support.browser import FLAGS
from tests.support.chromium import chromium_path

PATIENCE_MS = 120_000
TAKE_S = 4
DESK: dict[str, Any] = {"viewport": {"width": 1440, "height": 900}}
TABLET: dict[str, Any] = {"viewport": {"width": 1024, "height": 768}, "has_touch": True, "is_mobile": True}


@dataclass
class Person:
    """Somebody at a page; counts what they do and what they wonder."""

    page: Page
    presses: int = 0
    asked: int = 0
    doubts: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def key(self, name: str) -> None:
        self.presses += 1
        self.page.keyboard.press(name)

    def press(self, target: Locator) -> None:
        """Press what is in sight; to have to look for it is a doubt."""
        target.wait_for()
        self.wonders(f"Where is {(target.text_content() or '').strip()[:40]!r}?", self.finds(target))
        self.presses += 1
        if self.page.evaluate("matchMedia('(pointer: coarse)').matches"):
            target.tap()
        else:
            target.click()

    def finds(self, target: Locator) -> bool:
        """Look for it for a second: what is fetched again is out of the page for a moment."""
        for _ in range(10):
            if in_sight(target):
                return True
            self.page.wait_for_timeout(100)
        return in_sight(target)

    def types(self, name: str, text: str) -> None:
        self.presses += 1
        self.page.fill(f"[name={name}]", text)

    def wonders(self, question: str, answered: bool) -> None:
        self.asked += 1
        if not answered:
            self.doubts.append(question)

    def sees(self, question: str, answer: Locator, within_ms: int = 20_000) -> None:
        """It is a doubt unless the answer comes into sight."""
        with contextlib.suppress(Exception):
            answer.first.wait_for(timeout=within_ms)
        self.wonders(question, answer.count() > 0 and self.finds(answer.first))


def in_sight(target: Locator) -> bool:
    """Whether it can be seen without scrolling."""
    return bool(
        target.evaluate("""(one) => {
          const { top, bottom, left, right } = one.getBoundingClientRect();
          return one.checkVisibility() && bottom > 0 && top < innerHeight && right > 0 && left < innerWidth;
        }""")
    )


def records(who: Person, number: int) -> None:
    """Record a take by one key for its begin and one for its end; the list has `number` takes then."""
    who.key("Space")
    who.page.locator("#state", has_text="recording").wait_for()
    who.page.wait_for_timeout(TAKE_S * 1000)
    who.key("Space")
    who.page.locator("#state", has_text="ready").wait_for()
    until_listed(who, number)


def until_listed(who: Person, number: int) -> None:
    listed = "(least) => Number(document.getElementById('takes-count')?.textContent) >= least"
    who.page.wait_for_function(listed, arg=number)


def student(who: Person) -> None:
    """From an empty home to the lines that load the dataset: five takes, of which three are kept."""
    page = who.page
    page.goto("/")
    first = page.locator("#begin a.way").first
    who.sees("Which of these is the robot, and can it break?", first.get_by_text("simulated robot"))
    who.press(first)
    page.locator("#big:enabled").wait_for()
    who.key("Space")
    who.sees("Why does nothing happen?", page.locator("#refusal-words", has_text="dataset name"))
    who.types("title", "Pick up cubes")
    who.wonders("Is that red box still true?", page.locator("#refusal").is_hidden())
    who.types("task", "Put the red cube on the mat")
    hint = page.locator("#big kbd").evaluate("(one) => getComputedStyle(one, '::before').content")
    who.wonders("Space writes a blank: how do I get out of this field?", "Enter" in hint)
    who.types("countdown_s", "0")
    who.key("Enter")
    for number in range(1, 6):
        records(who, number)
    who.wonders("Can I record the last one again?", page.locator('[data-command="rerecord"]').is_enabled())
    who.sees("Which take is that?", page.locator("#session .take").first.get_by_text("#5", exact=True))
    who.press(page.locator("#session a.title").first)
    for number, key in ((5, "k"), (4, "r"), (3, "k"), (2, "r"), (1, "k")):
        page.locator("#details .task-title .number", has_text=f"#{number}").wait_for()
        page.locator("#signals .signal").first.wait_for()
        who.key(key)
    who.sees("I judged the last one: what now?", page.locator("#review-end"))
    who.sees("How many did I keep?", page.locator("#end-kept", has_text="3"))
    encode = page.locator("#end-encode")
    who.wonders("Does it encode what I kept?", "3 kept takes" in (encode.text_content() or ""))
    who.press(encode)
    follow = page.locator("#review-end").get_by_role("link", name="Encoding 3")
    who.sees("Did it begin, and where is it?", follow)
    who.press(follow)
    who.sees("When is it done?", page.locator(".operation", has_text="done"), 300_000)
    done = page.locator(".operation").first
    use = done.get_by_role("link", name="Use it")
    who.sees("Where is my dataset now?", use, 5000)
    if use.count():
        who.press(use)
    else:
        page.goto("/datasets/pick-up-cubes/use/")
        who.presses += 3
    who.sees("What do I type into Python?", page.get_by_text("LeRobotDataset(").first)
    who.press(page.locator('[data-copy="#python"]'))


def operator(who: Person) -> None:
    """Ten takes beside a moving robot: five by the pedal, five by the clock; one is marked as a failure by a key."""
    page = who.page
    page.goto("/record/")
    page.locator("#big:enabled").wait_for()
    stop = page.locator(".estop-button").first
    who.wonders("Where is the emergency stop?", in_sight(stop) and stop.evaluate("(one) => one.offsetHeight") >= 36)
    count = page.locator("#takes-count")
    had = int(count.text_content() or 0) if count.count() else 0
    if page.locator("[name=title]").is_visible():
        who.types("title", "Stack cubes")
    who.types("task", "Stack two cubes")
    who.types("countdown_s", "0")
    who.key("Enter")
    for number in range(1, 6):
        records(who, had + number)
    who.key("f")
    who.sees("Was that marked as a failure?", page.locator('[data-outcome="failure"][aria-pressed="true"]'))
    size = page.locator("#timer").evaluate("(one) => parseFloat(getComputedStyle(one).fontSize)")
    who.wonders("Can I read the time from two metres?", size >= 40)
    for name, value in (("episode_s", "3"), ("reset_s", "2"), ("target", "5")):
        who.types(name, value)
    who.key("Enter")
    who.key("Space")
    page.locator("#state", has_text="recording").wait_for()
    who.sees("How long does it still record?", page.locator("#timer-bar"))
    page.locator("#state", has_text="reset").wait_for()
    who.sees("When does the next one begin?", page.locator("#timer-words", has_text="until the next take"))
    for number in range(1, 5):
        until_listed(who, had + 5 + number)
    who.key("p")
    who.sees("Does it stop after this one?", page.locator('[data-command="resume"], #state:has-text("pause")').first)


def curator(who: Person) -> None:
    """207 takes to review on a tablet: ten one by one, then all with serious issues at once, undone and done again."""
    page = who.page
    page.goto("/")
    waiting = page.locator('[data-waits="to_review"]').first
    who.sees("What waits for me?", waiting)
    who.press(waiting.get_by_role("link", name="Review"))
    for _ in range(10):
        page.locator("#signals .signal").first.wait_for()
        shown = page.locator("#details").get_attribute("data-episode")
        who.press(page.locator("#keep"))
        page.wait_for_function("(was) => document.getElementById('details').dataset.episode !== was", arg=shown)
    who.sees("Did it take that?", page.locator(".toast", has_text="kept."))
    who.press(page.locator("#details .walk a"))
    page.locator("#cards .take").first.wait_for()
    who.presses += 2
    page.select_option("#filter [name=mark]", "bad")
    button = page.locator("#reject-all")
    button.wait_for()
    bad = int(page.locator("#wall-count").text_content() or 0)
    who.wonders("Which ones does this button reject?", f" {bad} " in f" {button.text_content()} ")
    who.press(button)
    undo = page.locator(".toast", has_text="moved to the trash").get_by_role("button", name="Undo")
    changed = page.locator(".toast", has_text="Press again to reject")
    undo.or_(changed).first.wait_for()
    if changed.count():  # the last one that was kept had come meanwhile: the page says so, and rejects nothing
        bad = int(page.locator("#wall-count").text_content() or 0)
        who.press(button)
    undo.tap()  # at once: these words stay for six seconds
    who.presses += 1
    page.wait_for_function("(all) => Number(document.getElementById('wall-count').textContent) === all", arg=bad)
    who.press(page.locator("#reject-all"))
    page.wait_for_function("() => Number(document.getElementById('wall-count').textContent) === 0")
    who.sees("Nothing is left: and now?", page.locator("#list-done a, .empty a").first)
    who.press(page.locator(".tabs a", has_text="Kept"))
    encode = page.locator("#encode")
    who.wonders("How many are encoded?", "10" in (encode.text_content() or ""))
    who.press(encode)
    who.sees("Did it begin?", page.locator(".operation, #encode:has-text('Encoding')").first, 60_000)


PEOPLE: dict[str, tuple[Callable[[Person], None], dict[str, Any]]] = {
    "student": (student, DESK),
    "operator": (operator, DESK),
    "curator": (curator, TABLET),
}


@contextlib.contextmanager
def at_home(names: list[str]) -> Iterator[tuple[list[str], str]]:
    """Give the people who share a home, and the link into it."""
    with tempfile.TemporaryDirectory() as home:
        if names == ["curator"]:
            fill(Path(home), "many")
        rig = Path(home, "sim.toml")
        rig.write_text(RIG)
        with product(Path(home), "--rig", str(rig)) as link:
            yield names, link


def walk(browser: Browser, names: list[str]) -> int:
    found = 0
    with at_home(names) as (people, link):
        base = link.split("/sign-in")[0]
        door = browser.new_page(base_url=base)
        door.goto(link)
        signed_in = door.context.storage_state()
        for name in people:
            does, device = PEOPLE[name]
            page = browser.new_context(base_url=base, storage_state=signed_in, **device).new_page()
            page.set_default_timeout(PATIENCE_MS)
            who = Person(page)
            does(who)
            seconds = time.monotonic() - who.began
            print(f"| {name} | {who.presses} | {seconds:.0f} | {len(who.doubts)} of {who.asked} |", flush=True)
            print("".join(f"    doubt: {each}\n" for each in who.doubts), end="", flush=True)
            found += len(who.doubts)
            page.close()
    return found


def main() -> int:
    asked = sys.argv[1:] or list(PEOPLE)
    homes = [[name for name in asked if name != "curator"], [name for name in asked if name == "curator"]]
    print("| who | presses | seconds | doubts of questions |\n|---|---|---|---|")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=FLAGS)
        doubts = sum(walk(browser, names) for names in homes if names)
        browser.close()
    return 1 if doubts else 0


if __name__ == "__main__":
    sys.exit(main())
