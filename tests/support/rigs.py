"""Real rigs under a real web: each a process of its own, with devices that may be made to misbehave."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from robotdata.spool import BadManifest, NoTake, Take, read_manifest
from robotdata.video.barcode import Barcode, read
from robotdata.video.jpeg import decode_jpeg
from tests.recorder.sockets.conftest import TOKEN, Web
from tests.support import odd_devices, programs
from tests.support.nth_call import ROOT
from tests.support.whole import until as until_at_most

until = partial(until_at_most, within_s=60)
FRONT = "observation.images.front"
TICKED = {"kind": "sim", "barcode": True, "sync": "tick"}
"""A camera whose picture of row n says n, and which take it was."""


def toml(name: str, fps: int, robot: dict[str, Any], teleoperator: dict[str, Any], cameras: dict[str, Any]) -> str:
    """A rig's file."""

    def table(of: str, values: dict[str, Any]) -> str:
        said = {True: "true", False: "false"}
        lines = [f"{key} = {said[value] if isinstance(value, bool) else repr(value)}" for key, value in values.items()]
        return "\n".join([f"[{of}]", *lines])

    small = {"width": 288, "height": 64}
    parts = [table("rig", {"name": name, "fps": fps}), table("robot", robot), table("teleoperator", teleoperator)]
    return "\n".join([*parts, *(table(f"cameras.{key}", {**small, **about}) for key, about in cameras.items())]) + "\n"


