"""Starts web, worker and rigs, restarts what dies, ends them in order, leaves no orphan.

Knows processes and nothing else. A child is a Python module run through `robotdata.lifeline`, so that it ends even
when this process is killed. Exit code 2 of a child means "my settings are wrong": it is told once and not
started again, while the others live on.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from robotdata.gate import VARIABLE, Gate

SETTINGS_ARE_WRONG = 2
HEALTHY_AFTER_S = 10.0
_MOST_FILES = 1 << 16
BACKOFF_S = (0.5, 1.0, 2.0, 5.0, 10.0)


@dataclass
class Child:
    """One process: what to run, when it starts, how long it may take to end, and how it fares.

    `start_delay_s` leaves the processor to the other children; `start_delayed` ends the delay. A child with a `gate`
    loads its modules at once and works when the gate is open. It gets `sockets` by their numbers. They stay open while
    it is started again; when it is given up they are closed, so that connections are refused and do not hang.
    """

    name: str
    module: str
    args: Sequence[str]
    grace_s: float = 10.0
    env: dict[str, str] = field(default_factory=dict)
    start_delay_s: float = 0.0
    gate: Gate | None = None
    sockets: Sequence[socket.socket] = ()
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    failures: int = 0
    restart_at: float | None = None

    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None


class Lifeline:
    """A pipe that tells children when this process has ended: they hold its read end, `fd`; nobody else writes."""

    def __init__(self) -> None:
        self.fd, self._held = os.pipe()

    def command(self, module: str, args: Sequence[str], *, python: str = sys.executable) -> list[str]:
        """Return the command that runs a module as a child, to be started with `pass_fds=(fd,)`."""
        return [python, "-m", "robotdata.lifeline", str(self.fd), module, *args]

    def close(self) -> None:
        """End the children that are left."""
        os.close(self._held)
        os.close(self.fd)


class _Stopped(BaseException):
    """A signal asks for the end while `prepare` runs, which must not take it for a failure of its own."""


class Supervisor:
    """Children start in the order given and end in the order given by `ending` (default: reversed)."""

    def __init__(
        self,
        children: Sequence[Child],
        *,
        say: Callable[[str], None],
        ending: Sequence[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.children = list(children)
        self.say = say
        self.ending = list(ending) or [child.name for child in reversed(self.children)]
        self.clock = clock
        self.stopping = False
        self._lifeline = Lifeline()

    def start(self, child: Child) -> None:
        fds = [self._lifeline.fd, *(each.fileno() for each in child.sockets)]
        env = {**os.environ, **child.env}
        if child.gate is not None and not child.gate.is_open:
            fds.append(child.gate.fd)
            env[VARIABLE] = str(child.gate.fd)
        try:
            child.process = subprocess.Popen(
                self._lifeline.command(child.module, child.args),
                env=env,
                pass_fds=fds,
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C reaches us alone: we decide the order of the end
            )
        except OSError as error:  # no more processes, no memory: the others live on
            why = f"{error.strerror}: check `ulimit -u` and free memory"
            self._again(child, f"cannot be started ({why})", "trying again")
            return
        child.started_at = self.clock()
        child.restart_at = None

    def start_all(self) -> None:
        for child in self.children:
            if child.start_delay_s:
                child.restart_at = self.clock() + child.start_delay_s
            else:
                self.start(child)

    def start_delayed(self) -> None:
        """Start the children now whose delay has not passed."""
        for child in self.children:
            if child.restart_at is not None and child.start_delay_s and not child.failures:
                child.restart_at = self.clock()

    def tick(self) -> None:
        """Look after every child once; call it a few times a second."""
        for child in self.children:
            if child.alive():
                if child.failures and self.clock() - child.started_at > HEALTHY_AFTER_S:
                    child.failures = 0
            elif child.process is not None:
                self._died(child, child.process)
            elif child.restart_at is not None and self.clock() >= child.restart_at:
                self.start(child)

    def _died(self, child: Child, process: subprocess.Popen[bytes]) -> None:
        child.process = None
        # A killed worker's encoder and scheduler would continue beside those of the next worker.
        end_group(process.pid)
        code = process.returncode
        if code == SETTINGS_ARE_WRONG:
            for each in child.sockets:
                each.close()
            self.say(f"{child.name} stopped: its settings are wrong (see above). Fix them and start again.")
            return
        self._again(child, f"exited unexpectedly ({ending_of(code)})", "starting it again")

    def _again(self, child: Child, what: str, cure: str) -> None:
        pause = pause_after(child.failures)
        child.failures += 1
        child.restart_at = self.clock() + pause
        self.say(f"{child.name} {what}; {cure} in {pause:g} s.")

    def stop_all(self) -> None:
        """End every child in order: SIGTERM, its grace, then SIGKILL for its whole group."""
        self.stopping = True
        by_name = {child.name: child for child in self.children}
        for name in self.ending:
            self._stop(by_name[name])
        self._lifeline.close()

    def _stop(self, child: Child) -> None:
        process, child.process = child.process, None
        if process is None:
            return
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(child.grace_s)
            except subprocess.TimeoutExpired:
                self.say(f"{child.name} did not stop within {child.grace_s:g} s: killed. Its work continues next time.")
        end_group(process.pid)
        process.wait()

    def run(self, *, prepare: Callable[[], None] = lambda: None, on_tick: Callable[[], None] | None = None) -> None:
        """Until SIGINT or SIGTERM; returns when every child has ended.

        `prepare` runs once the children are started, before they are looked after; what it raises ends them.
        """

        preparing = False

        def stop(_signal: int, _frame: object) -> None:
            nonlocal preparing
            self.stopping = True
            if preparing:
                preparing = False  # a second signal must not disturb the end
                raise _Stopped

        raise_file_limit()
        signal.signal(signal.SIGINT, stop)
        signal.signal(signal.SIGTERM, stop)
        try:
            self.start_all()
            preparing = not self.stopping
            if preparing:
                prepare()
            preparing = False
            while not self.stopping:
                self.tick()
                if on_tick:
                    on_tick()
                time.sleep(0.1)
        except _Stopped:
            pass  # asked for during the preparation: all ends below
        finally:
            preparing = False
            self.stop_all()


def raise_file_limit() -> None:
    """Let this process and its children open as many files as the system allows: each connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        with contextlib.suppress(OSError, ValueError):  # macOS has a lower one that it does not tell
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def pause_after(failures: int) -> float:
    """Return how many seconds to wait before a process is started again that has failed so often before."""
    return BACKOFF_S[min(failures, len(BACKOFF_S) - 1)]


def ending_of(code: int) -> str:
    """Return how a process ended, for a message: "signal SIGKILL" or "exit code 1"."""
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def end_group(leader: int) -> None:
    """What a child left in its group (a worker's pool) goes with it."""
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS says the second of zombies
        os.killpg(leader, signal.SIGKILL)
