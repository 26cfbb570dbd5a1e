"""Scenario: add the takes of FOLDER/spool to FOLDER/dataset, encoded already; say `committed`.

`python -m tests.support.commit_a_batch FOLDER`
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from robotdata.dataset import CommitResult, DatasetSpec, NewEpisode, commit_episodes
from robotdata.export import encode_camera, load_encoded, new_episode, plan_take
from robotdata.spool import Take
from robotdata.video import EncodeSettings
from tests.support.takes import features, make_take

QUICK = EncodeSettings(codec="h264", preset="ultrafast")
CAMERAS = ("front",)


def encode(home: Path, folder: Path) -> None:
    """Encode every camera of the take in `folder` to `home/staging`."""
    with Take.open(folder) as take:
        plan = plan_take(take)
        for key in take.cameras:
            encode_camera(take, plan, key, home / "staging" / take.id / f"{key}.mp4", QUICK)


def encoded_takes(home: Path, lengths: Iterable[int]) -> list[Path]:
    """Takes of so many frames in `home/spool`, encoded; each has its length as its number."""
    takes = [make_take(home / "spool", ticks, episode=ticks, cameras=CAMERAS) for ticks in lengths]
    for take in takes:
        encode(home, take)
    return takes


def episode(home: Path, folder: Path) -> NewEpisode:
    """The take as an episode, made from what `encode` left."""
    with Take.open(folder) as take:
        encoded = {key: load_encoded(home / "staging" / take.id / f"{key}.mp4") for key in take.cameras}
        found = {key: camera for key, camera in encoded.items() if camera is not None}
        return new_episode(take, plan_take(take), str(take.manifest["task"]), found, uuid=take.id, extra={})


def commit(home: Path, folders: list[Path]) -> CommitResult:
    """Add the takes to `home/dataset`."""
    spec = DatasetSpec(30, "sim_arm", features(CAMERAS))
    new = [episode(home, folder) for folder in folders]
    return commit_episodes(home / "dataset", spec, new, work=home / "work", revisions=home / "revisions")


def main(home: Path) -> None:
    commit(home, sorted((home / "spool").iterdir()))
    sys.stdout.write("committed\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
