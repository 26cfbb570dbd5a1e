"""Units and limits: in the sidecar instead of `info.json`, kept by edits, and only where they fit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from robotdata.dataset import DatasetFolder, DatasetSpec, commit_episodes
from robotdata.dataset.scales import SCALES, limits_of, scales_of, units_of, with_scales, without_scales
from robotdata.dataset.write.edit import edit_episodes
from robotdata.dataset.write.transfer import Where, duplicate
from robotdata.devices.lerobot.scale import scale_of, scaled
from tests.support.commit_a_batch import CAMERAS, encoded_takes, episode
from tests.support.takes import features

JOINT = {"dtype": "float32", "shape": [2], "names": ["a.pos", "gripper.pos"]}
SCALE = {"units": ["°", "%"], "limits": [[-90.0, 90.0], [0.0, 100.0]]}


def test_they_are_taken_out_of_the_features_and_come_back() -> None:
    features = {"action": {**JOINT, **SCALE}, "observation.state": JOINT}
    assert scales_of(features) == {"action": SCALE}
    assert without_scales(features) == {"action": JOINT, "observation.state": JOINT}
    assert with_scales(without_scales(features), scales_of(features)) == features


@pytest.mark.parametrize("odd", [None, 3, [], {"action": 3}, {"action": {"units": ["°"], "limits": [[0, 1]]}}])
def test_what_does_not_fit_is_left_out(odd: Any) -> None:
    assert with_scales({"action": JOINT}, odd) == {"action": JOINT}


def test_a_limit_that_is_none_is_unknown() -> None:
    limits = [[0, 1], None, [1, 0], ["a", 2], [float("nan"), 1], [0, float("inf")], [True, 2], [1]]
    assert limits_of({"limits": limits}, 8) == [(0.0, 1.0), *[None] * 7]
    assert units_of({"unit": "deg"}, 2) == ["deg", "deg"] and units_of({"units": ["deg"]}, 2) == ["", ""]


def bus(resolution: int = 4096, **modes: str) -> Any:
    motors = {name: SimpleNamespace(norm_mode=SimpleNamespace(value=mode), model="m") for name, mode in modes.items()}
    calibration = {name: SimpleNamespace(range_min=1024, range_max=3071) for name in modes}
    return SimpleNamespace(
        motors=motors, calibration=calibration, model_resolution_table={"m": resolution}, disconnect=None
    )


def test_an_arm_of_lerobot_says_degrees_or_per_cent() -> None:
    device = SimpleNamespace(bus=bus(pan="degrees", lift="range_m100_100", gripper="range_0_100"))
    scale = scale_of(device)
    assert scale["lift.pos"] == ("%", [-100, 100]) and scale["gripper.pos"] == ("%", [0, 100])
    unit, limits = scale["pan.pos"]
    assert unit == "°" and limits == pytest.approx([-89.98, 89.98], abs=0.01)
    feature = scaled(["pan.pos", "x.vel"], scale)
    assert feature["units"] == ["°", ""] and feature["limits"][1] is None
    device.bus.calibration = {}
    assert scale_of(device)["pan.pos"] == ("°", None), "an arm that is not calibrated has no known limits"
    assert "units" not in scaled(["x.vel"], scale)


def test_the_joints_of_two_arms_begin_with_their_side() -> None:
    arms = {
        "left_arm": SimpleNamespace(calibration_fpath="", bus=bus(pan="degrees", gripper="range_0_100")),
        "right_arm": SimpleNamespace(calibration_fpath="", bus=bus(pan="range_m100_100")),
    }
    scale = scale_of(SimpleNamespace(calibration_fpath="", **arms))
    assert {joint: unit for joint, (unit, _) in scale.items()} == {
        "left_pan.pos": "°", "left_gripper.pos": "%", "right_pan.pos": "%",
    }  # fmt: skip
    assert scaled(["left_pan.pos", "right_pan.pos"], scale)["units"] == ["°", "%"]


def test_two_buses_of_one_arm_with_motors_of_one_name_say_nothing_of_them() -> None:
    device = SimpleNamespace(first=bus(pan="degrees", lift="degrees"), second=bus(pan="range_0_100"))
    assert scale_of(device).keys() == {"lift.pos"}


def test_a_dataset_keeps_them_in_its_sidecar(tmp_path: Path) -> None:
    """LeRobot compares the features of `info.json` to the letter."""
    takes = encoded_takes(tmp_path, [6, 7])
    new = [episode(tmp_path, take) for take in takes]
    size = new[0].columns["action"].shape[1]
    scales = {"action": {"units": ["°"] * size, "limits": [[-1.0, 1.0]] * size}}
    where = {"work": tmp_path / "work", "revisions": tmp_path / "revisions"}
    root = tmp_path / "dataset"
    commit_episodes(root, DatasetSpec(30, "sim_arm", features(CAMERAS)), [replace(new[0], scales=scales)], **where)
    commit_episodes(root, DatasetSpec(30, "sim_arm", features(CAMERAS)), new[1:], **where)
    edit_episodes(root, delete=[0], **where)
    dataset = DatasetFolder.open(root)
    assert len(dataset.episodes) == 1 and not {"units", "limits"} & dataset.features["action"].keys()
    assert with_scales(dataset.features, dataset.sidecar.more[SCALES])["action"]["limits"] == [[-1, 1]] * size
    copied = tmp_path / "copy"
    duplicate(root, copied, Where(tmp_path / "work", tmp_path / "revisions"))
    assert DatasetFolder.open(copied).sidecar.more[SCALES] == scales
