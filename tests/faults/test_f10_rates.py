"""F10: The control loop of a real rig is too slow, and its cameras have rates of their own.

More than 2 % off is reported at once and with the take; more than 10 % off is not encoded until somebody accepts it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from robotdata.spool import Take
from tests.recorder.sockets.conftest import Web
from tests.support.rigs import RigProcess, running, until
from tests.support.worker_home import Home

pytestmark = pytest.mark.faults
FPS = 10
QUICK = {"codec": "h264", "preset": "ultrafast"}


@pytest.fixture(scope="module")
def rig(web: Web, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RigProcess]:
    cameras: dict[str, Any] = {"front": {"kind": "odd", "fps": 24}, "top": {"kind": "odd", "fps": 6}}
    parts = {"robot": "odd", "teleoperator": "odd", "cameras": cameras}
    with running(web, tmp_path_factory.mktemp("rig"), fps=FPS, **parts) as made:
        yield made
        made.mood.write_text("")


@pytest.fixture(scope="module")
def worker(web: Web) -> Iterator[Home]:
    home = Home(web.home)
    home.start_worker()
    yield home
    home.kill_worker()


def recorded(rig: RigProcess, dataset: str, seconds_a_tick: float) -> dict[str, Any]:
    """A take of two seconds by a loop that needs so long; what was said while it ran is in `said`."""
    rig.mood.write_text(f"slow {seconds_a_tick}" if seconds_a_tick else "")
    take = rig.record(dataset)
    rig.written(take, 2 * FPS + 2)

    def off() -> list[str]:
        return [each["text"] for each in rig.warnings if each["code"] == "rate"]

    said = until(off) if seconds_a_tick else []
    assert rig.do("stop")[0] == 200
    return {**rig.ended(take), "said": said}


def operation_of(web: Web, take: str, dataset: str, labels: list[str]) -> dict[str, Any]:
    """What becomes of a batch of this take."""
    status, said = web.api("PATCH", f"/episodes/{take}", {"verdict": "keep", "labels": labels})
    assert status == 200, said
    status, operation = web.api("POST", f"/datasets/{dataset}/encode", {})
    assert status == 202, operation
    ended = until(
        lambda: (b := web.api("GET", f"/operations/{operation['id']}")[1])["state"] in {"done", "failed"} and b
    )
    return dict(ended)


def test_a_loop_that_is_off_its_rate_is_said_and_is_encoded_only_where_that_was_accepted(
    web: Web, rig: RigProcess, worker: Home
) -> None:
    dataset = web.api("POST", "/datasets", {"title": "Rates", "encoding": QUICK})[1]["slug"]
    slow = recorded(rig, dataset, 0.15)
    with Take.open(rig.spool / slow["id"]) as take:
        began = take.column("monotonic_ns")
    rate = (len(began) - 1) / (int(began[-1] - began[0]) / 1e9)
    assert rate < 6.7 and abs(slow["rate_hz"] - rate) < 0.01, "each row has the time at which it was"
    (mark,) = [each for each in slow["marks"] if each["code"] == "rate"]
    assert mark["text"] == f"Control loop ran at {slow['rate_hz']:g} Hz (target {FPS})"
    assert slow["said"] and f"target {FPS}" in slow["said"][0], "it was said while it ran, too"
    shown = rig.episode(slow["id"])
    assert [each["text"] for each in shown["marks"] if each["code"] == "rate"] == [mark["text"]]

    assert operation_of(web, slow["id"], dataset, [])["state"] == "failed"
    why = rig.episode(slow["id"])["error"]
    assert "label it 'rate accepted' to accept it" in why and "10" in why, why
    accepted = operation_of(web, slow["id"], dataset, ["rate accepted"])
    assert (accepted["state"], accepted["error"]) == ("done", "")
    assert f"1 episode, {slow['ticks']} frames: nothing wrong" in worker.python(
        "manage.py", "verify", dataset, "--deep"
    )


def test_cameras_of_other_rates_are_shown_as_they_were_and_nothing_is_made_up(web: Web, rig: RigProcess) -> None:
    dataset = web.api("POST", "/datasets", {"title": "Two rates"})[1]["slug"]
    manifest = recorded(rig, dataset, 0)
    with Take.open(rig.spool / manifest["id"]) as take:
        spent = (int(take.column("monotonic_ns")[-1]) - int(take.column("monotonic_ns")[0])) / 1e9
        for name, fps in (("front", 24), ("top", 6)):
            key = f"observation.images.{name}"
            seq, index = take.column(f"{key}/seq"), take.frame_index(key)
            captured, camera = take.column(f"{key}/captured_ns"), take.camera(key)
            assert (index[seq >= 0] >= 0).all() and np.array_equal(camera.captured_ns[index], captured)
            assert (captured[:-1] <= take.column("monotonic_ns")[1:]).all(), "a picture of the future"
            assert camera.count >= fps * spent / 3, "every frame is stored, shown or not"
        repeated = np.diff(take.column("observation.images.top/seq")) == 0
        assert repeated.any(), "a slow camera's frame stands at several rows, and they say so by its number"
