"""`make restarts`: web, worker, Redis and PostgreSQL killed and started in every order while a real rig records.

Fifty rounds; in each the rig records one take, while the four parts are killed and started one after the other, or all
at once and back in another order, by the dice. After each round: the take has every tick with its own picture, was
never cut, the list says the same, and somebody keeps it. Prints the counts as JSON; exit code 1 where anything was
missing, or a page did not catch up.

    python bench/restarts.py [--rounds 50] [--seed 1]
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.support.rigs import RigProcess, running  # noqa: E402
from tests.support.scaled import Scaled, all_at_once, one_after_the_other, scaled, unbroken  # noqa: E402

FPS = 20


def one_round(product: Scaled, rig: RigProcess, dataset: str, chance: random.Random, counts: Counter[str]) -> Any:
    """One take over four restarts; seconds that the page needed after each."""
    take = rig.record(dataset)
    rig.written(take, chance.randrange(1, 20))
    restart = chance.choice([one_after_the_other, all_at_once])
    took = restart(product, rig, take, chance)
    manifest = unbroken(product, rig, take)
    counts[f"rounds: {restart.__name__.replace('_', ' ')}"] += 1
    counts["restarts"] += 4
    counts["ticks recorded, each with its picture"] += manifest["ticks"]
    counts["ticks dropped, and counted"] += manifest["counters"]["dropped_ticks"]
    return took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    chance, counts = random.Random(options.seed), Counter[str]()
    took: list[float] = []
    wrong: list[str] = []
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        home, rigs = Path(folder) / "home", Path(folder) / "rig"
        home.mkdir()
        rigs.mkdir()
        with scaled(home) as product, running(product.web, rigs, fps=FPS) as rig:
            dataset = str(product.web.api("POST", "/datasets", {"title": "Restarts"})[1]["slug"])
            for number in range(1, options.rounds + 1):
                try:
                    took += one_round(product, rig, dataset, chance, counts)
                except (AssertionError, OSError) as problem:
                    wrong.append(f"round {number}: {problem!r}; the rig says {rig.said.get('status')}")
                    break
                sys.stderr.write(f"{number} rounds\n")
            counts["times that the rig ended"] = int(rig.has_ended)
    report: dict[str, Any] = {**counts, "lost or wrong": len(wrong)}
    if took:
        took.sort()
        report["page caught up after, s"] = {"p50": round(took[len(took) // 2], 1), "most": round(took[-1], 1)}
    print(json.dumps({**report, "seconds": round(time.monotonic() - began)}, indent=2))
    for line in wrong:
        sys.stderr.write(line + "\n")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
