from __future__ import annotations

import os
import subprocess
import sys

import pytest

CODE = """
import av, numpy as np
from robotdata.video.priority import real_time_threads, give_up_real_time
give_up_real_time()
assert not give_up_real_time()
with av.open("/dev/null", "w", format="matroska") as out:
    stream = out.add_stream("libsvtav1", rate=30, options={"preset": "12"})
    stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
    for _ in range(3):
        out.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8))))
    print("real-time", real_time_threads())
    out.mux(stream.encode())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux has these capabilities")
def test_it_keeps_an_av1_encoder_among_the_ordinary_threads() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert "real-time 0" in done.stdout


GIVING_WAY = """
import os
from robotdata.video.prefetch import Prefetcher
os.nice({nice})
def seen():
    for _ in range(2):
        yield os.getpriority(os.PRIO_PROCESS, __import__("threading").get_native_id()), os.sched_getscheduler(0)
with Prefetcher(seen(), 1) as ahead:
    print(set(ahead), os.getpriority(os.PRIO_PROCESS, 0), os.sched_getscheduler(0))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux has a priority for each thread")
@pytest.mark.parametrize("nice", [0, 19])
def test_what_feeds_an_encoder_goes_behind_it(nice: int) -> None:
    code = GIVING_WAY.replace("{nice}", str(nice))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    own = min(19, os.nice(0) + nice)  # these tests themselves may run behind others
    theirs = (19, 5) if own == 19 else (min(19, own + 10), 0)
    assert done.stdout.strip() == f"{ {theirs}!r} {own} 0"
