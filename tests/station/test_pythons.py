"""A station finds the environments with LeRobot by the names of their files."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from robotdata.station import pythons
from robotdata.station.pythons import find_pythons


def environment(root: Path, lerobot: str | None = "0.6.1", *, ours: bool = False) -> Path:
    """Make the files of an environment; return its Python."""
    packages = root / "lib/python3.12/site-packages"
    packages.mkdir(parents=True)
    if lerobot is not None:
        (packages / f"lerobot-{lerobot}.dist-info").mkdir()
        (packages / "lerobot_robot_dummy-1.0.0.dist-info").mkdir()
    if ours:
        (packages / "robotdata_lab-0.2.0.dist-info").mkdir()
    python = root / "bin/python"
    python.parent.mkdir()
    python.touch()
    return python


def paths(tmp_path: Path, **variables: str) -> list[str]:
    return [found["path"] for found in find_pythons(tmp_path / "data/rigs", tmp_path / "home", variables)]


@pytest.mark.parametrize(
    "where", ["home/lab", "home/lerobot/.venv", "home/miniforge3/envs/lerobot", "home/.conda/envs/x", "data/drivers"]
)
def test_it_finds_an_environment_where_people_make_them(tmp_path: Path, where: str) -> None:
    python = environment(tmp_path / where)
    assert paths(tmp_path) == [str(python)]


def test_it_finds_the_environment_that_is_active(tmp_path: Path) -> None:
    python = environment(tmp_path / "elsewhere/env")
    assert paths(tmp_path) == []
    assert paths(tmp_path, VIRTUAL_ENV=str(tmp_path / "elsewhere/env")) == [str(python)]


def test_those_that_can_run_a_rig_come_first_and_then_the_newest(tmp_path: Path) -> None:
    old, new, ours = (
        environment(tmp_path / "home/a", "0.6.1"),
        environment(tmp_path / "home/b", "0.10.0"),
        environment(tmp_path / "home/c", "0.6.0", ours=True),
    )
    found = find_pythons(tmp_path / "rigs", tmp_path / "home", {})
    assert [each["path"] for each in found] == [str(ours), str(new), str(old)]
    assert [each["lerobot"] for each in found] == ["0.6.0", "0.10.0", "0.6.1"]
    assert [each["robotdata"] for each in found] == [True, False, False]


def test_a_checkout_on_the_path_runs_where_its_packages_are(tmp_path: Path) -> None:
    packages = environment(tmp_path / "home/lab").parent.parent / "lib/python3.12/site-packages"
    variables = {"PYTHONPATH": os.pathsep.join(["/elsewhere", str(Path(pythons.__file__).parents[2])])}

    def usable(**variables: str) -> bool:
        return find_pythons(tmp_path / "rigs", tmp_path / "home", variables)[0]["robotdata"]

    assert not usable(**variables)
    for name in pythons.NEEDED:
        (packages / f"{name}-1.0.dist-info").mkdir()
    assert usable(**variables)
    assert not usable()


def test_the_needed_packages_are_those_of_the_core() -> None:
    lines = (Path(pythons.__file__).parents[2] / "requirements-core.txt").read_text().splitlines()
    named = {re.split(r"[^\w-]", line)[0].casefold() for line in lines if line and not line.startswith("#")}
    assert named == pythons.NEEDED


def test_an_environment_without_lerobot_is_not_listed(tmp_path: Path) -> None:
    environment(tmp_path / "home/lab", None, ours=True)
    (tmp_path / "home/broken/lib/python3.12/site-packages/lerobot-0.6.1.dist-info").mkdir(parents=True)  # no Python
    assert paths(tmp_path) == []


def test_one_environment_by_two_names_is_listed_once(tmp_path: Path) -> None:
    python = environment(tmp_path / "home/lab")
    (tmp_path / "home/link").symlink_to(tmp_path / "home/lab")
    assert paths(tmp_path, VIRTUAL_ENV=str(tmp_path / "home/lab")) == [str(python)]


def test_its_own_environment_needs_no_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment(tmp_path / "home/own")
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "home/own"))
    assert find_pythons(tmp_path / "rigs", tmp_path / "home", {}) == [
        {"path": "", "lerobot": "0.6.1", "robotdata": True}
    ]


def test_a_home_that_cannot_be_read_is_no_error(tmp_path: Path) -> None:
    assert find_pythons(tmp_path / "rigs", tmp_path / "nowhere", {}) == []
