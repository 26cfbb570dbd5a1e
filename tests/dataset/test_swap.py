"""Commits that are killed or fail at every step: the dataset is the old one or the new one, never between."""

from __future__ import annotations

import contextlib
import errno
from pathlib import Path
from typing import Any

import pytest

from robotdata.dataset import NewEpisode, recover_dataset, verify_dataset
from robotdata.dataset.errors import CommitError, EditError
from robotdata.dataset.write import swap
from robotdata.dataset.write.edit import revert
from tests.dataset.conftest import FEATURES, Bench
from tests.support.stopped_calls import Killed, NthCall, break_calls
from tests.support.sweeps import each_kind


def _disk_full() -> OSError:
    return OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    ("how", "atomic", "cameras"),
    [(Killed, True, True), (_disk_full, True, False), (Killed, False, False), (_disk_full, False, False)],
    ids=["killed", "disk full", "killed, two renames", "disk full, two renames"],
)
def test_it_is_the_old_dataset_or_the_new_one_wherever_it_stops(
    bench: Bench, staged: list[NewEpisode], monkeypatch: pytest.MonkeyPatch, how: Any, atomic: bool, cameras: bool
) -> None:
    features = {key: feature for key, feature in FEATURES.items() if cameras or feature["dtype"] != "video"}
    if not atomic:
        monkeypatch.setattr(swap, "exchange", lambda *_: False)
    bench.commit(staged[:1], features=features)
    whole = NthCall(0, how)
    with monkeypatch.context() as counted:
        break_calls(counted, whole)
        bench.commit(staged[1:2], features=features)
    revert(bench.root, 1, **bench.places)
    assert len(whole.names) > 10
    for position in [*each_kind(whole.names, 9), len(whole.names) + 20]:
        n, fault = position + 1, NthCall(position + 1, how)
        with monkeypatch.context() as broken, contextlib.suppress(Killed, OSError):
            break_calls(broken, fault)
            bench.commit(staged[1:2], features=features)
        recover_dataset(bench.root, bench.places["work"], bench.places["revisions"])
        assert len(bench.open().episodes) in (1, 2), n
        assert list(bench.places["work"].iterdir()) == [], n
        if len(bench.open().episodes) == 2 and fault.left <= 0:  # it had happened; go back and on
            again = bench.commit(staged[1:2], features=features)
            assert again.episodes == 0
            revert(bench.root, again.revision - 1, **bench.places)
    assert fault.left > 0, "the last one went through"
    assert verify_dataset(bench.root, deep=True).problems == []


def test_it_removes_what_was_only_half_built(six: Bench) -> None:
    half = six.places["work"] / "cubes@half" / "next"
    half.mkdir(parents=True)
    (half / "x").write_text("x")
    other = six.places["work"] / "spheres@half" / "next"
    other.mkdir(parents=True)
    found = recover_dataset(six.root, **six.places)
    assert "1 half-built" in found.text
    assert not half.exists()
    assert other.exists()
    assert recover_dataset(six.root, **six.places).text == ""


def test_it_goes_back_to_an_earlier_state_and_forth_again(six: Bench) -> None:
    before = six.shown()
    assert revert(six.root, 1, **six.places).episodes == 2
    assert six.shown() == before[:2]
    assert verify_dataset(six.root, deep=True).ok
    assert revert(six.root, 3, **six.places).episodes == 6
    assert six.shown() == before


def test_it_says_which_states_there_are(six: Bench) -> None:
    before = six.fingerprint()
    with pytest.raises(EditError, match="no revision 77 to revert to; available: 1, 2"):
        revert(six.root, 77, **six.places)
    assert six.fingerprint() == before


def test_it_works_through_a_symlink(six: Bench, new: Any, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(six.root)
    real, six.root = six.root, link
    assert six.commit([new(6, 3, "task 0")]).episodes == 1
    assert link.is_symlink()
    assert verify_dataset(real).episodes == 7


def test_it_leaves_a_swap_of_a_newer_program_alone(bench: Bench) -> None:
    bench.root.mkdir(parents=True, exist_ok=True)
    work, revisions = bench.places["work"], bench.places["revisions"]
    folder = work / f"{bench.root.name}@abc"
    (folder / "next").mkdir(parents=True)
    (folder / "ready.json").write_text('{"version": 2, "fresh": false, "from": 0, "to": 1}')
    with pytest.raises(CommitError, match=r"version 2.*up to 1"):
        recover_dataset(bench.root, work, revisions)
    assert (folder / "next").is_dir() and (folder / "ready.json").is_file()
