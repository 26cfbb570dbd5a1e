"""Stop while drivers are installed: pip undoes what it has half done, nothing runs on, and the next try continues."""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from robotdata.station import dialogs
from robotdata.station.dialogs import Dialog, Output
from robotdata.station.environment import steps_to
from tests.support.wheels import PIP, make_wheel

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(
    not (3, 12) <= sys.version_info < (3, 14), reason="LeRobot's drivers need Python 3.12 or 3.13"
)
INSTALL = """
import sys
from robotdata.station import install
install.shortage = lambda folder: ""
install.own_package = lambda: "robotdata-lab==1.0.0"
sys.executable = getattr(sys, "_base_executable", sys.executable)
raise SystemExit(install.main(sys.argv[1:]))
"""
SLOW = """#!/bin/sh
case "$*" in
*version_info*) echo 3 12 ;;
*"pip install"*)
    trap 'sleep 0.5; echo tidied up; exit 1' INT
    echo downloading
    while :; do sleep 0.1; done ;;
esac
"""


def read_until(dialog: Dialog, text: str) -> Output:
    """What it has shown until `text` has come, or until no process has its terminal any more."""
    seen, after, code = "", 0, None
    while code is None and text not in seen:
        part = dialog.read(after, 1.0)
        seen, after, code = seen + part.text, part.next, part.exit_code
    return Output(seen, 0, after, code)


Install = Callable[..., Dialog]


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Start what the page starts, with what pip is told."""
    monkeypatch.setattr(dialogs, "_GRACE_S", 60.0)
    begun: list[Dialog] = []

    def begin(**more: str) -> Dialog:
        command = [sys.executable, "-c", INSTALL, str(tmp_path / "drivers"), "--package", "feetech"]
        inherited = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
        environment = {**inherited, **PIP, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **more}
        begun.append(Dialog(command, environment))
        return begun[-1]

    yield begin
    for each in begun:
        each.end()


@pytest.fixture
def index() -> Iterator[tuple[str, threading.Event]]:
    """The url of a package index that never answers, and whether it was asked."""
    asked = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        kept: list[socket.socket] = []

        def accept() -> None:
            while True:
                try:
                    kept.append(server.accept()[0])
                except OSError:
                    return
                asked.set()

        thread = threading.Thread(target=accept)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/simple", asked
        server.shutdown(socket.SHUT_RDWR)
        thread.join()
        for each in kept:
            each.close()


def test_pip_has_the_time_to_undo_what_it_has_half_done(tmp_path: Path, installation: Install) -> None:
    (tmp_path / "drivers/bin").mkdir(parents=True)
    (tmp_path / "drivers/pyvenv.cfg").touch()
    (tmp_path / "drivers/bin/python").write_text(SLOW)
    (tmp_path / "drivers/bin/python").chmod(0o755)
    dialog = installation()
    read_until(dialog, "downloading\r\n")
    dialog.end()
    seen = read_until(dialog, "nothing")
    assert "tidied up" in seen.text and "Stopped." in seen.text and "Traceback" not in seen.text
    assert seen.exit_code == 1


def test_a_stop_while_pip_downloads_is_said_and_the_next_try_installs(
    tmp_path: Path, installation: Install, index: tuple[str, threading.Event]
) -> None:
    url, asked = index
    dialog = installation(PIP_INDEX_URL=url, PIP_NO_INDEX="0")
    assert asked.wait(120), dialog.read(0, 0).text
    dialog.end()
    seen = read_until(dialog, "nothing")  # to its end, which comes when no process has its terminal any more
    assert "Stopped." in seen.text and "Try again" in seen.text and seen.exit_code == 1
    assert steps_to(tmp_path / "drivers", sys.executable) == []

    wheels = tmp_path / "wheels"
    make_wheel(wheels, "lerobot", "0.6.1", {"feetech": ["feetech-servo-sdk"]})
    for name in ("feetech-servo-sdk", "robotdata-lab"):
        make_wheel(wheels, name, "1.0.0")
    again = read_until(installation(PIP_FIND_LINKS=str(wheels)), "nothing")
    assert again.exit_code == 0 and "Installed." in again.text
