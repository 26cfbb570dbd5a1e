"""What an installation may do with the folder that it finds: a person's files and a good environment are kept."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from robotdata.station import environment
from robotdata.station.environment import NoEnvironment, steps_to
from robotdata.station.install import install


def environment_at(folder: Path, script: str) -> Path:
    """An environment of which nothing matters but how its Python answers."""
    (folder / "bin").mkdir(parents=True)
    (folder / "lib").mkdir()
    (folder / "pyvenv.cfg").write_text("home = /usr/bin\n")
    (folder / "bin/python").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "bin/python").chmod(0o755)
    (folder / "lib/torch").write_text("six gigabytes")
    return folder


def kept(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_a_folder_of_somebody_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "drivers"
    (folder / "bin").mkdir(parents=True)
    (folder / "bin/thesis.tex").write_text("three years")
    assert install(folder, sys.executable, ["nothing"]) == 1
    assert kept(folder) == {"bin", "bin/thesis.tex"}
    said = capsys.readouterr().out
    assert str(folder) in said and "not empty" in said and "Try again" in said


def test_a_file_in_the_place_of_the_folder_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "drivers"
    folder.write_text("notes")
    assert install(folder, sys.executable, ["nothing"]) == 1
    assert folder.read_text() == "notes" and "rename" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("exec sleep 60", "does not answer within 0.5 s"),
        ("kill -9 $$", "signal 9"),
        ("echo 3 11", "Python 3.11"),
    ],
    ids=["it is slow", "it was killed", "another version"],
)
def test_an_environment_that_is_not_known_to_be_broken_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], script: str, said: str
) -> None:
    monkeypatch.setattr(environment, "_ENVIRONMENT_S", 0.5 if "sleep" in script else 60.0)
    folder = environment_at(tmp_path / "drivers", script)
    before = kept(folder)
    assert install(folder, sys.executable, ["nothing"]) == 1
    assert kept(folder) == before
    assert said in capsys.readouterr().out


def test_a_project_inside_a_broken_environment_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = environment_at(tmp_path / "drivers", "exit 1")
    (folder / "my_arm.py").write_text("speed = 1")
    assert install(folder, sys.executable, ["nothing"]) == 1
    assert (folder / "my_arm.py").exists() and "my_arm.py" in capsys.readouterr().out


@pytest.mark.parametrize("script", ["exit 1", "", None], ids=["fails", "says nothing", "its Python is gone"])
def test_a_broken_environment_is_made_anew(tmp_path: Path, script: str | None) -> None:
    folder = environment_at(tmp_path / "drivers", script or "")
    if script is None:
        (folder / "bin/python").unlink()
        (folder / "bin/python").symlink_to(tmp_path / "no/python")
    assert steps_to(folder, "/usr/bin/python3") == [["/usr/bin/python3", "-m", "venv", "--clear", str(folder)]]


def test_what_a_stop_left_is_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "OLDEST", sys.version_info[:2])  # what is left is the same in every Python
    folder = tmp_path / "drivers"
    create = [[sys.executable, "-m", "venv", str(folder)]]
    assert steps_to(folder, sys.executable) == create
    (folder / "lib/python3.12/site-packages").mkdir(parents=True)
    assert steps_to(folder, sys.executable) == create, "it has only empty folders"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    (pip,) = steps_to(folder, sys.executable)
    subprocess.run(pip, check=True, capture_output=True)
    assert steps_to(folder, sys.executable) == []
    (facts,) = folder.glob("lib/*/site-packages/pip-*")
    shutil.rmtree(facts)
    assert steps_to(folder, sys.executable) == [pip], "pip is not all there"


def test_a_folder_that_may_not_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(NoEnvironment, match="rename"):
        steps_to(tmp_path / "loop", sys.executable)
