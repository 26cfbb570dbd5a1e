"""Runs a module as a child that cannot outlive its supervisor.

`python -m robotdata.lifeline FD MODULE ARGS...`: FD is the read end of a pipe whose write end the supervisor
alone holds. When the supervisor is gone, however it went, the pipe ends: SIGTERM to ourselves, and ten seconds
later SIGKILL, for all that we started too. Portable where pipes are; nothing to configure.

A child that replaces itself by another program (`os.execve`) takes the lifeline along with `python_command`.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
import time
from collections.abc import Sequence

GRACE_S = 10.0
_held: list[int] = []


def hold(fd: int) -> None:
    """Watch the pipe from a thread of our own."""
    os.set_inheritable(fd, False)
    _held[:] = [fd]
    threading.Thread(target=_watch, args=(fd,), name="lifeline", daemon=True).start()


def python_command(module: str, arguments: Sequence[str]) -> list[str]:
    """Return the arguments with which a Python runs a module in this process's place, with its lifeline if it has one.

    Call it right before `os.execve`.
    """
    if not _held:
        return ["-m", module, *arguments]
    os.set_inheritable(_held[0], True)
    return ["-m", "robotdata.lifeline", str(_held[0]), module, *arguments]


def _watch(fd: int) -> None:
    while os.read(fd, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_S)
    if os.getpgrp() == os.getpid():  # the group is ours alone: what we started goes with us
        os.killpg(0, signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    fd, module, *rest = sys.argv[1:]
    from robotdata import lifeline  # the module itself, which others import; this one is `__main__`

    try:
        lifeline.hold(int(fd))
    except RuntimeError as error:  # words instead of a traceback; the supervisor tries again
        sys.exit(f"{module} cannot start: {error}. The process limit (`ulimit -u` or the container's) is reached")
    sys.argv = [module, *rest]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
