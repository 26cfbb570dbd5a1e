"""`make installed`: the wheel in clean environments, one for each Python that is here, used from the folder /.

The core alone records, encodes and commits a take from `robotdata.rig`; with the web packages the product serves its
sign-in page and static files and does the demo's work. Prints a line a step; exit code 1 where one fails.

    PYTHONS="python3.11 python3.12"   which interpreters to try; all that are found without
"""

from __future__ import annotations

import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

from ports import free_port

ROOT = Path(__file__).resolve().parent.parent
CONSTRAINTS = ["-c", str(ROOT / "constraints.txt")]
VERSIONS = ("3.11", "3.12", "3.13")
READY_WITHIN_S = 120
RECORD = """
import sys, time, importlib.util
from pathlib import Path
from robotdata.capture.config import read_config
from robotdata.dataset import DatasetSpec, commit_episodes, verify_dataset
from robotdata.export import encode_camera, new_episode, plan_take
from robotdata.rig.machine import Machine
from robotdata.rig.protocol import as_command
from robotdata.rig.rig import Rig
from robotdata.spool import Take
from robotdata.video import EncodeSettings

assert importlib.util.find_spec("django") is None, "the core brings Django"
home = Path(sys.argv[1])

def until(true):
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)

machine = Machine(Rig(read_config(None), home / "spool"))
machine.start()
until(lambda: machine.state == "idle" and all(camera.newest for camera in machine.rig.cameras))
machine.execute(as_command("record", task="push"))
until(lambda: machine.take is not None and machine.take.ticks >= 20)
name = machine.take.id
machine.execute(as_command("stop"))
until(lambda: not machine.saving)
machine.stop()
with Take.open(home / "spool" / name) as take:
    plan = plan_take(take, accept_rate=True)
    settings = EncodeSettings(codec="h264")
    encoded = {key: encode_camera(take, plan, key, home / f"{key}.mp4", settings) for key in take.cameras}
    episode = new_episode(take, plan, "push", encoded, name, {})
    spec = DatasetSpec(30, "sim", take.manifest["features"])
commit_episodes(home / "d/cubes", spec, [episode], work=home / "d/.work", revisions=home / "d/.old")
report = verify_dataset(home / "d/cubes", deep=True)
assert not report.problems, report.problems
print(f"{report.frames} frames of {len(encoded)} cameras")
"""


class StepFailed(Exception):
    """A step went wrong; the text says which, and what the program printed."""


def run(*command: str | Path, **more: str) -> str:
    """Run a command from / without this checkout in sight; returns its output, raises StepFailed."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | more
    done = subprocess.run([str(word) for word in command], cwd="/", env=env, capture_output=True, text=True)
    if done.returncode:
        raise StepFailed(f"{command[0]}: exit {done.returncode}\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done.stdout.strip()


def interpreters() -> list[str]:
    """Return a command for each Python that is here and new enough."""
    if named := os.environ.get("PYTHONS"):
        return named.split()
    found = [name for name in map(find, VERSIONS) if name]
    if not found:
        raise StepFailed(f"no Python {', '.join(VERSIONS)} is here")
    return found


def find(version: str) -> str | None:
    """Return an interpreter of this version that starts: a version manager may know a name that it cannot run."""
    name = f"python{version}"
    managed = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    for path in (shutil.which(name), *sorted(map(str, managed.glob(f"{version}*/bin/{name}")), reverse=True)):
        if path and subprocess.run([path, "--version"], capture_output=True).returncode == 0:
            return path
    return None


def make_environment(folder: Path, python: str, *what: str) -> Path:
    """Make a virtual environment with the packages `what`, and return its folder of programs."""
    run(python, "-m", "venv", folder)
    run(folder / "bin/python", "-m", "pip", "install", "-q", "--disable-pip-version-check", *CONSTRAINTS, *what)
    return folder / "bin"


def try_core(python: str, wheel: Path, home: Path) -> None:
    bin_folder = make_environment(home / "core", python, str(wheel))
    print(f"  core: {run(bin_folder / 'python', '-c', RECORD, home / 'core-home')}")
    refused = subprocess.run([bin_folder / "robotdata", "run"], cwd="/", capture_output=True, text=True)
    if refused.returncode != 2 or "[web]" not in refused.stderr:
        raise StepFailed(f"`robotdata run` without web packages: {refused.returncode} {refused.stderr[-500:]}")


def try_web(python: str, wheel: Path, home: Path) -> None:
    bin_folder = make_environment(home / "web", python, f"{wheel}[web]")
    print(f"  web: {run(bin_folder / 'robotdata', '--version')}; {serve(bin_folder / 'robotdata', home / 'web-home')}")
    work = {"PRODUCT": str(bin_folder / "robotdata"), "EPISODES": "1", "TAKE_SECONDS": "2", "ACCEPT_RATE": "1"}
    demo = run(sys.executable, ROOT / "bench/demo.py", **work, CODEC="h264", HOME_DIR=str(home / "demo"))
    print("  demo: " + next((line.strip() for line in demo.splitlines() if "nothing wrong" in line), "done"))


def serve(command: Path, home: Path) -> str:
    """Start the product, ask for pages and files, end it in order; returns what was answered."""
    port = free_port()
    env = {**os.environ, "ROBOTDATA_HOME": str(home), "PYTHONUNBUFFERED": "1"}
    env.pop("PYTHONPATH", None)
    words = [str(command), "run", "--port", str(port), "--no-worker"]
    process = subprocess.Popen(words, cwd="/", env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        wait_for_link(process)
        base = f"http://127.0.0.1:{port}"
        page = fetch(base + "/sign-in/")
        files = sorted(set(re.findall(r'(?:href|src)="(/static/[^"]+)"', page)))
        if not files:
            raise StepFailed("the sign-in page names no static file")
        for file in files:
            fetch(base + file)
    finally:
        process.send_signal(signal.SIGINT)
        status = process.wait(60)
    if status:
        raise StepFailed(f"the product ended with {status}")
    return f"sign-in page and {len(files)} static files"


def wait_for_link(process: subprocess.Popen[str]) -> None:
    """Wait until the product says that it is ready."""
    lines: queue.Queue[str | None] = queue.Queue()
    threading.Thread(target=lambda: [*map(lines.put, process.stdout or ()), lines.put(None)], daemon=True).start()
    deadline, printed = time.monotonic() + READY_WITHIN_S, ""
    while time.monotonic() < deadline:
        try:
            line = lines.get(timeout=0.5)
        except queue.Empty:
            continue
        if line is None:
            break
        printed += line
        if "is ready" in line:
            return
    raise StepFailed(f"the product was not ready within {READY_WITHIN_S} s:\n{printed[-3000:]}")


def fetch(url: str) -> str:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return str(answer.read().decode("utf-8", "replace"))


def main() -> int:
    wheel = max((ROOT / "dist").glob("*.whl"), key=lambda path: path.stat().st_mtime)
    for python in interpreters():
        begin = time.monotonic()
        home = Path(tempfile.mkdtemp(prefix="robotdata-installed-"))
        print(f"{python}: {wheel.name}", flush=True)
        try:
            try_core(python, wheel, home)
            try_web(python, wheel, home)
        except StepFailed as error:
            print(f"FAIL {python}: {error}")
            return 1
        finally:
            shutil.rmtree(home, ignore_errors=True)
        print(f"  ok in {time.monotonic() - begin:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
