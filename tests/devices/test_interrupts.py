"""Ctrl-C ends a question on the terminal, also when it comes before the wait for an answer does."""

from __future__ import annotations

import subprocess
import sys

ASK = """
import signal, threading, time
from robotdata.devices.lerobot.interrupts import prompt_interrupts

def interrupt():
    # Another thread gets it, so that the wait itself is not interrupted: as if it had come just before.
    time.sleep(0.3)
    signal.pthread_kill(threading.get_ident(), signal.SIGINT)

try:
    with prompt_interrupts():
        threading.Thread(target=interrupt).start()
        input("continue? ")
except KeyboardInterrupt:
    try:
        time.sleep(1)  # nothing interrupts what cleans up
        print("released")
    except KeyboardInterrupt:
        print("interrupted again")
"""


def test_an_interrupt_that_the_wait_misses_ends_it() -> None:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", ASK], text=True, **pipes) as program:
        try:
            assert program.wait(60) == 0
            assert program.stdout is not None and program.stdout.read() == "continue? released\n"
        finally:
            program.kill()
