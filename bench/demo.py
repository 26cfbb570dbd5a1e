"""`make demo`: the main job, headless, against the real processes and through the API alone.

Starts web, worker and rig on a free port in a home of its own, records takes, rejects one, encodes the rest as one
batch, verifies the folder and prints what came of it. Exit code 1 where anything is off. From the environment:

    EPISODES=2      how many episodes the dataset has in the end (one more is recorded, and rejected)
    TAKE_SECONDS=3  how long each take is; of real footage 8, or the episode's own length where that is shorter
    SOURCE=FOLDER   a LeRobotDataset v3.0 folder whose footage the rig plays, instead of the simulated robot
    CODEC=h264      what to encode with
    ACCEPT_RATE=1   keep takes even where a busy machine held the loop back by more than a tenth of its rate
    HOME_DIR=DIR    where everything goes and stays; a new temporary folder without
    PRODUCT=COMMAND an installed `robotdata` to try, from the folder /, instead of this checkout's manage.py
"""

from __future__ import annotations

import http.cookiejar
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ports import free_port

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from robotdata.dataset.reader import DatasetFolder  # noqa: E402

# Generous: a slow machine is slow, not wrong. Whoever wants the whole bounded runs it under `timeout`.
ENCODE_WITHIN_S = 1200.0
START_WITHIN_S = 300.0
ANSWER_WITHIN_S = 120.0
INSTALLED = os.environ.get("PRODUCT")
PRODUCT = [INSTALLED] if INSTALLED else [sys.executable, "manage.py"]
FOLDER = Path("/") if INSTALLED else ROOT


class DemoFailed(Exception):
    """Something is off; the text says what."""


class Browser:
    """Signs in with the printed link, then calls the API as a page does: with its session and its CSRF token."""

    def __init__(self, link: str) -> None:
        self.base = link.split("/sign-in/")[0]
        self.cookies = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies), NoRedirect())
        try:
            self.opener.open(link, timeout=ANSWER_WITHIN_S)
        except urllib.error.HTTPError as answer:
            if answer.code != 302:
                raise DemoFailed(f"the sign-in link was answered {answer.code}") from answer

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.base}/api{path}", data, method=method)
        request.add_header("Content-Type", "application/json")
        request.add_header(
            "X-CSRFToken", next((c.value or "" for c in self.cookies if c.name.startswith("robotdata_csrf")), "")
        )
        try:
            with self.opener.open(request, timeout=ANSWER_WITHIN_S) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def must(self, method: str, path: str, body: Any = None) -> Any:
        status, answer = self.ask(method, path, body)
        if status >= 300:
            raise DemoFailed(f"{method} {path}: {status} {answer['error']['message']}")
        return answer

    def until(self, path: str, good: Callable[[Any], bool], within_s: float, what: str) -> Any:
        deadline, answer = time.monotonic() + within_s, None
        while time.monotonic() < deadline:
            status, answer = self.ask("GET", path)
            if status < 300 and good(answer):
                return answer
            time.sleep(0.1)
        raise DemoFailed(f"waited {within_s:g} s for {what}; last seen: {json.dumps(answer)[:600]}")


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


