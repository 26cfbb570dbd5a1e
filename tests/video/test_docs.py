"""What docs/video.md shows runs, and the calls that it names exist with the arguments that it gives."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest

import robotdata.video as room

TEXT = (Path(__file__).parents[2] / "docs" / "video.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
CALLS = [call for call in re.findall(r"`(\w+\([^`]*\))`", TEXT) if call.split("(")[0] in room.__all__]


def test_its_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    assert BLOCKS
    for block in BLOCKS:
        exec(compile(block, "docs/video.md", "exec"), names)


@pytest.mark.parametrize("call", CALLS)
def test_its_calls_exist(call: str) -> None:
    parsed = ast.parse(call.replace("...", "None"), mode="eval").body
    assert isinstance(parsed, ast.Call) and isinstance(parsed.func, ast.Name)
    known = inspect.signature(getattr(room, parsed.func.id)).parameters
    assert {keyword.arg for keyword in parsed.keywords} <= set(known)
    takes = [p for p in known.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert len(parsed.args) <= len(takes)


def test_every_name_is_on_the_page() -> None:
    shown = set(re.findall(r"\w+", TEXT))
    assert not set(room.__all__) - shown
