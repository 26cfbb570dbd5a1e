"""F24: Another build of the encoder writes later segments: each is appended packet by packet, or begins a new file."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import av
import pytest

from robotdata.dataset import DatasetFolder, verify_dataset
from robotdata.video import open_video
from robotdata.video.barcode import read
from tests.faults.commit_odd_segments import FRONT, prepare
from tests.support.warm import Server

pytestmark = pytest.mark.faults
X264 = ["-c:v", "libx264", "-pix_fmt", "yuv420p"]
ODD = {  # how many frames, and what the system's FFmpeg is told; nothing: the product's own encoding
    "the first": (6, []),
    "one frame": (1, []),
    "another time base": (5, ["-c", "copy", "-video_track_timescale", "90000"]),
    "another build, B-frames": (24, [*X264, "-bf", "3", "-g", "12"]),
    "one frame of another build": (1, X264),
    "another SPS": (7, [*X264, "-profile:v", "baseline", "-level", "5.1", "-crf", "10"]),
    "as at first": (4, []),
    "another codec": (5, ["-c:v", "libx265", "-pix_fmt", "yuv420p", "-x265-params", "log-level=none"]),
    "and as at first again": (3, []),
}


def packets(path: Path, first: int = 0, count: int | None = None) -> list[bytes]:
    """As they lie in the file; their times of decoding grow."""
    with av.open(str(path)) as container:
        found = [packet for packet in container.demux(video=0) if packet.size]
    times = [packet.dts for packet in found]
    assert times == sorted(set(times)), f"{path}: times of decoding do not grow"
    return [bytes(packet) for packet in found][first : None if count is None else first + count]


def make_odd(home: Path, source: Path, words: list[str]) -> None:
    (home / "odd.mp4").unlink(missing_ok=True)  # the dataset's file may be a link to it
    shutil.copy(source, home / "odd.mp4")
    if words:
        command = ["ffmpeg", "-v", "error", "-y", "-i", str(source), *words, str(home / "odd.mp4")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        if "Unknown encoder" in done.stderr:
            pytest.skip(f"the system's FFmpeg lacks an encoder: {done.stderr.strip()}")
        assert done.returncode == 0, done.stderr


def test_it_takes_each_as_it_is_and_reencodes_nothing(tmp_path: Path, warm_server: Server) -> None:
    if not shutil.which("ffmpeg"):
        pytest.skip("no ffmpeg on this machine: there is no other build of an encoder")
    home, put_in = tmp_path / "home", []
    home.mkdir()
    for number, (name, (ticks, words)) in enumerate(ODD.items()):
        make_odd(home, prepare(home, ticks, number), words)
        put_in.append(packets(home / "odd.mp4"))
        run = warm_server.run("tests.faults.commit_odd_segments", home)
        assert run.said == "committed\n", (name, run.errors)
        report = verify_dataset(home / "dataset", deep=True)
        assert report.problems == [], (name, report.problems)
    episodes = DatasetFolder.open(home / "dataset").episodes
    assert [info.length for info in episodes] == [ticks for ticks, _ in ODD.values()]
    for number, (info, segment) in enumerate(zip(episodes, put_in, strict=True)):
        span = info.videos[FRONT]
        with open_video(span.path) as video:
            codes = [read(video.frame(n)) for n in range(span.first_frame, span.first_frame + span.frames)]
        assert [(code.tick, code.episode) for code in codes] == [(tick, number) for tick in range(info.length)]
        assert packets(span.path, span.first_frame, span.frames) == segment, "it was encoded again"
    files = [info.videos[FRONT].file for info in episodes]
    assert files[:3] == [0, 0, 0], "what is alike goes on the file"
    assert files[3] == 1 and len(set(files)) >= 4, "what is not begins a new one"