class RigProcess:
    """`python -m robotdata.rig`, in the spool of `web`, and what a person does with it by the API."""

    def __init__(self, web: Web, folder: Path, *, fps: int = 30, **parts: Any) -> None:
        self.web, self.spool = web, web.home / "spool"
        self.name = f"rig-{uuid.uuid4().hex[:8]}"
        self.mood = folder / f"{self.name}.mood"
        self.file = folder / f"{self.name}.toml"
        self.log = folder / f"{self.name}.log"
        odd = {"kind": "odd", "mood": str(self.mood)}
        robot, teleoperator = parts.get("robot", {"kind": "sim"}), parts.get("teleoperator", {"kind": "autopilot"})
        cameras = parts.get("cameras", {"front": TICKED})
        chosen = [odd if each == "odd" else each for each in (robot, teleoperator)]
        cameras = {key: odd | each if each.get("kind", "odd") == "odd" else each for key, each in cameras.items()}
        self.file.write_text(toml(self.name, fps, *chosen, cameras))
        self.env = {**os.environ, "ROBOTDATA_RIG_TOKEN": TOKEN, "ROBOTDATA_LOG": "INFO"}
        self.env |= odd_devices.install(folder / "site")
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def command(self) -> list[str]:
        ends = ["--spool", str(self.spool), "--url", f"ws://127.0.0.1:{self.web.port}/ws/rig/"]
        return [sys.executable, "-m", "robotdata.rig", str(self.file), *ends]

    @property
    def pid(self) -> int:
        return self.process.pid if self.process is not None else 0

    def launch(self) -> None:
        with self.log.open("ab") as log:
            self.process = programs.Popen(self.command, cwd=ROOT, env=self.env, stderr=log)

    def start(self) -> RigProcess:
        """Launch it, and wait until it can record."""
        links = self.links()
        self.launch()
        until(lambda: self.links() > links or self.has_ended)
        assert not self.has_ended, self.log.read_text()
        until(lambda: self.state == "idle")
        return self

    @property
    def has_ended(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def links(self) -> int:
        """How often it has said that it found the web."""
        return self.log.read_text().count("connected to the server") if self.log.exists() else 0

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(how)
            self.process.wait(60)
            self.process = None

    # -- what a person sees

    @property
    def said(self) -> dict[str, Any]:
        """The rig as the API shows it; nothing while nobody answers."""
        return self.shown(f"/rigs/{self.name}")

    @property
    def state(self) -> str:
        return str(self.said.get("state"))

    @property
    def status(self) -> dict[str, Any]:
        return self.said.get("status") or {}

    @property
    def message(self) -> str:
        return str(self.status.get("message") or "")

    @property
    def controls(self) -> list[str]:
        """What it may be asked for."""
        return list(self.said.get("controls") or [])

    @property
    def cameras(self) -> list[str]:
        """What is said of its cameras now: of a loop that is late on a busy machine something is always said."""
        return [each["text"] for each in self.warnings if each["camera"]]

    @property
    def warnings(self) -> list[dict[str, Any]]:
        return list(self.status.get("warnings") or [])

    def ticks(self) -> int:
        """How far the running take is, as the page would show it."""
        return int((self.status.get("take") or {}).get("ticks") or 0)

    def episode(self, take: str) -> dict[str, Any]:
        return self.shown(f"/episodes/{take}")

    def shown(self, path: str) -> dict[str, Any]:
        with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
            status, answer = self.web.api("GET", path)
            return dict(answer) if status == 200 else {}
        return {}

    # -- what a person does

    def do(self, name: str) -> tuple[int, Any]:
        return self.heard(f"commands/{name}", {"id": str(uuid.uuid4())})

    def ask_for(self, dataset: str, take: str, **more: Any) -> tuple[int, Any]:
        asked = {"id": str(uuid.uuid4()), "dataset": dataset, "task": "push the cube", "countdown_s": 0, "take": take}
        return self.heard("record", asked | more)

    def heard(self, what: str, body: dict[str, Any]) -> tuple[int, Any]:
        """What the rig says to it. A machine so busy that it is silent for two seconds is asked again, as the page
        tells people to: the id makes it one."""

        def answer() -> tuple[int, Any] | None:
            status, said = self.web.api("POST", f"/rigs/{self.name}/{what}", body)
            silent = status != 200 and said["error"]["code"] in ("offline", "no_answer")
            return None if silent and not self.has_ended else (status, said)

        status, said = until(answer)
        return int(status), said

    def record(self, dataset: str, **more: Any) -> str:
        """A take that has begun; its id."""
        take = str(uuid.uuid4())
        status, said = self.ask_for(dataset, take, **more)
        assert status == 200, said
        return take

    def ended(self, take: str) -> dict[str, Any]:
        """The manifest of a take, as soon as it has ended and the list says so, too."""

        def found() -> dict[str, Any] | None:
            with contextlib.suppress(NoTake, BadManifest):
                manifest = read_manifest(self.spool / take)
                episode = self.episode(take)
                same = (episode.get("state"), episode.get("ticks")) == (manifest["state"], manifest["ticks"])
                return manifest if same and manifest["state"] != "recording" else None
            return None

        return dict(until(found))

    def written(self, take: str, rows: int) -> None:
        """Wait until so many rows of a running take are in its file."""
        path = self.spool / take / "rows.arrow"
        until(lambda: path.exists() and rows_in(self.spool / take) >= rows)


def rows_in(folder: Path) -> int:
    with contextlib.suppress(Exception), Take.open(folder) as take:
        return take.ticks
    return 0


def new_dataset(web: Web, title: str) -> str:
    """A dataset that nobody else uses; its slug."""
    status, made = web.api("POST", "/datasets", {"title": f"{title} {uuid.uuid4().hex[:6]}"})
    assert status == 201, made
    return str(made["slug"])


def shown_at_rows(folder: Path, key: str = FRONT) -> list[Barcode]:
    """What the picture of each row says."""
    with Take.open(folder) as take:
        camera = take.camera(key)
        return [read(decode_jpeg(camera.packet(int(index)))) for index in take.frame_index(key)]


def stored(folder: Path, key: str = FRONT) -> list[Barcode]:
    """What every stored picture says, whether a row shows it or not."""
    with Take.open(folder) as take:
        camera = take.camera(key)
        return [read(decode_jpeg(camera.packet(index))) for index in range(camera.count)]


def ticks_gone_unsaid(folder: Path) -> int:
    """How many more ticks an ended take's clock has seen than there are rows and ticks counted as dropped; its first
    and last may each be late by one or two."""
    with Take.open(folder) as take:
        times, fps = take.column("monotonic_ns"), float(take.manifest["fps"])
        due = (int(times[-1]) - int(times[0])) * fps / 1e9
        return round(due) - (take.ticks - 1) - int(take.manifest["counters"]["dropped_ticks"])


@contextlib.contextmanager
def running(web: Web, folder: Path, **parts: Any) -> Iterator[RigProcess]:
    rig = RigProcess(web, folder, **parts)
    try:
        yield rig.start()
    finally:
        rig.end(signal.SIGKILL)


def running_odd(web: Web, folder: Path) -> contextlib.AbstractContextManager[RigProcess]:
    """A rig whose devices do what a test tells them: its robot and its only camera."""
    return running(web, folder, robot="odd", teleoperator="odd", cameras={"front": {"kind": "odd"}})
