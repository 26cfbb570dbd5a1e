"""A take, and an episode made of it, that tests write as logs: cameras with barcodes, depth, two actions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from robotdata.capture.records import Row
from robotdata.dataset.write.commit import DatasetSpec, commit_episodes
from robotdata.dataset.write.new_episode import NewEpisode
from robotdata.export.encode import encode_camera
from robotdata.export.plan import plan_take
from robotdata.spool import Take, TakeWriter
from robotdata.spool.language import Language
from robotdata.video import EncodeSettings
from robotdata.video.barcode import Barcode, draw
from robotdata.video.depth.packets import depth_packet
from robotdata.video.jpeg import encode_jpeg

START = 1_750_000_000_000_000_000
FRONT, DEPTH = "observation.images.front", "observation.images.depth"
NAMES = ["shoulder.pos", "elbow.pos"]
MS = 1_000_000
TICKS = 12


def jpeg(number: int) -> bytes:
    rgb = np.full((240, 320, 3), 90, np.uint8)
    draw(rgb, Barcode(number, 7, 0))
    return encode_jpeg(rgb, 90)


def depth(number: int) -> np.ndarray:
    return np.full((48, 64), 500 + number, np.uint16) + np.arange(64, dtype=np.uint16)


def write_take(folder: Path, *, with_depth: bool = True) -> Path:
    """20 fps; the camera's frame of a row is 7 ms older than the row, and the clock of the rig began at 1000 s."""
    number = {"dtype": "float32", "shape": [2], "names": NAMES}
    names = ["height", "width", "channels"]
    features: dict[str, Any] = {"observation.state": number, "action": number}
    features[FRONT] = {"dtype": "video", "shape": [240, 320, 3], "names": names}
    cameras = {FRONT: {"codec": "mjpeg", "width": 320, "height": 240}}
    if with_depth:
        info = {"is_depth_map": True, "video.is_depth_map": True}
        features[DEPTH] = {"dtype": "video", "shape": [48, 64, 1], "names": names, "info": info}
        cameras[DEPTH] = {"codec": "png", "width": 64, "height": 48}
    facts = {"fps": 20, "rig": "sim", "task": "push", "dataset": "d", "recorded_action": "sent", "robot_type": "sim"}
    writer = TakeWriter(folder, facts, features, cameras)
    for tick in range(TICKS):
        now = 1000 * 1000 * MS + tick * 50 * MS
        frames = {FRONT: (tick, now - 7 * MS)}
        writer.add_frame(FRONT, tick, now - 7 * MS, jpeg(tick))
        if with_depth:
            writer.add_frame(DEPTH, tick, now - 3 * MS, depth_packet(depth(tick)))
            frames[DEPTH] = (tick, now - 3 * MS)
        requested = np.array([tick, -tick], np.float32)
        values = {
            "action": np.minimum(requested, 4),
            "action/requested": requested,
            "observation.state": requested + 0.5,
        }
        writer.add_row(Row(tick, now, START + tick * 50 * MS, values, frames))
    writer.finish("recorded")
    return folder


def commit(take_folder: Path, root: Path, settings: EncodeSettings, language: Language | None = None) -> Path:
    work = root.parent / "work"
    with Take.open(take_folder) as take:
        plan = plan_take(take, None)
        encoded = {key: encode_camera(take, plan, key, work / f"{key}.mp4", settings) for key in take.cameras}
        episode = NewEpisode(
            uuid=take.id,
            tasks="push",
            columns={name: take.signal(name) for name in ("action", "observation.state")},
            length=plan.rows,
            videos={key: camera.path for key, camera in encoded.items()},
            camera_stats={key: camera.stats for key, camera in encoded.items()},
            camera_info={key: camera.info for key, camera in encoded.items()},
            language=language or Language(),
        )
        spec = DatasetSpec(fps=20, robot_type="sim", features=take.manifest["features"])
    commit_episodes(root, spec, [episode], work=work / "next", revisions=root.parent / "revisions")
    return root
