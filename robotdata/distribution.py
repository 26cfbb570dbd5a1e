"""What this program was installed from, and the commands that install it, or an extra of it, from there.

It is published nowhere, so its bare name could be anybody's package: no command here names it alone.
"""

from __future__ import annotations

import json
import shlex
import sys
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

NAME = "robotdata-lab"
UNKNOWN = "<where you got robotdata>"
"""Stands for the source in a command where only the reader knows it: a shell takes it for no package."""


class UnknownSource(Exception):
    """Nothing tells where this program was installed from, or it is not there any more; the message says what to do."""


def installed_version() -> str | None:
    """Return the version that is installed; None in a checkout that is not."""
    try:
        return metadata.version(NAME)
    except metadata.PackageNotFoundError:
        return None


def own_package(extra: str = "") -> str:
    """Return what pip installs this program from: its checkout, or the wheel or address that it came from.

    Raises UnknownSource.
    """
    source, wanted = _source(), f"[{extra}]" if extra else ""
    return f"{NAME}{wanted} @ {source}" if "://" in source else f"{source}{wanted}"


def install_command(python: str) -> str:
    """Return the shell command that installs this program into another Python (its path)."""
    return f"{shlex.quote(python)} -m pip install {package_word()}"


def extra_command(extra: str) -> str:
    """Return the shell command that installs an extra, such as `hub`, for the Python that runs this."""
    python = shlex.quote(sys.executable)
    if checkout := _checkout():  # the checkout itself is what runs, and a copy beside it would only grow old
        return f"{python} -m pip install -r {shlex.quote(str(checkout / f'requirements-{extra}.txt'))}"
    return f"{python} -m pip install {package_word(extra)}"


def package_word(extra: str = "") -> str:
    """Return `own_package` as a word of a shell command, with a place to fill in where it is not known."""
    try:
        return shlex.quote(own_package(extra))
    except UnknownSource:
        return shlex.quote(f"{UNKNOWN}[{extra}]" if extra else UNKNOWN)


def _checkout() -> Path | None:
    folder = Path(__file__).resolve().parents[1]
    return folder if (folder / "pyproject.toml").is_file() else None


def _source() -> str:
    if checkout := _checkout():
        return str(checkout)
    came = _direct_url()
    address = urlsplit(str(came.get("url", "")))
    if not address.scheme:
        raise UnknownSource(
            "This robotdata does not know which wheel or checkout it was installed from: install it from there again, "
            f"by its path (pip install --force-reinstall --no-deps {UNKNOWN})"
        )
    if address.scheme == "file":
        path = Path(unquote(address.path))
        if not path.exists():
            raise UnknownSource(f"{path}, from which robotdata was installed, is gone: put it there again")
        return str(path)
    version = came.get("vcs_info", {})
    return f"{version['vcs']}+{came['url']}@{version['commit_id']}" if version else str(came["url"])


def _direct_url() -> dict[str, Any]:
    """Return what pip noted of where this came from; nothing for one that was installed by its name."""
    try:
        noted: dict[str, Any] = json.loads(metadata.distribution(NAME).read_text("direct_url.json") or "{}")
    except metadata.PackageNotFoundError:
        return {}
    return noted
