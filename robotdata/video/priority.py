"""Encoders stay ordinary processes, also where everything runs as root; what feeds them goes behind them.

SVT-AV1 asks for real-time threads (SCHED_FIFO, priority 99) whenever its process may have them, and a root process
may: the recorder beside it then stands still for hundreds of milliseconds. Without the capability it cannot.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
import threading

_VERSION = 0x20080522
_SYS_NICE = 1 << 23
_STEPS, _NICEST = 10, 19


def stay_ordinary() -> bool:
    """Give up, for this thread and all that it starts, the right to real-time scheduling (Linux).

    To be called before an encoder is opened; it cannot be undone. True where there was such a right.
    """
    if not sys.platform.startswith("linux"):
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    header = ctypes.create_string_buffer(struct.pack("<II", _VERSION, 0))
    data = ctypes.create_string_buffer(24)
    if libc.capget(header, data) != 0:
        return False
    sets = list(struct.unpack("<6I", data.raw[:24]))
    had = bool(sets[0] & _SYS_NICE)
    # Effective, permitted and inheritable of the first 32 capabilities.
    sets[:3] = [each & ~_SYS_NICE for each in sets[:3]]
    if had and libc.capset(header, ctypes.create_string_buffer(struct.pack("<6I", *sets))) != 0:
        raise OSError(ctypes.get_errno(), "cannot give up CAP_SYS_NICE")
    return had


def give_way() -> None:
    """Lower the priority of this thread below the others of its process (Linux): by ten steps of niceness or, if there
    are no ten left, by the scheduler's idle class. It still makes progress when everything is busy."""
    if not sys.platform.startswith("linux"):
        return
    thread = threading.get_native_id()
    nice = os.getpriority(os.PRIO_PROCESS, thread) + _STEPS
    if nice <= _NICEST:
        os.setpriority(os.PRIO_PROCESS, thread, nice)
    else:
        os.sched_setscheduler(thread, os.SCHED_IDLE, os.sched_param(0))


def real_time_threads() -> int:
    """Return how many threads of this process are scheduled before all ordinary ones; 0 if unknown."""
    try:
        tasks = os.listdir("/proc/self/task")  # noqa: PTH208  names, not paths
    except OSError:
        return 0
    found = 0
    for task in tasks:
        try:
            found += os.sched_getscheduler(int(task)) in (os.SCHED_FIFO, os.SCHED_RR)
        except OSError:  # it has just ended
            continue
    return found
