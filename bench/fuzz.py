"""Mutated takes, datasets and rig messages through start, sweep, pages, API and rebuild: `make fuzz SEED=1 CASES=1000`.

Nothing may end a process, answer 5xx, fail a start, stop a rig's indexing, take 300 MB or 5 s of CPU. Every kind of
failure is printed once, with how to repeat its first case. Exit code 0: none. 1: some. 2: a worker ended early.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Asked:
    """Which cases are run: those from `first` to `end` of `seed`, of some `kinds` (none: all), `size` in a home."""

    seed: int
    first: int
    end: int
    kinds: tuple[str, ...] = ()
    size: int = 30
    workers: int = 1


def run(asked: Asked, tally: Tally, place: Path) -> bool:
    """Run the cases; False where a worker ended early."""
    processes = []
    for number in range(asked.workers):
        command = [sys.executable, str(ROOT / "bench/fuzz_worker.py"), str(place / f"{number}")]
        command += map(str, (asked.seed, asked.size, asked.first, asked.end, asked.workers, number))
        command += asked.kinds
        env = os.environ | {"PYTHONPATH": str(ROOT)}
        processes.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env))

    def listen(process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout as lines:
            for line in lines:
                tally.add(json.loads(line))

    threads = [threading.Thread(target=listen, args=(process,), daemon=True) for process in processes]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return all(process.wait() == 0 for process in processes)
    except KeyboardInterrupt:  # told to end: what was found until now is printed
        return False
    finally:
        for process in processes:
            process.terminate()


def main() -> int:
    from bench.fuzz_cases import KINDS_OF_CASE
    from tests.support.fuzz_home import shared_memory

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cases", type=int, default=1000, help="how many (default 1000)")
    parser.add_argument("--first", type=int, default=0, help="the first of them (default 0)")
    parser.add_argument("--only", type=int, help="this case alone")
    parser.add_argument("--group", type=int, default=30, help="how many share a home (default 30)")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--kinds", nargs="+", default=(), choices=sorted(KINDS_OF_CASE), help="of these kinds alone")
    said = parser.parse_args()
    first, end = (said.first, said.first + said.cases) if said.only is None else (said.only, said.only + 1)
    workers = min(said.workers, -(-(end - first) // said.group))
    asked = Asked(said.seed, first, end, tuple(said.kinds), said.group, workers)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    tally, began = Tally(), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="robotdata-fuzz-", dir=shared_memory()) as place:
        whole = run(asked, tally, Path(place))
    taken = time.monotonic() - began
    also = "".join(f" {each}" for each in (("--kinds", *said.kinds) if said.kinds else ()))
    for kind, found in sorted(tally.kinds.items(), key=lambda item: -len(item[1])):
        one = min(found, key=lambda failure: failure["case"])
        print(f"{len(found):6d} x {kind}\n         {one['words']}\n         {one.get('what', '')}")
        print(f"         python bench/fuzz.py --seed {said.seed} --group {said.group} --only {one['case']}{also}")
    rate = tally.done / taken
    print(
        f"{tally.done} cases of seed {said.seed} in {taken:.0f} s, {rate:.1f} a second with {workers} workers "
        f"({tally.cpu_s / max(1, tally.done) * 1e3:.0f} ms CPU a case): {len(tally.kinds)} kinds of failure, "
        f"{sum(map(len, tally.kinds.values()))} failures"
    )
    if not whole or tally.done != end - first:
        print(f"A worker ended early: {tally.done} of {end - first} cases were run", file=sys.stderr)
        return 2
    return 1 if tally.kinds else 0


if __name__ == "__main__":
    sys.exit(main())
