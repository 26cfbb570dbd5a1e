"""`make soak MINUTES=10`: record, reject, encode, view, and kill random processes all the while.

The real product with simulated rigs in a home of its own, driven through the API. For two thirds of the time web,
worker, encoders, rigs and supervisor are killed at random; the last third kills nothing, so that memory and open
files can be compared over it. At the end nothing that was acknowledged may be missing, and every dataset must verify
(and load in the real LeRobot, where its environment is there). Prints the counts as JSON; exit code 1 where anything
is wrong.

    python bench/soak.py [--minutes 10] [--rigs 2] [--seed 1] [--every 6]
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.soak_check import check_home  # noqa: E402
from tests.support.soak_product import Away, Product, usage  # noqa: E402

FRONT = "observation.images.front"
OVER = {"recorded", "interrupted"}
MORE_MB, MORE_FILES = 40.0, 24
"""How much a process may grow over the calm third: its bounded caches fill, nothing else may."""


class Promises:
    """What the product has said, and what it was asked without an answer. Several threads write here."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.takes: dict[str, int] = {}  # said to be recorded or interrupted, with so many ticks
        self.begun: set[str] = set()
        self.verdicts: dict[str, str] = {}
        self.unsure: set[str] = set()  # a verdict was sent, its answer cut off
        self.trash_emptied = False
        self.batches: set[str] = set()
        self.lock = threading.Lock()

    def count(self, what: str) -> None:
        with self.lock:
            self.counts[what] += 1

    def complain(self, words: str) -> None:
        with self.lock:
            self.wrong.append(words)


class Person(threading.Thread):
    """Somebody at a page; goes on after every answer that is cut off."""

    def __init__(self, product: Product, said: Promises, seed: int) -> None:
        super().__init__(daemon=True)
        self.product, self.said, self.chance = product, said, random.Random(seed)
        self.leaving = threading.Event()

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        status, answer = self.product.ask(method, path, body)
        self.said.count("requests")
        if status >= 500:
            self.said.count(f"answers {status}")
            if status != 503 and status != 504:
                self.said.complain(f"{method} {path}: {status} {str(answer)[:300]}")
        elif status == 409:
            self.said.count("refused in words")
        return status, answer

    def run(self) -> None:
        while not self.leaving.is_set():
            try:
                self.act()
            except Away:
                self.said.count("requests cut off")
                self.leaving.wait(0.5)

    def act(self) -> None:
        raise NotImplementedError


class Operator(Person):
    """Records with one rig into one dataset, judges each take, encodes now and then, empties the trash."""

    def __init__(self, product: Product, said: Promises, seed: int, rig: str) -> None:
        super().__init__(product, said, seed)
        self.rig, self.slug, self.kept = rig, "", 0

    def act(self) -> None:
        if not self.slug:
            encoding = {"codec": "h264", "preset": "ultrafast", "g": 2}
            status, answer = self.ask("POST", "/api/datasets", {"title": f"Soak {self.rig}", "encoding": encoding})
            self.slug = answer["slug"] if status in (200, 201) else f"Soak-{self.rig}" if status == 409 else ""
            return
        status, rig = self.ask("GET", f"/api/rigs/{self.rig}")
        if status != 200 or "record" not in rig["controls"]:
            self.leaving.wait(0.3)
            return
        take = str(uuid.uuid4())
        self.record(take)
        if take in self.said.takes:
            self.judge(take)

    def record(self, take: str) -> None:
        length = self.chance.uniform(1.0, 3.0)
        body = {"dataset": self.slug, "task": "push the cube", "countdown_s": 0, "episode_s": length, "take": take}
        try:
            status, _ = self.ask("POST", f"/api/rigs/{self.rig}/record", body)
        except Away:
            status = 0  # it may have begun
        if status == 200:
            self.said.begun.add(take)
        elif status:
            self.leaving.wait(0.5)
            return
        end = time.monotonic() + 45
        while time.monotonic() < end and not self.leaving.is_set():
            try:
                status, episode = self.ask("GET", f"/api/episodes/{take}")
            except Away:
                status = 0
            if status == 200 and episode["state"] in OVER:
                self.said.count("takes acknowledged")
                self.said.count(f"takes {episode['state']}")
                self.said.takes[take] = episode["ticks"]
                return
            self.leaving.wait(0.3)

    def judge(self, take: str) -> None:
        keep = self.chance.random() < 0.75
        words = {"verdict": "keep", "labels": ["rate accepted"]} if keep else {"verdict": "reject"}
        self.said.unsure.add(take)
        status, answer = self.ask("PATCH", f"/api/episodes/{take}", words)
        if status == 200:
            self.said.unsure.discard(take)
            self.said.verdicts[take] = answer["verdict"]
            self.said.count(f"takes {'kept' if keep else 'rejected'}")
        self.kept += keep
        if keep and self.kept % 3 == 0:
            self.encode()
        elif not keep and self.chance.random() < 0.4:
            self.said.trash_emptied = True
            status, _ = self.ask("POST", "/api/trash/empty", {})
            self.said.counts["trash emptied"] += status == 200

    def encode(self) -> None:
        status, answer = self.ask("POST", f"/api/datasets/{self.slug}/encode", {})
        if status == 202:
            self.said.count("batches begun")
            self.said.batches.add(answer["id"])


