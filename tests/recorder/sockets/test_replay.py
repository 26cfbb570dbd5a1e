"""A replay on a real rig process ends as soon as its server is silent, and nobody moves the robot afterwards."""

from __future__ import annotations

from pathlib import Path

from tests.recorder.sockets.conftest import Web
from tests.support.rigs import new_dataset, running, until

OWN_WEB = True  # it is stopped


def test_a_silent_server_ends_a_replay(web: Web, tmp_path: Path) -> None:
    with running(web, tmp_path) as rig:
        take = rig.record(new_dataset(web, "Replayed"))
        until(lambda: rig.ticks() >= 90)
        assert rig.do("stop")[0] == 200
        rig.ended(take)
        until(lambda: rig.state == "idle")
        status, answer = rig.heard("replay", {"episode": take, "speed": 0.1, "unwatched": True})
        assert status == 200, answer
        until(lambda: rig.state in ("replaying", "holding"))  # held already where the machine was too busy to answer
        web.stop_answering()
        try:
            until(lambda: "the replay is stopped" in rig.log.read_text())
        finally:
            web.answer_again()
        until(lambda: rig.state == "holding")
        assert "server was lost" in rig.message
        assert rig.do("follow")[0] == 200
        until(lambda: rig.state == "idle")
