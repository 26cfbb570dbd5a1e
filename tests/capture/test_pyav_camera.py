from __future__ import annotations

import time
from pathlib import Path

import av
import numpy as np
import pytest

from robotdata.capture.camera_thread import CameraThread
from robotdata.capture.config import parse_config
from robotdata.capture.devices import DeviceContext
from robotdata.capture.errors import ConfigError
from robotdata.capture.records import CameraFrame
from robotdata.capture.registry import Registry
from robotdata.video.jpeg import decode_jpeg, encode_jpeg
from robotdata.video.packets import PacketWriter


def thread_for(url: str, kept: list[CameraFrame], **keys: object) -> CameraThread:
    camera = {"kind": "pyav", "url": url, "width": 64, "height": 48, "fps": 120, **keys}
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


def film(path: Path, width: int, height: int) -> Path:
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for value in (90, 120):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((height, width, 3), value, np.uint8))))
        out.mux(stream.encode())
    return path


def test_it_stores_no_picture_of_another_size_and_says_both(tmp_path: Path) -> None:
    kept: list[CameraFrame] = []
    thread = thread_for(str(film(tmp_path / "x.mp4", 128, 64)), kept)
    thread.start()
    end = time.monotonic() + 60
    while not (said := thread.health.failed) and time.monotonic() < end:
        time.sleep(0.005)
    thread.stop()
    assert "128x64" in (said or "") and "64x48" in (said or "") and not kept


def test_it_stores_another_size_between_bars_where_the_rigs_file_asks_for_that(tmp_path: Path) -> None:
    kept: list[CameraFrame] = []
    thread = thread_for(str(film(tmp_path / "x.mp4", 128, 64)), kept, fit="letterbox")
    thread.start()
    end = time.monotonic() + 60
    while not kept and time.monotonic() < end:
        time.sleep(0.005)
    thread.stop()
    stored = decode_jpeg(kept[0].packet)
    assert stored.shape == (48, 64, 3)
    assert stored[:6].max() < 20 and stored[-6:].max() < 20 and stored[12:36].min() > 60


def test_it_names_a_fit_that_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cameras\.front\.fit.*exact, letterbox"):
        thread_for("x.mp4", [], fit="stretch")


def test_it_names_a_pixel_format_that_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cameras\.front\.pixel_format.*yuyv"):
        thread_for("v4l2:/dev/video0", [], pixel_format="yuyv422")
    with pytest.raises(ConfigError, match=r"cameras\.front\.pixel_format.*v4l2"):
        thread_for("x.mp4", [], pixel_format="yuyv")
    thread_for("v4l2:/dev/video0", [], pixel_format="yuyv")


def test_it_says_that_a_v4l2_camera_is_not_there(tmp_path: Path) -> None:
    kept: list[CameraFrame] = []
    thread = thread_for(f"v4l2:{tmp_path}/video0", kept)
    thread.start()
    end = time.monotonic() + 60
    while not (said := thread.health.failed) and time.monotonic() < end:
        time.sleep(0.005)
    thread.stop()
    assert "video0" in (said or "") and "No such file" in (said or "")


def test_it_takes_the_choice_to_believe_any_certificate_for_network_cameras_alone() -> None:
    thread_for("https://127.0.0.1/cam", [], verify_certificate=False)
    for url in ("x.mp4", "v4l2:/dev/video0", "rtsp://127.0.0.1/cam"):
        with pytest.raises(ConfigError, match=r"cameras\.front\.verify_certificate"):
            thread_for(url, [], verify_certificate=False)
    with pytest.raises(ConfigError, match="true or false"):
        thread_for("https://127.0.0.1/cam", [], verify_certificate="no")