@dataclass
class Stages:
    """How long each part took."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def measure(self, name: str) -> Any:
        began = time.monotonic()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.monotonic() - began


@dataclass(frozen=True)
class Wanted:
    """What the environment asks for."""

    episodes: int
    seconds: list[float]
    rig: str | None
    codec: str | None
    home: Path

    @classmethod
    def read(cls) -> Wanted:
        episodes = int(os.environ.get("EPISODES") or 2)
        source, codec = os.environ.get("SOURCE"), os.environ.get("CODEC") or None
        home = Path(os.environ.get("HOME_DIR") or tempfile.mkdtemp(prefix="robotdata-demo-")).resolve()
        home.mkdir(parents=True, exist_ok=True)
        seconds = [float(os.environ.get("TAKE_SECONDS") or (8 if source else 3))] * (episodes + 1)
        if not source:
            return cls(episodes, seconds, None, codec, home)
        dataset = DatasetFolder.open(Path(source).resolve())
        rig = home / "replay.toml"
        rig.write_text(replay_toml(dataset))
        lengths = [episode.length / dataset.fps for episode in dataset.episodes]
        seconds = [min(most, lengths[number % len(lengths)]) for number, most in enumerate(seconds)]
        return cls(episodes, seconds, str(rig), codec, home)


def replay_toml(dataset: DatasetFolder) -> str:
    """A rig that plays this dataset."""
    path = json.dumps(str(dataset.root))
    lines = ["[rig]", 'name = "replay"', f"fps = {dataset.fps}"]
    for role in ("robot", "teleoperator"):
        lines += [f"[{role}]", 'kind = "replay"', f"path = {path}"]
    for key in dataset.camera_keys:
        height, width = dataset.features[key]["shape"][:2]
        lines += [f"[cameras.{key.rpartition('.')[2]}]", 'kind = "replay"', f"path = {path}"]
        lines += [f"feature = {json.dumps(key)}", f"width = {width}", f"height = {height}"]
    return "\n".join(lines) + "\n"


@contextmanager
def product(wanted: Wanted) -> Any:
    """`manage.py run` as a person starts it; yields the printed sign-in link."""
    port = free_port()
    command = [*PRODUCT, "run", "--port", str(port)]
    command += ["--rig", wanted.rig] if wanted.rig else []
    env = {**os.environ, "ROBOTDATA_HOME": str(wanted.home), "PYTHONUNBUFFERED": "1"}
    log = (wanted.home / "demo.log").open("w")
    process = subprocess.Popen(command, cwd=FOLDER, env=env, stdout=subprocess.PIPE, stderr=log, text=True)
    lines: queue.Queue[str] = queue.Queue()
    threading.Thread(target=lambda: [lines.put(line) for line in process.stdout or ()], daemon=True).start()
    try:
        yield sign_in_link(process, lines)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(START_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            say(f"The product did not end within {START_WITHIN_S:g} s of Ctrl-C; it was killed.")
        log.close()


def sign_in_link(process: subprocess.Popen[str], lines: queue.Queue[str]) -> str:
    deadline = time.monotonic() + START_WITHIN_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            line = lines.get(timeout=0.2)
        except queue.Empty:
            continue
        if "/sign-in/?code=" in line:
            return line.split()[-1]
    raise DemoFailed(f"the product printed no sign-in link within {START_WITHIN_S:g} s")


def record_takes(browser: Browser, wanted: Wanted, slug: str) -> list[dict[str, Any]]:
    """One take after the other, as fast as the rig allows."""
    rigs = browser.until(
        "/rigs", lambda page: any(rig["state"] == "idle" for rig in page["items"]), START_WITHIN_S, "an idle rig"
    )
    name = next(rig["name"] for rig in rigs["items"] if rig["state"] == "idle")
    takes, session = [], ""
    for number, seconds in enumerate(wanted.seconds):
        take = str(uuid.uuid4())
        body = {"dataset": slug, "task": "move the object", "countdown_s": 0, "episode_s": seconds, "take": take}
        session = browser.must("POST", f"/rigs/{name}/record", body)["session"]
        say(f"  take {number + 1} of {len(wanted.seconds)}: {seconds:.1f} s")
        episode = browser.until(f"/episodes/{take}", has_ended, seconds + ANSWER_WITHIN_S, "the take's end")
        takes.append(episode)
        browser.until(f"/rigs/{name}", lambda rig: "record" in rig["controls"], ANSWER_WITHIN_S, "the rig to be ready")
    browser.must("POST", f"/sessions/{session}/end")
    return takes


def has_ended(episode: dict[str, Any]) -> bool:
    return episode["state"] in {"recorded", "interrupted"}


def review(browser: Browser, takes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Reject the first, keep the others; the rejected is in the trash."""
    rejected, *kept = takes
    browser.must("PATCH", f"/episodes/{rejected['id']}", {"verdict": "reject", "version": rejected["version"]})
    browser.must("POST", "/episodes/verdict", {"episodes": [take["id"] for take in kept], "verdict": "keep"})
    if os.environ.get("ACCEPT_RATE"):
        for take in kept:
            browser.must("PATCH", f"/episodes/{take['id']}", {"labels": ["rate accepted"]})
    if browser.must("GET", "/trash")["episodes"] != 1:
        raise DemoFailed("the rejected take is not in the trash")
    return kept