class Viewer(Person):
    """Looks at what there is: lists, frames, filmstrips, signals."""

    def act(self) -> None:
        _, page = self.ask("GET", "/api/episodes?limit=20")
        for episode in self.chance.sample(page["items"], min(4, len(page["items"]))):
            for path in (f"frame/{FRONT}/{self.chance.randrange(30)}.jpg", f"strip/{FRONT}.jpg", "signals.bin"):
                status, _ = self.ask("GET", f"/media/{episode['id']}/{path}")
                self.said.count("pictures and signals seen" if status == 200 else f"media answers {status}")
            self.leaving.wait(0.2)
        self.ask("GET", "/api/trash")
        self.leaving.wait(0.5)


class Memory:
    """Memory and open files of every part that lives through the calm third."""

    def __init__(self, product: Product) -> None:
        self.product = product
        self.seen: dict[tuple[str, int], list[tuple[float, int]]] = {}

    def look(self) -> None:
        for key in self.product.parts():
            used = usage(key[1])
            if used is not None:
                self.seen.setdefault(key, []).append(used)

    def judged(self, said: Promises) -> dict[str, Any]:
        """Medians of the first and of the last quarter of the looks."""
        found: dict[str, Any] = {}
        for (part, pid), looks in self.seen.items():
            if len(looks) < 8:
                continue
            quarter = len(looks) // 4
            first, last = looks[:quarter], looks[-quarter:]
            mb = [round(median(look[0] for look in looks_), 1) for looks_ in (first, last)]
            files = [round(median(look[1] for look in looks_)) for looks_ in (first, last)]
            found[f"{part} {len(found) + 1}"] = {"MB": mb, "files": files}
            if mb[1] - mb[0] > MORE_MB or files[1] - files[0] > MORE_FILES:
                said.complain(f"{part} (process {pid}) grew: {mb} MB, {files} open files")
        return found


def kill_for(seconds: float, every_s: float, product: Product, said: Promises, chance: random.Random) -> None:
    """One random part after the other; each kind is as likely as any other."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(max(0.0, min(chance.uniform(0.3, 1.7) * every_s, end - time.monotonic())))
        if time.monotonic() >= end:
            return
        there = product.parts()
        if not there:
            product.start()
            continue
        # A supervisor takes everything along, and a start takes its time: seldom.
        kinds = sorted({part for part, _ in there if part != "supervisor" or chance.random() < 0.3})
        if not kinds:
            continue
        kind = chance.choice(kinds)
        part, pid = chance.choice([each for each in there if each[0] == kind])
        product.kill(part, pid)
        said.count(f"kills of {part}")
        said.count("kills")
        if part == "supervisor":
            product.start()


def settle(product: Product, said: Promises, slugs: list[str], within_s: float) -> None:
    """Encode what is kept and wait for the last batch; what was killed too often is tried again, as a person would."""
    end, tried = time.monotonic() + within_s, Counter[str]()
    for slug in slugs:
        status, answer = product.ask("POST", f"/api/datasets/{slug}/encode", {})
        said.counts["batches begun"] += status == 202
    while time.monotonic() < end:
        _, page = product.ask("GET", "/api/operations?limit=100")
        open_ = [batch for batch in page["items"] if batch["state"] in {"queued", "encoding", "running"}]
        for batch in page["items"]:
            if batch["state"] == "failed" and tried[batch["id"]] < 2:
                tried[batch["id"]] += 1
                said.count("batches tried again")
                product.ask("POST", f"/api/operations/{batch['id']}/retry")
                open_.append(batch)
        if not open_:
            return
        time.sleep(1)
    said.complain(f"batches did not end within {within_s:g} s: {[(b['id'], b['state'], b['error']) for b in open_]}")


def soak(options: argparse.Namespace, home: Path, said: Promises) -> dict[str, Any]:
    chance, product = random.Random(options.seed), Product(home, options.rigs)
    product.start()
    people: list[Person] = [Operator(product, said, options.seed + n, rig) for n, rig in enumerate(product.rigs)]
    people.append(Viewer(product, said, options.seed + 100))
    memory = Memory(product)
    try:
        for person in people:
            person.start()
        kill_for(options.minutes * 40, options.every, product, said, chance)
        if not product.parts():
            product.start()
        time.sleep(min(20.0, options.minutes * 4))  # what was killed last is back, and has warmed up
        end = time.monotonic() + options.minutes * 20 - min(20.0, options.minutes * 4)
        while time.monotonic() < end:
            memory.look()
            time.sleep(1)
        for person in people:
            person.leaving.set()
        for person in people:
            person.join(60)
        settle(product, said, [p.slug for p in people if isinstance(p, Operator)], 60 + options.minutes * 30)
        code = product.stop()
        if code:
            said.complain(f"the product ended with exit code {code}")
    finally:
        left = product.kill_everything()
        said.wrong += [f"left running after the end: {words}" for words in left]
    return {"memory and files, start and end of the calm third": memory.judged(said), **check_home(product, said)}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--rigs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--every", type=float, default=6, help="seconds between two kills, on average")
    options = parser.parse_args()
    said, began = Promises(), time.monotonic()
    home = Path(tempfile.mkdtemp(prefix="robotdata-soak-"))
    found = soak(options, home, said)
    report = {
        "minutes": options.minutes,
        "seed": options.seed,
        **{name: said.counts[name] for name in sorted(said.counts)},
        **found,
        "lost or wrong": len(said.wrong),
        "seconds": round(time.monotonic() - began),
    }
    print(json.dumps(report, indent=2))
    for line in said.wrong[:40]:
        sys.stderr.write(line + "\n")
    if said.wrong:
        sys.stderr.write(f"Everything is kept in {home}; its processes wrote soak.log.\n")
        return 1
    shutil.rmtree(home)
    return 0


if __name__ == "__main__":
    sys.exit(main())
