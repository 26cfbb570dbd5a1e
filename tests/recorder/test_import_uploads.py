"""A browser uploads files of other recorders: they are looked at and imported by their ids, and removed afterwards."""

from __future__ import annotations

import os
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from recorder.actor import COMMAND
from recorder.catalog import additions
from recorder.catalog.disk import Kind
from recorder.errors import Refused
from recorder.models import Operation
from recorder.review.free_space import free_space
from recorder.worker.run import run_operation
from recorder.worker.sweep import sweep
from robotdata.dataset.exchange import addition as exchange
from tests.support.aloha_files import client
from tests.support.foreign import write_aloha
from tests.support.whole import until

__all__ = ["client"]
pytestmark = pytest.mark.django_db(transaction=True)
PIECE = 50_000


def post(client: Client, path: str, body: Any, status: int) -> Any:
    def answered() -> Any:
        answer = client.post(f"/api/{path}", body, content_type="application/json")
        running = answer.status_code == 503 and answer.json()["error"]["code"] == "running"
        return None if running else answer

    answer = until(answered)
    assert answer.status_code == status, answer.content
    return answer.json()


def upload(client: Client, path: Path) -> str:
    """Send the file as the page does; return the path of it for an import."""
    data = path.read_bytes()
    begun = post(client, "imports/uploads", {"name": path.name, "size": len(data)}, 201)
    assert begun["logs"] and begun["state"] == "uploading"
    for at in range(0, len(data), PIECE):
        address = f"/api/additions/{begun['id']}/bytes?offset={at}"
        answer = client.put(address, data[at : at + PIECE], content_type="application/octet-stream")
        assert answer.status_code == 200, answer.content
    post(client, f"additions/{begun['id']}/finish", {}, 202)
    until(lambda: client.get(f"/api/additions/{begun['id']}").json()["state"] != "running")
    return f"upload:{begun['id']}"


def folders(home: Path) -> list[str]:
    return [path.parent.name for path in (home / "datasets/.incoming").glob("*/files")]


def import_of(client: Client, paths: list[str], **more: Any) -> Operation:
    mapping = post(client, "imports/look", {"paths": paths, "task": "insert the peg"}, 200)["mapping"]
    begun = post(client, "imports", {"paths": paths, "dataset": "Pegs", "mapping": mapping, **more}, 202)
    return Operation.objects.get(pk=begun["id"])


def ended(operation: Operation) -> Operation:
    run_operation(operation.pk)
    operation.refresh_from_db()
    return operation


def zipped(folder: Path, target: Path, inside: str) -> Path:
    with zipfile.ZipFile(target, "w") as archive:
        for path in sorted(folder.iterdir()):
            archive.write(path, f"{inside}{path.name}")
    return target


def test_an_uploaded_file_becomes_a_take_and_is_removed(client: Client, home: Path, tmp_path: Path) -> None:
    write_aloha(tmp_path / "episode_0.hdf5", rows=5, episode=0)
    path = upload(client, tmp_path / "episode_0.hdf5")
    seen = post(client, "imports/look", {"paths": [path]}, 200)
    assert [(each["file"], each["rows"], each["problems"]) for each in seen["recordings"]] == [
        ("episode_0.hdf5", 5, [])
    ]
    operation = ended(import_of(client, [path]))
    assert (operation.state, operation.result["imported"]) == ("done", 1)
    assert folders(home) == []
    assert post(client, "imports/look", {"paths": [path]}, 404)["error"]["code"] == "no_upload"
    again = upload(client, tmp_path / "episode_0.hdf5")
    operation = ended(import_of(client, [again]))
    assert (operation.result["imported"], operation.result["already"]) == (0, 1)


def test_a_file_that_is_needed_stays_where_the_datasets_are_on_another_disk(
    client: Client, home: Path, tmp_path: Path
) -> None:
    (home / "datasets").rename(tmp_path / "disk")
    (home / "datasets").symlink_to(tmp_path / "disk")
    write_aloha(tmp_path / "used.hdf5", rows=5, episode=0)
    used = upload(client, tmp_path / "used.hdf5")
    operation = import_of(client, [used])
    pk = used.removeprefix("upload:")
    for written in (pk, pk.replace("-", "")):
        with pytest.raises(Refused, match="still needs this file"):
            free_space(kind=Kind.UPLOAD, name=written, actor=COMMAND)
    assert len(folders(home)) == 1
    assert ended(operation).state == "done" and folders(home) == []


