from __future__ import annotations

import json
from pathlib import Path

import pytest

from robotdata.spool import (
    BadManifest,
    CurationError,
    TakeBusy,
    list_takes,
    new_take_id,
    read_manifest,
    update_curation,
)
from tests.spool.conftest import begin


def test_it_remembers_who_said_what(recorded: Path) -> None:
    update_curation(recorded, by="olga", verdict="keep", labels=["clean"], trim=[2, 18])
    update_curation(recorded, by="juan", verdict="reject", task="push the ball")
    manifest = read_manifest(recorded)
    curation = manifest["curation"]
    assert (curation["verdict"], curation["labels"], curation["trim"]) == ("reject", ["clean"], [2, 18])
    assert manifest["task"] == "push the ball"
    assert [(entry["by"], sorted(entry["changes"])) for entry in curation["history"]] == [
        ("olga", ["labels", "trim", "verdict"]),
        ("juan", ["task", "verdict"]),
    ]


def test_it_keeps_what_it_does_not_know(recorded: Path) -> None:
    path = recorded / "take.json"
    manifest = json.loads(path.read_bytes())
    manifest["later"] = {"x": 1}
    manifest["curation"]["colour"] = "red"
    path.write_text(json.dumps(manifest))
    update_curation(recorded, rating=5)
    assert read_manifest(recorded)["later"] == {"x": 1}
    assert read_manifest(recorded)["curation"]["colour"] == "red"


def test_it_writes_nothing_where_nothing_changes(recorded: Path) -> None:
    update_curation(recorded, verdict="keep")
    before = (recorded / "take.json").stat().st_ino
    update_curation(recorded, verdict="keep")
    assert (recorded / "take.json").stat().st_ino == before


@pytest.mark.parametrize(
    "change",
    [
        {"verdict": "maybe"},
        {"rating": 6},
        {"rating": True},
        {"trim": [5, 5]},
        {"trim": [0, 21]},
        {"labels": "clean"},
        {"note": None},
        {"state": "recorded"},
    ],
)
def test_it_refuses_what_nobody_can_say(recorded: Path, change: dict[str, object]) -> None:
    before = (recorded / "take.json").read_bytes()
    with pytest.raises(CurationError, match=next(iter(change))):
        update_curation(recorded, **change)
    assert (recorded / "take.json").read_bytes() == before


def test_it_leaves_a_take_alone_that_is_being_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("robotdata.spool.manifest.EDIT_WAIT_S", 0.0)
    writer = begin(tmp_path)
    with pytest.raises(TakeBusy, match=r"in use by pid \d+"):
        update_curation(writer.folder, verdict="keep")
    writer.finish()
    update_curation(writer.folder, verdict="keep")


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"format": "other"}', '{"format": "robotdata-take", "version": 2}', "[" * 100_000],
)
def test_it_says_what_is_wrong_with_a_manifest(recorded: Path, text: str) -> None:
    (recorded / "take.json").write_text(text)
    with pytest.raises(BadManifest, match=recorded.name):
        read_manifest(recorded)


def test_it_trusts_no_camera_name_that_leaves_the_folder(recorded: Path) -> None:
    manifest = json.loads((recorded / "take.json").read_bytes())
    manifest["cameras"] = {"../../etc/passwd": {}}
    (recorded / "take.json").write_text(json.dumps(manifest))
    with pytest.raises(BadManifest, match="not a file name"):
        read_manifest(recorded)


def test_it_lists_takes_oldest_first_and_nothing_else(tmp_path: Path) -> None:
    folders = []
    for _ in range(3):
        writer = begin(tmp_path)
        writer.finish()
        folders.append(writer.folder)
    update_curation(folders[0], verdict="keep")  # looked at last, but recorded first
    (tmp_path / "notes").mkdir()
    (tmp_path / new_take_id()).mkdir()
    (tmp_path / "x.json").write_text("{}")
    assert list_takes(tmp_path) == folders
    assert list_takes(tmp_path / "nowhere") == []


def many_remarks(edit: int, count: int = 1000) -> dict[str, object]:
    remarks = [{"frame": n % 20, "text": f"{edit} {n} ".ljust(500, "長"), "role": "user"} for n in range(count)]
    return {"subtasks": [], "remarks": sorted(remarks, key=lambda each: (each["frame"], each["text"]))}


def test_a_take_with_many_remarks_can_be_edited_often_and_still_be_read(recorded: Path) -> None:
    for edit in range(12):
        update_curation(recorded, language=many_remarks(edit))
    update_curation(recorded, language=many_remarks(12, count=300))
    update_curation(recorded, language=many_remarks(13, count=3))
    curation = read_manifest(recorded)["curation"]
    assert curation["language"] == many_remarks(13, count=3)
    languages = [entry["changes"]["language"] for entry in curation["history"]]
    assert languages[:12] == [{"subtasks": 0, "remarks": 1000}] * 12
    assert languages[12:] == [many_remarks(12, count=300), many_remarks(13, count=3)]


def test_a_change_is_refused_that_would_make_the_manifest_too_long_to_be_read(recorded: Path) -> None:
    path = recorded / "take.json"
    path.write_text(json.dumps(json.loads(path.read_bytes()) | {"later": "x" * ((16 << 20) - 100_000)}))
    before = path.read_bytes()
    with pytest.raises(CurationError, match="shorten subtasks, remarks or the note"):
        update_curation(recorded, language=many_remarks(0))
    assert path.read_bytes() == before
