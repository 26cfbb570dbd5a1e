"""Where the tests' processor time and their waiting go: per file, per test and per fixture.

    SUITE_COST=cost.jsonl python -m pytest -p bench.suite_cost -n 2 --dist loadfile tests
    python bench/suite_cost.py cost.jsonl

The first is a pytest plugin: each process that runs tests appends a line for each phase of a test, for each fixture's
set-up and for its collection, with the wall time and the processor time of itself and of all its descendants, living
or waited for. The second prints sums: the dearest files, fixtures and tests, and the tests that mostly wait.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import defaultdict
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

SHOWN = 45
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
OLD_S = 0.1  # reading /proc takes milliseconds, and most fixtures take none: a reading serves until it is so old


class Reading:
    """What was last read of the descendants, and when."""

    at, cpu_s = 0.0, 0.0


def descendants_cpu_s() -> float:
    if time.perf_counter() - Reading.at > OLD_S:
        Reading.at, Reading.cpu_s = time.perf_counter(), read_descendants_cpu_s()
    return Reading.cpu_s


def read_descendants_cpu_s() -> float:
    """Processor seconds of all processes below this one, and of those that they, and it, waited for; Linux only."""
    children: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                after_name = Path(entry.path, "stat").read_bytes().rpartition(b")")[2].split()
            except OSError:
                continue  # it has ended meanwhile
            parent, spent = int(after_name[1]), sum(map(int, after_name[11:15]))
            children[parent].append((int(entry.name), spent))
    ticks, below = 0, [os.getpid()]
    while below:
        for pid, spent in children[below.pop()]:
            ticks += spent
            below.append(pid)
    waited_for = os.times()
    return ticks / TICKS_PER_S + waited_for.children_user + waited_for.children_system


class Meter:
    """Wall and processor seconds since it was made."""

    def __init__(self) -> None:
        self.others, self.own, self.wall = descendants_cpu_s(), time.process_time(), time.perf_counter()

    def read(self) -> dict[str, float]:
        wall, own = time.perf_counter() - self.wall, time.process_time() - self.own
        return {"wall": wall, "own": own, "others": descendants_cpu_s() - self.others}


def note(kind: str, name: str, spent: dict[str, float]) -> None:
    line = json.dumps({"kind": kind, "name": name, "worker": os.environ.get("PYTEST_XDIST_WORKER", ""), **spent})
    with Path(os.environ["SUITE_COST"]).open("a") as file:
        file.write(line + "\n")


def metered(kind: str, name: str = "") -> Generator[None, Any, Any]:
    """Note what the wrapped hook costs, and return its result."""
    meter = Meter()
    try:
        return (yield)
    finally:
        note(kind, name, meter.read())


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, Any, Any]:
    return (yield from metered("collection"))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, Any, Any]:
    return (yield from metered("setup", item.nodeid))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    return (yield from metered("call", item.nodeid))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, Any, Any]:
    return (yield from metered("teardown", item.nodeid))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[Any]) -> Generator[None, Any, Any]:
    name = f"{fixturedef.baseid}::{fixturedef.argname} ({fixturedef.scope})"
    return (yield from metered("fixture", name))


def table(title: str, sums: dict[str, dict[str, float]], key: str) -> None:
    print(f"\n{title}\n    wall      own   others     idle  count")
    for name, spent in sorted(sums.items(), key=lambda each: -each[1][key])[:SHOWN]:
        columns = "".join(f"{spent[column]:8.1f} " for column in ("wall", "own", "others", "idle"))
        print(f"{columns}{int(spent['count']):6d}  {name}")


def main() -> None:
    """Own is the processor time of the process that ran the tests, others that of its descendants, idle the rest."""
    files, tests, fixtures, phases = (defaultdict(lambda: defaultdict(float)) for _ in range(4))
    for line in Path(sys.argv[1]).read_text().splitlines():
        entry = json.loads(line)
        entry["idle"] = max(0.0, entry["wall"] - entry["own"] - entry["others"])
        into = [(phases, entry["kind"] + " " + entry["worker"])]
        if entry["kind"] == "fixture":
            into.append((fixtures, entry["name"]))
        elif entry["name"]:
            into += [(files, entry["name"].partition("::")[0]), (tests, entry["name"])]
        for sums, name in into:
            for column in ("wall", "own", "others", "idle"):
                sums[name][column] += entry[column]
            sums[name]["cpu"] += entry["own"] + entry["others"]
            sums[name]["count"] += 1
    table("Phases", phases, "wall")
    table("Files, by processor time", files, "cpu")
    table("Files, by waiting", files, "idle")
    table("Fixtures, by processor time", fixtures, "cpu")
    table("Fixtures, by waiting", fixtures, "idle")
    table("Tests, by processor time", tests, "cpu")
    table("Tests, by waiting", tests, "idle")


if __name__ == "__main__":
    main()
