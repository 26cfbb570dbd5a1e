from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from robotdata.spool import SpoolError, SpoolFull, Take, read_manifest
from robotdata.spool import writer as writers
from tests.spool.conftest import CAMERAS, FRONT, begin, packet, row, write


def test_it_says_what_the_take_is(recorded: Path) -> None:
    manifest = read_manifest(recorded)
    assert manifest["id"] == recorded.name
    assert (manifest["state"], manifest["end_reason"]) == ("recorded", "stop")
    assert (manifest["ticks"], manifest["cameras_frames"]) == (20, dict.fromkeys(CAMERAS, 20))
    assert manifest["duration_s"] == pytest.approx(20 / 30, abs=1e-5)
    assert manifest["rate_hz"] == pytest.approx(30, abs=1e-3)
    assert manifest["task"] == "push the cube"
    assert manifest["curation"]["verdict"] == "unreviewed"


def test_it_says_recording_from_the_first_moment(tmp_path: Path) -> None:
    writer = begin(tmp_path)
    assert read_manifest(writer.folder)["state"] == "recording"
    writer.close()


def test_it_has_a_frame_and_a_row_on_disk_when_the_call_returns(tmp_path: Path) -> None:
    writer = begin(tmp_path)
    write(writer, 3)
    with Take.open(writer.folder) as take:
        assert take.ticks == 3
        assert take.camera(FRONT).packet(2) == packet(2)
    writer.close()


def test_it_writes_a_video_that_players_open(recorded: Path) -> None:
    with av.open(str(recorded / f"{FRONT}.mkv")) as container:
        grays = [int(frame.to_ndarray(format="gray").mean()) for frame in container.decode(video=0)]
    assert grays == pytest.approx(range(20), abs=2)


def test_it_leaves_nothing_but_the_take_behind(recorded: Path) -> None:
    names = {"take.json", "rows.arrow", ".lock"} | {f"{key}.{end}" for key in CAMERAS for end in ("mkv", "idx")}
    assert {path.name for path in recorded.iterdir()} == names


def test_it_refuses_a_row_that_lacks_a_value_and_writes_none_of_it(tmp_path: Path) -> None:
    writer = begin(tmp_path)
    bad = row(0)
    with pytest.raises(SpoolError, match=r"tick 0.*'action'.*5 values, want 6"):
        writer.add_row(type(bad)(0, 1, 1, {**bad.values, "action": np.zeros(5)}, bad.frames))
    write(writer, 1)
    writer.finish()
    assert Take.open(writer.folder).ticks == 1


def test_it_keeps_the_take_up_to_the_frame_at_which_the_disk_was_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = begin(tmp_path)
    write(writer, 5)
    left = [3]  # three more pieces fit

    def full(fd: int, parts: list[bytes]) -> None:
        if left[0] <= 0:
            os.write(fd, parts[0][:7])  # a full disk takes a part first
            raise OSError(errno.ENOSPC, "No space left on device")
        left[0] -= 1
        os.writev(fd, parts)

    with monkeypatch.context() as patch:
        patch.setattr("robotdata.video.packets.append_all", full)
        with pytest.raises(SpoolFull, match="kept up to frame 5"):
            write(writer, 5, first=5)
        with pytest.raises(SpoolFull):
            writer.add_row(row(5))
    writer.finish(end_reason="disk_full")
    with Take.open(writer.folder) as take:
        assert (take.ticks, take.rows.num_rows) == (5, 5)
        assert [take.camera(FRONT).packet(i) == packet(i) for i in range(5)] == [True] * 5
    assert read_manifest(writer.folder)["end_reason"] == "disk_full"


def test_it_survives_a_limit_of_the_system_on_file_size(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib, resource, signal\n"
        "from tests.spool.conftest import begin, write\n"
        "from robotdata.spool import SpoolError, SpoolFull\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "writer = begin(pathlib.Path(sys.argv[1]))\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))\n"
        "try:\n    write(writer, 1000)\n"
        "except SpoolError as error:\n"
        "    full = isinstance(error, SpoolFull)\n"
        "    print(full, writer.ticks, writer.finish(end_reason='write_failed')['ticks'], writer.folder)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    full, kept, said, folder = done.stdout.split()
    assert full == "False"  # the disk has room
    with Take.open(Path(folder)) as take:
        assert int(kept) == int(said) == take.ticks == take.rows.num_rows > 5


def test_it_loses_nothing_that_was_written_when_it_is_killed(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib, os, signal\n"
        "from tests.spool.conftest import begin, write\n"
        "writer = begin(pathlib.Path(sys.argv[1]))\nwrite(writer, 12)\n"
        "print(writer.folder, flush=True)\nos.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL
    with Take.open(Path(done.stdout.strip())) as take:
        assert take.ticks == 12
        assert take.camera(FRONT).packet(11) == packet(11)


def test_it_keeps_words_as_they_were_typed(tmp_path: Path) -> None:
    task = "lege <b>den Würfel</b> 🧊 ab / \\ \n\x00 \ud800"
    writer = writers.TakeWriter(tmp_path / "x", {"task": task, "fps": 30}, {}, {})
    writer.finish()
    assert json.loads((tmp_path / "x/take.json").read_bytes())["task"].startswith(task[:-1])


def test_it_counts_an_empty_take(tmp_path: Path) -> None:
    writer = begin(tmp_path)
    manifest = writer.finish()
    assert (manifest["ticks"], manifest["duration_s"], manifest["rate_hz"]) == (0, 0.0, 30.0)
    assert Take.open(writer.folder).signal("action").shape == (0, 6)
