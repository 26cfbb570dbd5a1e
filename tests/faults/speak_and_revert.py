"""Scenario: set the subtasks of an episode of FOLDER/dataset, make videos of its images, or revert it, as WHAT says.

`python -m tests.faults.speak_and_revert FOLDER`, which has a file `what` with the change. It says `done`. Done again,
it completes it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from robotdata.dataset import DatasetFolder, dataset_lock, recover_dataset
from robotdata.dataset.write.change_run import change_features
from robotdata.dataset.write.edit import revert
from robotdata.dataset.write.feature_change import FeatureChange
from robotdata.dataset.write.pictures import pictures_to_videos
from robotdata.dataset.write.reencode import Aside
from robotdata.dataset.write.transfer import Where
from robotdata.spool.language import Language, Remark, Subtask
from robotdata.video.codecs import EncodeSettings

FASTEST = EncodeSettings(codec="h264", preset="ultrafast", g=3, threads=1)
SAID = Language((Subtask(1, 3, "reach"), Subtask(3, 5, "lift")), (Remark(2, "slower"),))
REVISION = 3
"""That of the dataset before; its revision 1 is one episode with a video, revision 2 is two of them."""
CAMERA = "observation.images.front"


def main(home: Path) -> None:
    root, where = home / "dataset", Where(home / "work", home / "revisions")
    folders = {"work": where.work, "revisions": where.revisions}
    with dataset_lock(root):
        recover_dataset(root, where.work, where.revisions)
    what = (home / "what").read_text()
    if DatasetFolder.open(root).revision == REVISION:
        if what == "language":
            change_features(root, FeatureChange(language={"1": SAID.as_json()}), **folders)
        elif what == "to_videos":
            pictures_to_videos(root, [CAMERA], FASTEST, Aside(home / "encoded"), where)
        else:
            revert(root, 1, **folders)
    sys.stdout.write("done\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
