"""Scenario: recover the take in FOLDER/spool, twice; say as JSON what is left of it.

`python -m tests.faults.look_at_a_take FOLDER`
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from robotdata.spool import BadManifest, NoTake, Take, recover_take
from robotdata.video.barcode import read
from robotdata.video.jpeg import decode_jpeg
from tests.faults.save_a_take import TAKE


def main(home: Path) -> None:
    folder = home / "spool" / TAKE
    try:
        recover_take(folder)
        again = recover_take(folder)
    except (NoTake, BadManifest) as error:
        sys.stdout.write(json.dumps({"state": type(error).__name__, "ticks": 0, "wrong": []}))
        return
    wrong, frames = [], []
    with Take.open(folder) as take:
        assert again.kept_ticks == take.ticks and not again.changed
        for key in take.cameras:
            camera = take.camera(key)
            # Where a row's own frame is lost it shows the newest one before; never a later one.
            shown = [read(decode_jpeg(camera.packet(at))).tick if at >= 0 else -1 for at in take.frame_index(key)]
            wrong += [(key, row, tick) for row, tick in enumerate(shown) if tick > row]
            frames.append(sum(tick == row for row, tick in enumerate(shown)))
        found = {"state": take.manifest["state"], "ticks": take.ticks, "wrong": wrong, "frames": frames}
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
