"""Secrets and names that belong to one home. Knows files and nothing else: the settings read it."""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
from pathlib import Path

LEAST_CHARACTERS = 32
"""Shorter ones were cut off, as by a power cut before the file's bytes reached the disk."""


def read_or_make(path: Path) -> str:
    """Read the secret at `path` (0600), or make it, whole or not at all; an empty or truncated one is replaced.

    Processes that start together get the same one. Raises OSError.
    """
    if found := _read(path):
        return found
    lock = os.open(path.with_name(f".{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _read(path) or _make(path)
    finally:
        os.close(lock)


def cookie_name(kind: str, home: Path, shared_secret: str = "") -> str:
    """The name of a cookie of this home: cookies know no port, and another product may be on the same host.

    Several machines of one product share a secret, and may see the home under different paths.
    """
    digest = hashlib.sha256((shared_secret or str(home)).encode()).hexdigest()
    return f"robotdata_{kind}_{digest[:8]}"


def _read(path: Path) -> str:
    try:
        text = path.read_bytes().decode("ascii", "ignore").strip()
    except FileNotFoundError:
        return ""
    return text if len(text) >= LEAST_CHARACTERS and text.isprintable() else ""


def _make(path: Path) -> str:
    value = secrets.token_urlsafe(48)
    write_secret(path, value.encode())
    return value


def write_secret(path: Path, data: bytes) -> None:
    """Replace a file durably, whole or not at all, with the mode 0600 from its first byte on. Raises OSError."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.unlink(missing_ok=True)
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
