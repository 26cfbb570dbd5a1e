"""What each act of the product costs: ms of processor in each process, queries, fsyncs, messages and bytes.

The product runs as processes with counters in each (`bench/counted`); what it costs at rest in the same time is taken
off. `bench/budgets.toml` says what an act may cost. The exit code is 1 where a count, rounded, is above its budget or
processor time is above twice its budget. Counts hold on any machine, processor time only on one like that of the
results.

    .venv/bin/python bench/budgets.py [--json] [--only WORD]

`syncs` are fsync and fdatasync of everybody, SQLite included, as strace sees them ('-' where it cannot); `fsyncs` are
those that our own code calls.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.budget_acts import Act, Acts  # noqa: E402
from bench.budget_product import PARTS, Measured, Reading, make_home  # noqa: E402
from tests.support.budgets import read_budgets  # noqa: E402

REST_S, SETTLE_S = 20.0, 0.4
TIMES_OF = [f"{part}_ms" for part in PARTS]
COUNTS = ["queries", "fsyncs", "syncs", "messages"]
COLUMNS = [*TIMES_OF, *COUNTS, "bytes"]
Row = dict[str, float]


class Meter:
    """Measures acts at one product."""

    def __init__(self, measured: Measured, only: str) -> None:
        self.measured = measured
        self.acts = Acts(measured)
        self.rest: Counter[tuple[str, str]] = Counter()
        self.only = only

    def at_rest(self, name: str, seconds: float = REST_S) -> tuple[str, Row]:
        """Measure what a second costs in which nobody does anything; it is taken off what is measured from now on."""
        before, began = self.measured.read(), time.monotonic()
        time.sleep(seconds)
        passed = time.monotonic() - began
        used = _less(self.measured.read(), before)
        self.rest = Counter({key: number / passed for key, number in used.items()})
        return name, self._row(self.rest, (*PARTS, "other"), 0.0)

    def measure(self, act: Act) -> Iterator[tuple[str, Row]]:
        """Do an act as often as it says; yield its name and what one of them cost."""
        if self.only not in act.name + act.worker:
            return
        first = int(act.warm)
        if first:
            act.do(0)
            time.sleep(SETTLE_S)
        sent, before, began = self.acts.http_bytes, self.measured.read(), time.monotonic()
        for n in range(first, act.times):
            act.do(n)
            time.sleep(act.pause_s)
        time.sleep(SETTLE_S)
        passed, times = time.monotonic() - began, act.times - first
        used = _less(self.measured.read(), before)
        one = Counter({key: max(0.0, number - self.rest[key] * passed) / times for key, number in used.items()})
        http_bytes = (self.acts.http_bytes - sent) / times
        others = () if act.worker else ("other",)  # threads that had ended before they were seen
        yield act.name, self._row(one, (*act.counted, *others), http_bytes)
        if act.worker:
            yield act.worker, self._row(one, ("worker", "other"), 0)

    def _row(self, one: Counter[tuple[str, str]], counted: tuple[str, ...], http_bytes: float) -> Row:
        def sum_of(*names: str) -> float:
            return sum(one[part, name] for part in counted for name in names)

        row = {f"{part}_ms": one[part, "ms"] for part in PARTS}
        row |= {"queries": sum_of("queries"), "fsyncs": sum_of("fsyncs")}
        if self.measured.counts_syncs:
            row["syncs"] = sum_of("syncs")
        row["messages"] = sum_of("layer", "sent", "received")
        return row | {"bytes": http_bytes + sum_of("sent_bytes", "received_bytes")}


def _less(after: Reading, before: Reading) -> Reading:
    return Counter({key: after[key] - before[key] for key in after})


@contextmanager
def metered(home: Path, keys: dict[str, Any], only: str, *, rig: bool) -> Iterator[Meter]:
    """Run the product with counters, and give its meter once it is quiet."""
    measured = Measured(home, keys, rig=rig)
    measured.product.start()
    try:
        measured.wait_quiet()
        yield Meter(measured, only)
    finally:
        measured.product.stop()


def without_rig(home: Path, keys: dict[str, Any], only: str) -> Iterator[tuple[str, Row]]:
    """Yield what the acts cost that need no rig, and those of a rig that is played here."""
    with metered(home, keys, only, rig=False) as meter:
        yield meter.at_rest("a second at rest, without a rig")
        acts = meter.acts
        for act in (*acts.pages(), *acts.reviewing()):
            yield from meter.measure(act)
        yield from meter.measure(Act("operation queued", acts.encode, 22, worker="take encoded and committed"))
        with acts.rig_connected() as sends:
            for act in sends():
                yield from meter.measure(act)
        with acts.one_page_open() as act:
            yield meter.at_rest("a second at rest, one page open")
            yield from meter.measure(act)


def with_rig(home: Path, keys: dict[str, Any], only: str) -> Iterator[tuple[str, Row]]:
    """Yield what the product costs beside its simulated rig of three cameras, and recording by the API."""
    with metered(home, keys, only, rig=True) as meter:
        yield meter.at_rest("a second at rest, with a rig")
        act = Act("take begun and stopped", meter.acts.record, 21, counted=("web", "rig"), pause_s=0.3)
        yield from meter.measure(act)


def too_much(row: Row, budget: Row) -> list[str]:
    """Return the names of the numbers that are above the budget."""
    times = [name for name in TIMES_OF if row[name] > 2 * budget.get(name, float("inf"))]
    counts = [name for name in COUNTS if round(row.get(name, 0)) > budget.get(name, float("inf"))]
    return times + counts


def line(name: str, row: Row, budget: Row) -> str:
    """Return a line of the table: each number, and its budget after a slash."""
    cells = []
    for column in COLUMNS:
        number = f"{row[column]:.{0 if column == 'bytes' else 1}f}".removesuffix(".0") if column in row else "-"
        cells.append(f"{number}/{budget[column]:g}" if column in budget else number)
    over = too_much(row, budget)
    return f"| {name} | {' | '.join(cells)} |" + (f" above: {', '.join(over)}" if over else "")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the table")
    parser.add_argument("--only", default="", help="measure only acts whose name contains this")
    asked = parser.parse_args()
    budgets, rows = read_budgets(), dict[str, Row]()
    if not asked.json:
        print(f"| act | {' | '.join(COLUMNS)} |\n|---|{'---|' * len(COLUMNS)}", flush=True)
    with tempfile.TemporaryDirectory(prefix="robotdata-budgets-") as folder:
        home = Path(folder)
        keys = make_home(home)
        for phase in (without_rig, with_rig):
            for name, row in phase(home, keys, asked.only):
                rows[name] = row
                if not asked.json:
                    print(line(name, row, budgets.get(name, {})), flush=True)
    above = {name: over for name, row in rows.items() if (over := too_much(row, budgets.get(name, {})))}
    report = {"cores": os.cpu_count(), "acts": rows, "above": above, "ok": not above}
    if asked.json:
        print(json.dumps(report, indent=2))
    elif above:
        print(f"\nAbove the budget: {json.dumps(above)}")
    sys.exit(1 if above else 0)


if __name__ == "__main__":
    main()
