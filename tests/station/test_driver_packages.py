"""Drivers are installed from a fixed table by the real pip, from a folder of wheels; failures are said in words."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from robotdata.station import install as installing
from robotdata.station.calibrations import Calibrations
from robotdata.station.driver_packages import LEROBOT_VERSION, PACKAGES, requirements_of
from robotdata.station.environment import steps_to
from robotdata.station.errors import AskRefused
from robotdata.station.install import install, main
from robotdata.station.install_problems import problem_of, shortage
from robotdata.station.pythons import DRIVERS, find_pythons
from robotdata.station.rig_files import RigFiles
from tests.support.wheels import PIP, make_wheel

pytestmark = pytest.mark.skipif(
    not (3, 12) <= sys.version_info < (3, 14), reason="LeRobot's drivers need Python 3.12 or 3.13"
)
Said = Callable[[], str]


@pytest.fixture
def said(capfd: pytest.CaptureFixture[str]) -> Said:
    """What was printed on the terminal since it was asked last, by pip too."""
    return lambda: "".join(capfd.readouterr())


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of wheels that pip is told of; it reaches nothing else."""
    folder = tmp_path / "wheels"
    extras = {"feetech": ["feetech-servo-sdk"], "dynamixel": ["dynamixel-sdk"], "intelrealsense": ["pyrealsense2"]}
    make_wheel(folder, "lerobot", LEROBOT_VERSION, extras)
    make_wheel(folder, "lerobot", "9.9", extras)
    for name in ("feetech-servo-sdk", "dynamixel-sdk", "robotdata-lab"):
        make_wheel(folder, name, "1.0.0")
    for name, value in {**PIP, "PIP_FIND_LINKS": str(folder)}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(installing, "own_package", lambda: "robotdata-lab==1.0.0")
    monkeypatch.setattr(installing, "shortage", lambda folder: "")
    monkeypatch.setattr(sys, "executable", getattr(sys, "_base_executable", sys.executable))
    return folder


def installed(folder: Path) -> dict[str, str]:
    """Packages and versions in an environment."""
    asked = [str(folder / "bin/python"), "-m", "pip", "list", "--format=freeze", "--disable-pip-version-check"]
    lines = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split()
    return dict(line.split("==") for line in lines)


def test_drivers_are_installed_and_others_added_later(tmp_path: Path, index: Path, said: Said) -> None:
    folder = tmp_path / DRIVERS
    assert main([str(folder), "--package", "feetech"]) == 0, said()
    found = installed(folder)
    assert found["lerobot"] == LEROBOT_VERSION and "feetech-servo-sdk" in found and "dynamixel-sdk" not in found
    assert str(folder / "bin/python") in said()
    (python,) = [
        each
        for each in find_pythons(tmp_path / "rigs", tmp_path / "nobody", {})
        if each["path"].startswith(str(tmp_path))
    ]
    assert python == {"path": str(folder / "bin/python"), "lerobot": LEROBOT_VERSION, "robotdata": True}
    kept = folder / "kept"
    kept.touch()
    assert main([str(folder), "--package", "dynamixel"]) == 0, said()
    assert {"feetech-servo-sdk", "dynamixel-sdk"} <= installed(folder).keys() and kept.exists()

    # What is missing for this computer is named; what was there stays.
    assert main([str(folder), "--package", "intelrealsense"]) == 1
    assert "There is no pyrealsense2" in said()
    assert installed(folder)["lerobot"] == LEROBOT_VERSION


def test_a_broken_environment_is_made_again(tmp_path: Path, index: Path, said: Said) -> None:
    folder = tmp_path / DRIVERS
    (folder / "bin").mkdir(parents=True)
    (folder / "bin/python").symlink_to(tmp_path / "removed")
    (folder / "pyvenv.cfg").touch()
    (folder / "lib").mkdir()
    (folder / "lib/old").touch()
    assert install(folder, sys.executable, ["robotdata-lab"]) == 0, said()
    assert not steps_to(folder, sys.executable) and not (folder / "lib/old").exists()


def test_without_a_network_it_says_so(tmp_path: Path, index: Path, monkeypatch: pytest.MonkeyPatch, said: Said) -> None:
    for name in ("PIP_NO_INDEX", "PIP_FIND_LINKS"):
        monkeypatch.delenv(name)
    for name in ("PIP_EXTRA_INDEX_URL", "PIP_PROXY", "http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:1/simple")  # nobody listens there
    monkeypatch.setenv("PIP_RETRIES", "0")
    assert main([str(tmp_path / DRIVERS)]) == 1
    assert "does not reach the package index" in said()


def test_a_disk_that_is_too_small_is_noticed_before_anything_is_made(
    tmp_path: Path, index: Path, monkeypatch: pytest.MonkeyPatch, said: Said
) -> None:
    monkeypatch.setattr(installing, "shortage", lambda folder: shortage(folder, 1 << 60))
    assert main([str(tmp_path / DRIVERS)]) == 1
    assert "GB free" in said() and not (tmp_path / DRIVERS).exists()


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "disk is full"),
        ("SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] ...", "clock"),
        ("NewConnectionError('...: Failed to establish a new connection: [Errno -3] ...", "network"),
        ("ERROR: No matching distribution found for placo>=0.9", "no placo>=0.9 "),
        ("ERROR: ResolutionImpossible: for help visit ...", "choose fewer"),
        ("The virtual environment was not created successfully because ensurepip is not available", "python3-venv"),
        ("PermissionError: [Errno 13] Permission denied: '/opt/drivers'", "owner"),
    ],
)
def test_what_pip_prints_is_said_in_words(tmp_path: Path, output: str, words: str) -> None:
    said = problem_of(f"Collecting lerobot\n{output}\n", tmp_path / "drivers", "python3.12")
    assert words in said and said.endswith("then press Try again.")
    assert problem_of("Collecting lerobot\n", tmp_path, "python3.12") == ""


def test_every_package_of_the_table_has_one_version() -> None:
    for package in PACKAGES.values():
        assert package.requirements
        assert all(re.fullmatch(r"[\w-]+(\[[\w-]+\])?==[\d.]+", each) for each in package.requirements)
    both = requirements_of(["spacemouse", "dynamixel", "feetech"])
    assert both[0] == f"lerobot[feetech,dynamixel]=={LEROBOT_VERSION}" and "spacemouse" in both[1]


@pytest.mark.parametrize("name", ["torch", "feetech; rm -rf /", "--index-url=http://x", "", "FEETECH"])
def test_no_other_name_reaches_pip(tmp_path: Path, name: str) -> None:
    calibrations = Calibrations(RigFiles(tmp_path / "rigs"), lambda rig: False)
    with pytest.raises(AskRefused) as refused:
        calibrations.install([name])
    assert refused.value.code == "bad_args"
    with pytest.raises(SystemExit):
        main([str(tmp_path / DRIVERS), "--package", name])
    assert not (tmp_path / DRIVERS).exists()
