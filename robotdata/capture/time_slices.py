"""Ask the scheduler to run a thread soon after it wakes, although others have all processors.

Linux 6.12 and later lets a thread that has just woken interrupt another one whose time slice is longer. A thread of the
usual slice (2.8 ms and more) waits instead for the next timer interrupt, up to 4 ms. Any thread may ask for shorter
slices; its share of the processor stays the same. See "Base slice" and `sched_attr::sched_runtime` in the Linux
kernel's `Documentation/scheduler/sched-eevdf.rst` and in `sched_setattr(2)`.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import sys
import threading

SHORTEST_NS = 100_000
"""The shortest slice that Linux gives."""

_SET, _GET = {"x86_64": (314, 315), "aarch64": (274, 275), "riscv64": (274, 275)}.get(platform.machine(), (0, 0))
# size, policy, flags, nice, priority, runtime, deadline, period: the first version of `struct sched_attr`.
_ATTRIBUTES = struct.Struct("=IIQiIQQQ")


def ask_for_short_slices() -> bool:
    """Ask for the shortest slices for this thread; return whether the system takes such requests.

    An older Linux takes the request and does not follow it. Other systems have none.
    """
    if not _SET or not sys.platform.startswith("linux") or os.sched_getscheduler(0) != os.SCHED_OTHER:
        return False
    nice = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    wanted = _ATTRIBUTES.pack(_ATTRIBUTES.size, os.SCHED_OTHER, 0, nice, 0, SHORTEST_NS, 0, 0)
    return int(ctypes.CDLL(None).syscall(_SET, 0, wanted, 0)) == 0


def slice_ns() -> int:
    """Return the length of this thread's slices in nanoseconds; 0 where the system does not tell it."""
    told = ctypes.create_string_buffer(_ATTRIBUTES.size)
    if not _GET or not sys.platform.startswith("linux") or ctypes.CDLL(None).syscall(_GET, 0, told, len(told), 0):
        return 0
    return int(_ATTRIBUTES.unpack(told.raw)[5])
