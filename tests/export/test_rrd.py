"""A take and an episode become an .rrd file, which Rerun's own reader and its command read back."""

from __future__ import annotations

import importlib.util
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robotdata.export.log import write_episode_log, write_take_log
from robotdata.export.rrd_file import RrdFile
from robotdata.spool.language import Language, Subtask
from robotdata.video import EncodeSettings
from tests.support.logged import DEPTH, FRONT, MS, NAMES, START, TICKS, commit, depth, jpeg, write_take

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("rerun") is None, reason="rerun-sdk is not installed (requirements-rerun.txt)"
)


def columns(path: Path) -> dict[str, dict[str, list[Any]]]:
    """The columns of each entity, in the order of its rows."""
    from rerun.chunk import RrdReader

    found: dict[str, dict[str, list[Any]]] = {}
    for chunk in RrdReader(str(path)).stream().to_chunks():
        batch = chunk.to_record_batch()
        into = found.setdefault(chunk.entity_path.removeprefix("/"), {})
        for name in batch.schema.names:
            if not name.startswith("rerun."):
                column = batch.column(name)
                is_time = name in {"seconds", "time"}
                into.setdefault(name, []).extend((column.cast("int64") if is_time else column).to_pylist())
    return found


def verified(path: Path) -> bool:
    """Whether Rerun's own command accepts the file. It keeps its settings where the test ends."""
    from rerun_cli import __file__ as package

    env = {**os.environ, "HOME": str(path.parent), "XDG_CONFIG_HOME": str(path.parent)}
    command = [str(Path(package).parent / "rerun"), "rrd", "verify", str(path)]
    return subprocess.run(command, env=env, capture_output=True, timeout=120).returncode == 0


def test_a_take_passes_its_jpegs_values_and_times(tmp_path: Path) -> None:
    path = tmp_path / "a.rrd"
    language = Language(subtasks=(Subtask(0, 5, "reach"),))
    facts = {"task": "push", "episode": "#4", "dataset": "cups"}
    folder = write_take(tmp_path / "t")
    write_take_log(folder, path, ticks=(2, 9), language=language, facts=facts, make=RrdFile)
    found = columns(path)
    assert verified(path)
    state = found[f"observation.state/{NAMES[0]}"]
    assert state["Scalars:scalars"] == [[tick + 0.5] for tick in range(2, 9)]
    assert state["frame"] == list(range(7))
    assert state["time"] == [START + tick * 50 * MS for tick in range(2, 9)]
    np.testing.assert_allclose(np.array(state["seconds"]) / 1e9, np.arange(7) / 20)
    assert found[f"action/{NAMES[1]}"]["Scalars:scalars"] == [[-tick] for tick in range(2, 9)]
    front = found[FRONT]
    assert [bytes(each[0]) for each in front["EncodedImage:blob"]] == [jpeg(tick) for tick in range(2, 9)]
    assert front["EncodedImage:media_type"] == [["image/jpeg"]] * 7
    assert front["frame"] == list(range(7)) and front["time"][0] == START + 93 * MS
    assert bytes(found[DEPTH]["DepthImage:buffer"][0][0]) == depth(2).tobytes()
    assert found["task"]["TextLog:text"] == [["push"]]
    assert found["subtask"]["TextLog:text"] == [["reach"], [""]] and found["subtask"]["frame"] == [0, 3]
    about = found["__properties/robotdata"]
    assert {"push", "#4"} <= {value[0] for values in about.values() for value in values}


@pytest.mark.parametrize("codec", ["h264", "libsvtav1"])
def test_the_packets_of_an_episode_pass(tmp_path: Path, codec: str) -> None:
    settings = EncodeSettings(codec=codec, g=5, extra_options={"bf": "0"} if codec == "h264" else {})
    root = commit(write_take(tmp_path / "t", with_depth=False), tmp_path / "d", settings)
    write_episode_log(root, 0, tmp_path / "a.rrd", start_ns=START, make=RrdFile)
    found = columns(tmp_path / "a.rrd")
    assert verified(tmp_path / "a.rrd")
    assert len([each for each in found[FRONT]["VideoStream:sample"] if each]) == TICKS
    assert found[f"action/{NAMES[0]}"]["Scalars:scalars"] == [[min(tick, 4)] for tick in range(TICKS)]


def test_names_that_are_the_same_or_odd_stay_apart(tmp_path: Path) -> None:
    with (tmp_path / "a.rrd").open("xb") as file:
        log = RrdFile(file)
        times = np.arange(2500, dtype=np.int64) * MS
        log.begin(times)
        for time in times.tolist():
            log.values("state", time, ["a", "a", "", "x y/z"], np.array([1.0, 2.0, np.nan, time]))
        log.finish({"task": "{x} \x00"})
    found = columns(tmp_path / "a.rrd")
    assert verified(tmp_path / "a.rrd")
    series = {name: each["Scalars:scalars"] for name, each in found.items() if name.startswith("state")}
    assert len(series) == 4 and {len(each) for each in series.values()} == {2500}
    assert sorted(each[-1][0] for each in series.values() if each[-1][0] == each[-1][0]) == [1.0, 2.0, 2499.0 * MS]
