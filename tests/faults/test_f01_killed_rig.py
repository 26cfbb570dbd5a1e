"""F01: A real rig under the web is killed at any moment of a take.

Every acknowledged take and every whole row is there when the rig is back, and the take is offered as interrupted.
"""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Iterator

import pytest

from robotdata.spool import Take
from tests.recorder.sockets.conftest import Web
from tests.support.rigs import FRONT, RigProcess, new_dataset, running, shown_at_rows
from tests.support.sweeps import THOROUGH

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def rig(web: Web, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RigProcess]:
    with running(web, tmp_path_factory.mktemp("rig")) as made:
        yield made


def test_what_was_acknowledged_and_every_whole_row_is_there_after_a_kill(web: Web, rig: RigProcess) -> None:
    chance, dataset = random.Random(1), new_dataset(web, "Killed")
    whole: dict[str, int] = {}
    for _ in range(4 if THOROUGH else 2):
        kept = rig.record(dataset)
        rig.written(kept, 4)
        assert rig.do("stop")[0] == 200
        whole[kept] = rig.ended(kept)["ticks"]
        cut = rig.record(dataset)
        rig.written(cut, chance.randrange(1, 20))
        time.sleep(chance.random() / 20)
        shown = rig.ticks()  # what the page said, which is what somebody was told
        rig.end(signal.SIGKILL)
        with Take.open(rig.spool / cut) as left:
            rows = left.ticks
        assert shown <= rows + 30, "more than the last second was told and not written"
        rig.start()
        episode = rig.ended(cut)
        assert (episode["state"], episode["end_reason"]) == ("interrupted", "interrupted")
        assert episode["ticks"] == rows, "up to the last whole row"
        assert episode["recovery"]["text"].startswith(f"interrupted, {rows} frames recovered")
        assert rig.episode(cut)["ticks"] == rows and rig.episode(cut)["verdict"] == "unreviewed"
        assert f"take {cut}: interrupted, {rows} frames recovered" in rig.log.read_text()
        whole[cut] = rows
    for take, rows in whole.items():
        said = shown_at_rows(rig.spool / take, FRONT)
        assert [code.tick for code in said] == list(range(rows)) and len({code.episode for code in said}) == 1
        assert rig.episode(take)["ticks"] == rows
    for verdict, take in zip(("keep", "reject"), list(whole)[-2:], strict=True):  # as somebody decides
        assert web.api("PATCH", f"/episodes/{take}", {"verdict": verdict})[0] == 200
