"""What the web asks a station to install: names of the fixed table, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.fake_station import FakeStation

DIALOG = {"dialog": "ab12", "rows": 30, "columns": 80}


@pytest.mark.parametrize(
    ("body", "args"),
    [
        (None, {"packages": ["feetech", "dynamixel"], "columns": 80}),
        ({"packages": ["intelrealsense"], "columns": 44}, {"packages": ["intelrealsense"], "columns": 44}),
    ],
)
async def test_the_station_gets_the_names_that_were_chosen(
    web: Any, station: FakeStation, body: Any, args: dict[str, Any]
) -> None:
    station.answer = lambda _name, _args: {"result": DIALOG}
    async with station.running():
        status, said = await web.ask("POST", f"/stations/{station.name}/install-drivers", body)
        assert (status, said) == (201, DIALOG)
        assert [(each["name"], each["args"]) for each in station.asked] == [("install_drivers", args)]


@pytest.mark.parametrize(
    "body",
    [
        {"packages": ["torch"]},
        {"packages": ["feetech\n"]},
        {"packages": "feetech"},
        {"packages": []},
        {"columns": 43},
        {"columns": 161},
        {"index": "http://x"},
    ],
)
async def test_another_name_or_none_does_not_reach_the_station(web: Any, station: FakeStation, body: Any) -> None:
    async with station.running():
        status, _ = await web.ask("POST", f"/stations/{station.name}/install-drivers", body)
        assert status == 422 and station.asked == []
