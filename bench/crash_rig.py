"""`make crash`: two hundred SIGKILLs of a real rig at random ticks of a take; what it had written must be there after.

A web process and a rig of their own. The rig records, is killed, starts again; between kills whole takes are recorded,
too. Checked after each kill: every row that was on the disk is offered as interrupted, nothing older than a second was
lost, nothing that was acknowledged before has changed by one byte; somebody keeps or rejects it. At the end each row's
picture is read (barcodes). Prints the counts as JSON; exit code 1 where anything was lost or wrong.

    python bench/crash_rig.py [--kills 200] [--seed 1]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from robotdata.spool import BadManifest, NoTake, Take, read_manifest  # noqa: E402
from tests.recorder.sockets.conftest import serving  # noqa: E402
from tests.support.rigs import RigProcess, new_dataset, running, shown_at_rows  # noqa: E402

FPS = 30
PROMISED_S = 1.0
WHOLE_EVERY = 5  # kills; then one take that is stopped by a person


class Trial:
    """One rig that is killed again and again, and what was promised so far."""

    def __init__(self, rig: RigProcess, dataset: str, chance: random.Random) -> None:
        self.rig, self.dataset, self.chance = rig, dataset, chance
        self.counts: Counter[str] = Counter()
        self.lost_s: list[float] = []  # for each kill the age of the oldest tick that may have been lost
        self.whole: dict[str, tuple[int, str]] = {}  # take: rows, and what its files were
        self.wrong: list[str] = []

    def record_a_whole_one(self) -> None:
        take = self.rig.record(self.dataset)
        time.sleep(self.chance.uniform(0.2, 1.0))
        if self.rig.do("stop")[0] != 200:
            self.wrong.append(f"take {take} could not be stopped")
        manifest = self.rig.ended(take)
        self.settle(take, int(manifest["ticks"]), manifest, "recorded")
        self.counts["takes stopped by a person"] += 1

    def kill_once(self) -> None:
        take = self.rig.record(self.dataset)
        began = time.monotonic_ns()
        time.sleep(self.chance.uniform(0, 4))
        told = self.rig.ticks() if self.chance.random() < 0.5 else 0  # asking takes its time
        killed = time.monotonic_ns()
        self.rig.end(signal.SIGKILL)
        self.counts["kills"] += 1
        rows, last = written(self.rig.spool / take)
        oldest = killed - (last + round(1e9 / FPS) if last else began)
        self.lost_s.append(max(0.0, oldest / 1e9))
        self.counts["ticks that a page had told and that were lost"] += max(0, told - rows)
        if oldest > PROMISED_S * 1e9:
            self.wrong.append(f"take {take}: a tick {oldest / 1e9:.2f} s before the kill is lost")
        self.rig.start()
        try:
            manifest = self.rig.ended(take)
        except AssertionError:
            self.wrong.append(f"take {take} of {rows} rows never came back: {self.rig.episode(take)}")
            return
        self.settle(take, rows, manifest, "interrupted")
        self.counts["rows on the disk at a kill"] += rows
        self.counts["rows found"] += int(manifest["ticks"])

    def settle(self, take: str, rows: int, manifest: dict[str, Any], state: str) -> None:
        """What the list says of it, and that nobody changed what was there before."""
        episode = self.rig.episode(take)
        if {manifest["state"], episode["state"]} != {state} or {manifest["ticks"], episode["ticks"]} != {rows}:
            self.wrong.append(f"take {take} of {rows} rows is {episode['state']} with {episode['ticks']}")
        if state == "interrupted":
            words = str((manifest.get("recovery") or {}).get("text"))
            if not words.startswith(f"interrupted, {rows} frames recovered"):
                self.wrong.append(f"take {take} of {rows} rows says {words!r}")
        verdict = self.chance.choice(["keep", "reject"])
        status, said = self.rig.web.api("PATCH", f"/episodes/{take}", {"verdict": verdict})
        if (status, said.get("verdict")) != (200, verdict):
            self.wrong.append(f"take {take} could not be judged: {said}")
        for other, (_, print_) in self.whole.items():
            if fingerprint(self.rig.spool / other) != print_:
                self.wrong.append(f"take {other}, settled before, has changed")
        self.whole[take] = rows, fingerprint(self.rig.spool / take)
        self.counts["takes acknowledged"] += 1

    def read_everything(self) -> None:
        for take, (rows, _) in self.whole.items():
            said = shown_at_rows(self.rig.spool / take)
            if [code.tick for code in said] != list(range(rows)) or len({code.episode for code in said}) > 1:
                self.wrong.append(f"take {take} shows {[code.tick for code in said]}")
            self.counts["pictures read"] += len(said)
        known = {folder.name for folder in self.rig.spool.iterdir() if not folder.name.startswith(".")}
        self.wrong += [f"{name} lies in the spool, and nobody asked for it" for name in known - set(self.whole)]


def written(folder: Path) -> tuple[int, int]:
    """Rows of a take whose rig is dead, and when its last one was."""
    try:
        read_manifest(folder)
        with Take.open(folder) as take:
            return take.ticks, int(take.column("monotonic_ns")[-1]) if take.ticks else 0
    except (NoTake, BadManifest):
        return 0, 0


def fingerprint(folder: Path) -> str:
    """Of every file of a take but its curation, which people write."""
    summed = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        data = path.read_bytes()
        if path.suffix == ".json":
            said = json.loads(data)
            data = json.dumps({key: value for key, value in said.items() if key != "curation"}).encode()
        summed.update(path.name.encode() + hashlib.sha256(data).digest())
    return summed.hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        home, rigs = Path(folder) / "home", Path(folder) / "rig"
        home.mkdir()
        rigs.mkdir()
        with serving(home) as web, running(web, rigs, fps=FPS) as rig:
            trial = Trial(rig, new_dataset(web, "Killed"), random.Random(options.seed))
            while trial.counts["kills"] < options.kills and not trial.wrong:
                if trial.counts["kills"] % WHOLE_EVERY == 0:
                    trial.record_a_whole_one()
                trial.kill_once()
                if trial.counts["kills"] % 20 == 0:
                    sys.stderr.write(f"{trial.counts['kills']} kills, {len(trial.wrong)} wrong\n")
            trial.read_everything()
    ages = sorted(trial.lost_s)
    report: dict[str, Any] = {**trial.counts, "lost or wrong": len(trial.wrong)}
    report["oldest tick that may be lost, s"] = {
        "p50": round(ages[len(ages) // 2], 3),
        "p99": round(ages[int(len(ages) * 0.99)], 3),
        "most": round(ages[-1], 3),
    }
    print(json.dumps({**report, "seconds": round(time.monotonic() - began)}, indent=2))
    for line in trial.wrong[:20]:
        sys.stderr.write(line + "\n")
    sys.exit(bool(trial.wrong))


if __name__ == "__main__":
    main()
