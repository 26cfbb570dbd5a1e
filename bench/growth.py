"""What acts cost as a home grows: ms of processor and queries of each act, with 100 to 100,000 takes in one dataset.

    .venv/bin/python bench/growth.py [TAKES ...] [--json]

Each size is a process and a home of its own. Pages are asked for in this process, so that the figures hold no server,
socket or browser; a figure is the median of seven. *Start* is what `recover` does at a start where nothing changed.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from desk_home import ROOT, home_with

SIZES = (100, 1_000, 10_000, 100_000)
TIMES, LONG_S = 7, 5.0
WALL = "/datasets/bench/wall/?view=review"


class Meter:
    """Counts queries and processor time of what is done in this process."""

    def __init__(self) -> None:
        self.queries = 0

    def __call__(self, execute: Callable[..., Any], *args: Any) -> Any:
        self.queries += 1
        return execute(*args)

    def measure(self, act: Callable[[], Any]) -> dict[str, float]:
        """Return the median processor time in ms and the number of queries of one time, without the first."""
        from django.db import connection

        act()
        times: list[float] = []
        self.queries = 0
        with connection.execute_wrapper(self):
            while len(times) < TIMES and sum(times) < LONG_S * 1000:
                began = time.process_time()
                act()
                times.append((time.process_time() - began) * 1000)
        return {"ms": round(statistics.median(times), 1), "queries": round(self.queries / len(times), 1)}


def acts(home: Path) -> dict[str, Callable[[], Any]]:
    """Return the acts by name."""
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from django.test import Client

    from recorder.actor import Actor
    from recorder.models import Episode
    from recorder.review.verdicts import set_verdict, undo
    from recorder.worker.sweep import sweep

    client = Client(headers={"host": "localhost"})
    client.force_login(User.objects.create_superuser("bench"))
    takes = list(Episode.objects.order_by("recorded_at").values_list("pk", flat=True))
    middle = Episode.objects.select_related("dataset").get(pk=takes[len(takes) // 2])
    actor = Actor("bench")

    def page(path: str, **headers: str) -> Callable[[], None]:
        def ask() -> None:
            answer = client.get(path, headers=headers)
            if answer.status_code != 200:
                raise SystemExit(f"{path}: {answer.status_code}")
            b"".join(answer.streaming_content) if answer.streaming else answer.content

        return ask

    def judge() -> None:
        set_verdict(episodes=[Episode.objects.select_related("dataset").get(pk=middle.pk)], verdict="keep", actor=actor)
        undo(actor=actor)

    htmx = {"hx-request": "true"}
    return {
        "home page": page("/"),
        "datasets page": page("/datasets/"),
        "dataset page": page("/datasets/bench/"),
        "figures of a dataset": page("/datasets/bench/figures/", **htmx),
        "wall, first page": page(WALL, **htmx),
        "wall, a page in the middle": page(f"/datasets/bench/cards/?view=review&after={middle.pk}", **htmx),
        "wall, filter by task and person": page(f"{WALL}&task=Stack+two+cubes&operator=mei", **htmx),
        "wall, filter by label": page(f"{WALL}&label=slow", **htmx),
        "wall, worst first": page(f"{WALL}&sort=worst", **htmx),
        "wall, text search": page(f"{WALL}&q=towel", **htmx),
        "overview": page("/datasets/bench/overview/"),
        "episode page": page(f"/episodes/{middle.pk}/?list=review"),
        "API, first page of episodes": page("/api/episodes?dataset=bench&limit=50"),
        "verdict and undo": judge,
        "sweep": sweep,
        "start": lambda: call_command("recover", quiet=True),
    }


def measure(takes: int) -> dict[str, Any]:
    """Return the figures of a home with so many takes."""
    with home_with(takes) as home:
        meter = Meter()
        report: dict[str, Any] = {}
        for name, act in acts(home).items():
            report[name] = meter.measure(act)
            print(f"{takes} {name}: {report[name]}", file=sys.stderr, flush=True)
        return report


def table(found: dict[int, dict[str, Any]]) -> str:
    """Return a Markdown table: a line per act, ms and queries per size."""
    sizes = sorted(found)
    lines = [f"| act | {' | '.join(f'{size:,}' for size in sizes)} |", f"|---|{'---|' * len(sizes)}"]
    for name in found[sizes[0]]:
        cells = [f"{found[size][name]['ms']:g} / {found[size][name]['queries']:g}" for size in sizes]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("takes", nargs="*", type=int, default=list(SIZES))
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--one", action="store_true", help="measure the one size given, in this process")
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(measure(asked.takes[0])))
        return
    found = {}
    for takes in asked.takes:
        command = [sys.executable, __file__, str(takes), "--one"]
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
        found[takes] = json.loads(done.stdout.splitlines()[-1])
    print(json.dumps(found, indent=2) if asked.json else table(found))


if __name__ == "__main__":
    main()
