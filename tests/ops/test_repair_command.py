"""`robotdata repair`: the report comes first, `--dry-run` changes nothing, and what is left gives another exit code."""

from __future__ import annotations

import json
from pathlib import Path

from robotdata.dataset import verify_dataset
from tests.dataset.conftest import Bench, _recorded, six, staged  # noqa: F401 - fixtures
from tests.support.command_line import run_command


def run(home: Path, *words: str) -> tuple[int, str]:
    return run_command(home, "repair", *words)


def test_it_says_what_it_repairs_and_repairs_it(six: Bench) -> None:  # noqa: F811
    assert run(six.home, "cubes")[0] == 0 and six.open().revision == 3, "nothing to repair"
    info = six.root / "meta/info.json"
    value = json.loads(info.read_text())
    info.unlink()
    info.write_text(json.dumps({**value, "total_frames": 3}))
    before = six.fingerprint()
    code, text = run(six.home, "cubes", "--dry-run")
    assert code == 0 and "total_frames 3 -> 33" in text and six.fingerprint() == before
    code, text = run(six.home, str(six.root))
    assert code == 0 and "total_frames 3 -> 33" in text and six.open().revision == 4
    assert verify_dataset(six.root).problems == []
    sorted(six.root.glob("data/*/*.parquet"))[-1].unlink()
    assert run(six.home, "cubes", "--dry-run")[0] == 3
    assert run(six.home, "none")[0] == 1
