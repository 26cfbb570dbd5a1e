"""A V4L2 camera without hardware, for programs that are started with `FakeV4l2.env()`: see fake_v4l2.c."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_suffix(".c")


class FakeV4l2:
    """Cameras are files in `folder`; the library is built there once. Skips, saying so, without a C compiler."""

    def __init__(self, folder: Path) -> None:
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None:
            pytest.skip("no C compiler to build the stand-in for V4L2 devices")
        self._folder = folder.resolve() / "dev"
        self._folder.mkdir(parents=True)
        self._library = folder.resolve() / "fake_v4l2.so"
        command = [compiler, "-shared", "-fPIC", "-O1", "-o", str(self._library), str(SOURCE), "-ldl"]
        built = subprocess.run(command, capture_output=True, text=True)
        if built.returncode:
            pytest.skip(f"the stand-in for V4L2 devices cannot be built here: {built.stderr.strip()[-200:]}")

    def plug(self, name: str, modes: Sequence[str], frames: Sequence[bytes]) -> Path:
        """Return a device that offers `modes`, as "MJPG 640 480 30", and sends `frames` again and again."""
        device = self._folder / name
        device.with_name(f"{name}.modes").write_text("\n".join(modes))
        device.with_name(f"{name}.frames").write_bytes(b"".join(struct.pack("=I", len(f)) + f for f in frames))
        device.touch()
        return device

    def mark(self, device: Path, what: str) -> None:
        """Mark a device as `gone` (unplugged), `busy` (another program streams) or `slow` (5 frames a second)."""
        device.with_name(f"{device.name}.{what}").touch()

    def env(self) -> dict[str, str]:
        """Return the environment of a program for which the devices exist."""
        return dict(os.environ) | {"LD_PRELOAD": str(self._library), "FAKE_V4L2": f"{self._folder}/"}
