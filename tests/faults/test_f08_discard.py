"""F08: A take is discarded at no frame, the first or a later one, and the next starts at once; or the rig is killed.

Every frame has its own number: no frame of a discarded take is in another one.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from robotdata.spool import Take, read_manifest
from tests.recorder.sockets.conftest import Web
from tests.support.rigs import FRONT, RigProcess, new_dataset, running, stored, until

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def rig(web: Web, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RigProcess]:
    cameras = {"front": {"kind": "odd", "fps": 30}, "top": {"kind": "odd", "fps": 5}}
    with running(web, tmp_path_factory.mktemp("rig"), fps=5, cameras=cameras) as made:
        yield made


@pytest.fixture(scope="module")
def dataset(web: Web) -> str:
    return new_dataset(web, "Discarded")


def numbers(rig: RigProcess, take: str) -> dict[str, set[int]]:
    with Take.open(rig.spool / take) as opened:
        keys = opened.cameras
    return {key: {code.tick for code in stored(rig.spool / take, key)} for key in keys}


def running_take(rig: RigProcess, not_this: str) -> str:
    """The take that runs now, once it is another."""

    def found() -> str:
        take = str((rig.status.get("take") or {}).get("id") or "")
        return take if take != not_this else ""

    return str(until(found))


@pytest.mark.parametrize("ticks", [0, 1, 7])
@pytest.mark.parametrize("how", ["discard", "rerecord"])
def test_no_picture_of_a_discarded_take_is_in_the_next(rig: RigProcess, dataset: str, how: str, ticks: int) -> None:
    first = rig.record(dataset)
    if ticks:
        rig.written(first, ticks)
    assert rig.do(how)[0] == 200
    if how == "discard":
        until(lambda: "record" in rig.controls)
        second = rig.record(dataset)
    else:
        second = running_take(rig, first)
    rig.written(second, 3)
    assert rig.do("stop")[0] == 200
    discarded, kept = rig.ended(first), rig.ended(second)
    assert (discarded["end_reason"], discarded["curation"]["verdict"]) == (how, "reject")
    assert (kept["end_reason"], kept["curation"]["verdict"]) == ("stop", "unreviewed")
    assert discarded["ticks"] >= ticks and kept["ticks"] >= 3
    theirs = numbers(rig, first)
    for key, mine in numbers(rig, second).items():
        assert mine and not mine & theirs[key], f"{key}: a picture of the discarded take is in the next one, too"
    status, _ = rig.web.api("PATCH", f"/episodes/{first}", {"verdict": "keep"})
    assert status == 200 and rig.episode(first)["verdict"] == "keep", "it can be had back"


def test_a_rig_that_is_killed_while_it_discards_loses_nothing_and_mixes_nothing(rig: RigProcess, dataset: str) -> None:
    takes = [rig.record(dataset)]
    rig.written(takes[0], 5)
    rig.process.send_signal(signal.SIGSTOP)  # type: ignore[union-attr]
    status, said = rig.web.api("POST", f"/rigs/{rig.name}/commands/discard", {})  # it lies in its socket, unanswered
    assert status in (409, 503, 504), said
    rig.process.send_signal(signal.SIGCONT)  # type: ignore[union-attr]
    rig.end(signal.SIGKILL)
    rig.start()
    manifest = rig.ended(takes[0])
    assert manifest["state"] in ("interrupted", "recorded") and manifest["ticks"] >= 5
    takes.append(rig.record(dataset))
    rig.written(takes[1], 3)
    assert rig.do("stop")[0] == 200
    rig.ended(takes[1])
    for take in takes:
        assert len(numbers(rig, take)[FRONT]) == read_manifest(rig.spool / take)["cameras_frames"][FRONT]
