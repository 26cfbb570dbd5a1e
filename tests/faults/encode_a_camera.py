"""Scenario: encode the one camera of the one take in FOLDER/spool into FOLDER/staging; say `encoded`."""

from __future__ import annotations

import sys
from pathlib import Path

from robotdata.export import encode_camera, load_encoded, plan_take
from robotdata.spool import Take
from tests.support.commit_a_batch import QUICK


def out_of(home: Path) -> Path:
    return home / "staging" / "front.mp4"


def main(home: Path) -> None:
    (folder,) = (home / "spool").iterdir()
    with Take.open(folder) as take:
        if load_encoded(out_of(home)) is None:
            encode_camera(take, plan_take(take), take.cameras[0], out_of(home), QUICK, token="mine")
    sys.stdout.write("encoded\n")
