"""Scenario: recover FOLDER/dataset and read it as a stranger would; say as JSON what it holds.

`python -m tests.faults.look_at_a_dataset FOLDER`
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from robotdata.dataset import DatasetFolder, recover_dataset, verify_dataset


def main(home: Path) -> None:
    root, work, revisions = home / "dataset", home / "work", home / "revisions"
    recover_dataset(root, work, revisions)
    recover_dataset(root, work, revisions)
    problems: list[str] = []
    episodes: list[str | None] = []
    if root.exists():
        episodes = [episode.uuid for episode in DatasetFolder.open(root).episodes]
        problems += map(str, verify_dataset(root, deep=True).problems)
    for path in sorted(revisions.iterdir()) if revisions.is_dir() else ():
        problems += [f"revision {path.name}: {problem}" for problem in verify_dataset(path, deep=True).problems]
    left = [path.name for path in work.iterdir()] if work.is_dir() else []
    sys.stdout.write(json.dumps({"episodes": episodes, "problems": problems, "left": left}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
