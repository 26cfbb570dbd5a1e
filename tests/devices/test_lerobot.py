"""`kind = "lerobot"` where there is no LeRobot, and what is said of ports. With LeRobot: tests/lerobot."""

from __future__ import annotations

import grp
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from robotdata.capture.device_files import holder_of, node_problem
from robotdata.capture.errors import DeviceError
from robotdata.devices.lerobot.problems import NEEDS_DISPLAY, explain

ROOT = Path(__file__).resolve().parent.parent.parent
NOBODY = 65534
RIG = """
[rig]
name = "so101"
[robot]
kind = "lerobot"
type = "so101_follower"
port = "/dev/ttyACM0"
[teleoperator]
kind = "autopilot"
"""


@pytest.fixture
def no_lerobot() -> None:
    if subprocess.run([sys.executable, "-c", "import lerobot"], capture_output=True).returncode == 0:
        pytest.skip("this Python has LeRobot")


@pytest.mark.usefixtures("no_lerobot")
def test_a_rig_without_lerobot_says_which_command_installs_it(tmp_path: Path) -> None:
    (tmp_path / "so101.toml").write_text(RIG)
    program = [sys.executable, "-m", "robotdata.rig", tmp_path / "so101.toml", "--spool", tmp_path / "spool"]
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert "so101.toml: robot: needs LeRobot 0.6 or newer" in done.stderr and "'lerobot[feetech]>=0.6'" in done.stderr
    if sys.version_info < (3, 12):
        assert "needs Python 3.12" in done.stderr and "python3.12 -m venv" in done.stderr
    else:
        assert f"run {sys.executable} -m pip install 'lerobot" in done.stderr


@pytest.mark.usefixtures("no_lerobot")
def test_the_list_of_types_says_it_too() -> None:
    done = subprocess.run([sys.executable, "-m", "robotdata.devices.lerobot"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and "needs LeRobot 0.6 or newer" in done.stderr and done.stdout == ""


def test_it_is_imported_only_when_a_rig_names_it() -> None:
    code = (
        "import sys; from pathlib import Path; from robotdata.capture.config import read_config\n"
        "from robotdata.rig.process import registry; from robotdata.rig.rig import Rig; import tempfile\n"
        "Rig(read_config(None), Path(tempfile.mkdtemp()), registry=registry())\n"
        "print([name for name in sys.modules if name.startswith('robotdata.devices')])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr


AS_NOBODY = f"""
import os, sys
from robotdata.capture.device_files import node_problem
os.setgroups([])
os.setgid({NOBODY})
os.setuid({NOBODY})
print(node_problem(sys.argv[1]))
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a port to another group")
@pytest.mark.parametrize(
    ("group", "words"),
    [
        (grp.getgrnam("dialout").gr_gid, "run `sudo usermod -aG dialout $USER` and sign in again"),
        (0, 'SUBSYSTEM=="tty", KERNEL=="ttyACM0", MODE="0660"'),
    ],
)
def test_a_port_without_permission_is_said_with_its_group_or_a_udev_rule(group: int, words: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        port = Path(folder) / "ttyACM0"
        port.touch()
        os.chown(port, 0, group)
        port.chmod(0o660)
        done = subprocess.run([sys.executable, "-c", AS_NOBODY, port], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.startswith(f"no permission to open {port}: ") and words in done.stdout


def test_another_process_that_has_a_port_open_is_named(tmp_path: Path) -> None:
    port = tmp_path / "ttyACM0"
    port.touch()
    assert node_problem(str(port)) is None
    with port.open() as opened, subprocess.Popen(["sleep", "60"], stdin=opened) as holder:
        try:
            assert holder_of(str(port)).startswith(f"pid {holder.pid} (")
            assert f"{port} is in use by pid {holder.pid}" in str(node_problem(str(port)))
        finally:
            holder.kill()


def test_a_port_that_is_gone_is_named(tmp_path: Path) -> None:
    assert "does not exist" in str(node_problem(str(tmp_path / "ttyACM0")))


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


MOTORS = {1: "shoulder_pan", 3: "elbow_flex"}
CHECK = "FeetechMotorsBus motor check failed on port '/dev/x':\n"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (DeviceError("as it is"), "as it is"),
        (
            RuntimeError(f"{CHECK}\nMissing motor IDs:\n  - 3 (expected model: 777)\n"),
            "no answer of motor 3 (elbow_flex)",
        ),
        (
            RuntimeError(f"{CHECK}\nMissing motor IDs:\n  - 1 (expected model: 777)\n  - 3 (expected model: 777)\n"),
            "no motor answers at /dev/x",
        ),
        (RuntimeError("Some Motors use different firmware versions:\n{1: '3.10'}"), "different firmware"),
        (
            ConnectionError(
                "Failed to write 'Lock' on id_=3 with '1' after 1 tries. [TxRxResult] There is no status packet!"
            ),
            "motor 3 (elbow_flex) at /dev/x does not answer",
        ),
        (RuntimeError("Failed to read on id_=3. [RxPacketError] Overload error!"), "reports 'Overload error'"),
        (
            ImportError("Install it with: pip install 'lerobot[intelrealsense]' (or uv)"),
            "'lerobot[intelrealsense]>=0.6'",
        ),
        (ImportError("libfoo.so.3: cannot open shared object file"), "a package is missing (libfoo.so.3"),
        (EOFError("EOF when reading a line"), "asks a question on the terminal"),
        (ValueError("first\n  second"), "ValueError: first second"),
    ],
)
def test_what_a_driver_raises_becomes_one_sentence(error: Exception, reason: str) -> None:
    said = explain(error, ["/dev/x"], MOTORS)
    assert reason in said and "\n" not in said


def test_a_missing_display_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    error = ImportError("this platform is not supported: ('failed to acquire X connection: ...')")
    monkeypatch.delenv("DISPLAY", raising=False)
    assert explain(error) == NEEDS_DISPLAY
    assert explain(caused(RuntimeError("no keyboard"), error)) == NEEDS_DISPLAY
