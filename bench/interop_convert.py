"""LeRobot's own converter makes v3.0 of a dataset v2.1, in place: `interop_convert.py FOLDER NAME`."""

from __future__ import annotations

import sys

import interop_lerobot  # noqa: F401 - first: it lets LeRobot be imported offline

try:
    from lerobot.scripts.convert_dataset_v21_to_v30 import convert_dataset  # from 0.5 on
except ImportError:
    from lerobot.datasets.v30.convert_dataset_v21_to_v30 import convert_dataset

if __name__ == "__main__":
    convert_dataset(repo_id=sys.argv[2], root=sys.argv[1], push_to_hub=False)
