"""Results of a short program as lines of JSON on its standard output, apart from whatever drivers in it print."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from typing import Any


def own_output() -> int:
    """Return a file descriptor for results. Whatever else this process prints goes to its errors from now on."""
    sys.stdout.flush()
    fd = os.dup(1)
    os.dup2(2, 1)
    return fd


def write_result(fd: int, value: Mapping[str, Any]) -> None:
    """Write one object as a line of JSON."""
    data = json.dumps(value, allow_nan=False).encode() + b"\n"
    while data:
        data = data[os.write(fd, data) :]
