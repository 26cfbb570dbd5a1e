"""What the fault tests share: one warm server for all of them, and a disk that is really small."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.recorder.conftest import bells, cubes, home, make_episode
from tests.recorder.sockets.conftest import Web, serving
from tests.rig.conftest import make_bench
from tests.support import warm
from tests.support.nth_call import need_attaching

__all__ = ["bells", "cubes", "home", "make_bench", "make_episode"]


@pytest.fixture(scope="session")
def warm_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[warm.Server]:
    """Forks of it are broken; skips where strace may not attach to them."""
    need_attaching()
    with warm.server(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture(scope="session")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """A real web process for the rigs of all tests; each has a name, and a dataset, of its own."""
    with serving(tmp_path_factory.mktemp("web")) as server:
        yield server


class SmallDisk:
    """A file system of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def again(self, options: str) -> None:
        """Mount it anew, with another size or read-only."""
        subprocess.run(["mount", "-o", f"remount,{options}", str(self.path)], check=True)

    def fill(self) -> Path:
        """A file that takes all there is."""
        filler = self.path / "filler"
        with filler.open("wb", buffering=0) as file:
            for piece in (1 << 16, 1 << 12):
                try:
                    while True:
                        file.write(bytes(piece))
                except OSError:
                    continue
        return filler


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str], SmallDisk]]:
    """Mounts tmpfs of a given size; skips where one may not."""
    path = tmp_path / "disk"
    path.mkdir()

    def mount(size: str) -> SmallDisk:
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path)]
        try:
            done = subprocess.run(command, capture_output=True, text=True)
        except FileNotFoundError:
            pytest.skip("no `mount` on this machine: a small disk cannot be made")
        if done.returncode:
            pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
        return SmallDisk(path)

    yield mount
    subprocess.run(["umount", "-l", str(path)], capture_output=True)
