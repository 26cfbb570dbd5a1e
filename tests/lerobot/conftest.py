"""A rig of LeRobot's real drivers of arms: arms are programs on serial ports, the rig runs in LeRobot's environment."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from websockets.asyncio.server import serve

from robotdata.spool import read_manifest
from robotdata.video.barcode import Barcode, draw
from robotdata.video.codecs import EncodeSettings
from robotdata.video.encode import encode_frames
from tests.support import lerobot_forks
from tests.support.feetech_arm import Arm
from tests.support.rig_link import Web, soon

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
FRAMES = 3000


def python_of_lerobot() -> Path:
    return Path(os.environ.get("ROBOTDATA_LEROBOT_VENV") or ROOT / ".venv-lerobot") / "bin/python"


@pytest.fixture(scope="session")
def lerobot() -> Path:
    """The Python of the environment with LeRobot's drivers; skips, saying so, where there is none."""
    python = python_of_lerobot()
    if not python.exists():
        pytest.skip(f"no LeRobot at {python}: `make interop` makes it where there is Python 3.12")
    return python


@pytest.fixture(scope="session")
def environment(lerobot: Path) -> dict[str, str]:
    """What LeRobot's Python gets: this checkout, the plug-ins beside this file, and torch's names if it lacks torch."""
    has_torch = subprocess.run([lerobot, "-c", "import torch"], capture_output=True).returncode == 0
    path = [str(ROOT), str(HERE / "plugins"), *([] if has_torch else [str(HERE / "torch_names")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path), "ROBOTDATA_LOG": "INFO", "DISPLAY": ""}


def numbered() -> Iterator[NDArray[np.uint8]]:
    for number in range(FRAMES):
        picture = np.full((64, 288, 3), 90, np.uint8)
        draw(picture, Barcode(number, 0, 0))
        yield picture


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory, lerobot: Path) -> Path:
    """Minutes of frames that say their number."""
    path = tmp_path_factory.mktemp("film") / "numbered.mp4"
    encode_frames(numbered(), path, fps=30, settings=EncodeSettings(codec="h264"))
    return path


class Reader:
    """Reads rig files in LeRobot's environment, without starting a rig."""

    def __init__(self, python: Path, environment: dict[str, str]) -> None:
        command = [python, HERE / "read_rigs.py"]
        self.process = subprocess.Popen(
            command, env=environment, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def problem(self, **changes: Any) -> str:
        """What is wrong with the file of an SO-101 pair, whose tables are changed so (a value None: no such key)."""
        arms = {"robot": ("so101_follower", "/dev/ttyACM0"), "teleoperator": ("so101_leader", "/dev/ttyACM1")}
        tables = {role: {"kind": "lerobot", "type": kind, "port": port} for role, (kind, port) in arms.items()}
        tables = {"rig": {"name": "so101"}, "cameras": {}, **tables, **changes}
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps(tables) + "\n")
        self.process.stdin.flush()
        return str(json.loads(self.process.stdout.readline()))