@pytest.mark.parametrize("inside", ["", "aloha/", "2026/aloha/"])
def test_a_zip_of_a_folder_is_unpacked(client: Client, home: Path, tmp_path: Path, inside: str) -> None:
    (tmp_path / "aloha").mkdir()
    for number in range(2):
        write_aloha(tmp_path / f"aloha/episode_{number}.hdf5", rows=5 + number, episode=number)
    path = upload(client, zipped(tmp_path / "aloha", tmp_path / "aloha.zip", inside))
    seen = post(client, "imports/look", {"paths": [path]}, 200)
    assert [(each["file"], each["rows"]) for each in seen["recordings"]] == [
        ("episode_0.hdf5", 5),
        ("episode_1.hdf5", 6),
    ]


def test_what_is_no_log_is_refused_or_named(client: Client, home: Path, tmp_path: Path) -> None:
    refused = post(client, "imports/uploads", {"name": "notes.txt", "size": 5}, 422)
    assert "notes.txt" in refused["error"]["message"] and folders(home) == []
    (tmp_path / "broken.zip").write_bytes(b"no zip at all")
    path = upload(client, tmp_path / "broken.zip")
    failed = client.get(f"/api/additions/{path.removeprefix('upload:')}").json()
    assert failed["state"] == "failed" and failed["error"].startswith("broken.zip")
    post(client, "imports/look", {"paths": [path]}, 404)
    for wrong in ("upload:", "upload:../../spool", "upload:00000000-0000-0000-0000-000000000000"):
        post(client, "imports/look", {"paths": [wrong]}, 404)
    hidden = home / "datasets/.incoming"
    post(client, "imports/look", {"paths": [str(hidden)]}, 422)  # nobody reads it by its path


def test_a_file_stays_while_an_import_needs_it_and_a_day_otherwise(
    client: Client, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("used", "left"):
        write_aloha(tmp_path / f"{name}.hdf5", rows=5, episode=0)
    used, left = (upload(client, tmp_path / f"{name}.hdf5") for name in ("used", "left"))
    operation = import_of(client, [used])
    sweep()
    assert len(folders(home)) == 2
    post(client, f"additions/{used.removeprefix('upload:')}/cancel", {}, 409)
    two_days_on = time.time() + 2 * 24 * 3600
    with monkeypatch.context() as patch:
        patch.setattr(exchange.time, "time", lambda: two_days_on)
        sweep()
    assert folders(home) == [used.removeprefix("upload:")]
    assert ended(operation).state == "done" and folders(home) == []
    write_aloha(tmp_path / "late.hdf5", rows=5, episode=0)
    late = upload(client, tmp_path / "late.hdf5")
    post(client, f"additions/{late.removeprefix('upload:')}/cancel", {}, 200)  # nobody needs it
    assert folders(home) == [] and left != late


def test_a_killed_arrival_is_finished_by_the_next_try(client: Client, home: Path, tmp_path: Path) -> None:
    write_aloha(tmp_path / "episode_0.hdf5", rows=5, episode=0)
    pk = upload(client, tmp_path / "episode_0.hdf5").removeprefix("upload:")
    incoming = additions.incoming()
    folder = incoming.root / pk
    # As a kill leaves it: the files are whole, and the status does not say so yet.
    os.link(next((folder / "files").iterdir()), folder / "upload.zip")
    status = (folder / "status.json").read_text().replace('"done"', '"running"', 1)
    assert '"running"' in status
    (folder / "status.json").write_text(status)
    assert incoming.files(pk) is None
    post(client, f"additions/{pk}/finish", {}, 202)
    until(lambda: incoming.files(pk) is not None)
    assert post(client, "imports/look", {"paths": [f"upload:{pk}"]}, 200)["recordings"][0]["rows"] == 5
