"""Record two takes of gym-pusht with the rig file on the command line; print the rig's features as JSON.

    python tests/gymnasium/record_pusht.py RIG.toml SPOOL ["by itself"]

It runs in the environment of gym-pusht. The takes end by `stop`, or by themselves; a reset phase follows each.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from robotdata.capture.config import read_config
from robotdata.capture.errors import CaptureError
from robotdata.rig.machine import Machine
from robotdata.rig.protocol import as_command
from robotdata.rig.rig import Rig


def until(machine: Machine, true: Callable[[], Any]) -> None:
    end = time.monotonic() + 120
    while not true():
        if time.monotonic() > end or machine.problem is not None or machine.message is not None:
            raise SystemExit(f"{machine.state}: {machine.problem or machine.message}")
        time.sleep(0.01)


def main(file: Path, spool: Path, *, by_itself: bool) -> None:
    try:
        machine = Machine(Rig(read_config(file), spool))
    except CaptureError as error:
        raise SystemExit(str(error)) from error
    machine.start()
    until(machine, lambda: machine.state == "idle")
    machine.execute(as_command("record", task="push the T", reset_s=0.2))
    for _ in range(2):
        if by_itself:
            until(machine, lambda: machine.state == "resetting")
            until(machine, lambda: machine.state != "resetting")
            continue
        until(machine, lambda: machine.take is not None and machine.take.ticks >= 12)
        machine.execute(as_command("stop"))
        until(machine, lambda: machine.take is None)
    until(machine, lambda: machine.state == "resetting")
    machine.execute(as_command("cancel"))
    until(machine, lambda: machine.state == "idle" and not machine.saving)
    features = machine.rig.features
    if not machine.stop():
        raise SystemExit("it did not stop")
    sys.stdout.write(json.dumps(features) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), by_itself=sys.argv[3:] == ["by itself"])
