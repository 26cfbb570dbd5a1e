"""Encode and commit takes with a depth camera."""

from __future__ import annotations

from pathlib import Path

from robotdata.dataset.write.commit import DatasetSpec, commit_episodes
from robotdata.export import encode_camera, new_episode, plan_take
from robotdata.spool import Take
from robotdata.video import EncodeSettings
from tests.support.takes import PREFIX

FAR = PREFIX + "far"


QUICK = EncodeSettings(codec="h264", preset="ultrafast")


def episode_of(folder: Path, place: Path, trim: tuple[int, int] | None = None):
    with Take.open(folder) as take:
        plan = plan_take(take, trim)
        made = {key: encode_camera(take, plan, key, place / take.id / f"{key}.mp4", QUICK) for key in take.cameras}
        spec = DatasetSpec(30, "sim_arm", take.manifest["features"])
        return new_episode(take, plan, "push the cube", made, take.id, {}), spec


def commit(root: Path, spec: DatasetSpec, *episodes) -> None:
    commit_episodes(root, spec, episodes, work=root.parent / ".work", revisions=root.parent / ".revisions" / root.name)
