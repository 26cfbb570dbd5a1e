"""prompt_interrupts: let Ctrl-C end a question on the terminal whenever it comes."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator

_AGAIN_S = 0.05
_FOR_S = 2.0


@contextlib.contextmanager
def prompt_interrupts() -> Iterator[None]:
    """Within it, SIGINT raises KeyboardInterrupt in the main thread also while that waits in `input`.

    CPython looks for signals when its wait is interrupted. One that came between the question and the wait, or that the
    system gave to another thread, would be noticed only at the next key. A thread that hears of each SIGINT interrupts
    the wait again, by a signal that does nothing else: a second SIGINT could hit what the first one had begun to clean
    up. Call it in the main thread.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where a shell started all in its background
    signal.signal(signal.SIGUSR1, lambda *_: None)  # stays so: the thread may send one more after the end
    heard, told = os.pipe()
    os.set_blocking(told, False)
    earlier = signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    threading.Thread(target=_pass_on, args=(heard, threading.get_ident()), name="interrupts", daemon=True).start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(earlier)
        os.close(told)  # the thread ends


def _pass_on(heard: int, main: int) -> None:
    while numbers := os.read(heard, 100):
        if signal.SIGINT not in numbers:
            continue
        end = time.monotonic() + _FOR_S
        while time.monotonic() < end:
            time.sleep(_AGAIN_S)
            signal.pthread_kill(main, signal.SIGUSR1)
    os.close(heard)
