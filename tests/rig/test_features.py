"""A rig refuses before the first frame what no dataset could hold after the last one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robotdata.capture.config import parse_config
from robotdata.capture.errors import ConfigError
from robotdata.capture.registry import Registry
from robotdata.dataset import DatasetFolder, DatasetSpec, NewEpisode, commit_episodes
from robotdata.rig.machine import Machine
from robotdata.rig.protocol import as_command
from robotdata.rig.replay import add_replay, replay_config
from robotdata.rig.rig import Rig
from robotdata.spool import Take
from tests.rig.conftest import until

JOINTS = {"dtype": "float32", "shape": [2], "names": ["a", "b"]}
ACTION = {"action": JOINTS}


class Arm:
    robot_type = "arm"

    def __init__(self, features: dict[str, Any]) -> None:
        self.features = features

    def connect(self) -> None: ...

    def observe(self) -> dict[str, Any]:
        return {}

    def act(self, action: Any) -> Any:
        return action

    def disconnect(self) -> None: ...


def rig(tmp_path: Path, features: dict[str, Any]) -> Rig:
    registry = Registry()
    registry.add("robot", "arm", lambda context, options: Arm(features))
    config = parse_config(
        {"rig": {"name": "bench"}, "robot": {"kind": "arm"}, "teleoperator": {"kind": "autopilot"}}, "test"
    )
    return Rig(config, tmp_path, registry=registry)


@pytest.mark.parametrize(
    ("features", "named"),
    [
        (ACTION | {"observation.state": {**JOINTS, "dtype": "complex64"}}, "complex64"),
        (ACTION | {"observation.state": {**JOINTS, "shape": []}}, "observation.state"),
        (ACTION | {"observation.state": {**JOINTS, "shape": [0]}}, "observation.state"),
        (ACTION | {"observation.state": {**JOINTS, "shape": [2.5]}}, "observation.state"),
        (ACTION | {"observation/state": JOINTS}, "observation/state"),
        (ACTION | {"subtask": {"dtype": "string", "shape": [3], "names": None}}, "subtask"),
        (ACTION | {"words": {"dtype": "language", "shape": [1], "names": None}}, "words"),
        ({"observation.state": JOINTS}, "action"),
        ({"action": {"dtype": "string", "shape": [1], "names": None}}, "action"),
    ],
)
def test_it_refuses_features_that_cannot_become_an_episode(
    tmp_path: Path, features: dict[str, Any], named: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        rig(tmp_path, features)
    assert named in str(refused.value)


def test_it_takes_texts_and_numbers_of_every_kind(tmp_path: Path) -> None:
    kinds = ("float16", "float64", "int8", "uint8", "int64", "uint64", "bool")
    more = {f"observation.{kind}": {"dtype": kind, "shape": [2, 3], "names": None} for kind in kinds}
    made = rig(tmp_path, ACTION | more | {"subtask": {"dtype": "string", "shape": [1], "names": None}})
    assert "subtask" in made.features


def test_it_replays_texts_at_a_fractional_rate(tmp_path: Path) -> None:
    root = tmp_path / "datasets/cubes"
    values = np.arange(24, dtype=np.float32).reshape(12, 2)
    texts = [f"step {n // 3}" for n in range(12)]
    features = {**ACTION, "subtask": {"dtype": "string", "shape": [1], "names": None}}
    episode = NewEpisode("one", "push", {"action": values, "subtask": texts}, 12, {}, {})
    places = {"work": tmp_path / "datasets/.work", "revisions": tmp_path / "datasets/.old"}
    commit_episodes(root, DatasetSpec(62.5, "arm", features), [episode], **places)
    machine = Machine(Rig(replay_config(root), tmp_path / "spool", registry=add_replay(Registry())))
    machine.start()
    try:
        until(lambda: machine.state == "idle")
        machine.execute(as_command("record", task="again"))
        until(lambda: machine.take is not None and machine.take.ticks >= 12)
        take = machine.take
        assert take is not None
        machine.execute(as_command("stop"))
        until(lambda: not machine.saving)
    finally:
        machine.stop()
    with Take.open(machine.rig.spool / take.id) as stored:
        assert stored.manifest["fps"] == DatasetFolder.open(root).fps == 62.5
        assert stored.texts("subtask")[:12] == texts
