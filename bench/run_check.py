"""`make run`, as a person starts it: does a page come, and does Ctrl-C end everything in order?

With a home and a port of its own. Waits, within generous bounds, for the printed link; then asks for /healthz, the
sign-in page and, signed in, the home page; then interrupts, and waits until every process that it started is gone.
Exit code 1 where anything of this fails; what the processes said is printed then.
"""

from __future__ import annotations

import http.cookiejar
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

from ports import free_port

ROOT = Path(__file__).resolve().parent.parent
LINK_WITHIN_S, PAGE_WITHIN_S, END_WITHIN_S = 600.0, 120.0, 180.0


class RunFailed(Exception):
    """Something is off; the text says what."""


class MakeRun:
    """`make run` in a process group of its own, and what it says."""

    def __init__(self, home: str, port: int) -> None:
        make = ["make", "--no-print-directory", "run", f"PORT={port}"]
        env = {**os.environ, "ROBOTDATA_HOME": home, "PYTHONUNBUFFERED": "1"}
        self.process = subprocess.Popen(
            make,
            cwd=ROOT,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self.process.stdout or ():
            self.lines.append(line)

    @property
    def said(self) -> str:
        return "".join(self.lines)

    def link(self) -> str:
        """The printed sign-in link."""
        deadline = time.monotonic() + LINK_WITHIN_S
        while time.monotonic() < deadline:
            if found := re.search(r"http://\S+/sign-in/\?code=\S+", self.said):
                return found.group(0)
            if self.process.poll() is not None:
                raise RunFailed(f"make run ended with {self.process.returncode} before it printed its address")
            time.sleep(0.2)
        raise RunFailed(f"no address was printed within {LINK_WITHIN_S:g} s")

    def interrupt(self) -> None:
        """Ctrl-C: the whole group gets it, as from a terminal. Raises RunFailed where somebody stays."""
        os.killpg(self.process.pid, signal.SIGINT)
        deadline = time.monotonic() + END_WITHIN_S
        while time.monotonic() < deadline:
            if self.process.poll() is not None and not self._anybody():
                return
            time.sleep(0.2)
        raise RunFailed(f"{END_WITHIN_S:g} s after Ctrl-C not every process is gone")

    def kill(self) -> None:
        if self.process.poll() is None or self._anybody():
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def _anybody(self) -> bool:
        try:
            os.killpg(self.process.pid, 0)
        except ProcessLookupError:
            return False
        return True


def must_answer(opener: urllib.request.OpenerDirector, address: str) -> str:
    """The page at `address`, asked for again until it answers 200."""
    deadline, last = time.monotonic() + PAGE_WITHIN_S, ""
    while time.monotonic() < deadline:
        try:
            with opener.open(address, timeout=30) as answer:
                if answer.status == 200:
                    return str(answer.read().decode())
                last = str(answer.status)
        except (urllib.error.URLError, OSError) as error:
            last = str(error)
        time.sleep(0.5)
    raise RunFailed(f"{address.split('?')[0]} did not answer 200 within {PAGE_WITHIN_S:g} s; last: {last}")


def check(run: MakeRun, port: int) -> None:
    link = run.link()
    base = f"http://127.0.0.1:{port}"
    stranger = urllib.request.build_opener()
    must_answer(stranger, f"{base}/healthz")
    if "<form" not in must_answer(stranger, f"{base}/sign-in/"):
        raise RunFailed("the sign-in page has no form")
    person = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
    must_answer(person, link)
    if "Sign out" not in must_answer(person, f"{base}/"):
        raise RunFailed("the link signs nobody in")
    run.interrupt()
    if "Stopped." not in run.said or "Traceback" in run.said:
        raise RunFailed("it did not end in order")
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            raise RunFailed(f"port {port} is still answered")


def main() -> int:
    home, port = tempfile.mkdtemp(prefix="robotdata-run-"), free_port()
    run = MakeRun(home, port)
    try:
        check(run, port)
    except RunFailed as error:
        print(f"make run: {error}. It said:\n{run.said}")
        return 1
    finally:
        run.kill()
        shutil.rmtree(home, ignore_errors=True)
    print("make run: a live page, signed in, and everything ended in order")
    return 0


if __name__ == "__main__":
    sys.exit(main())
