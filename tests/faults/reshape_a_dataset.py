"""Scenario: re-order, cut or encode again FOLDER/dataset, as WHAT says; say `done`. Done again, it completes it.

`python -m tests.faults.reshape_a_dataset FOLDER`, which has a file `what` with the change.
"""

from __future__ import annotations

import sys
from pathlib import Path

from robotdata.dataset import DatasetFolder, dataset_lock, recover_dataset
from robotdata.dataset.write.cut import cut_out
from robotdata.dataset.write.pictures import videos_to_pictures
from robotdata.dataset.write.reencode import Aside, reencode_cameras
from robotdata.dataset.write.reorder import reorder_episodes
from robotdata.dataset.write.retime import drop_frames
from robotdata.dataset.write.transfer import Where
from robotdata.video.codecs import EncodeSettings

FASTEST = EncodeSettings(codec="h264", preset="ultrafast", g=3, threads=1)


def main(home: Path) -> None:
    root, where = home / "dataset", Where(home / "work", home / "revisions")
    with dataset_lock(root):
        recover_dataset(root, where.work, where.revisions)
    base, what = DatasetFolder.open(root), (home / "what").read_text()
    if base.revision == 2:
        aside = Aside(home / "encoded")
        if what == "reorder":
            reorder_episodes(root, [1, 0], where)
        elif what == "cut":
            cut_out(root, {1: (2, 4)}, where)
        elif what == "reencode":
            reencode_cameras(root, base.video_keys[:1], FASTEST, aside, where)
        elif what == "drop_frames":
            drop_frames(root, 2, FASTEST, aside, where)
        else:
            videos_to_pictures(root, base.video_keys[:1], where)
    sys.stdout.write("done\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
