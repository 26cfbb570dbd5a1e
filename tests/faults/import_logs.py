"""Scenario: import FOLDER/raw into FOLDER/spool; say `imported`. Done again, it completes what is missing.

`python -m tests.faults.import_logs FOLDER`
"""

from __future__ import annotations

import sys
from pathlib import Path

from robotdata.imports import open_source, propose
from robotdata.imports.batch import import_sources
from robotdata.imports.open import find_sources


def main(home: Path) -> None:
    paths = find_sources(home / "raw")
    with open_source(paths[0]) as source:
        mapping = propose(source.recordings()[0])
    done = import_sources(paths, mapping, home / "spool", facts={"dataset": "pegs"})
    assert not done.failed, done.summary
    sys.stdout.write("imported\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
