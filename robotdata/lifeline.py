"""Runs a module as a child that cannot outlive its supervisor.

`python -m robotdata.lifeline FD MODULE ARGS...`: FD is the read end of a pipe whose write end the supervisor
alone holds. When the supervisor is gone, however it went, the pipe ends: SIGTERM to ourselves, and ten seconds
later SIGKILL, for all that we started too. Portable where pipes are; nothing to configure.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
import time

GRACE_S = 10.0


def hold(fd: int) -> None:
    """Watch the pipe from a thread of our own."""
    os.set_inheritable(fd, False)
    threading.Thread(target=_watch, args=(fd,), name="lifeline", daemon=True).start()


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
    try:
        hold(int(fd))
    except RuntimeError as error:  # words instead of a traceback; the supervisor tries again
        sys.exit(f"{module} cannot start: {error}. The process limit (`ulimit -u` or the container's) is reached")
    sys.argv = [module, *rest]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
