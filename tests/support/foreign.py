"""Makes small files of other recorders, whose pictures say which they are, and imports them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from robotdata.imports import Imported, import_recording, make_plan, open_source, propose
from robotdata.imports.mapping import Mapping
from robotdata.imports.streams import Recording
from robotdata.spool import Take
from robotdata.video.barcode import Barcode, draw, read
from robotdata.video.jpeg import decode_jpeg, encode_jpeg
from robotdata.video.png import MAGIC, decode_png

SIZE = (288, 64)
ROWS = 12


def picture(tick: int, camera: int = 0, episode: int = 1) -> np.ndarray:
    rgb = np.full((SIZE[1], SIZE[0], 3), 90, np.uint8)
    draw(rgb, Barcode(tick, episode, camera))
    return rgb


def jpeg(tick: int, camera: int = 0, episode: int = 1) -> bytes:
    return encode_jpeg(picture(tick, camera, episode), 92)


def numbers(rows: int, size: int, *, start: float = 0.0) -> np.ndarray:
    """Row n holds n + start, and a hundredth more in each next place."""
    return np.arange(rows)[:, None] + np.arange(size) / 100 + start


def one_of(path: Path) -> tuple[Recording, Mapping]:
    """What the only recording of a file holds, and the mapping that is proposed for it. The file is closed again."""
    with open_source(path) as source:
        (recording,) = source.recordings()
        return recording, propose(recording)


def imported(
    path: Path, spool: Path, mapping: Mapping | None = None, *, name: str = "", take: str = "a", **changes: Any
) -> Imported:
    """What came of a recording of a file, by default its first, with the proposed mapping and these changes to it."""
    with open_source(path) as source:
        recording = next(each for each in source.recordings() if not name or each.name == name)
        plan = make_plan(recording, replace(mapping or propose(recording), **changes))
        return import_recording(plan, spool, take, source=path, facts={"dataset": "cubes"})


def codes(take: Take, key: str) -> list[int]:
    """The tick that the picture of each row shows, by its barcode."""
    track = take.camera(key)
    return [read(shown(track.packet(int(frame)))).tick for frame in take.frame_index(key)]


def shown(packet: bytes) -> np.ndarray:
    return decode_png(packet) if packet.startswith(MAGIC) else decode_jpeg(packet)


def padded(packets: Iterable[bytes]) -> np.ndarray:
    """Packets as ALOHA stores them: one row each, filled up with zeros."""
    rows = list(packets)
    longest = max(map(len, rows))
    return np.stack([np.frombuffer(row.ljust(longest, b"\0"), np.uint8) for row in rows])


def write_aloha(path: Path, *, rows: int = ROWS, compressed: bool = False, episode: int = 1, **more: Any) -> Path:
    """A file as ALOHA's recorder writes it, in which row n of each camera shows the number n."""
    with h5py.File(path, "w") as file:
        file.attrs["sim"] = False
        file["observations/qpos"] = numbers(rows, 14)
        file["observations/qvel"] = numbers(rows, 14)
        file["action"] = numbers(rows, 14, start=0.5)
        for camera, name in enumerate(("cam_high", "cam_low")):
            pictures = [jpeg(row, camera, episode) for row in range(rows)]
            raw = np.stack([picture(row, camera, episode) for row in range(rows)])
            file[f"observations/images/{name}"] = padded(pictures) if compressed else raw
        if compressed:
            file["compress_len"] = np.array(
                [[len(jpeg(row, camera, episode)) for row in range(rows)] for camera in range(2)]
            )
        for name, value in more.items():
            file[name] = value
    return path
