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


def test_a_folder_that_cannot_be_opened_becomes_a_new_dataset(six: Bench) -> None:  # noqa: F811
    (six.root / "meta/info.json").unlink()
    before = six.fingerprint()
    code, text = run(six.home, "cubes")
    assert (
        code == 3 and "meta/info.json: it is missing" in text and "--into NEW" in text and before == six.fingerprint()
    )
    code, text = run(six.home, "cubes", "--into", "saved")
    assert code == 3 and "6 episodes" in text and "names of the values" in text and before == six.fingerprint()
    assert verify_dataset(six.root.with_name("saved")).problems == []
    assert run(six.home, "cubes", "--into", "saved")[0] == 1, "it exists now"


def test_a_link_among_the_datasets_that_leads_elsewhere_is_not_repaired(six: Bench, tmp_path: Path) -> None:  # noqa: F811
    (six.root / "meta/info.json").unlink()
    outside = tmp_path / "disk" / "cubes"
    outside.parent.mkdir()
    six.root.rename(outside)
    six.root.symlink_to(outside)
    before = sorted(path.relative_to(outside) for path in outside.rglob("*"))
    for words in (["cubes"], ["cubes", "--dry-run"], ["cubes", "--into", "saved"]):
        code, text = run(six.home, *words)
        assert code == 1 and "points outside" in text, words
    assert not six.root.with_name("saved").exists()
    assert sorted(path.relative_to(outside) for path in outside.rglob("*")) == before
