"""A station calibrates an SO-101 of one of its rigs by LeRobot's dialog, and then runs the rig."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.lerobot.conftest import HERE, ArmRig
from tests.station.conftest import Station, soon, station_at

ENTER = "\r"


@pytest.fixture
async def station(rig: ArmRig) -> AsyncIterator[Station]:
    """A station whose only rig is the pair of arms, run by LeRobot's Python."""
    async with station_at(rig.folder) as made:
        rig.file = made.rigs / "so101.toml"
        rig.write()
        text = rig.file.read_text()
        rig.file.write_text(text.replace("[rig]\n", f'[rig]\npython = "{rig.python}"\n'))
        path = os.pathsep.join([rig.environment["PYTHONPATH"], str(HERE / "patient_site")])
        made.environment |= rig.environment | {"PYTHONPATH": path, "IMPATIENT_AT": str(rig.impatient)}
        yield await made.start()


class Dialog:
    """A calibration as a page follows it: in short reads, each from where the one before ended."""

    def __init__(self, station: Station, key: str) -> None:
        self.station, self.key = station, key
        self.text = ""
        self.exit_code: int | None = None

    async def until(self, text: str) -> None:
        at = len(self.text)
        while text not in self.text[at:]:
            assert self.exit_code is None, self.text
            part = await self.station.web.get("dialog_read", dialog=self.key, after=len(self.text))
            self.text += part["text"]
            self.exit_code = part["exit_code"]

    async def ended(self) -> int:
        while self.exit_code is None:
            part = await self.station.web.get("dialog_read", dialog=self.key, after=len(self.text))
            self.text += part["text"]
            self.exit_code = part["exit_code"]
        return self.exit_code

    async def type(self, text: str) -> None:
        await self.station.web.get("dialog_write", dialog=self.key, text=text)


async def begin(station: Station, role: str = "robot") -> Dialog:
    answer: dict[str, Any] = await station.web.get("calibrate", name="so101", role=role)
    return Dialog(station, answer["dialog"])


async def test_an_arm_is_calibrated_through_its_station_and_its_rig_runs(station: Station, rig: ArmRig) -> None:
    rig.follower.calibration.unlink()
    dialog = await begin(station)
    await dialog.until("middle of its range of motion and press ENTER")
    rig.follower.move([2048] * 6)
    await dialog.type(ENTER)
    for position in (1000, 3000):
        await dialog.until("MAX")
        rig.follower.move([position] * 6)
        await dialog.until(f"| {position:>6} |")
        await dialog.until("MAX")
    await dialog.type(ENTER)
    assert await dialog.ended() == 0, dialog.text
    assert rig.follower.calibration.exists()
    await station.web.get("start_rig", name="so101")
    await soon(lambda: [each for each in station.web.rig_hellos if each["name"] == "so101"], seconds=120)
    refusal = await station.web.refusal("calibrate", name="so101", role="robot")
    assert refusal["code"] == "running"


async def test_an_interrupted_dialog_frees_the_arm(station: Station, rig: ArmRig) -> None:
    dialog = await begin(station, "teleoperator")
    await dialog.until("type 'c' and press ENTER")
    await station.web.get("dialog_end", dialog=dialog.key)
    assert await dialog.ended() != 0
    again = await begin(station, "teleoperator")
    await again.until("type 'c' and press ENTER")


async def test_a_page_that_comes_later_joins_the_dialog(station: Station, rig: ArmRig) -> None:
    dialog = await begin(station, "robot")
    await dialog.until("type 'c' and press ENTER")
    other = await begin(station, "robot")
    assert other.key == dialog.key
    await other.until("type 'c' and press ENTER")
    await station.web.get("dialog_end", dialog=dialog.key)
    assert await dialog.ended() != 0
    assert (await begin(station, "robot")).key != dialog.key


async def test_a_station_that_ends_ends_its_dialogs(station: Station, rig: ArmRig) -> None:
    dialog = await begin(station)
    await dialog.until("type 'c' and press ENTER")
    assert await station.end() == 0
    assert rig.follower.torque() == [0] * 6


async def test_what_cannot_be_calibrated_is_refused_by_name(station: Station) -> None:
    (station.rigs / "sim.toml").write_text(
        '[rig]\nname = "sim"\n[robot]\nkind = "sim"\n[teleoperator]\nkind = "autopilot"\n'
    )
    codes = {
        ("sim", "robot"): "no_calibration",
        ("so101", "camera"): "bad_args",
        ("nobody", "robot"): "unknown_rig",
    }
    for (name, role), code in codes.items():
        assert (await station.web.refusal("calibrate", name=name, role=role))["code"] == code
    assert (await station.web.refusal("dialog_read", dialog="0" * 32, after=0))["code"] == "no_dialog"
