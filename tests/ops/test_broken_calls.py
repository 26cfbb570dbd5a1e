"""A call is broken also where the system lets strace start processes, but not attach to those that run."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import nth_call
from tests.support.nth_call import FULL_DISK, KILL, Broken, need_strace, run_broken, why_not_attached

SCENARIO = "tests.faults.save_a_take"
REFUSES = """#!/bin/sh
for word; do
    if [ "$word" = -p ]; then
        echo "strace: attach: ptrace(PTRACE_SEIZE, 1): Operation not permitted" >&2
        exit 1
    fi
done
exec {strace} "$@"
"""


@pytest.fixture
def no_attaching(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As for anybody but root where yama's ptrace_scope is 1: strace comes out of a folder that is searched first."""
    need_strace()
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "strace").write_text(REFUSES.format(strace=shutil.which("strace")))
    (folder / "strace").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    why_not_attached.cache_clear()
    yield
    why_not_attached.cache_clear()


def broken(home: Path, how: str) -> Broken:
    home.mkdir()
    return run_broken(SCENARIO, home, call="fsync", how=how, n=2)


@pytest.mark.parametrize("how", [KILL, FULL_DISK])
def test_where_attaching_is_refused_the_same_call_of_an_interpreter_is_broken(
    tmp_path: Path, no_attaching: None, how: str
) -> None:
    assert "not permitted" in why_not_attached()
    run = broken(tmp_path / "home", how)
    assert run.code == (-9 if how == KILL else 1) and ("INJECTED" in run.errors) == (how == FULL_DISK), run
    with pytest.raises(pytest.skip.Exception, match="may not attach .*not permitted"):
        nth_call.need_attaching()


def test_a_program_that_strace_leaves_alone_ends(
    tmp_path: Path, no_attaching: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nth_call, "why_not_attached", lambda: "")
    with pytest.raises(AssertionError, match="not permitted"):
        broken(tmp_path / "home", KILL)
