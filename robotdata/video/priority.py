"""Keep encoders from real-time scheduling, and lower the priority of the threads that feed them.

SVT-AV1 requests real-time threads (SCHED_FIFO, priority 99) if its process may have them, as a root process may. A
recorder on the same machine then stalls for hundreds of milliseconds. Without the capability CAP_SYS_NICE the request
fails.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
import threading

_VERSION = 0x20080522
_SYS_NICE = 1 << 23
_NICE_STEPS, _MAX_NICE = 10, 19


def give_up_real_time() -> bool:
    """Give up the right to real-time scheduling for this thread and the threads that it starts (Linux).

    Call it before an encoder is opened; it cannot be undone. Return whether the thread had this right. Raises OSError.
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


def lower_thread_priority() -> None:
    """Lower the priority of this thread below the other threads of its process (Linux).

    It raises the niceness by ten, or uses the scheduler's idle class if that is not possible. The thread still makes
    progress when all cores are busy.
    """
    if not sys.platform.startswith("linux"):
        return
    thread = threading.get_native_id()
    nice = os.getpriority(os.PRIO_PROCESS, thread) + _NICE_STEPS
    if nice <= _MAX_NICE:
        os.setpriority(os.PRIO_PROCESS, thread, nice)
    else:
        os.sched_setscheduler(thread, os.SCHED_IDLE, os.sched_param(0))


def real_time_threads() -> int:
    """Return how many threads of this process have real-time scheduling; 0 if unknown."""
    try:
        tasks = os.listdir("/proc/self/task")  # noqa: PTH208  names, not paths
    except OSError:
        return 0
    count = 0
    for task in tasks:
        try:
            count += os.sched_getscheduler(int(task)) in (os.SCHED_FIFO, os.SCHED_RR)
        except OSError:  # the thread has ended
            continue
    return count
