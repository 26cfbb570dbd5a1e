"""HDF5 files of ALOHA and robomimic become takes; hostile ones are refused in words."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from robotdata.imports import BadSource, ImportsError, Kind, MisfitMapping, make_plan, open_source
from robotdata.imports.mapping import Mapping, Rule
from robotdata.imports.take import STAGING, read_own_times
from robotdata.spool import Take
from robotdata.spool.integrity import find_damage
from tests.support.foreign import ROWS, codes, imported, jpeg, numbers, one_of, picture, write_aloha

HIGH, LOW = "observation.images.cam_high", "observation.images.cam_low"


@pytest.mark.parametrize("compressed", [False, True])
def test_a_file_of_aloha_becomes_a_take(tmp_path: Path, compressed: bool) -> None:
    path = write_aloha(tmp_path / "episode_3.hdf5", compressed=compressed)
    done = imported(path, tmp_path / "spool", task="insert the peg", robot_type="aloha")
    assert (done.rows, done.frames) == (ROWS, {HIGH: ROWS, LOW: ROWS})
    with Take.open(tmp_path / "spool/a") as take:
        about = take.manifest
        assert (take.state, take.ticks, about["fps"], about["task"]) == ("recorded", ROWS, 50, "insert the peg")
        assert (about["duration_s"], about["dataset"], about["robot_type"]) == (0.24, "cubes", "aloha")
        assert codes(take, HIGH) == codes(take, LOW) == list(range(ROWS))
        np.testing.assert_array_equal(take.column("observation.state"), numbers(ROWS, 14).astype(np.float32))
        np.testing.assert_array_equal(take.column("action"), numbers(ROWS, 14, start=0.5).astype(np.float32))
        assert about["features"]["action"]["names"][:2] == ["left_waist", "left_shoulder"]
        assert about["imported_from"]["file"] == "episode_3.hdf5"
        assert not about.odd and find_damage(take.folder) == []
        if compressed:
            assert [take.camera(LOW).packet(row) for row in range(ROWS)] == [jpeg(row, 1) for row in range(ROWS)]
    assert not (tmp_path / "spool" / STAGING).exists()


def test_what_is_not_taken_in_is_named_with_the_reason(tmp_path: Path) -> None:
    recording, mapping = one_of(write_aloha(tmp_path / "episode_0.hdf5", compressed=True))
    plan = make_plan(recording, mapping)
    assert plan.left_out == {
        "/observations/qvel": "no feature is named for it",
        "/compress_len": "it holds the lengths of the compressed pictures",
    }
    assert plan.problems == [] and plan.rows == ROWS
    assert any("50 rows a second" in note for note in plan.notes)


def test_demonstrations_of_robomimic_are_one_take_each(tmp_path: Path) -> None:
    path = tmp_path / "demo.hdf5"
    with h5py.File(path, "w") as file:
        data = file.create_group("data")
        data.attrs["env_args"] = json.dumps({"env_name": "Lift", "env_kwargs": {"control_freq": 20}})
        for number in (0, 1, 10, 2):
            rows = number + 3
            demo = data.create_group(f"demo_{number}")
            demo["actions"] = numbers(rows, 7)
            demo["obs/robot0_joint_pos"] = numbers(rows, 7)
            demo["obs/robot0_gripper_qpos"] = numbers(rows, 2, start=100)
            demo["obs/robot0_eef_pos"] = numbers(rows, 3)
            demo["obs/agentview_image"] = np.stack([picture(row, 0, number) for row in range(rows)])
            demo["next_obs/agentview_image"] = np.zeros((0, 84, 84, 3), np.uint8)
    with open_source(path) as source:
        assert [recording.name for recording in source.recordings()] == ["demo_0", "demo_1", "demo_2", "demo_10"]
    done = imported(path, tmp_path / "spool", name="demo_10")
    assert done.rows == 13
    with Take.open(tmp_path / "spool/a") as take:
        assert take.manifest["fps"] == 20 and codes(take, "observation.images.agentview") == list(range(13))
        state = np.concatenate([numbers(13, 7), numbers(13, 2, start=100)], axis=1)
        np.testing.assert_array_equal(take.column("observation.state"), state.astype(np.float32))
        assert take.manifest["features"]["observation.state"]["names"][-2:] == [
            "robot0_gripper_qpos_0",
            "robot0_gripper_qpos_1",
        ]


def test_times_of_its_own_are_kept_and_rows_take_the_newest_value(tmp_path: Path) -> None:
    times = np.array([0.0, 0.1, 0.2, 0.3, 0.45, 0.6]) + 1_700_000_000
    path = write_aloha(tmp_path / "timed.hdf5", rows=6, timestamp=times)
    imported(path, tmp_path / "spool", fps=10.0)
    with Take.open(tmp_path / "spool/a") as take:
        assert codes(take, HIGH) == [0, 1, 2, 3, 3, 4, 5]
        assert take.column("action")[:, 0].round(2).tolist() == [0.5, 1.5, 2.5, 3.5, 3.5, 4.5, 5.5]
        assert take.manifest["started_at"].startswith("2023-11-14T22:13:20")
        own = (read_own_times(take.folder)["/action"] - 1_700_000_000 * 10**9) / 1e9
        np.testing.assert_allclose(own, [0, 0.1, 0.2, 0.3, 0.3, 0.45, 0.6], atol=1e-6)
        seen = (take.column(f"{HIGH}/captured_ns") - 1_700_000_000 * 10**9) / 1e9
        np.testing.assert_allclose(seen, own, atol=1e-6)


def test_columns_of_unequal_lengths_end_with_the_shortest_and_it_is_said(tmp_path: Path) -> None:
    path = write_aloha(tmp_path / "short.hdf5")
    with h5py.File(path, "a") as file:
        del file["action"]
        file["action"] = numbers(ROWS - 4, 14)
    recording, mapping = one_of(path)
    plan = make_plan(recording, mapping)
    assert plan.rows == ROWS - 4 and any("the last 4 are left out" in note for note in plan.notes)
    assert imported(path, tmp_path / "spool").rows == ROWS - 4


@pytest.mark.parametrize(
    ("times", "words"),
    [([0, 1, float("nan"), 3], "the time nan in row 2"), ([0, 2, 1, 3], "goes back in time in row 2")],
)
def test_bad_times_are_refused_with_their_row(tmp_path: Path, times: list[float], words: str) -> None:
    path = write_aloha(tmp_path / "times.hdf5", rows=4, timestamp=np.array(times, float))
    with pytest.raises(BadSource, match=words):
        one_of(path)


def test_nothing_outside_of_the_file_is_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret.hdf5"
    with h5py.File(secret, "w") as file:
        file["action"] = numbers(ROWS, 14)
    (tmp_path / "secret.bin").write_bytes(bytes(ROWS * 8))
    path = write_aloha(tmp_path / "links.hdf5")
    with h5py.File(path, "a") as file:
        file["elsewhere"] = h5py.ExternalLink(str(secret), "/action")
        file["alias"] = h5py.SoftLink("/action")
        layout = h5py.VirtualLayout((ROWS, 14), float)
        layout[:] = h5py.VirtualSource(str(secret), "action", (ROWS, 14))
        file.create_virtual_dataset("virtual", layout)
        file.create_dataset("raw", (ROWS,), float, external=[(str(tmp_path / "secret.bin"), 0, ROWS * 8)])
        file["observations/round"] = file["observations"]  # a group within itself
    recording, mapping = one_of(path)
    problems = {stream.path: stream.problem for stream in recording.streams if stream.problem}
    assert "not followed" in problems["/elsewhere"] and "not followed" in problems["/alias"]
    assert "other files" in problems["/virtual"] and "another file" in problems["/raw"]
    wanted = Mapping({"action": Rule(("/elsewhere",))}, fps=50)
    with pytest.raises(MisfitMapping, match="not followed"):
        make_plan(recording, wanted).check()
    assert make_plan(recording, mapping).problems == []


def test_a_bomb_of_sizes_is_not_unpacked(tmp_path: Path) -> None:
    path = write_aloha(tmp_path / "bomb.hdf5")
    with h5py.File(path, "a") as file:
        file.create_dataset("piece", (1 << 20, 1 << 12), "u1", chunks=(1 << 20, 1 << 12), compression="gzip")
        file.create_dataset("wide", (4, 1 << 30), "f8", chunks=(1, 1 << 10))
        file.create_dataset("poster", (2, 60_000, 60_000, 3), "u1", chunks=(1, 16, 16, 3))
        file.create_dataset("nothing", (0, 7), "f8")
    recording, _ = one_of(path)
    problems = {stream.path: stream.problem for stream in recording.streams if stream.problem}
    assert "MiB" in problems["/piece"] and "values in a row" in problems["/wide"]
    assert "pixels" in problems["/poster"] and problems["/nothing"] == "it is empty"


def test_a_bad_picture_leaves_nothing_behind(tmp_path: Path) -> None:
    path = write_aloha(tmp_path / "broken.hdf5", compressed=True)
    with h5py.File(path, "a") as file:
        row = file["observations/images/cam_low"][ROWS - 1]
        row[200:] = 7
        file["observations/images/cam_low"][ROWS - 1] = row
    with pytest.raises(BadSource, match=r"bad picture in /observations/images/cam_low at 0\.220 s"):
        imported(path, tmp_path / "spool")
    assert list((tmp_path / "spool").iterdir()) == []


def test_a_file_that_is_no_hdf5_and_one_that_is_cut_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.hdf5").write_text("hello")
    whole = write_aloha(tmp_path / "whole.hdf5").read_bytes()
    (tmp_path / "cut.hdf5").write_bytes(whole[: len(whole) // 2])
    for name in ("text.hdf5", "cut.hdf5", "missing.hdf5"):
        with pytest.raises(ImportsError, match=name):
            open_source(tmp_path / name)


def test_values_that_are_no_numbers_are_left_out(tmp_path: Path) -> None:
    path = write_aloha(tmp_path / "odd.hdf5")
    with h5py.File(path, "a") as file:
        file["record"] = np.zeros(ROWS, [("a", "f8"), ("b", "i4")])
        file["words"] = ["push", *["pull"] * (ROWS - 1)]
        file["scalar"] = 3.5
    recording, mapping = one_of(path)
    kinds = {stream.path: stream.kind for stream in recording.streams}
    assert (kinds["/record"], kinds["/words"], kinds["/scalar"]) == (Kind.OTHER, Kind.TEXT, Kind.OTHER)
    with pytest.raises(MisfitMapping, match="neither numbers nor pictures"):
        make_plan(recording, Mapping({"action": Rule(("/record",))}, fps=50)).check()
    imported(path, tmp_path / "spool", mapping, task_stream="/words")
    assert Take.open(tmp_path / "spool/a").manifest["task"] == "push"
