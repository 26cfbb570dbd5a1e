from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from robotdata.export import encode, encode_camera, load_encoded, plan_take
from robotdata.export.errors import EncodedBroken
from robotdata.spool import Take
from robotdata.video import EncodeSettings, open_video
from robotdata.video.barcode import read
from tests.support.takes import make_take

FRONT = "observation.images.front"
QUICK = EncodeSettings(codec="h264", preset="ultrafast")


class Stop(Exception):
    """A worker that is told to cancel."""


def test_it_encodes_the_planned_frames_and_no_others(tmp_path: Path) -> None:
    with Take.open(make_take(tmp_path, 12, lost={5})) as take:
        made = encode_camera(take, plan_take(take, (2, 10)), FRONT, tmp_path / "front.mp4", QUICK)
    with open_video(made.path) as video:
        ticks = [read(video.frame(n)).tick for n in range(video.count)]
    assert ticks == [2, 3, 4, 4, 6, 7, 8, 9]
    assert made.frames == 8
    assert made.info["video.codec"] == "h264"


def test_it_keeps_what_a_commit_after_a_restart_needs(tmp_path: Path) -> None:
    with Take.open(make_take(tmp_path, 6)) as take:
        made = encode_camera(take, plan_take(take), FRONT, tmp_path / "front.mp4", QUICK)
    again = load_encoded(tmp_path / "front.mp4")
    assert again is not None
    assert (again.frames, again.sha256, again.made_from) == (6, made.sha256, made.made_from)
    assert np.allclose(again.stats["mean"], made.stats["mean"])
    assert made.stats["mean"].shape == (3, 1, 1)


def test_it_does_not_take_a_cut_file_for_a_whole_one(tmp_path: Path) -> None:
    with Take.open(make_take(tmp_path, 6)) as take:
        made = encode_camera(take, plan_take(take), FRONT, tmp_path / "front.mp4", QUICK)
    made.path.write_bytes(made.path.read_bytes()[:-10])
    assert load_encoded(made.path) is None


def test_it_does_not_take_an_altered_file_for_its_own(tmp_path: Path) -> None:
    with Take.open(make_take(tmp_path, 6)) as take:
        made = encode_camera(take, plan_take(take), FRONT, tmp_path / "front.mp4", QUICK)
    data = bytearray(made.path.read_bytes())
    data[len(data) // 2] ^= 1
    made.path.write_bytes(data)
    assert load_encoded(made.path) is None


def test_it_leaves_nothing_when_it_is_cancelled(tmp_path: Path) -> None:
    def cancel(_frames: int) -> None:
        raise Stop

    folder = make_take(tmp_path / "spool", 12)
    with Take.open(folder) as take, pytest.raises(Stop):
        encode_camera(take, plan_take(take), FRONT, tmp_path / "out/front.mp4", QUICK, progress=cancel)
    assert list((tmp_path / "out").iterdir()) == []


def test_it_keeps_no_file_that_does_not_decode_to_the_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = encode.encode_packets

    def forgetful(packets, *args, **kwargs):  # an encoder that swallows a frame
        return real(list(packets)[:-1], *args, **kwargs)

    monkeypatch.setattr(encode, "encode_packets", forgetful)
    folder = make_take(tmp_path / "spool", 6)
    with Take.open(folder) as take, pytest.raises(EncodedBroken, match="6 readable frames"):
        encode_camera(take, plan_take(take), FRONT, tmp_path / "out/front.mp4", QUICK)
    assert list((tmp_path / "out").iterdir()) == []
