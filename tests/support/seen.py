"""Read from the pictures which frames a dataset or a take holds."""

from __future__ import annotations

from pathlib import Path

from robotdata.dataset.reader import DatasetFolder
from robotdata.spool import Take
from robotdata.video import open_video
from robotdata.video.barcode import read
from robotdata.video.jpeg import decode_jpeg
from tests.recorder.conftest import FRONT


def shown(folder: Path) -> list[tuple[int, list[int]]]:
    """For each episode the number in its pictures, and their ticks."""
    found = []
    for info in DatasetFolder.open(folder).episodes:
        span = info.videos[FRONT]
        with open_video(span.path) as video:
            codes = [read(video.frame(n)) for n in range(span.first_frame, span.first_frame + span.frames)]
        found.append((codes[0].episode, [code.tick for code in codes]))
    return found


def frames_that_say_their_number(folder: Path) -> int:
    """How many rows the take has; every frame of each is the one that its row names."""
    with Take.open(folder) as take:
        for key in take.cameras:
            camera = take.camera(key)
            shown = [read(decode_jpeg(camera.packet(i))).tick for i in take.frame_index(key)]
            assert shown == list(range(take.ticks)), (folder, key)
        return take.ticks
