"""A file system so small that a test can fill it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


def on_a_small_disk(options: str, code: str, folder: Path) -> dict[str, Any]:
    """What `code` prints as JSON, run with `folder` as a file system of its own."""
    if shutil.which("unshare") is None:
        pytest.skip("no unshare on this machine: no small disk to fill")
    mount = f'mount -t tmpfs -o {options} tmpfs {folder} || exit 77; exec {sys.executable} -c "$CODE" {folder}'
    command = ["unshare", "-rm", "sh", "-c", mount]
    done = subprocess.run(command, capture_output=True, text=True, env={"CODE": code, "PATH": "/usr/bin:/bin:/sbin"})
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip(f"this machine lets nobody mount a small disk: {done.stderr.strip()[:200]}")
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))
