"""From a fresh home to a dataset that LeRobot loads, with an SO-101 pair, on the page alone: no Python, no TOML."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Frame, Locator, Page, expect

from tests.lerobot.conftest import HERE, ROOT
from tests.support import browser, lerobot_forks
from tests.support.big_button import A_SECOND, may_press
from tests.support.desk_data import accept_rates, call
from tests.support.feetech_arm import JOINTS, Arm

pytestmark = pytest.mark.browser
expect.set_options(timeout=60_000)  # a busy machine is not a defect of the page
RIG = "so101"
LOW, HIGH = 1000, 3000
MOST_ACTS, MOST_ACTS_TO_FIRST, MOST_PAGES = 50, 40, 8
"""Presses and values up to the dataset, and up to the first take, with its pages."""
MOST_BY_HAND_S = 200.0
"""Seconds of a person up to the first take; of the five minutes, the rest is left to the computer."""
ACT_S, KEY_S = 2.65, 0.28
"""Seconds of a person by the Keystroke-Level Model: to decide (1.35), point (1.1) and press (0.2); to type a letter."""
ARM_S = 30.0
"""An allowance for moving the joints of one arm by hand: to the middle, then through their ranges."""


@dataclass(frozen=True)
class Effort:
    """What somebody has done up to a step; `seconds` are those of this run, in which no act takes any time."""

    presses: int
    values: int
    letters: int
    pages: int
    seconds: float

    @property
    def by_hand_s(self) -> float:
        """The seconds that a person needs for this on a computer that answers at once: the clock has no part in it."""
        return (self.presses + self.values) * ACT_S + self.letters * KEY_S

    def __str__(self) -> str:
        counts = f"{self.presses} presses, {self.values} values of {self.letters} letters, {self.pages} pages"
        return f"{counts}; {self.by_hand_s:.0f} s by hand, {self.seconds:.0f} s of waiting"


class Person:
    """Somebody at the page: presses, values that are typed or chosen, and pages are counted, up to each step."""

    def __init__(self, page: Page) -> None:
        self.page, self.began = page, time.monotonic()
        self.presses = self.values = self.letters = self.pages = 0
        self.steps: dict[str, Effort] = {}
        page.on("framenavigated", self._went)

    def _went(self, frame: Frame) -> None:
        self.pages += frame == self.page.main_frame

    def reached(self, step: str) -> None:
        seconds = time.monotonic() - self.began
        self.steps[step] = Effort(self.presses, self.values, self.letters, self.pages, seconds)

    def click(self, target: str | Locator) -> None:
        (self.page.locator(target) if isinstance(target, str) else target).click()
        self.presses += 1

    def fill(self, target: str | Locator, text: str) -> None:
        (self.page.locator(target) if isinstance(target, str) else target).fill(text)
        self.values += 1
        self.letters += len(text)

    def choose(self, target: str, value: str) -> None:
        self.page.locator(target).last.select_option(value)
        self.values += 1

    def press(self, key: str) -> None:
        self.page.keyboard.press(key)
        self.presses += 1


@pytest.fixture
def arms(tmp_path: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Arm]]:
    """A follower and a leader that were never calibrated, and an environment in which every process finds LeRobot."""
    calibrations = tmp_path / "calibrations"
    places = {"robot": calibrations / "robots/so_follower", "teleoperator": calibrations / "teleoperators/so_leader"}
    made = {}
    for role, place in places.items():
        place.mkdir(parents=True)
        made[role] = Arm(place, f"{RIG}_{role}")
        made[role].calibration.unlink()
    (tmp_path / "impatient").touch()
    path = os.pathsep.join([environment["PYTHONPATH"], str(HERE / "patient_site")])
    for name, value in (environment | {"PYTHONPATH": path}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HF_LEROBOT_CALIBRATION", str(calibrations))
    monkeypatch.setenv("IMPATIENT_AT", str(tmp_path / "impatient"))
    yield made
    for arm in made.values():
        arm.close()


def add(person: Person, python: Path, arms: dict[str, Arm]) -> None:
    """The form: robot, teleoperator, two cameras; then a check, which misses the calibrations."""
    page = person.page
    person.click(page.get_by_role("link", name="Add a rig").first)
    person.fill("#rig-name", RIG)
    if not page.locator("#robot .kinds [data-kind^=lerobot]").count():
        # The station looks where people keep environments; this one is elsewhere.
        person.click("#advanced summary")
        person.fill("#rig-python", str(python))
        person.press("Tab")
    for role, arm in arms.items():
        kind = "so101_follower" if role == "robot" else "so101_leader"
        person.fill(f"#{role} input[type=search]", "so101")
        person.click(f'#{role} [data-kind="lerobot {kind}"] input')
        person.choose(f"#{role} [data-key=port]", "other")
        person.fill(f'#{role} input[placeholder="/dev/ttyACM0"]', arm.port)
    for _ in range(2):
        person.choose("#cameras select", "sim")
        person.click(page.get_by_role("button", name="Add another camera"))
    person.click("#check")
    expect(page.locator(".check-line")).to_have_count(4)
    expect(page.locator(".check-line.tone-bad")).to_have_count(2)


def calibrate(person: Person, arm: Arm) -> None:
    """Follow the steps, once back, and move the arm by hand."""
    page = person.page
    terminal, title = page.locator("#terminal .xterm-rows"), page.locator("#guide h2")
    gripper = page.locator("#guide tr").filter(has_text="gripper")
    go_on = page.get_by_role("button", name="Continue")
    person.click("#begin")
    expect(title).to_have_text("1 of 2 · Move every joint to the middle of its range")
    expect(terminal).to_contain_text("middle of its range")
    arm.move([2048] * len(JOINTS))
    expect(gripper.locator("[data-label=now]")).to_have_text("2048")
    expect(page.get_by_role("button", name="Back")).to_be_hidden()
    person.click(go_on)
    expect(title).to_have_text("2 of 2 · Move each joint through its whole range")
    page.get_by_role("button", name="Back").click()  # not counted: nobody has to
    expect(title).to_have_text("1 of 2 · Move every joint to the middle of its range")
    go_on.click()
    for position in (LOW, HIGH):
        expect(title).to_have_text("2 of 2 · Move each joint through its whole range")
        arm.move([position] * len(JOINTS))
        expect(gripper.locator("[data-label=now]")).to_have_text(str(position))
        expect(terminal).to_contain_text(re.compile(rf"gripper\s+\|\s+\d+ \|\s+{position} \|"))
    expect(gripper.locator("[data-label=min]")).to_have_text(str(LOW))
    person.click(go_on)
    expect(page.locator("#dialog-state")).to_have_text("Calibrated.")
    assert arm.calibration.exists()
    assert arm.torque() == [0] * len(JOINTS)


def preflight(person: Person, arms: dict[str, Arm]) -> None:
    """Check the rig before its first take: everything is measured; the programs that play the arms share the ports."""
    page = person.page
    expect(page.locator("#state")).to_have_text("ready")
    expect(page.locator("#preflight-begin")).to_have_attribute("aria-disabled", "false")
    person.click("#preflight-begin")
    expect(page.locator("#preflight-begin")).to_have_text("Check again")
    checks = call(page, "GET", f"/api/rigs/{RIG}")["status"]["preflight"]["checks"]
    assert {each["code"] for each in checks} == {"loop", "tick", "camera", "port", "disk_space", "disk_speed", "clock"}
    ports = {each["device"]: each for each in checks if each["code"] == "port"}
    assert ports.keys() == {"robot", "teleoperator"}
    for role, arm in arms.items():
        assert f"{arm.port} is in use by pid {arm.process.pid} " in ports[role]["text"]


def record(person: Person, takes: int) -> None:
    """Several takes of a second each; the last one is rejected."""
    page = person.page
    expect(page.locator("#state")).to_have_text("ready")
    expect(page.locator("#stage .camera canvas")).to_have_count(2)
    expect(page.locator('[data-fact="ending"]')).to_have_text("At the end the robot loses its torque: support it")
    person.fill("[name=title]", "Cups")
    person.fill("[name=task]", "push the cup")
    person.fill("[name=countdown_s]", "0")
    person.press("Enter")
    for number in range(1, takes + 1):
        may_press(page, "record")
        person.press("Space")
        expect(page.locator("#state")).to_have_text("recording")
        expect(page.locator("#timer")).to_have_text(A_SECOND)
        may_press(page, "stop")
        person.press("Space")
        expect(page.locator("#state")).to_have_text("ready")
        expect(page.locator("#takes-count")).to_have_text(str(number))
        person.reached(f"take {number}")


def loaded(root: Path) -> str:
    """What the newest LeRobot says of the dataset; skips where its environment is not there."""
    venv = Path(os.environ.get("ROBOTDATA_NEWEST_VENV") or ROOT / ".venv-lerobot-datasets")
    if not (venv / "bin/python").exists():
        pytest.skip(f"recorded and encoded; not loaded, because there is no LeRobot at {venv} (`make interop`)")
    script = [str(venv / "bin/python"), str(ROOT / "bench/interop_check.py"), str(root)]
    done = lerobot_forks.run(script, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": ""}, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_an_so101_from_a_fresh_home_to_a_dataset_that_lerobot_loads(
    tmp_path: Path, lerobot: Path, arms: dict[str, Arm]
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    with browser.running(home, None) as product, browser.chromium() as chromium:
        page = chromium.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(120_000)
        page.goto(product.printed)
        person = Person(page)
        person.click(page.get_by_role("link", name="Rigs", exact=True))
        add(person, lerobot, arms)
        person.reached("added")
        for role, arm in arms.items():
            if role == "robot":
                person.click(page.get_by_role("button", name="Save and calibrate").first)
            else:
                person.click(page.locator(".dialog-side").get_by_role("link", name="Teleoperator"))
            calibrate(person, arm)
        person.reached("calibrated")
        person.click(page.get_by_role("link", name="Rigs", exact=True).first)
        person.click(page.get_by_role("button", name="Start"))
        person.click(page.get_by_role("article").filter(has_text=RIG).get_by_role("link", name="Record"))
        preflight(person, arms)
        person.reached("checked")
        record(person, 3)
        accept_rates(page)  # a busy machine is not a defect of the takes
        page.goto("/".join([product.url, "datasets/"]))
        dataset = encode(person)
        person.reached("encoded")
    sys.stderr.write("".join(f"{step}: {effort}\n" for step, effort in person.steps.items()))
    first, whole = person.steps["take 1"], person.steps["encoded"]
    assert first.presses + first.values <= MOST_ACTS_TO_FIRST
    assert first.pages <= MOST_PAGES
    assert first.by_hand_s + 2 * ARM_S <= MOST_BY_HAND_S
    assert whole.presses + whole.values <= MOST_ACTS
    info = json.loads((dataset / "meta/info.json").read_text())
    assert (info["total_episodes"], info["robot_type"]) == (2, "so_follower")
    assert "2 episodes" in loaded(dataset)


def encode(person: Person) -> Path:
    """Keep two takes, reject one, encode; return the dataset's folder."""
    page = person.page
    person.click("a.line.dataset")
    person.click(page.locator("#cards a.title").first)
    for key, left in (("k", 3), ("k", 2), ("r", 1)):
        expect(page.locator(".walk a")).to_have_text(f"1 of {left} to review")
        person.press(key)
    person.click(".walk a")
    person.click(page.get_by_role("button", name="Encode 2 kept takes"))
    tab = page.locator(".tabs a").nth(2)
    expect(tab.locator(".count")).to_have_text("2", timeout=300_000)  # AV1, beside whatever else runs
    person.click(tab)
    expect(page.locator("#cards article.take")).to_have_count(2)
    person.click(page.get_by_role("link", name="Use", exact=True))
    return Path(page.inner_text("#folder").strip())
