"""A robot that clips what it is asked for: its takes hold both actions, and a dataset has the one that it says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from robotdata.capture.config import parse_config
from robotdata.capture.errors import ConfigError
from robotdata.capture.registry import Registry
from robotdata.dataset import DatasetFolder, DatasetSpec, commit_episodes, verify_dataset
from robotdata.export import encode_camera, new_episode, plan_take
from robotdata.rig.machine import Machine
from robotdata.rig.protocol import as_command
from robotdata.rig.replay import add_replay, replay_config
from robotdata.rig.rig import Rig
from robotdata.rig.status import Reporter
from robotdata.spool import Take, read_manifest
from robotdata.video import EncodeSettings
from tests.rig.conftest import FRONT, until

LIMIT = np.float32(5)


class Arm:
    """Two joints that reach from -5 to 5."""

    robot_type = "clipping_arm"
    features = {
        "action": {"dtype": "float32", "shape": [2], "names": ["a.pos", "b.pos"]},
        "observation.state": {"dtype": "float32", "shape": [2], "names": ["a.pos", "b.pos"]},
    }

    def __init__(self) -> None:
        self.at = np.zeros(2, np.float32)

    def connect(self) -> None: ...

    def observe(self) -> dict[str, Any]:
        return {"observation.state": self.at}

    def act(self, action: Any) -> Any:
        self.at = np.clip(action, -LIMIT, LIMIT, out=action)  # in place, as a driver may
        return self.at

    def disconnect(self) -> None: ...


class RequestedArm(Arm):
    recorded_action = "requested"


class OddArm(Arm):
    recorded_action = "both"


class Beyond:
    """A teleoperator that counts up, far beyond the limits, into the same array each time."""

    def __init__(self) -> None:
        self.asked = np.zeros(2, np.float32)

    def connect(self) -> None: ...

    def action(self, observation: Any) -> Any:
        self.asked += np.float32([1, -2])
        return self.asked

    def disconnect(self) -> None: ...


def make_rig(spool: Path, arm: type[Arm] = Arm, **robot: Any) -> Rig:
    registry = Registry()
    registry.add("robot", "arm", lambda context, options: arm())
    registry.add("teleoperator", "beyond", lambda context, options: Beyond())
    camera = {"kind": "sim", "barcode": True, "sync": "tick", "width": 288, "height": 64}
    values = {
        "rig": {"name": "bench", "fps": 60},
        "robot": {"kind": "arm", **robot},
        "teleoperator": {"kind": "beyond"},
        "cameras": {"front": camera},
    }
    return Rig(parse_config(values, "rig.toml"), spool, registry=registry)


def record(rig: Rig, ticks: int = 12) -> Path:
    machine = Machine(rig)
    machine.start()
    try:
        until(lambda: machine.state == "idle")
        machine.execute(as_command("record", task="push"))
        until(lambda: machine.take is not None and machine.take.ticks >= ticks)
        take = machine.take
        assert take is not None
        machine.execute(as_command("stop"))
        until(lambda: not machine.saving)
    finally:
        machine.stop()
    return rig.spool / take.id


def dataset_of(take_folder: Path, home: Path, recorded_action: str = "") -> Path:
    root = home / "datasets/cubes"
    with Take.open(take_folder) as take:
        plan = plan_take(take, accept_rate=True)
        quick = EncodeSettings(codec="h264", preset="ultrafast")
        made = {FRONT: encode_camera(take, plan, FRONT, home / f"{take.id}.mp4", quick)}
        episode = new_episode(take, plan, "push", made, take.id, {}, recorded_action=recorded_action)
        spec = DatasetSpec(take.manifest["fps"], "arm", take.manifest["features"])
    commit_episodes(root, spec, [episode], work=home / "datasets/.work", revisions=home / "datasets/.old")
    return root


def test_rows_hold_what_was_requested_and_what_was_sent(tmp_path: Path) -> None:
    folder = record(make_rig(tmp_path))
    assert read_manifest(folder)["recorded_action"] == "sent"
    with Take.open(folder) as take:
        requested, sent = take.signal("action/requested"), take.signal("action")
    assert np.abs(requested).max() > 2 * LIMIT
    assert np.diff(requested, axis=0).tolist() == [[1, -2]] * (len(requested) - 1)
    assert np.array_equal(sent, np.clip(requested, -LIMIT, LIMIT))


@pytest.mark.parametrize("which", ["sent", "requested"])
def test_a_dataset_has_the_one_that_it_says(tmp_path: Path, which: str) -> None:
    folder = record(make_rig(tmp_path / "spool", action=which))
    root = dataset_of(folder, tmp_path)
    with Take.open(folder) as take:
        requested = take.signal("action/requested")
    want = requested if which == "requested" else np.clip(requested, -LIMIT, LIMIT)
    (path,) = root.glob("data/*/*.parquet")
    stored = np.array(pq.read_table(path).column("action").to_pylist(), np.float32)
    assert np.array_equal(stored, want[-len(stored) :])
    assert json.loads((root / "meta/robotdata.json").read_text())["recorded_action"] == which
    assert DatasetFolder.open(root).recorded_action == which
    stats = DatasetFolder.open(root).stats()["action"]
    assert np.allclose(stats["max"], stored.max(axis=0)) and np.allclose(stats["min"], stored.min(axis=0))
    report = verify_dataset(root, deep=True)
    assert (report.problems, report.notes) == ([], [])


def test_the_rig_file_says_it_before_the_robot_does(tmp_path: Path) -> None:
    assert make_rig(tmp_path).recorded_action == "sent"
    assert make_rig(tmp_path, RequestedArm).recorded_action == "requested"
    assert make_rig(tmp_path, RequestedArm, action="sent").recorded_action == "sent"
    rig = make_rig(tmp_path, action="requested")
    hello = Reporter(Machine(rig)).hello()
    rig.stop()  # the status connects the devices; their loop would run on through later tests
    assert hello["rig"]["recorded_action"] == "requested"
    with pytest.raises(ConfigError, match=r"rig\.toml: robot\.action: is 'both', want one of sent, requested"):
        make_rig(tmp_path, action="both")
    with pytest.raises(ConfigError, match="recorded_action = 'both', want sent or requested"):
        make_rig(tmp_path, OddArm)


def test_a_replay_says_of_its_takes_what_the_dataset_says(tmp_path: Path) -> None:
    root = dataset_of(record(make_rig(tmp_path / "spool", action="requested")), tmp_path)
    again = record(Rig(replay_config(root), tmp_path / "again", registry=add_replay(Registry())))
    assert read_manifest(again)["recorded_action"] == "requested"
    with Take.open(again) as take:
        rows = DatasetFolder.open(root).rows(0)["action"]
        count = min(len(rows), take.ticks)
        for column in ("action", "action/requested"):
            assert np.array_equal(take.signal(column)[:count], rows[:count])
