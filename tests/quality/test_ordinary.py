"""No false alarms: the simulated rig's own takes, and real robots' episodes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from robotdata.capture.devices import DeviceContext
from robotdata.capture.options import Options
from robotdata.capture.registry import Registry
from robotdata.dataset.reader import DatasetFolder
from robotdata.quality import CameraInput, Peers, SignalInput, TakeInput, TakeMetrics, marks_of, measure
from robotdata.quality.inputs import flat_names, is_numeric
from robotdata.quality.measuring import sampled_ticks
from robotdata.quality.pictures import PictureMeter, shrink
from robotdata.video import open_video
from robotdata.video.jpeg import decode_jpeg, encode_jpeg

FPS = 30.0
VIEWS = ("front", "top", "wrist")


def simulated(takes: int) -> Iterator[TakeInput]:
    """Takes of the simulated rig, its cameras small, a second apart."""
    registry, shared = Registry(), {}  # type: ignore[var-annotated]

    def context(name: str = "", number: int = 0) -> DeviceContext:
        return DeviceContext("sim", FPS, name, 160, 120, FPS, number, shared)

    robot = registry.robot("sim", context(), Options({}, "robot"))
    pilot = registry.teleoperator("autopilot", context(), Options({}, "teleoperator"))
    cameras = [registry.camera("sim", context(v, n), Options({"sync": "tick"}, v)) for n, v in enumerate(VIEWS)]
    robot.connect()
    for number in range(takes):
        ticks = 180 + 10 * (number % 4)
        action, state = np.empty((ticks, 6)), np.empty((ticks, 6))
        meters = [PictureMeter() for _ in VIEWS]
        looked = set(sampled_ticks(ticks, FPS).tolist())
        for tick in range(-30, ticks):
            seen = robot.observe()
            act = robot.act(pilot.action(seen))
            if tick >= 0:
                state[tick], action[tick] = seen["observation.state"], act
            for camera, meter in zip(cameras, meters, strict=True) if tick in looked else ():
                rgb = decode_jpeg(encode_jpeg(camera.grab(tick).render()))  # type: ignore[attr-defined]
                meter.add(tick, shrink(rgb, 4))
                meter.add_detail(rgb)
        names = robot.features["action"]["names"]
        yield TakeInput(
            fps=FPS,
            ticks=ticks,
            signals={"action": SignalInput(names, action), "observation.state": SignalInput(names, state)},
            cameras={view: CameraInput(pictures=meter.series()) for view, meter in zip(VIEWS, meters, strict=True)},
            id=f"{number:08d}",
            recorded_at=f"{number:03d}",
        )


def test_it_has_nothing_to_say_of_the_simulated_rig() -> None:
    takes = [measure(take) for take in simulated(6)]
    known = Peers(takes)
    assert [(take.id, mark.text) for take in takes for mark in marks_of(take, known)] == []


@cache
def episodes(root: Path, only_pictures_of: int | None = None) -> list[TakeMetrics]:
    """The measures of a dataset's first hundred episodes, with the pictures of one of them."""
    dataset = DatasetFolder.open(root)
    indices = [info.index for info in dataset.episodes[:100]]
    return [measure(_episode(dataset, index, index == only_pictures_of)) for index in indices]


def _episode(dataset: DatasetFolder, index: int, pictures: bool) -> TakeInput:
    info, rows, signals = dataset.episode(index), dataset.rows(index), {}
    for name, about in dataset.features.items():
        if is_numeric(name, about) and name in rows:
            values = rows[name].reshape(info.length, -1)
            signals[name] = SignalInput(flat_names(name, about, values.shape[1]), values)
    cameras = {key: _camera(dataset, index, key) for key in dataset.video_keys} if pictures else {}
    stamps = {"id": f"{index:08d}", "recorded_at": f"{index:06d}"}
    return TakeInput(fps=float(dataset.fps), ticks=info.length, signals=signals, cameras=cameras, **stamps)


def _camera(dataset: DatasetFolder, index: int, key: str) -> CameraInput:
    info, meter = dataset.episode(index), PictureMeter()
    span, looked = info.videos[key], set(sampled_ticks(info.length, float(dataset.fps)).tolist())
    with open_video(span.path) as video:
        for tick, rgb in enumerate(video.frames(range(span.first_frame, span.first_frame + span.frames))):
            if tick in looked:
                meter.add(tick, shrink(rgb))
                meter.add_detail(shrink(rgb, 2))
    return CameraInput(pictures=meter.series())


@pytest.mark.parametrize("name", ["v30_g1_inspire", "v30_pusht_no_videos", "v30_rgbd_realsense"])
def test_it_has_nothing_to_say_of_real_episodes(testdata: Path, name: str) -> None:
    takes = episodes(testdata / name, only_pictures_of=0 if (testdata / name / "videos").is_dir() else None)
    known = Peers(takes)
    assert [(take.id, mark.text) for take in takes for mark in marks_of(take, known)] == []


def test_it_finds_a_real_episode_that_was_copied(testdata: Path) -> None:
    takes = episodes(testdata / "v30_pusht_no_videos", only_pictures_of=None)
    dataset = DatasetFolder.open(testdata / "v30_pusht_no_videos")
    same = _episode(dataset, 17, False)
    shaken = {name: SignalInput(each.names, each.values * 1.0001) for name, each in same.signals.items()}
    twin = measure(dataclasses.replace(same, signals=shaken, id="twin", recorded_at="999999"))
    assert "Near-duplicate of 00000017" in [mark.text for mark in marks_of(twin, takes)][0]
