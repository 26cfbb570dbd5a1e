"""`make crash`: a thousand random SIGKILLs over spool and commit; nothing acknowledged may be missing after any.

A child process records takes and commits them, telling us each one that it was told is safe. We kill it at a
random moment, recover as a start would, and check: every acknowledged take whole to the frame (barcodes), every
acknowledged commit in the dataset, the dataset verified by code that did not write it. Prints the counts as JSON;
exit code 1 where anything was lost or inconsistent.

    python bench/crash.py [--kills 1000] [--seed 1]
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from multiprocessing.connection import Connection
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from robotdata.dataset import DatasetFolder, dataset_lock, recover_dataset, verify_dataset  # noqa: E402
from robotdata.spool import BadManifest, NoTake, Take, read_manifest, recover_take  # noqa: E402
from robotdata.video.barcode import read  # noqa: E402
from robotdata.video.jpeg import decode_jpeg  # noqa: E402
from tests.support import commit_a_batch  # noqa: E402
from tests.support.takes import make_take  # noqa: E402

TICKS = 6
PRELOAD = ["tests.support.commit_a_batch", "robotdata.video.encode", "robotdata.video.remux", "robotdata.video.verify"]
FRESH_AFTER = 40  # kills; then a new home, so that a dataset stays small and the figures comparable


def work(home: Path, told: Connection) -> None:
    """Record, encode, commit, for ever; say what is safe the moment it is."""
    number = 0
    told.send(("ready", ""))
    while True:
        number += 1
        folder = make_take(home / "spool", TICKS, episode=number % 4096, cameras=commit_a_batch.CAMERAS)
        told.send(("saved", folder.name))
        commit_a_batch.encode(home, folder)
        commit_a_batch.commit(home, [folder])
        told.send(("committed", folder.name))


class Trial:
    """One home that is broken again and again, and what it has promised so far."""

    def __init__(self, home: Path, counts: Counter[str]) -> None:
        self.home = home
        self.counts = counts
        self.saved: set[str] = set()
        self.committed: set[str] = set()
        self.checked: set[str] = set()
        self.wrong: list[str] = []

    def kill_once(self, context: multiprocessing.context.BaseContext, delay_s: float) -> None:
        mine, theirs = context.Pipe(duplex=False)
        child = context.Process(target=work, args=(self.home, theirs), daemon=True)
        child.start()
        theirs.close()
        mine.poll(20)
        end = time.monotonic() + delay_s
        try:
            while (left := end - time.monotonic()) > 0:
                if mine.poll(left):
                    self.hear(mine)
            os.kill(child.pid or 0, signal.SIGKILL)
            child.join()
            while mine.poll(0):  # what it had said before it died
                self.hear(mine)
        except EOFError:
            child.join()
            if child.exitcode != -signal.SIGKILL:
                self.wrong.append(f"the child ended by itself with {child.exitcode}")
        self.counts["kills"] += 1

    def hear(self, pipe: Connection) -> None:
        what, name = pipe.recv()
        if what == "saved":
            self.saved.add(name)
        elif what == "committed":
            self.committed.add(name)

    def check(self) -> None:
        root, spool = self.home / "dataset", self.home / "spool"
        with dataset_lock(root):
            done = recover_dataset(root, self.home / "work", self.home / "revisions")
        self.counts["commits rolled back"] += done.rolled_back
        self.counts["commits rolled forward"] += done.rolled_forward
        present = {str(episode.uuid) for episode in DatasetFolder.open(root).episodes} if root.exists() else set()
        for name in self.committed - present:
            self.wrong.append(f"committed episode {name} is not in the dataset")
        if root.exists():
            self.wrong += [str(problem) for problem in verify_dataset(root, deep=True).problems]
        for folder in sorted(spool.iterdir()) if spool.exists() else ():
            if folder.name not in self.checked:
                self.check_take(folder)

    def check_take(self, folder: Path) -> None:
        try:
            state = read_manifest(folder)["state"]
        except (NoTake, BadManifest):
            if folder.name in self.saved:
                self.wrong.append(f"acknowledged take {folder.name} has no manifest")
            self.counts["takes killed before they began"] += 1
            shutil.rmtree(folder)
            return
        if state == "recording":
            self.counts["takes recovered"] += 1
            recover_take(folder)
            if folder.name in self.saved:
                self.wrong.append(f"acknowledged take {folder.name} was not finished")
        with Take.open(folder) as take:
            key = take.cameras[0]
            shown = [read(decode_jpeg(take.camera(key).packet(i))).tick for i in take.frame_index(key)]
            if shown != list(range(take.ticks)) or (folder.name in self.saved and take.ticks != TICKS):
                self.wrong.append(f"take {folder.name} shows {shown}")
        self.counts["takes checked"] += 1
        self.checked.add(folder.name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)
    chance, counts, wrong = random.Random(options.seed), Counter[str](), list[str]()
    began = time.monotonic()
    while counts["kills"] < options.kills and not wrong:
        with tempfile.TemporaryDirectory() as folder:
            trial = Trial(Path(folder), counts)
            for _ in range(min(FRESH_AFTER, options.kills - counts["kills"])):
                trial.kill_once(context, chance.uniform(0.02, 1.0))
                trial.check()
                if trial.wrong:
                    break
            counts["takes acknowledged"] += len(trial.saved)
            counts["episodes committed"] += len(trial.committed)
            wrong += trial.wrong
        sys.stderr.write(f"{counts['kills']} kills, {len(wrong)} wrong\n")
    report = {**counts, "lost or inconsistent": len(wrong), "seconds": round(time.monotonic() - began)}
    print(json.dumps(report, indent=2))
    for line in wrong[:20]:
        sys.stderr.write(line + "\n")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
