"""Every service that takes an actor asks whether the actor may; actors are made at the doors and nowhere else."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.support.acting import ROOT, acting, functions, parameters, recorder_files, unguarded

# These compare an actor with the one of an earlier change; they change nothing.
COMPARE = {"group_of", "newest_of_others", "conflict"}
# These keep rows and folders alike, measure, or carry out what an actor was allowed to begin.
HOUSEKEEPING = {
    *(
        "reassign_uuids",
        "adopt_settings",
        "read_folder",
        "refresh_rows",
        "move_indexes",
        "save_settings",
        "close_changes",
        "adopt_sidecar",
    ),
    *("mark_cancelled", "assess", "rejudge", "rejudge_all"),
    *("expire_rigs", "rig_disconnected", "rig_silent", "rig_status"),
    *("expire_stations", "station_disconnected", "station_silent", "station_state"),
    *("forget_unopened", "forget_except", "note_unopened"),
    *("begin_rename", "write_entry", "recover_trash"),
}
WRITES = {
    *("create", "get_or_create", "update_or_create", "bulk_create", "bulk_update", "save", "update", "delete"),
    *("replace_json", "write_manifest", "replace_text", "update_curation", "update_curations", "move"),
    *("end_operation", "restart_operation"),
}


def service_files() -> list[Path]:
    """The modules of the rooms that change rows and folders; live has other modules beside its services."""
    rooms = ("jobs", "quality", "catalog", "review")
    names = ("rigs", "sessions", "recording", "rig_commands", "rig_start", "stations", "station_asks", "station_rigs")
    files = [path for room in rooms for path in sorted((ROOT / "recorder" / room).glob("*.py"))]
    return files + [ROOT / f"recorder/live/{name}.py" for name in names]


def test_every_service_asks_whether_its_actor_may() -> None:
    assert len(acting()) > 25
    assert unguarded(functions()) == []


def test_an_actor_of_another_name_is_only_compared() -> None:
    others = {each.name[1] for each in functions().values() if each.is_public and each.actors - {"actor"}}
    assert others == COMPARE


@pytest.mark.parametrize(
    "body",
    [
        "return None",
        "require(WORKER, 'edit')",
        "_helper(actor)\n\ndef _helper(actor: Actor):\n    print(actor)",
    ],
)
def test_the_rule_finds_a_service_that_does_not_ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    monkeypatch.setattr("tests.support.acting.ROOT", tmp_path)
    module = tmp_path / "services" / "edits.py"
    module.parent.mkdir()
    module.write_text(f"from recorder.models.permissions import require\n\ndef edit(*, actor: Actor):\n    {body}\n")
    assert len(unguarded(functions([module]))) == 1


def test_what_writes_without_an_actor_is_housekeeping() -> None:
    found = functions(service_files())
    assert len(found) > 150
    writing = {name for name, each in found.items() if _writes(each.node)}
    while more := {n for n, each in found.items() if n not in writing and _calls(each.node, n[0], writing)}:
        writing |= more
    loose = {name[1] for name in writing if found[name].is_public and not found[name].actors}
    assert loose == HOUSEKEEPING


def _writes(node: ast.AST) -> bool:
    calls = [each for each in ast.walk(node) if isinstance(each, ast.Call)]
    names = {getattr(each.func, "attr", "") or getattr(each.func, "id", "") for each in calls if _is_of_rows(each)}
    return bool(names & WRITES)


def _is_of_rows(call: ast.Call) -> bool:
    """Rows are updated by keywords; a dict or a Counter by what stands first."""
    return getattr(call.func, "attr", "") != "update" or bool(call.keywords)


def _calls(node: ast.AST, module: str, names: set[tuple[str, str]]) -> bool:
    """Whether it calls a private function of its own module that is one of these."""
    called = {each.func.id for each in ast.walk(node) if isinstance(each, ast.Call) and isinstance(each.func, ast.Name)}
    return any((module, name) in names for name in called if name.startswith("_"))


def test_actors_are_made_at_the_doors() -> None:
    """In the API and the sockets, not those that only show; the module of Actor has the product's and the commands'."""
    made = [
        path
        for path in recorder_files()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Actor"
    ]
    doors = [
        path
        for path in made
        if path.parent.name == "api" or path.name.endswith("consumer.py") or path.name == "consumers.py"
    ]
    assert len({path.name for path in doors}) == 4
    assert [str(path) for path in made if path not in doors and "class Actor:" not in path.read_text()] == []


def test_nothing_passes_the_name_alone() -> None:
    offenders = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in recorder_files()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and any(each.arg == "who" for each in parameters(node))
    ]
    assert offenders == []
