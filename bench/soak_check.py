"""For `make soak`: what must be true of a home when everything has ended."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from robotdata.dataset import DatasetFolder, verify_dataset
from robotdata.spool import SpoolError, Take
from robotdata.video import open_video
from robotdata.video.barcode import read

if TYPE_CHECKING:
    from bench.soak import Promises
    from tests.support.soak_product import Product

ROOT = Path(__file__).resolve().parent.parent
FRONT = "observation.images.front"


def check_home(product: Product, said: Promises) -> dict[str, Any]:
    """Complains of everything that was promised and is not there; returns what there is, counted."""
    done = product.manage("recover")
    if done.returncode:
        said.complain(f"recover after an orderly end says {done.returncode}: {done.stdout}{done.stderr}")
    home, committed, frames, loads = product.home, {}, 0, []
    for root in sorted(path for path in (home / "datasets").iterdir() if path.is_dir() and path.name[0] != "."):
        report = verify_dataset(root, deep=True)
        said.wrong += [f"{root.name}: {problem}" for problem in report.problems]
        dataset = DatasetFolder.open(root)
        for info in dataset.episodes:
            committed[str(info.uuid)] = info.length
            check_pictures(root.name, info, said)
        frames += report.frames
        loads.append(load_in_lerobot(root, said))
    check_rows(home, committed, said)
    check_left_overs(home, said)
    return {
        "episodes committed": len(committed),
        "frames committed": frames,
        "datasets verified": len(loads),
        "loaded in LeRobot": sum(loads),
    }


def check_kept(take: str, ticks: int, state: str, error: str, said: Promises) -> None:
    """A take that is still raw at the end, though it was kept: only one that was killed in its first instant may be."""
    if state == "failed" and ticks == 0 and "has no rows" in error:
        said.counts["takes kept with nothing in them"] += 1
    else:
        said.complain(f"kept take {take} is {state}, not encoded: {error}")


def check_rows(home: Path, committed: dict[str, int], said: Promises) -> None:
    """Every take that was acknowledged, and every verdict."""
    with sqlite3.connect(home / ".state/robotdata.sqlite3") as database:
        query = "select id, state, verdict, ticks, purged_at, error from recorder_episode"
        rows = {str(uuid.UUID(row[0])): row[1:] for row in database.execute(query)}
    for take, ticks in said.takes.items():
        row = rows.get(take)
        if row is None:
            said.complain(f"acknowledged take {take} is in no row")
            continue
        state, verdict, _, purged_at, error = row
        if state == "encoded":
            if not 0 < committed.get(take, 0) <= ticks:
                said.complain(f"episode {take}: {committed.get(take)} frames committed of {ticks}")
        elif purged_at is not None:
            if not said.trash_emptied or (said.verdicts.get(take) != "reject" and take not in said.unsure):
                said.complain(f"take {take} was deleted, and nobody had asked for it")
        else:
            check_take(home / "spool" / take, ticks, said)
            if state == "failed" or verdict == "keep":
                check_kept(take, ticks, state, error, said)
        if take in said.verdicts and verdict != said.verdicts[take]:
            said.complain(f"take {take} says {verdict}, it was acknowledged as {said.verdicts[take]}")
    never = [take for take in said.begun if take not in rows]
    said.counts["takes killed before they began"] = len(never)
    if len(never) > said.counts["kills of rig"] + 2 * said.counts["kills of supervisor"]:
        said.complain(f"{len(never)} takes were begun and are nowhere")
    said.counts["rows"] = len(rows)


def check_take(folder: Path, ticks: int, said: Promises) -> None:
    try:
        with Take.open(folder) as take:
            if take.rows.num_rows < ticks:
                said.complain(f"take {folder.name} has {take.rows.num_rows} rows, {ticks} were acknowledged")
            for number in range(take.camera(FRONT).count):
                take.camera(FRONT).packet(number)
    except (SpoolError, OSError) as error:
        said.complain(f"acknowledged take: {error}")


def check_pictures(name: str, info: Any, said: Promises) -> None:
    """The frames of an episode are of one take and one camera, in their order.

    The first may have been there before the take, and stay until the camera has given another.
    """
    span = info.videos[FRONT]
    with open_video(span.path) as video:
        shown = [read(video.frame(n)) for n in range(span.first_frame, span.first_frame + span.frames)]
    own = [code for code in shown if code != shown[0]]
    ticks = [code.tick for code in own]
    if len({(code.episode, code.camera) for code in own}) > 1 or ticks != sorted(ticks):
        said.complain(f"{name}: episode {info.index} shows {[(code.episode, code.tick) for code in shown]}")


def check_left_overs(home: Path, said: Promises) -> None:
    """Nothing half built, half deleted or half written lies about."""
    places = [*home.glob("staging/*"), *home.glob("datasets/.work/*"), *home.glob("spool/.removing-*")]
    places += [path for path in home.glob("spool/*/*") if path.name.endswith(".tmp")]
    said.wrong += [f"left over: {path.relative_to(home)}" for path in places]


def load_in_lerobot(root: Path, said: Promises) -> bool:
    """Whether the real LeRobot reads it; False, without a complaint, where it is not installed."""
    python = Path(os.environ.get("ROBOTDATA_INTEROP_VENV") or ROOT / ".venv-interop") / "bin/python"
    if not python.is_file():
        return False
    named = os.environ.get("ROBOTDATA_CONFORMANCE")
    script = Path(named) if named else ROOT.parent / "shared/conformance/conformance_lerobot.py"
    script = script if script.is_file() else ROOT / "bench/interop_check.py"
    done = subprocess.run([str(python), str(script), str(root)], capture_output=True, text=True, timeout=900)
    if done.returncode:
        said.complain(f"LeRobot does not take {root.name}: {(done.stdout + done.stderr)[-1500:]}")
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit("This is a part of bench/soak.py: run that.")
