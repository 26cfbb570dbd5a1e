from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from robotdata.capture.config import parse_config
from robotdata.capture.errors import ConfigError
from robotdata.capture.registry import Registry
from robotdata.dataset import DatasetSpec, commit_episodes, verify_dataset
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.scales import SCALES, limits_of, units_of
from robotdata.dataset.sidecar import SIDECAR, Sidecar
from robotdata.export import encode_camera, new_episode, plan_take
from robotdata.rig.machine import Machine
from robotdata.rig.protocol import as_command
from robotdata.rig.replay import add_replay, playable_features, replay_config
from robotdata.rig.rig import Rig
from robotdata.spool import Take
from robotdata.video import EncodeSettings
from robotdata.video.decode import open_video
from robotdata.video.depth.video import depth_codes
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
    dataset = DatasetFolder.open(root)
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


def test_it_is_connected_again_after_an_error(machine: Machine) -> None:
    record(machine, 3)
    machine.rig.loop._session.end()  # type: ignore[union-attr]
    until(lambda: machine.state == "error")
    machine.execute(as_command("clear_error"))
    until(lambda: machine.state == "idle")
    with Take.open(record(machine, 5)) as take:
        assert all((np.diff(take.frame_index(key)) == 1).all() for key in take.cameras) and take.ticks >= 5


def test_it_says_what_the_dataset_says(machine: Machine, root: Path) -> None:
    dataset = DatasetFolder.open(root)
    assert machine.rig.config.fps == dataset.fps
    assert machine.rig.robot_type == dataset.robot_type
    names = machine.rig.features["action"]["names"]
    assert names is None or all(isinstance(name, str) for name in names)
    assert {key for key, f in machine.rig.features.items() if f["dtype"] == "video"} <= set(dataset.video_keys)


def test_its_features_have_the_units_and_limits_of_the_sidecar(root: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(root, tmp_path / "copy")
    assert not any("units" in feature for feature in playable_features(DatasetFolder.open(copy)).values())
    (size,) = playable_features(DatasetFolder.open(copy))["action"]["shape"]
    scales = {"action": {"units": ["rad"] * size, "limits": [[-2.0, 2.0]] * size}}
    (copy / SIDECAR).write_text(Sidecar(more={SCALES: scales}).to_json())
    action = playable_features(DatasetFolder.open(copy))["action"]
    assert units_of(action, size) == ["rad"] * size and limits_of(action, size) == [(-2.0, 2.0)] * size


def test_it_says_why_a_folder_cannot_be_played(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be played"):
        replay_config(tmp_path)


def test_it_names_the_size_of_the_footage(root: Path, tmp_path: Path) -> None:
    cameras = {
        "x": {"kind": "replay", "path": str(root), "feature": DatasetFolder.open(root).video_keys[0], "width": 32}
    }
    device = {"kind": "replay", "path": str(root)}
    values = {"rig": {"name": "r"}, "robot": device, "teleoperator": device, "cameras": cameras}
    with pytest.raises(ConfigError, match=r"cameras\.x: the footage is \d+x\d+; set width"):
        Rig(parse_config(values, "r.toml"), tmp_path, registry=add_replay(Registry()))


def test_it_plays_depth_to_the_very_code_and_adds_it_to_the_dataset_it_came_from(
    testdata: Path, tmp_path: Path
) -> None:
    source, root = testdata / "v30_rgbd_realsense", tmp_path / "datasets" / "again"
    shutil.copytree(source, root)
    machine = Machine(Rig(replay_config(source), tmp_path / "spool", registry=add_replay(Registry())))
    machine.start()
    try:
        until(lambda: machine.state == "idle", 30)
        folder = record(machine, 8)
    finally:
        machine.stop()
    quick, dataset = EncodeSettings(codec="libsvtav1"), DatasetFolder.open(source)
    with Take.open(folder) as take:
        plan = plan_take(take, accept_rate=True)
        made = {key: encode_camera(take, plan, key, tmp_path / f"{key}.mp4", quick) for key in take.cameras}
        spec = DatasetSpec(dataset.fps, None, take.manifest["features"])
        episode = new_episode(take, plan, "again", made, take.id, {})
    places = {"work": tmp_path / "work", "revisions": tmp_path / "revisions"}
    commit_episodes(root, spec, [episode], **places)
    assert verify_dataset(root, deep=True).ok
    after, key = DatasetFolder.open(root), "observation.images.front_depth"
    first, last = (after.episode(n).videos[key] for n in (0, len(dataset.episodes)))
    with open_video(first.path) as one, open_video(last.path) as other:
        for n in range(plan.rows):
            want = depth_codes(one, first.first_frame + plan.first_tick + n)
            assert (depth_codes(other, last.first_frame + n) == want).all()
            assert len(np.unique(want)) > 100
