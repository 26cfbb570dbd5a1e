"""Files of other recorders become takes: looked at, imported, reviewed, and encoded into the dataset."""

from __future__ import annotations

import importlib
import io
import json
import threading
from pathlib import Path
from typing import Any, get_args

import h5py
import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from PIL import Image

from recorder.api.import_schemas import RuleBody
from recorder.catalog import import_previews, importing
from recorder.models import Dataset, Episode, Operation
from recorder.worker.recover import recover
from recorder.worker.run import run_operation
from robotdata.dataset import verify_dataset
from robotdata.imports import batch
from robotdata.imports.mapping import UNITS
from robotdata.imports.take import STAGING
from robotdata.spool import Take
from robotdata.video.depth.packets import depth_of_packet
from tests.recorder.conftest import H264, codes, work
from tests.support.aloha_files import LENGTHS, asked, client, raw
from tests.support.foreign import numbers, padded, picture
from tests.support.whole import until

__all__ = ["client", "raw"]

pytestmark = pytest.mark.django_db(transaction=True)
Import = importlib.import_module("recorder.management.commands.import").Command
HIGH, LOW = "observation.images.cam_high", "observation.images.cam_low"


def post(client: Client, path: str, body: Any, status: int) -> Any:
    answer = client.post(f"/api/{path}", body, content_type="application/json")
    while path == "imports/look" and answer.status_code == 503 and answer.json()["error"]["code"] == "running":
        answer = asked(client, body)
    assert answer.status_code == status, answer.content
    return answer.json()


def begin(client: Client, raw: Path, **more: Any) -> str:
    """Begin an import of all files with the mapping that is proposed for them; its operation's id."""
    mapping = post(client, "imports/look", {"paths": [str(raw)], "task": "insert the peg"}, 200)["mapping"]
    body = {"paths": [str(raw)], "dataset": "Pegs", "mapping": mapping, **more}
    return str(post(client, "imports", body, 202)["id"])


def state_of(client: Client, pk: str) -> dict[str, Any]:
    return dict(client.get(f"/api/operations/{pk}").json())


def test_imported_takes_are_reviewed_and_the_kept_ones_are_in_the_dataset(client: Client, raw: Path) -> None:
    looked = post(client, "imports/look", {"paths": [str(raw)], "robot_type": "aloha"}, 200)
    assert [(each["rows"], each["problems"]) for each in looked["recordings"]] == [(rows, []) for rows in LENGTHS]
    assert (looked["format"], looked["mapping"]["fps"], looked["mapping"]["robot_type"]) == ("HDF5", 50, "aloha")
    assert set(looked["pictures"]) == {HIGH, LOW} and looked["pictures"][HIGH].startswith("data:image/jpeg;base64,")
    unmapped = next(stream for stream in looked["streams"] if stream["path"] == "/observations/qvel")
    assert unmapped["features"] == [] and unmapped["left_out"] == "no feature is named for it"

    pk = begin(client, raw)
    assert not Episode.objects.exists()
    run_operation(pk)
    done = state_of(client, pk)
    assert (done["state"], done["error"], done["said"]) == ("done", "", "3 takes imported")
    takes = list(Episode.objects.order_by("ticks"))
    assert [(take.ticks, take.state, take.verdict) for take in takes] == [
        (n, "recorded", "unreviewed") for n in LENGTHS
    ]
    assert {take.task for take in takes} == {"insert the peg"} and {take.operator for take in takes} == {"olga"}
    page = client.get(f"/datasets/{done['dataset']}/").content.decode()
    assert "insert the peg" in page
    assert client.get(f"/episodes/{takes[0].pk}/").status_code == 200

    client.patch(f"/api/datasets/{done['dataset']}", {"encoding": H264}, content_type="application/json")
    for take, verdict in zip(takes, ("keep", "reject", "keep"), strict=True):
        post(client, "episodes/verdict", {"episodes": [str(take.pk)], "verdict": verdict}, 200)
    encoding = post(client, f"datasets/{done['dataset']}/encode", {}, 202)
    assert work(Operation.objects.get(pk=encoding["id"])).state == "done"
    dataset = Dataset.objects.get()
    assert (dataset.total_episodes, dataset.fps) == (2, 50)
    for camera in (HIGH, LOW):
        shown = [[tick for tick, _ in frames] for frames in codes(dataset, camera)]
        assert shown == [list(range(LENGTHS[0])), list(range(LENGTHS[2]))]
    assert [episode for frames in codes(dataset, HIGH) for _, episode in frames[:1]] == [0, 2]

    begin_again = begin(client, raw)
    run_operation(begin_again)
    assert state_of(client, begin_again)["said"] == "0 takes imported, 3 were there already"
    assert Episode.objects.count() == 3