@pytest.fixture(scope="session")
def reader(lerobot: Path, environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    calibrations = str(tmp_path_factory.mktemp("calibrations"))
    made = Reader(lerobot, environment | {"HF_LEROBOT_CALIBRATION": calibrations})
    yield made
    made.process.kill()
    made.process.communicate()


def toml(value: Any) -> str:
    """A value as TOML writes it in one line."""
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{json.dumps(key)} = {toml(each)}' for key, each in value.items())} }}"
    return json.dumps(value)


SO101: dict[str, type[Arm]] = {"so101_follower": Arm, "so101_leader": Arm}


class ArmRig:
    """A rig file, the process that runs it, and the web that it talks to; `types` has the arms of robot and leader."""

    def __init__(
        self, folder: Path, python: Path, environment: dict[str, str], types: dict[str, type[Arm]] = SO101
    ) -> None:
        self.folder, self.python, self.environment = folder, python, environment
        self.spool, self.file, self.log = folder / "spool", folder / "so101.toml", folder / "rig.log"
        self.web = Web()
        self.impatient = folder / "impatient"
        self.impatient.touch()
        (follower, follower_class), (leader, leader_class) = types.items()
        self.follower, self.leader = follower_class(folder, "my_follower"), leader_class(folder, "my_leader")
        self.robot: dict[str, Any] = self.table(follower, self.follower)
        self.teleoperator: dict[str, Any] = self.table(leader, self.leader)
        self.cameras: dict[str, dict[str, Any]] = {"front": {"kind": "sim", "sync": "tick", "barcode": True}}
        self.rest: dict[str, float] = {}
        self.processors: list[dict[str, Any]] = []
        self.process: subprocess.Popen[bytes] | None = None

    def table(self, kind: str, arm: Arm) -> dict[str, Any]:
        return {
            "kind": "lerobot",
            "type": kind,
            "port": arm.port,
            "id": arm.name,
            "calibration_dir": str(self.folder),
        }

    def write(self) -> None:
        small = {"width": 288, "height": 64}
        tables = {"rig": {"name": "so101", "fps": 30}, "robot": self.robot, "teleoperator": self.teleoperator}
        if self.rest:
            tables["robot.rest"] = {json.dumps(joint): value for joint, value in self.rest.items()}
        tables |= {f"cameras.{name}": small | camera for name, camera in self.cameras.items()}
        lines = []
        for name, table in tables.items():
            lines += [f"[{name}]", *(f"{key} = {toml(value)}" for key, value in table.items())]
        for table in self.processors:
            lines += ["[[processor]]", *(f"{key} = {toml(value)}" for key, value in table.items())]
        self.file.write_text("\n".join(lines) + "\n")

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[ArmRig]:
        self.write()
        async with serve(self.web.handle, "127.0.0.1", 0, compression=None) as server:
            port = server.sockets[0].getsockname()[1]
            program = [self.python, HERE / "rig_program.py", self.file, "--spool", self.spool]
            environment = self.environment | {"IMPATIENT_AT": str(self.impatient)}
            with self.log.open("wb") as log:
                self.process = lerobot_forks.Drivers(
                    [*program, "--url", f"ws://127.0.0.1:{port}/ws/rig/"], env=environment, stderr=log, cwd=self.folder
                )
            try:
                yield self
            finally:
                self.process.kill()
                self.process.wait()

    @property
    def status(self) -> dict[str, Any]:
        heard = self.web.of("status")
        return heard[-1] if heard else {"state": "none"}

    def open_files(self) -> list[str]:
        """The files that the rig's process has open."""
        assert self.process is not None
        found = []
        for each in Path(f"/proc/{self.process.pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                found.append(str(each.readlink()))
        return found

    async def until(self, state: str) -> dict[str, Any]:
        """Wait for a state; return the status that says it."""
        assert self.process is not None
        process = self.process
        await soon(lambda: self.status["state"] == state or process.poll() is not None)
        assert self.status["state"] == state, self.log.read_text()
        return self.status

    async def record(self, ticks: int) -> str:
        """Begin a take, wait until it has so many ticks, and return its id."""
        take = str(uuid.uuid4())
        reply = await self.web.command(take, "record", task="push the cube", take=take)
        assert reply["ok"], reply
        await self.more(ticks)
        return take

    async def more(self, ticks: int) -> None:
        """Wait until the running take has at least so many more ticks than now."""
        now = (self.status["take"] or {"ticks": 0})["ticks"]
        await soon(lambda: self.status["take"] is not None and self.status["take"]["ticks"] >= now + ticks)

    async def more_ticks(self) -> None:
        """Wait until the loop has run for some more ticks, without a take."""
        count = len(self.web.of("telemetry"))
        await soon(lambda: len(self.web.of("telemetry")) > count + 1)

    async def do(self, name: str) -> None:
        assert (await self.web.command(str(uuid.uuid4()), name))["ok"]

    async def kept(self, take: str) -> dict[str, Any]:
        """The manifest of a take that has ended, which must be whole and kept."""
        await soon(lambda: [each for each in self.web.of("take", event="saved") if each["take"]["id"] == take])
        manifest = read_manifest(self.spool / take)
        assert manifest["state"] == "recorded" and manifest["curation"]["verdict"] != "reject"
        return dict(manifest)

    async def stop(self) -> str:
        """End the process as Ctrl-C does; return its log."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        process = self.process
        await soon(lambda: process.poll() is not None)
        return self.log.read_text()

    def close(self) -> None:
        for arm in (self.follower, self.leader):
            arm.close()


@pytest.fixture
def rig(tmp_path: Path, lerobot: Path, environment: dict[str, str]) -> Iterator[ArmRig]:
    """A rig of an SO-101 leader and follower, which is not started."""
    made = ArmRig(tmp_path, lerobot, environment)
    yield made
    made.close()
