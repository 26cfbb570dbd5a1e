"""Programs of LeRobot's environments, started in forks of a process that has imported LeRobot: importing takes seconds.

`Datasets` and `Drivers` are used as `subprocess.Popen` is; the first word of the command is the environment's Python.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

from tests.support import programs


class Datasets(programs.Popen):
    """A program that reads or writes datasets with LeRobot."""

    KIND = "datasets"

    def _nursery(self, asked: Mapping[str, Any]) -> programs.Nursery | None:
        if os.environ.get("ROBOTDATA_TEST_FORKS") == "0":
            return None
        env = os.environ if asked["env"] is None else asked["env"]
        path = env.get("PYTHONPATH") or str(programs.ROOT)
        return programs.nursery(self.KIND, os.fspath(asked["args"][0]), path)


class Drivers(Datasets):
    """A rig, or another program that talks to LeRobot's drivers."""

    KIND = "drivers"


def run_driver(command: Sequence[Any], **more: Any) -> subprocess.CompletedProcess[Any]:
    """As `subprocess.run`, for a program that talks to LeRobot's drivers."""
    return programs.run(command, start=Drivers, **more)


def run(command: Sequence[Any], **more: Any) -> subprocess.CompletedProcess[Any]:
    """As `subprocess.run`, for a program that reads or writes datasets with LeRobot."""
    return programs.run(command, start=Datasets, **more)
