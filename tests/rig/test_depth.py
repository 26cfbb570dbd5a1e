"""A depth camera through a whole take: recorded by the simulated rig, killed, encoded, committed and read back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from robotdata.dataset import DatasetFolder, DatasetSpec, commit_episodes, verify_dataset
from robotdata.export import encode_camera, new_episode, plan_take
from robotdata.rig.previews import unpack_preview
from robotdata.rig.process import recover_leftovers
from robotdata.spool import Take, list_takes, read_manifest
from robotdata.video import EncodeSettings, barcode, decode_depth, dequantize_depth, open_video, quantize_depth
from robotdata.video.depth.packets import depth_of_packet
from robotdata.video.depth.scale import DepthScale
from tests.rig.conftest import DEPTH, FRONT, TOP, Bench
from tests.support import programs
from tests.support.rig_link import Web, linked, soon

SCALE = DepthScale(depth_max=4)
QUICK = EncodeSettings(codec="h264", preset="ultrafast")

CODE = """
import sys, time, pathlib
from tests.rig.conftest import DEPTH, Bench, config
bench = Bench(pathlib.Path(sys.argv[1]), config(camera=DEPTH))
bench.do("record")
while True:
    time.sleep(0.02)
    print("ticks", bench.machine.take.ticks, flush=True)
"""


def maps(take: Take) -> list[np.ndarray]:
    """What each tick of a take shows of depth, in millimetres."""
    return [depth_of_packet(take.camera(FRONT).packet(int(n))) for n in take.frame_index(FRONT)]


def test_a_take_holds_every_millimetre_that_was_measured(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(camera=DEPTH)
    bench.do("record", task="push")
    bench.ticks(20)
    bench.do("stop")
    bench.idle()
    with Take.open(list_takes(bench.spool)[0]) as take:
        feature = take.manifest["features"][FRONT]
        assert feature["shape"] == [64, 288, 1] and feature["info"] == SCALE.info("mm")
        assert take.manifest["cameras"][FRONT]["codec"] == "png"
        seen = maps(take)
    assert [barcode.read(each).tick for each in seen] == list(range(len(seen)))
    scene = np.stack(seen)[:, barcode.HEIGHT :]
    assert scene.dtype == np.uint16 and 100 < np.median(scene) < 3000
    assert len(np.unique(scene)) > 50 and 0 < (scene == 0).mean() < 0.05


def test_a_killed_rig_leaves_its_depth_whole(tmp_path: Path) -> None:
    command = [sys.executable, "-c", CODE, str(tmp_path)]
    with programs.Popen(command, stdout=subprocess.PIPE, text=True) as rig:
        assert rig.stdout is not None
        lines = [next(line for line in rig.stdout if int(line.split()[1]) >= 40)]
        os.kill(rig.pid, signal.SIGKILL)
        lines += rig.stdout.read().splitlines()
    said = int(next(line for line in reversed(lines) if len(line.split()) == 2).split()[1])
    assert len(recover_leftovers(tmp_path)) == 1
    folder = list_takes(tmp_path)[0]
    assert read_manifest(folder)["state"] == "interrupted"
    with Take.open(folder) as take:
        assert take.ticks >= said - 60  # one second
        assert [barcode.read(each).tick for each in maps(take)] == list(range(take.ticks))
        made = encode_camera(take, plan_take(take, accept_rate=True), FRONT, tmp_path / "out/front.mp4", QUICK)
        assert made.frames == take.ticks


def test_what_was_recorded_is_what_the_dataset_gives_back(tmp_path: Path, make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(camera=DEPTH)
    bench.do("record", task="push")
    bench.ticks(30)
    bench.do("stop")
    bench.idle()
    root = tmp_path / "datasets" / "depths"
    with Take.open(list_takes(bench.spool)[0]) as take:
        plan = plan_take(take, accept_rate=True)
        made = {key: encode_camera(take, plan, key, tmp_path / "out" / f"{key}.mp4", QUICK) for key in (FRONT, TOP)}
        spec = DatasetSpec(int(take.manifest["fps"]), "sim_arm", take.manifest["features"])
        episode = new_episode(take, plan, "push", made, take.id, {})
        raw = maps(take)[plan.first_tick : plan.end_tick]
    commit_episodes(root, spec, [episode], work=tmp_path / "work", revisions=tmp_path / "revisions")
    assert verify_dataset(root, deep=True).ok
    dataset = DatasetFolder.open(root)
    scale = DepthScale.from_info(dataset.features[FRONT]["info"])
    assert scale == SCALE
    with open_video(dataset.episode(0).videos[FRONT].path) as video:
        for n, depth in enumerate(raw):
            assert (decode_depth(video, n, scale) == dequantize_depth(quantize_depth(depth, scale), scale)).all()


async def test_a_watched_depth_camera_is_seen_in_colours(make_bench: Callable[..., Bench]) -> None:
    bench, web = make_bench(camera=DEPTH), Web()
    async with linked(bench, web):
        await soon(lambda: web.of("status"))
        await web.say(type="watch", cameras={FRONT: 30})
        await soon(lambda: len(web.previews) > 3)
    with Image.open(BytesIO(unpack_preview(web.previews[-1])[3])) as image:
        assert (image.format, image.size, image.mode) == ("JPEG", (288, 64), "RGB")
        picture = np.asarray(image)
    assert barcode.read(picture.max(axis=2)).camera == 0
    assert picture[barcode.HEIGHT :].std() > 20


@pytest.mark.parametrize(("fault", "state"), [("black_after_s", "black"), ("freeze_after_s", "frozen")])
def test_it_says_what_is_wrong_with_a_depth_camera(make_bench: Callable[..., Bench], fault: str, state: str) -> None:
    wrong = {"kind": "sim", "depth": True, fault: 0.2}
    bench = make_bench(camera=wrong)
    camera = bench.machine.rig.cameras[0]
    end = time.monotonic() + 60
    while camera.health.state(time.monotonic_ns()) != state:
        assert time.monotonic() < end
        time.sleep(0.02)
