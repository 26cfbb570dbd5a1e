"""The environment with LeRobot's drivers: which Python makes it, and what a failing step leaves."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

import pytest

from robotdata import distribution
from robotdata.station import install as installing
from robotdata.station.install import find_python, install


def fake(folder: Path, name: str, says: str) -> Path:
    """A program that answers as a Python of some version does."""
    folder.mkdir(exist_ok=True)
    program = folder / name
    program.write_text(f"#!/bin/sh\necho {says}\n")
    program.chmod(0o755)
    return program


def test_it_takes_a_python_that_lerobot_runs_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(fake(tmp_path / "own", "python", "3 11")))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}")
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    assert find_python() is None
    fake(tmp_path / "bin", "python3", "3 14")
    (tmp_path / "pyenv/versions/3.12.1").mkdir(parents=True)
    kept = fake(tmp_path / "pyenv/versions/3.12.1/bin", "python", "3 12")
    assert find_python() == str(kept)
    named = fake(tmp_path / "bin", "python3.13", "3 13")
    assert find_python() == str(named)
    monkeypatch.setattr(sys, "executable", str(fake(tmp_path / "own", "python", "3 12")))
    assert find_python() == sys.executable


def test_it_says_when_no_python_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(installing, "find_python", lambda: None)
    assert installing.main([str(tmp_path / "drivers")]) == 1
    assert "python3.12" in capsys.readouterr().out
    assert not (tmp_path / "drivers").exists()


def test_it_makes_an_environment_and_says_what_failed_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    assert install(tmp_path / "drivers", sys.executable, ["a-package-that-nobody-has"]) == 1
    assert "a-package-that-nobody-has" in capfd.readouterr().out
    python = tmp_path / "drivers/bin/python"
    assert subprocess.run([python, "-m", "pip", "--version"], capture_output=True).returncode == 0
    assert install(tmp_path / "drivers", sys.executable, [str(tmp_path / "drivers/nothing.whl")]) == 1


def test_it_says_that_there_is_no_room_for_temporary_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as here:
        here.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
        assert install(tmp_path / "drivers", sys.executable, ["nothing"]) == 1
    assert "temporary files" in capfd.readouterr().out


def test_nothing_is_installed_where_its_own_source_is_not_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(installing, "find_python", lambda: sys.executable)
    monkeypatch.setattr(installing, "shortage", lambda folder: "")
    monkeypatch.setattr(distribution, "__file__", str(tmp_path / "site-packages/robotdata/distribution.py"))
    monkeypatch.setattr(metadata, "distribution", lambda name: metadata.PathDistribution(tmp_path))
    assert installing.main([str(tmp_path / "drivers")]) == 1
    said = capfd.readouterr().out
    assert "install it from there again" in said and said.endswith("then press Try again.\n")
    assert not (tmp_path / "drivers").exists()
