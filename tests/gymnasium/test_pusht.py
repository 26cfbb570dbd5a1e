"""gym-pusht as a rig, in an environment of its own: its physics, pictures and rewards are in the takes."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robotdata.capture.devices import DeviceContext
from robotdata.capture.errors import ConfigError
from robotdata.capture.options import Options
from robotdata.capture.registry import Registry
from robotdata.spool import Take, list_takes
from robotdata.video.jpeg import decode_jpeg

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
FRONT, SCENE = "observation.images.front", "observation.images.scene"
RIG = """
[rig]
name = "pusht"
fps = 20
[robot]
kind = "gymnasium"
env = "gym_pusht:gym_pusht/PushT-v0"
state = "agent_pos"
joints = ["x", "y"]
robot_type = "pusht"
[robot.make]
obs_type = "pixels_agent_pos"
render_mode = "rgb_array"
visualization_width = 128
visualization_height = 128
[teleoperator]
kind = "gymnasium"
[cameras.front]
kind = "gymnasium"
image = "pixels"
width = 96
height = 96
[cameras.scene]
kind = "gymnasium"
width = 128
height = 128
"""


@pytest.fixture(scope="module")
def python() -> Path:
    """The Python of the environment with gym-pusht; skips, saying so, where there is none."""
    found = Path(os.environ.get("ROBOTDATA_PUSHT_VENV") or ROOT / ".venv-pusht") / "bin/python"
    if not found.exists():
        pytest.skip(f"no gym-pusht at {found}: `make interop` makes it")
    return found


def record(python: Path, folder: Path, text: str, *more: str) -> subprocess.CompletedProcess[str]:
    file = folder / "pusht.toml"
    file.write_text(text)
    command = [python, HERE / "record_pusht.py", file, folder / "spool", *more]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{HERE}", "SDL_VIDEODRIVER": "dummy"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=250)


@pytest.fixture(scope="module")
def recorded(python: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The spool with two takes, and the rig's features."""
    folder = tmp_path_factory.mktemp("pusht")
    done = record(python, folder, RIG)
    assert done.returncode == 0, done.stderr
    return folder / "spool", json.loads(done.stdout.splitlines()[-1])


def test_the_features_are_those_of_the_environment(recorded: tuple[Path, dict[str, Any]]) -> None:
    features = recorded[1]
    assert features["action"]["names"] == ["x", "y"]
    assert {name: each["shape"] for name, each in features.items()} == {
        "action": [2],
        "observation.state": [2],
        "observation.reward": [1],
        "observation.success": [1],
        FRONT: [96, 96, 3],
        SCENE: [128, 128, 3],
    }


def test_each_row_has_the_picture_and_the_state_of_one_moment(recorded: tuple[Path, dict[str, Any]]) -> None:
    """The agent is a disc of one colour; where it is in the picture is where the state says, 512 wide."""
    for folder in list_takes(recorded[0]):
        with Take.open(folder) as take:
            assert take.ticks >= 12 and take.manifest["end_reason"] == "stop"
            state, index = take.signal("observation.state"), take.frame_index(SCENE)
            for tick in range(take.ticks):
                rgb = decode_jpeg(take.camera(SCENE).packet(int(index[tick]))).astype(int)
                blue = (rgb[..., 2] > 200) & (rgb[..., 0] < 120) & (rgb[..., 1] < 170)
                y, x = np.argwhere(blue).mean(axis=0) * 512 / 128
                assert np.abs(state[tick] - [x, y]).max() < 12, (tick, state[tick], x, y)


def test_the_world_moves_under_the_actions_and_is_reset_between_takes(recorded: tuple[Path, dict[str, Any]]) -> None:
    first, second = sorted(list_takes(recorded[0]), key=lambda each: (each / "take.json").stat().st_mtime)
    with Take.open(first) as take, Take.open(second) as other:
        assert np.ptp(take.signal("observation.state"), axis=0).max() > 5
        assert not np.allclose(take.signal("observation.state")[0], other.signal("observation.state")[0])
        assert np.isfinite(take.signal("observation.reward")).all()
        assert not take.signal("observation.success").any()


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("gym_pusht/PushT-v0", "gym_pusht/PushX-v0", "robot.env: 'gym_pusht:gym_pusht/PushX-v0' cannot be made"),
        ('state = "agent_pos"', 'state = "agent"', "robot.state: is 'agent'"),
        ('joints = ["x", "y"]', 'joints = ["x"]', "robot.joints: has 1 name;"),
        ('image = "pixels"', 'image = "pixel"', "cameras.front.image: is 'pixel'"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(python: Path, tmp_path: Path, old: str, new: str, problem: str) -> None:
    assert old in RIG
    done = record(python, tmp_path, RIG.replace(old, new))
    assert done.returncode == 1 and problem in done.stderr and "Traceback" not in done.stderr


def test_a_task_that_is_done_labels_and_ends_its_take(python: Path, tmp_path: Path) -> None:
    text = '[rig]\nname = "c"\nfps = 50\n[robot]\nkind = "gymnasium"\nenv = "counting:Counting-v0"\n'
    done = record(python, tmp_path, text + '[teleoperator]\nkind = "gymnasium"\n', "by itself")
    assert done.returncode == 0, done.stderr
    for folder in list_takes(tmp_path / "spool"):
        with Take.open(folder) as take:
            assert take.manifest["end_reason"] == "stop" and take.manifest["curation"]["labels"] == ["success"]
            state, success = (
                take.signal("observation.state").reshape(-1),
                take.signal("observation.success").reshape(-1),
            )
            assert np.array_equal(success.astype(bool), state == 8) and success.any()
            assert np.array_equal(take.signal("observation.reward").reshape(-1), state), "that of the last action"


def slow_rig(renderings: list[int]) -> str:
    """An environment that sleeps for longer than a robot may take to answer."""
    make = f'{{ render_mode = "rgb_array", seconds = 3.0, slow = {renderings} }}'
    robot = f'kind = "gymnasium"\nenv = "counting:Slow-v0"\nmake = {make}\n'
    text = f'[rig]\nname = "c"\nfps = 20\n[robot]\n{robot}[teleoperator]\nkind = "gymnasium"\n'
    return text + '[cameras.scene]\nkind = "gymnasium"\nwidth = 64\nheight = 48\n'


def test_an_environment_may_be_slow_to_start(python: Path, tmp_path: Path) -> None:
    """Each row's picture is that of its state, the first one's too."""
    done = record(python, tmp_path, slow_rig([1]), "by itself")
    assert done.returncode == 0, done.stderr
    for folder in list_takes(tmp_path / "spool"):
        with Take.open(folder) as take:
            index, count = take.frame_index(SCENE), take.signal("observation.state").reshape(-1)
            shown = [decode_jpeg(take.camera(SCENE).packet(int(frame))).mean() / 30 for frame in index]
            assert np.allclose(shown, count, atol=0.1)


def test_a_renderer_that_hangs_is_a_camera_without_frames_and_no_robot_that_hangs(python: Path, tmp_path: Path) -> None:
    done = record(python, tmp_path, slow_rig([6]), "by itself")
    assert done.returncode == 1 and re.search("^(recording|saving|idle): Camera scene", done.stderr, re.M)


def test_without_gymnasium_it_says_what_to_install() -> None:
    if importlib.util.find_spec("gymnasium"):
        pytest.skip("gymnasium is installed here")
    options = Options({"env": "CartPole-v1"}, "rig.toml: robot")
    with pytest.raises(ConfigError, match=r"needs gymnasium: /.+ -m pip install .*gymnasium"):
        Registry().robot("gymnasium", DeviceContext("rig", 30), options)
