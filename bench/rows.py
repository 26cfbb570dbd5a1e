"""Reading and encoding the rows of a long take: 20 minutes at 30 Hz, 28 signals, 3 cameras.

Arrow reads the same file for comparison, without any checksum. `signals` is what the plots ask for, from the disk to
the bytes that go to the browser.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
ROWS, JOINTS, AGAIN = 36_000, 14, 5
CAMERAS = tuple(f"observation.images.{name}" for name in ("front", "top", "wrist"))


def make_take(folder: Path) -> None:
    from robotdata.capture.records import Row
    from robotdata.spool import TakeWriter
    from robotdata.video.jpeg import encode_jpeg

    numbers = {"dtype": "float32", "shape": [JOINTS], "names": [f"joint{i}.pos" for i in range(JOINTS)]}
    video = {"dtype": "video", "shape": [48, 64, 3], "names": ["height", "width", "channels"]}
    features = {"action": numbers, "observation.state": numbers, **dict.fromkeys(CAMERAS, video)}
    about = {key: {"codec": "mjpeg", "width": 64, "height": 48} for key in CAMERAS}
    facts = {"fps": 30, "task": "bench", "dataset": "bench", "recorded_action": "sent"}
    writer = TakeWriter(folder, facts, features, about)
    packet = encode_jpeg(np.zeros((48, 64, 3), np.uint8))
    for tick in range(ROWS):
        now = 5_000_000_000 + tick * 1_000_000_000 // 30
        if not tick % 300:
            for key in CAMERAS:
                writer.add_frame(key, tick, now, packet)
        joints = np.sin(np.arange(JOINTS) + tick / 40).astype(np.float32)
        frames = {key: (tick // 300 * 300, now) for key in CAMERAS}
        values = {"action": joints, "action/requested": joints, "observation.state": joints}
        writer.add_row(Row(tick, now, now, values, frames))
    writer.finish()


def read_by_arrow(path: Path) -> Any:
    import pyarrow as pa

    with pa.OSFile(str(path), "rb") as source, pa.ipc.open_stream(source) as stream:
        return stream.read_all()


def encode_us() -> float:
    """What a tick of the loop pays for its row, without the write."""
    from robotdata.capture.records import Row
    from robotdata.spool.rows import RowEncoder, columns_of

    numbers = {"dtype": "float32", "shape": [JOINTS], "names": None}
    features = {"action": numbers, "observation.state": numbers}
    encoder = RowEncoder(columns_of(features, CAMERAS, both_actions=True))
    joints = np.zeros(JOINTS, np.float32)
    values = {"action": joints, "action/requested": joints, "observation.state": joints}
    row = Row(1, 1, 1, values, dict.fromkeys(CAMERAS, (1, 1)))
    return round(best_s(lambda: [encoder.encode(row) for _ in range(1000)]) * 1e3, 1)


def best_s(work: Callable[[], object]) -> float:
    times = []
    for _ in range(AGAIN):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return round(min(times), 4)


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "robotdata.settings")
    from robotdata.spool import rows as row_files
    from viewer.signals import pack_signals
    from viewer.take_source import TakeSource

    with tempfile.TemporaryDirectory() as home:
        folder = Path(home) / "00000000-0000-4000-8000-000000000000"
        make_take(folder)
        path = folder / "rows.arrow"
        slow, by_arrow = best_s(lambda: read_by_arrow(path)), read_by_arrow(path)
        quick, stored = best_s(lambda: row_files.read_rows(path)), row_files.read_rows(path)
        report: dict[str, Any] = {
            "rows": ROWS,
            "signals": 2 * JOINTS,
            "bytes": path.stat().st_size,
            "encode_us_a_row": encode_us(),
            "arrow_s": slow,
            "read_rows_s": quick,
            "ratio": round(slow / quick, 1),
            "us_a_row": round(quick / ROWS * 1e6, 2),
            "same": stored.clean and stored.table.num_rows == ROWS and stored.table.equals(by_arrow),
            "open_and_signals_s": best_s(lambda: pack_signals(TakeSource(folder))),
        }
    report["ok"] = bool(report["same"] and quick < 0.5)
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
