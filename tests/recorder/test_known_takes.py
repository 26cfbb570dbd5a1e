"""A start checks only the takes that have changed, whatever has changed of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recorder.models import Episode
from recorder.models.versions import next_version
from recorder.worker import known_takes, recover_takes
from recorder.worker.recover import recover
from robotdata.spool import read_manifest

MakeEpisode = Callable[..., Episode]


@pytest.fixture(autouse=True)
def _settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes that were written just now count as settled."""
    monkeypatch.setattr(known_takes, "_SETTLED_NS", -(10**18))


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the takes whose manifests were read."""
    names: list[str] = []

    def noted(folder: Path) -> Any:
        names.append(folder.name)
        return read_manifest(folder)

    monkeypatch.setattr(recover_takes, "read_manifest", noted)
    return names


@pytest.fixture
def takes(make_episode: MakeEpisode) -> list[Episode]:
    made = [make_episode() for _ in range(3)]
    recover()
    recover()
    return made


def relabel(folder: Path, label: str) -> None:
    """Write a label into `take.json` as a server does that then dies before it writes the row."""
    manifest = json.loads((folder / "take.json").read_text())
    manifest["curation"]["labels"] = [label]
    part = folder / "part"
    part.write_text(json.dumps(manifest))
    part.replace(folder / "take.json")


def test_takes_that_are_unchanged_are_not_read_again(takes: list[Episode], read: list[str]) -> None:
    report = recover()
    assert read == []
    assert (report.takes, report.usable, report.code, report.lost) == (3, 3, 0, [])


def test_a_changed_manifest_is_read_and_its_row_corrected(takes: list[Episode], read: list[str]) -> None:
    relabel(takes[1].take_path, "found later")
    assert len(recover().corrections) == 1
    assert set(read) == {str(takes[1].pk)}
    takes[1].refresh_from_db()
    assert takes[1].labels == ["found later"]


def test_a_row_of_yesterday_is_corrected(takes: list[Episode], read: list[str]) -> None:
    relabel(takes[1].take_path, "today")
    recover()
    recover()
    read.clear()
    Episode.objects.filter(pk=takes[1].pk).update(labels=["yesterday"], updated_at=next_version())
    recover()
    takes[1].refresh_from_db()
    assert takes[1].labels == ["today"] and set(read) == {str(takes[1].pk)}


def test_what_appears_in_a_folder_is_looked_at(takes: list[Episode], read: list[str]) -> None:
    (takes[2].take_path / ".take.json.0123.tmp").write_text("half")
    recover()
    assert set(read) == {str(takes[2].pk)}
    assert not (takes[2].take_path / ".take.json.0123.tmp").exists()


def test_a_take_that_is_lost_is_said_to_be_lost(takes: list[Episode], read: list[str]) -> None:
    (takes[0].take_path / "take.json").write_text("{")
    report = recover()
    assert len(report.lost) == 1 and str(takes[0].pk) in report.lost[0]
    assert len(recover().lost) == 1, "and again at the next start"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 99, "takes": {}}', '{"takes": {"a": 1}}', '{"takes": 3}'])
def test_whatever_the_file_holds_every_take_is_checked(
    takes: list[Episode], read: list[str], settings: Any, text: str
) -> None:
    path = settings.STATE_DIR / "known-takes.json"
    path.write_text(text)
    report = recover()
    assert len(set(read)) == 3 and report.code == 0
    read.clear()
    recover()
    assert read == [], "it is written again"


def test_deep_reads_all_of_them(takes: list[Episode], read: list[str]) -> None:
    assert recover(deep=True).usable == 3
    assert len(set(read)) == 3


def test_a_disk_that_refuses_costs_only_time(takes: list[Episode], settings: Any) -> None:
    path = settings.STATE_DIR / "known-takes.json"
    path.unlink()
    path.mkdir()
    assert recover().code == 0 and recover().code == 0


def test_a_take_that_has_just_changed_is_checked_again(
    make_episode: MakeEpisode, monkeypatch: pytest.MonkeyPatch, read: list[str]
) -> None:
    monkeypatch.setattr(known_takes, "_SETTLED_NS", 10**18)
    make_episode()
    for _ in range(3):
        recover()
    assert len(read) >= 3
