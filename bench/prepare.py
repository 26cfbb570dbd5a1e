"""What the tests need beside Python packages: a Chromium, Redis and PostgreSQL binaries, FFmpeg for LeRobot.

Installs them where the machine is a Debian that lets us (root); elsewhere says what is missing: the tests
that need it skip, and say so.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

NEEDS = {
    # Chromium without windows of any kind: pages take a third less processor time than in the whole browser.
    "chromium-headless-shell": ["chromium-headless-shell"],
    "redis-server": ["redis-server", "valkey-server"],
    "postgresql": ["postgres"],
    "ffmpeg": ["ffmpeg"],  # its libraries: torchcodec, with which LeRobot reads videos, loads them
}
INSTEAD = {"chromium-headless-shell": ("chromium", ["chromium", "chromium-browser", "google-chrome"])}
DEBIAN = "/usr/lib/postgresql"  # where it keeps each version's programs, out of the PATH
NO_CLUSTER = Path("/etc/postgresql-common/createcluster.conf")


def is_there(program: str) -> bool:
    return shutil.which(program) is not None or any(Path(DEBIAN).glob(f"*/bin/{program}"))


def lacking() -> list[str]:
    """Return the packages that are missing and have no substitute here either."""
    missing = [package for package, names in NEEDS.items() if not any(map(is_there, names))]
    return [each for each in missing if not any(map(is_there, INSTEAD.get(each, ("", []))[1]))]


def apt(*words: str) -> None:
    """Run apt-get; where no mirror answers it gives up soon, because the tests may do without what is missing."""
    subprocess.run(
        ["apt-get", "-qq", "-o", "Acquire::Retries=1", "-o", "Acquire::http::Timeout=20", *words],
        check=False,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive", "UCF_FORCE_CONFFOLD": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def main() -> None:
    missing = [package for package, names in NEEDS.items() if not any(map(is_there, names))]
    if not missing:
        return
    if not (shutil.which("apt-get") and os.geteuid() == 0):
        if lacking():
            sys.stderr.write(f"Not on this machine: {', '.join(lacking())}. The tests that need them will skip.\n")
        return
    # A server that starts itself would take the port of a private one.
    policy = Path("/usr/sbin/policy-rc.d")
    ours = not policy.exists()
    if ours:
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    if "postgresql" in missing and not NO_CLUSTER.exists():  # the tests make one of their own
        NO_CLUSTER.parent.mkdir(parents=True, exist_ok=True)
        NO_CLUSTER.write_text("create_main_cluster = false\n")
    try:
        apt("update")
        for package in missing:  # one by one: a package that this Debian lacks would keep the others away
            apt("install", "-y", package)
        for package in lacking():
            if package in INSTEAD:
                apt("install", "-y", INSTEAD[package][0])
    finally:
        if ours:
            policy.unlink()


if __name__ == "__main__":
    main()
