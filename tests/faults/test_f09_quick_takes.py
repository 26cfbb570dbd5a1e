"""F09: Twenty takes as fast as one can click, half without a tick: list, disk and counts agree."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from robotdata.spool import list_takes, read_manifest
from tests.recorder.sockets.conftest import Web
from tests.support.rigs import RigProcess, new_dataset, rows_in, running, shown_at_rows, stored, until

pytestmark = pytest.mark.faults
TAKES, MOST = 20, 60  # more, where a busy machine takes longer over a click than over a tick
EMPTY = "0 frames, not saved: the take ended before its first frame"


@pytest.fixture(scope="module")
def rig(web: Web, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RigProcess]:
    with running(web, tmp_path_factory.mktemp("rig"), fps=2) as made:
        yield made


def clicked(rig: RigProcess, dataset: str) -> str:
    """A take, asked for until the rig agrees; it refuses in words only."""
    take = str(uuid.uuid4())

    def agreed() -> bool:
        status, said = rig.ask_for(dataset, take, id=str(uuid.uuid4()))
        if status != 200:
            assert said["error"]["message"] and status in (409, 429), said
        return status == 200

    until(agreed)
    return take


def test_each_of_many_quick_takes_is_its_own_and_list_disk_and_counts_agree(web: Web, rig: RigProcess) -> None:
    dataset, takes, said = new_dataset(web, "Quick"), [], set()
    while len(takes) < TAKES or (EMPTY not in said and len(takes) < MOST):
        take = clicked(rig, dataset)
        if len(takes) % 2 == 0:  # the next tick is far away after this
            until(lambda folder=rig.spool / take: rows_in(folder) >= 1)
        until(lambda: rig.do("stop")[0] == 200)
        until(lambda: "take" in rig.status and rig.status["take"] is None)
        takes.append(take)
        said.add(rig.message)
    manifests = {take: rig.ended(take) for take in takes}
    until(lambda: rig.state == "idle")

    empty = {take for take, manifest in manifests.items() if manifest["ticks"] == 0}
    assert empty, "no take ended before its first tick: this test saw nothing"
    assert EMPTY in said | {rig.message}
    for take, manifest in manifests.items():
        assert manifest["state"] == "recorded"
        assert manifest["curation"]["verdict"] == ("reject" if take in empty else "unreviewed")
        assert [code.tick for code in shown_at_rows(rig.spool / take)] == list(range(manifest["ticks"]))
    shown = [{code.episode for code in shown_at_rows(rig.spool / take)} for take in takes if take not in empty]
    assert all(len(each) == 1 for each in shown) and len(set.union(*shown)) == len(shown), "a frame of another take"
    assert stored(rig.spool / takes[0])

    status, page = web.api("GET", f"/episodes?dataset={dataset}")
    assert status == 200 and {each["id"]: each["ticks"] for each in page["items"]} == {
        take: manifest["ticks"] for take, manifest in manifests.items()
    }
    on_disk = [folder.name for folder in list_takes(rig.spool) if read_manifest(folder)["dataset"] == dataset]
    assert sorted(on_disk) == sorted(takes)
    _, counts = web.api("GET", f"/datasets/{dataset}")
    assert (counts["to_review"], counts["reject"]) == (len(takes) - len(empty), len(empty))
    assert {each["id"] for each in page["items"] if each["verdict"] == "reject"} == empty
