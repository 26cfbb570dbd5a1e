"""Run as a process of its own: read what is named, and print what it cost and how it ended, as JSON.

python tests/viewer/measure_a_bomb.py FOLDER {frame|strip|signals|open|take}
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path

import django

django.setup()

from robotdata.dataset.errors import DatasetError  # noqa: E402
from robotdata.dataset.reader import DatasetFolder  # noqa: E402
from viewer.committed_source import CommittedSource  # noqa: E402
from viewer.errors import ViewerError  # noqa: E402
from viewer.filmstrip import make_strip  # noqa: E402
from viewer.frames import read_frame  # noqa: E402
from viewer.sources import FrameSource  # noqa: E402
from viewer.take_source import TakeSource  # noqa: E402


def look(folder: Path, how: str) -> list[str]:
    """What of it cannot be shown, in words."""
    if how == "open":
        return DatasetFolder.open(folder).problems
    source: FrameSource = TakeSource(folder) if how == "take" else CommittedSource(folder, 0)
    problems = list(source.problems)
    try:
        if how == "signals":
            source.signals()
        elif not source.cameras:
            return problems
        elif how == "strip":
            make_strip(source, source.cameras[0].key, 4, 72)
        else:
            read_frame(source, source.cameras[0].key, 0, 72)
    finally:
        source.close()
    return problems


def peak_mb() -> float:
    """The most memory that this program has had. Linux counts in `ru_maxrss` what its parent had at the fork, too."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def main() -> None:
    before, least = resource.getrusage(resource.RUSAGE_SELF), peak_mb()
    try:
        words, ended = look(Path(sys.argv[1]), sys.argv[2]), "read"
    except (ViewerError, DatasetError) as error:
        words, ended = [str(error)], type(error).__name__
    after = resource.getrusage(resource.RUSAGE_SELF)
    cost = {
        "mb": peak_mb() - least,
        "cpu_s": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
    }
    sys.stdout.write(json.dumps({"ended": ended, "words": words, **cost}))


if __name__ == "__main__":
    main()
