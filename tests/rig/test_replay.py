from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from robotdata.capture.config import parse_config
from robotdata.capture.errors import ConfigError
from robotdata.capture.registry import Registry
from robotdata.dataset.reader import Dataset
from robotdata.rig.machine import Machine, as_command
from robotdata.rig.replay import add_replay, replay_config
from robotdata.rig.rig import Rig
from robotdata.spool import Take
from robotdata.video.decode import open_video
from robotdata.video.jpeg import decode_jpeg
from tests.rig.conftest import until


@pytest.fixture
def root(testdata: Path) -> Path:
    return testdata / "v30_g1_inspire"


@pytest.fixture
def machine(root: Path, tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(Rig(replay_config(root), tmp_path, registry=add_replay(Registry())))
    machine.start()
    until(lambda: machine.state == "idle")
    yield machine
    machine.stop()


def record(machine: Machine, ticks: int) -> Path:
    machine.execute(as_command("record", task="again"))
    until(lambda: machine.take is not None and machine.take.ticks >= ticks, 30)
    take = machine.take
    assert take is not None
    machine.execute(as_command("stop"))
    until(lambda: not machine.saving)
    return machine.rig.spool / take.id


def test_it_plays_real_footage_states_and_actions_in_step(machine: Machine, root: Path) -> None:
    dataset = Dataset.open(root)
    for episode in range(min(2, len(dataset.episodes))):
        with Take.open(record(machine, 12)) as take:
            rows = dataset.rows(episode)
            for name in ("action", "observation.state"):
                want = rows[name][: take.ticks]
                np.testing.assert_array_equal(take.signal(name)[: len(want)], want)
            key = dataset.video_keys[0]
            span = dataset.episode(episode).videos[key]
            camera, frames = take.camera(key), take.frame_index(key)
            with open_video(span.path) as video:
                for tick in (0, 5, 11):
                    got = decode_jpeg(camera.packet(int(frames[tick]))).astype(int)
                    want = video.frame(span.first_frame + tick).astype(int)
                    other = video.frame(span.first_frame + (tick + 6) % 12).astype(int)
                    assert np.abs(got - want).mean() < min(4.0, np.abs(got - other).mean())


def test_it_says_what_the_dataset_says(machine: Machine, root: Path) -> None:
    dataset = Dataset.open(root)
    assert machine.rig.config.fps == dataset.fps
    assert machine.rig.robot_type == dataset.robot_type
    names = machine.rig.features["action"]["names"]
    assert names is None or all(isinstance(name, str) for name in names)
    assert {key for key, f in machine.rig.features.items() if f["dtype"] == "video"} <= set(dataset.video_keys)


def test_it_says_why_a_folder_cannot_be_played(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be played"):
        replay_config(tmp_path)


def test_it_names_the_size_of_the_footage(root: Path, tmp_path: Path) -> None:
    cameras = {"x": {"kind": "replay", "path": str(root), "feature": Dataset.open(root).video_keys[0], "width": 32}}
    device = {"kind": "replay", "path": str(root)}
    values = {"rig": {"name": "r"}, "robot": device, "teleoperator": device, "cameras": cameras}
    with pytest.raises(ConfigError, match=r"cameras\.x: the footage is \d+x\d+; set width"):
        Rig(parse_config(values, "r.toml"), tmp_path, registry=add_replay(Registry()))
