"""Scenario: copy, merge, split, duplicate or rescue FOLDER/dataset, as WHAT says; say `done`. Again, it completes it.

`python -m tests.faults.make_other_datasets FOLDER`, which has a file `what` with what is made. The datasets are those
of MADE, each with the lengths of its episodes.
"""

from __future__ import annotations

import sys
from pathlib import Path

from robotdata.dataset.repair.rescue import rescue
from robotdata.dataset.write.swap import is_fresh, recover_dataset
from robotdata.dataset.write.transfer import Where, copy_episodes, duplicate, merge, split

MADE = {
    "copy": {"one": [6]},
    "merge": {"both": [6, 7, 6, 7]},
    "split": {"first": [6], "second": [7]},
    "duplicate": {"twin": [6, 7]},
    "rescue": {"rescued": [6, 7]},
}


def main(home: Path) -> None:
    root, what = home / "dataset", (home / "what").read_text()
    places = {home / name: Where(home / "work", home / f"revisions-{name}") for name in MADE[what]}
    for path, where in places.items():
        recover_dataset(path, where.work, where.revisions)
    missing = {path: where for path, where in places.items() if is_fresh(path)}
    for path, where in missing.items():
        if what == "copy":
            copy_episodes(root, [0], path, where)
        elif what == "merge":
            merge([root, home / "other"], path, where)
        elif what == "duplicate":
            duplicate(root, path, where)
        elif what == "rescue":
            rescue(home / "lost", path, work=where.work)
    if what == "split" and missing:
        split(root, {path: [list(places).index(path)] for path in missing}, missing)
    sys.stdout.write("done\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
