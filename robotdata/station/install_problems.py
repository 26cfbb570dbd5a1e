"""Say in words why pip has failed, and what to do: what it prints itself is a page of technical lines."""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path

NEEDED_BYTES = 7 << 30
"""LeRobot with PyTorch, while the downloaded files are there too."""
_FULL = re.compile(r"No space left on device|Errno 28|Disk quota exceeded|Errno 122")
_UNREACHABLE = re.compile(
    r"NewConnectionError|NameResolutionError|name resolution|Name or service not known|nodename nor servname|"
    r"Network is unreachable|Connection refused|ConnectTimeout|ReadTimeout|Read timed out|Connection reset|ProxyError"
)
_CERTIFICATE = re.compile(r"CERTIFICATE_VERIFY_FAILED|SSLError")
_NOTHING_FITS = re.compile(r"No matching distribution found for ([^\s(]+)")
_CONFLICT = re.compile(r"ResolutionImpossible|conflicting dependencies")
_FORBIDDEN = re.compile(r"Permission denied|Errno 13|Read-only file system|Errno 30")
_NO_VENV = re.compile(r"ensurepip|No module named venv")


def shortage(folder: Path, needed: int = NEEDED_BYTES) -> str:
    """Return that the disk of `folder` has too little space; "" if there is enough."""
    free = shutil.disk_usage(_existing(folder)).free
    if free >= needed:
        return ""
    return (
        f"The drivers need {needed / 1e9:.0f} GB, and {_existing(folder)} has {free / 1e9:.1f} GB free. "
        "Free some space there, then press Try again."
    )


def problem_of(output: str, folder: Path, python: str) -> str:
    """Return the problem and its remedy from what `venv` or pip printed; "" for one that is not known."""
    again = "then press Try again."
    if _FULL.search(output):
        return f"The disk is full: free some space in {_existing(folder)} and in {tempfile.gettempdir()}, {again}"
    if _CERTIFICATE.search(output):
        return f"The package index is not trusted: check this computer's clock, and its proxy if it has one, {again}"
    if _UNREACHABLE.search(output):
        return (
            f"This computer does not reach the package index: check its network, and its proxy if it has one, {again}"
        )
    if _NO_VENV.search(output):
        return f"{python} cannot make environments: install its package venv (Debian: python3-venv), {again}"
    if found := _NOTHING_FITS.search(output):
        return f"There is no {found[1]} for this computer and {python}. Choose fewer drivers, {again}"
    if _CONFLICT.search(output):
        return f"These drivers need different versions of one package: choose fewer of them, {again}"
    if _FORBIDDEN.search(output):
        return f"The station's user may not write to {folder}: change the folder's owner, {again}"
    return ""


def _existing(folder: Path) -> Path:
    return next(each for each in (folder, *folder.parents) if each.exists())