def encode(browser: Browser, slug: str) -> None:
    batch = browser.must("POST", f"/datasets/{slug}/encode", {})
    over = {"done", "failed", "cancelled"}
    ended = browser.until(f"/operations/{batch['id']}", lambda b: b["state"] in over, ENCODE_WITHIN_S, "the batch")
    if ended["state"] != "done" or ended["error"]:
        raise DemoFailed(f"the batch is {ended['state']}: {ended['error']}")


def check(browser: Browser, wanted: Wanted, slug: str, kept: list[dict[str, Any]]) -> dict[str, Any]:
    """The dataset has what was kept and nothing else, and its folder has nothing wrong."""
    dataset = dict(browser.must("GET", f"/datasets/{slug}"))
    if (dataset["total_episodes"], dataset["problem"]) != (len(kept), ""):
        raise DemoFailed(f"{dataset['total_episodes']} episodes of {len(kept)}; {dataset['problem']}")
    committed = browser.must("GET", f"/episodes?dataset={slug}&state=encoded")["items"]
    if {episode["id"] for episode in committed} != {take["id"] for take in kept}:
        raise DemoFailed("the committed episodes are not those that were kept")
    env = {**os.environ, "ROBOTDATA_HOME": str(wanted.home)}
    done = subprocess.run([*PRODUCT, "verify", slug, "--deep"], cwd=FOLDER, env=env, capture_output=True, text=True)
    if done.returncode:
        raise DemoFailed(f"verify found: {done.stdout}{done.stderr}")
    say("  " + done.stdout.strip().splitlines()[-1])
    return dataset


def report(dataset: dict[str, Any], takes: list[dict[str, Any]], stages: Stages) -> None:
    frames = dataset["total_frames"]
    say("")
    say(f"{'take':10} {'verdict':8} {'ticks':>6} {'Hz':>7}")
    for number, take in enumerate(takes):
        say(f"{take['id'][:8]:10} {'reject' if not number else 'keep':8} {take['ticks']:6} {take['rate_hz'] or 0:7.2f}")
    say("")
    say(f"{'stage':10} {'seconds':>8}")
    for name, seconds in stages.seconds.items():
        say(f"{name:10} {seconds:8.2f}")
    say("")
    say(f"{dataset['total_episodes']} episodes, {frames} frames, {dataset['encoding']['codec']}")
    say(dataset["path"])


def say(text: str) -> None:
    print(text, flush=True)


def main() -> int:
    # `timeout` ends us like this: the product must end, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("The demo was ended from outside."))
    wanted, stages = Wanted.read(), Stages()
    say(f"Home: {wanted.home}")
    try:
        with stages.measure("start"):
            running = product(wanted)
            link = running.__enter__()
        try:
            browser = Browser(link)
            title = {"title": f"Demo {time.strftime('%H:%M:%S')}"}
            encoding = {"encoding": {"codec": wanted.codec}} if wanted.codec else {}
            slug = browser.must("POST", "/datasets", {**title, **encoding})["slug"]
            with stages.measure("record"):
                takes = record_takes(browser, wanted, slug)
            with stages.measure("review"):
                kept = review(browser, takes)
            with stages.measure("encode"):
                encode(browser, slug)
            with stages.measure("verify"):
                dataset = check(browser, wanted, slug, kept)
        finally:
            running.__exit__(None, None, None)
    except (DemoFailed, OSError) as error:  # the latter: an answer that did not come in time
        say(f"The demo failed: {error}\nWhat the processes said is in {wanted.home / 'demo.log'}.")
        return 1
    report(dataset, takes, stages)
    return 0


if __name__ == "__main__":
    sys.exit(main())
