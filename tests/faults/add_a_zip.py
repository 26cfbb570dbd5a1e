"""Scenario: add FOLDER/cubes.zip to the datasets in FOLDER/datasets; say `added` once it is there.

`python -m tests.faults.add_a_zip FOLDER`
"""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

from robotdata.dataset.exchange.addition import DONE, INCOMING, INTERRUPTED, Addition, Incoming, Landed, Tree
from robotdata.dataset.exchange.errors import TransferError
from robotdata.dataset.exchange.land import land

FILES = {f"cubes/{name}": name.encode() * 3000 for name in ("meta/info.json", "data/a.parquet", "videos/b.mp4")}


def make_zip(home: Path) -> None:
    with zipfile.ZipFile(home / "cubes.zip", "w") as archive:
        for name, data in FILES.items():
            archive.writestr(name, data)


def add(home: Path) -> Addition:
    """Begin it, or continue what was interrupted."""
    incoming = Incoming(home / "datasets" / INCOMING)
    waiting = [each for each in incoming.list() if each.state == INTERRUPTED]
    addition = waiting[0] if waiting else incoming.begin("cubes.zip", paths=[home / "cubes.zip"])

    def place(tree: Tree) -> Landed:
        return Landed(land(tree.path, home / "datasets", tree.name, lambda _: False).name, tree.before)

    return incoming.run(incoming.start(addition.id), place)


def main(home: Path) -> None:
    try:
        ended = add(home)
    except (OSError, TransferError) as error:
        sys.exit(f"refused: {error}")
    if ended.state != DONE:
        sys.exit(ended.error)
    sys.stdout.write("added\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