def test_killed_at_any_take_it_goes_on_and_no_take_comes_twice(
    client: Client, raw: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pk = begin(client, raw)
    real, calls = batch.import_recording, []

    def killed_in_the_second(plan: Any, *args: Any, **options: Any) -> Any:
        calls.append(plan)
        if len(calls) == 2:
            options["progress"] = stop
        return real(plan, *args, **options)

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(batch, "import_recording", killed_in_the_second)
        with pytest.raises(KeyboardInterrupt):
            run_operation(pk)
    leftover = home / "spool" / STAGING / "left-by-a-kill"
    leftover.mkdir(parents=True)
    (leftover / "rows.arrow").write_bytes(b"half a take")
    recover()
    assert Episode.objects.count() == 1
    Operation.objects.update(lease_until="2020-01-01T00:00:00Z")  # the lease of the killed worker runs out
    run_operation(pk)
    assert state_of(client, pk)["said"] == "2 takes imported, 1 was there already"
    assert sorted(Episode.objects.values_list("ticks", flat=True)) == list(LENGTHS)
    assert {path.name for path in (home / "spool").iterdir()} == {str(take.pk) for take in Episode.objects.all()}


def test_cancelled_while_a_worker_runs_it_whole_takes_stay(
    client: Client, raw: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pk = begin(client, raw)
    real = batch.import_recording

    def cancelled(plan: Any, *args: Any, **options: Any) -> Any:
        if plan.recording.name == "episode_1":
            assert client.post(f"/api/operations/{pk}/cancel").status_code == 200
        return real(plan, *args, **options)

    monkeypatch.setattr(batch, "import_recording", cancelled)
    run_operation(pk)
    assert state_of(client, pk)["state"] == "cancelled"
    assert [take.ticks for take in Episode.objects.all()] == [LENGTHS[0]]
    assert len(list((home / "spool").iterdir())) == 1


def test_what_cannot_be_read_is_named_and_the_rest_comes(client: Client, raw: Path) -> None:
    (raw / "episode_1.hdf5").write_bytes(b"not HDF5 at all")
    pk = begin(client, raw)
    run_operation(pk)
    done = state_of(client, pk)
    assert done["state"] == "done" and "episode_1.hdf5 cannot be read as HDF5" in done["error"]
    assert sorted(Episode.objects.values_list("ticks", flat=True)) == [LENGTHS[0], LENGTHS[2]]


def test_a_mapping_is_saved_and_used_for_the_next_files(client: Client, raw: Path) -> None:
    mapping = post(client, "imports/look", {"paths": [str(raw)]}, 200)["mapping"]
    rule = {"streams": ["/observations/qpos"], "names": [f"j{n}" for n in range(14)], "unit": "rad_to_deg"}
    mapping["features"] = {"observation.state": rule, HIGH: mapping["features"][HIGH]}
    saved = client.put("/api/imports/mappings/our arms", mapping, content_type="application/json")
    assert saved.status_code == 200
    assert client.get("/api/imports/mappings").json() == {"names": ["our arms"]}
    kept = client.get("/api/imports/mappings/our arms").json()
    pk = post(client, "imports", {"paths": [str(raw)], "dataset": "Pegs", "mapping": kept}, 202)["id"]
    run_operation(pk)
    features = Dataset.objects.get().features
    assert set(features) == {"observation.state", HIGH} and features["observation.state"]["names"][0] == "j0"


def test_a_mapping_may_say_the_unit_later(client: Client, raw: Path) -> None:
    rule = {"streams": ["/observations/qpos"], "names": [f"j{n}" for n in range(14)]}
    for unit in ("", "rad"):
        mapping = {"features": {"observation.state": {**rule, "unit": unit}}, "fps": 50}
        pk = post(client, "imports", {"paths": [str(raw)], "dataset": "Pegs", "mapping": mapping}, 202)["id"]
        run_operation(pk)
        assert state_of(client, pk)["error"] == ""
    shown = []
    for episode in Episode.objects.order_by("number"):
        data = b"".join(client.get(f"/media/{episode.pk}/signals.bin"))
        header = json.loads(data[4 : 4 + int.from_bytes(data[:4], "little")])
        shown.append({each.get("unit") for each in header["signals"]})
    assert shown == [{None}] * len(LENGTHS) + [{"rad"}] * len(LENGTHS)


def test_what_is_wrong_with_a_request_is_said(client: Client, raw: Path, home: Path) -> None:
    mapping = {"features": {"action": {"streams": ["/action"]}}}
    for paths, words in (
        (["/nowhere/at/all"], "cannot be read"),
        (["relative.hdf5"], "not a path from the root"),
        ([str(home / "state")], "belongs to robotdata itself"),
    ):
        assert words in post(client, "imports/look", {"paths": paths}, 422)["error"]["message"]
    body = {"paths": [str(raw)], "dataset": "Pegs"}
    assert "names no feature" in post(client, "imports", {**body, "mapping": {}}, 422)["error"]["message"]
    reserved = {"features": {"timestamp": {"streams": ["/action"]}}}
    assert "cannot be the name" in post(client, "imports", {**body, "mapping": reserved}, 422)["error"]["message"]
    assert not Dataset.objects.exists()
    empty = raw.parent / "nothing"
    empty.mkdir(exist_ok=True)
    refused = post(client, "imports", {"paths": [str(empty)], "dataset": "Pegs", "mapping": mapping}, 422)
    assert "holds nothing that can be imported" in refused["error"]["message"]


def command(*words: str) -> tuple[int, str]:
    """The exit code of `robotdata import` and what it says."""
    made, said = Import(stdout=(out := io.StringIO())), ""
    try:
        call_command(made, *words)
    except CommandError as error:
        return error.returncode, f"{said}{error}"
    return made.code, out.getvalue()


def test_the_command_shows_imports_and_says_what_failed(client: Client, raw: Path, tmp_path: Path) -> None:
    code, said = command(str(raw), "--dry-run", "--fps", "25", "--save-mapping", "pegs")
    assert code == 0 and "3 recordings. Nothing was written." in said
    assert "/observations/qvel  numbers float64 14, 5" in said and "left out: no feature is named for it" in said
    assert "episode_2.hdf5: 7 rows, 0.3 s" in said and not Episode.objects.exists()
    assert command(str(raw))[0] == 1
    code, said = command(str(raw), "--dataset", "Pegs", "--mapping", "pegs", "--task", "insert")
    assert (code, said) == (0, "Pegs: 3 takes imported.\n")
    assert {(take.fps, take.task) for take in Episode.objects.all()} == {(25.0, "insert")}
    (raw / "episode_1.hdf5").write_bytes(b"broken")
    code, said = command(str(raw), "--dataset", "Pegs", "--mapping", "pegs", "--task", "insert", "--again")
    assert code == 3 and "2 takes imported, 1 not: episode_1.hdf5: episode_1.hdf5 cannot be read" in said
    assert Episode.objects.count() == 5


def test_depth_and_png_pictures_go_all_the_way_into_a_dataset(client: Client, tmp_path: Path) -> None:
    depth = [np.full((64, 288), 500 + 100 * row, np.uint16) for row in range(4)]
    for map_of_row in depth:
        map_of_row[:8] = 0
    path = tmp_path.parent / f"{tmp_path.name}-raw.hdf5"
    with h5py.File(path, "w") as file:
        file["action"] = numbers(4, 3)
        file["front"] = padded(png(row) for row in range(4))
        file["front_depth"] = np.stack(depth)
    mapping = post(client, "imports/look", {"paths": [str(path)], "fps": 10, "task": "dig"}, 200)["mapping"]
    pk = post(client, "imports", {"paths": [str(path)], "dataset": "Deep", "mapping": mapping}, 202)["id"]
    run_operation(pk)
    assert state_of(client, pk)["said"] == "1 take imported"
    dataset, take = Dataset.objects.get(), Episode.objects.get()
    front, far = "observation.images.front", "observation.images.front_depth"
    with Take.open(take.take_path) as opened:
        assert [opened.camera(front).packet(row) for row in range(4)] == [png(row) for row in range(4)]
        assert all((depth_of_packet(opened.camera(far).packet(row)) == depth[row]).all() for row in range(4))
    assert client.get(f"/media/{take.pk}/frame/{front}/2.jpg").status_code == 200
    assert client.get(f"/media/{take.pk}/frame/{far}/2.jpg").status_code == 200
    post(client, "episodes/verdict", {"episodes": [str(take.pk)], "verdict": "keep"}, 200)
    encoding = post(client, f"datasets/{dataset.slug}/encode", {}, 202)
    ended = work(Operation.objects.get(pk=encoding["id"]))
    assert [job.error for job in ended.jobs.all()] == ["", ""]
    assert (ended.state, ended.error) == ("done", "")
    assert [[tick for tick, _ in shown] for shown in codes(dataset, front)] == [[0, 1, 2, 3]]
    assert verify_dataset(dataset.path, deep=True).problems == []


def png(row: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture(row)).save(buffer, "PNG")
    return buffer.getvalue()


def test_no_request_waits_for_large_files(client: Client, raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read, look = threading.Event(), importing.preview_sources
    monkeypatch.setattr(importing, "preview_sources", lambda *given: (read.wait(), look(*given))[1])
    monkeypatch.setattr(import_previews, "WAIT_S", 0.01)
    body = {"paths": [str(raw)]}
    for _ in range(2):
        assert asked(client, body).json()["error"]["code"] == "running"
    assert len(import_previews._begun) == 1, "it is read once"
    read.set()
    until(lambda: asked(client, body).status_code == 200)
    assert not import_previews._begun, "the answer is given once"
    assert [each["rows"] for each in post(client, "imports/look", body, 200)["recordings"]] == list(LENGTHS)


def test_the_api_knows_every_unit_of_a_mapping() -> None:
    assert get_args(RuleBody.model_fields["unit"].annotation) == tuple(UNITS)
