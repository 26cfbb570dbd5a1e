"""The real LeRobot reads back what was measured, to the quantum; skipped, saying so, where there is none of 0.6."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from robotdata.dataset import DatasetFolder
from robotdata.video import dequantize_depth, quantize_depth
from robotdata.video.barcode import Barcode
from robotdata.video.depth.scale import DepthScale
from tests.support import lerobot_forks
from tests.support.depth_export import FAR, commit, episode_of
from tests.support.takes import SCALE, depth_map, make_take

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("scale", [SCALE, DepthScale(0.0, 4.095, use_log=False)])
def test_lerobot_gives_back_the_depth_that_was_measured(tmp_path: Path, scale: DepthScale) -> None:
    newest = os.environ.get("ROBOTDATA_NEWEST_VENV") or ROOT / ".venv-lerobot-datasets"
    python = os.environ.get("ROBOTDATA_INTEROP_PYTHON") or str(Path(newest) / "bin/python")
    if not Path(python).is_file():
        pytest.skip(f"no LeRobot 0.6 at {python}: `make interop` makes it where there is Python 3.12")
    root, made = tmp_path / "datasets" / "cubes", []
    for number in (1, 2):
        folder = make_take(tmp_path / "spool", 12, episode=number, cameras=("front",), depth=("far",), scale=scale)
        made.append(episode_of(folder, tmp_path / "staging"))
    commit(root, made[0][1], *(episode for episode, _ in made))
    raw = [np.stack([depth_map(Barcode(tick, number, 1)) for tick in range(12)]) for number in (1, 2)]
    np.save(tmp_path / "maps.npy", raw[0])
    script, out = str(ROOT / "bench/interop_depth.py"), str(tmp_path / "out.npz")
    done = lerobot_forks.run(
        [python, script, str(root), FAR, str(tmp_path / "maps.npy"), out], capture_output=True, text=True, timeout=300
    )
    if done.returncode == 3:
        pytest.skip("this LeRobot knows no depth")
    assert done.returncode == 0, done.stderr[-2000:]
    found = np.load(out)
    theirs = found["depth"].reshape(24, 240, 320)
    codes = np.stack([quantize_depth(each, scale) for one in raw for each in one])
    assert (quantize_depth(theirs.astype(np.uint16).reshape(-1, 320), scale) == codes.reshape(-1, 320)).all(), (
        "each is of the same quantum"
    )
    # torch's exp and numpy's differ in the last bit: a depth between two millimetres may be rounded the other way.
    assert np.abs(theirs - dequantize_depth(codes, scale)).max() <= 1
    if not scale.use_log:
        assert (theirs == np.concatenate(raw)).all(), "a code is a millimetre: nothing may be lost"
    stats = made[0][0].camera_stats[FAR]
    for name, value in stats.items():
        near = {"rtol": 1e-4, "atol": 2.0} if name.startswith("q") else {"rtol": 1e-3}
        assert np.shape(value) == found[f"stats_{name}"].shape
        assert np.allclose(value, found[f"stats_{name}"], **near), name
    assert DatasetFolder.open(root).features[FAR]["info"]["depth_unit"] == "mm"
