"""Scenario: add the take of `home/next` to `home/dataset`, its video that of another encoder; say `committed`."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from robotdata.dataset import DatasetSpec, commit_episodes
from tests.support.commit_a_batch import CAMERAS, encode, episode
from tests.support.takes import PREFIX, features, make_take

FRONT = PREFIX + "front"


def main(home: Path) -> None:
    take = home / "spool" / (home / "next").read_text()
    made = replace(episode(home, take), videos={FRONT: home / "odd.mp4"}, camera_info={})
    spec = DatasetSpec(30, "sim_arm", features(CAMERAS))
    commit_episodes(home / "dataset", spec, [made], work=home / "work", revisions=home / "revisions")
    sys.stdout.write("committed\n")


def prepare(home: Path, ticks: int, number: int) -> Path:
    """The next take, encoded as the product does; where its video is."""
    take = make_take(home / "spool", ticks, episode=number, cameras=CAMERAS)
    encode(home, take)
    (home / "next").write_text(take.name)
    return home / "staging" / take.name / f"{FRONT}.mp4"
