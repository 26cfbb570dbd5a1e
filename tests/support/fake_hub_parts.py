"""What a Hub of the tests' own is made of: repositories, commits, and the troubles that it can make."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

TOKEN = "hf_testtoken0123456789"
USER = "olga"
REGULAR_BYTES = 2048
PAGE = 7


@dataclass
class Commit:
    oid: str
    files: dict[str, Any]  # path: bytes, or ("lfs", oid, size)
    title: str
    description: str = ""


@dataclass
class Repo:
    id: str
    private: bool
    gated: bool = False
    commits: dict[str, Commit] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)  # main, tags/v3.0, refs/pr/1 -> commit
    requests: list[int] = field(default_factory=list)

    def head(self, revision: str = "main") -> Commit | None:
        at = self.refs.get(revision) or self.refs.get(f"tags/{revision}") or revision
        return self.commits.get(at)


def mode(path: str, size: int) -> str:
    return "lfs" if size and (size > REGULAR_BYTES or path.endswith((".parquet", ".mp4"))) else "regular"


def git_sha1(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def pointer(oid: str, size: int) -> bytes:
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {size}\n".encode()


class Refuse(Exception):
    def __init__(self, status: int, message: str = "", code: str = "") -> None:
        self.status, self.message, self.code = status, message, code
