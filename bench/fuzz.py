"""Mutated takes, datasets and rig messages through start, sweep, pages, API and rebuild: `make fuzz SEED=1 CASES=1000`.

Nothing may end a process, answer 5xx, fail a start, stop a rig's indexing, take 300 MB or 5 s of CPU. Every kind of
failure is printed once, with how to repeat its first case. Exit code 0: none. 1: some. 2: a worker ended early.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))


class Tally:
    """What the workers say, counted; safe from several threads."""

    def __init__(self) -> None:
        self.done = 0
        self.cpu_s = 0.0
        self.kinds: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self._lock = threading.Lock()

    def add(self, said: dict[str, Any]) -> None:
        with self._lock:
            self.done += said.get("done", 0)
            self.cpu_s += said.get("cpu_s", 0.0)
            for failure in said.get("failures", []):
                self.kinds[failure["kind"]].append(failure)


def run(seed: int, first: int, end: int, *, size: int, workers: int, tally: Tally, place: Path) -> bool:
    """Run the cases from `first` to `end`; False where a worker ended early."""
    processes = []
    for number in range(workers):
        command = [sys.executable, str(ROOT / "bench/fuzz_worker.py"), str(place / f"{number}")]
        command += map(str, (seed, size, first, end, workers, number))
        env = os.environ | {"PYTHONPATH": str(ROOT)}
        processes.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env))

    def listen(process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            tally.add(json.loads(line))

    threads = [threading.Thread(target=listen, args=(process,)) for process in processes]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return all(process.wait() == 0 for process in processes)
    finally:
        for process in processes:
            process.terminate()


def main() -> int:
    from bench.fuzz_home import shared_memory

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cases", type=int, default=1000, help="how many (default 1000)")
    parser.add_argument("--first", type=int, default=0, help="the first of them (default 0)")
    parser.add_argument("--only", type=int, help="this case alone")
    parser.add_argument("--group", type=int, default=10, help="how many share a home (default 10)")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args()
    first, end = (asked.first, asked.first + asked.cases) if asked.only is None else (asked.only, asked.only + 1)
    tally, began = Tally(), time.monotonic()
    workers = min(asked.workers, -(-(end - first) // asked.group))
    with tempfile.TemporaryDirectory(prefix="robotdata-fuzz-", dir=shared_memory()) as place:
        whole = run(asked.seed, first, end, size=asked.group, workers=workers, tally=tally, place=Path(place))
    taken = time.monotonic() - began
    for kind, found in sorted(tally.kinds.items(), key=lambda item: -len(item[1])):
        one = min(found, key=lambda failure: failure["case"])
        print(f"{len(found):6d} x {kind}\n         {one['words']}\n         {one.get('what', '')}")
        print(f"         python bench/fuzz.py --seed {asked.seed} --only {one['case']}")
    rate = tally.done / taken
    print(
        f"{tally.done} cases of seed {asked.seed} in {taken:.0f} s, {rate:.1f} a second with {workers} workers "
        f"({tally.cpu_s / max(1, tally.done) * 1e3:.0f} ms CPU a case): {len(tally.kinds)} kinds of failure, "
        f"{sum(map(len, tally.kinds.values()))} failures"
    )
    if not whole or tally.done != end - first:
        print(f"A worker ended early: {tally.done} of {end - first} cases were run", file=sys.stderr)
        return 2
    return 1 if tally.kinds else 0


if __name__ == "__main__":
    sys.exit(main())
