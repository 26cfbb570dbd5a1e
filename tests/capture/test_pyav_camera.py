from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from robotdata.capture.camera_thread import CameraThread
from robotdata.capture.config import parse_config
from robotdata.capture.devices import DeviceContext
from robotdata.capture.records import CameraFrame
from robotdata.capture.registry import Registry
from robotdata.video.jpeg import encode_jpeg
from robotdata.video.packets import PacketWriter


def thread_for(url: str, kept: list[CameraFrame]) -> CameraThread:
    camera = {"kind": "pyav", "url": url, "width": 64, "height": 48, "fps": 120}
    devices = {"robot": {"kind": "sim"}, "teleoperator": {"kind": "autopilot"}}
    config = parse_config({"rig": {"name": "x"}, **devices, "cameras": {"front": camera}}, "x.toml").cameras[0]
    context = DeviceContext("x", 30, name="front", width=64, height=48, camera_fps=120)
    thread = CameraThread(config, Registry().camera("pyav", context, config.options))
    thread.attach(lambda key, frame: kept.append(frame))
    return thread


def test_it_records_a_file_as_a_camera(tmp_path: Path) -> None:
    packets = [encode_jpeg(np.full((48, 64, 3), value, np.uint8)) for value in (20, 120, 220)]
    writer = PacketWriter(tmp_path / "film.mkv", "mjpeg", 64, 48)
    for index, packet in enumerate(packets):
        writer.write(packet, index)
    writer.finish()
    kept: list[CameraFrame] = []
    thread = thread_for(f"file:{tmp_path}/film.mkv", kept)
    thread.start()
    end = time.monotonic() + 60
    while len(kept) < 7 and time.monotonic() < end:
        time.sleep(0.005)
    thread.stop()
    assert [frame.packet for frame in kept[:7]] == [packets[i % 3] for i in range(7)]
    assert (np.diff([frame.captured_ns for frame in kept]) > 0).all()


def test_it_waits_for_a_camera_that_comes_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("robotdata.capture.camera_thread.FIRST_PAUSE_S", 0.01)
    kept: list[CameraFrame] = []
    thread = thread_for(str(tmp_path / "late.mkv"), kept)
    thread.start()
    end = time.monotonic() + 60
    while not (said := thread.health.failed) and time.monotonic() < end:
        time.sleep(0.005)
    assert "there is no such file" in (said or "")
    writer = PacketWriter(tmp_path / "late.part", "mjpeg", 64, 48)
    writer.write(encode_jpeg(np.full((48, 64, 3), 9, np.uint8)), 0)
    writer.finish()
    (tmp_path / "late.part").rename(tmp_path / "late.mkv")
    end = time.monotonic() + 60
    while not kept and time.monotonic() < end:
        time.sleep(0.005)
    thread.stop()
    assert kept and thread.health.failed is None
