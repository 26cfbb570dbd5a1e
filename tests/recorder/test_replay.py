"""A take or an episode played back to a robot over the API: what reaches the rig, and why it is refused."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.test import Client
from django.utils import timezone

from recorder.live import rig_commands
from recorder.models import Episode, Rig
from robotdata.capture.playback import Recording
from robotdata.rig.replay_args import SentRows

pytestmark = pytest.mark.django_db(transaction=True)
MakeEpisode = Callable[..., Episode]
JOINTS = ["shoulder.pos", "elbow.pos"]


def features(*joints: str) -> dict[str, Any]:
    values = {"dtype": "float32", "shape": [len(joints)], "names": list(joints)}
    return {"action": values, "observation.state": values}


class Wire:
    """The rig's end: keeps the commands that come, and answers as the rig would."""

    def __init__(self) -> None:
        self.commands: list[tuple[str, dict[str, Any]]] = []
        self.ids: list[str] = []
        self.refuses: dict[str, str] = {}

    async def ask(self, rig: Rig, name: str, args: dict[str, Any], timeout: float, command_id: str) -> dict[str, Any]:
        self.commands.append((name, args))
        self.ids.append(command_id)
        code = self.refuses.get(name if "take" not in args else "take")
        return {"id": command_id, "ok": code is None, "error": {"code": code, "message": f"because of {code}"}}

    def rows(self) -> Recording:
        """The recording that was sent in parts, as the rig puts it together."""
        sent = SentRows()
        for name, args in self.commands:
            if name == "replay_rows":
                sent.add(json.loads(json.dumps(args)))
        return sent.take(self.commands[-1][1]["rows"])


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    wire = Wire()
    monkeypatch.setattr(rig_commands, "_ask", wire.ask)
    return wire


def connected(name: str, *joints: str, **more: Any) -> Rig:
    """A rig of this name that is online."""
    fields: dict[str, Any] = {
        "state": "idle",
        "connection": "x",
        "robot_type": "arm",
        "features": features(*(joints or JOINTS)),
    }
    fields["last_seen_at"] = timezone.now() + timedelta(hours=1)  # on a busy machine it must not go silent
    rig, _ = Rig.objects.update_or_create(name=name, defaults=fields | more)
    return rig


def play(client: Client, episode: Episode, rig: str = "sim", **more: Any) -> tuple[int, Any]:
    body = {"episode": str(episode.pk), **more}
    answer = client.post(f"/api/rigs/{rig}/replay", body, content_type="application/json")
    return answer.status_code, answer.json()


def test_a_take_of_the_rig_is_played_from_the_rigs_own_disk(
    olga: Client, make_episode: MakeEpisode, wire: Wire
) -> None:
    connected("sim")
    take = make_episode(8)
    command = str(uuid.uuid4())
    for _ in range(2):
        status, answer = play(olga, take, id=command)
        assert status == 200, answer
    name, args = wire.commands[0]
    assert name == "replay" and args == {
        "take": str(take.pk), "from": 0, "to": 7, "speed": 0.25, "episode": str(take.pk), "task": "push",
        "unwatched": False,
    }  # fmt: skip
    assert wire.ids[0] == wire.ids[1], "a request that comes twice is one command"


def test_its_rows_are_sent_where_the_rig_does_not_have_it(olga: Client, make_episode: MakeEpisode, wire: Wire) -> None:
    connected("sim")
    take = make_episode(8)
    wire.refuses["take"] = "no_take"
    assert play(olga, take, **{"from": 2, "to": 5, "speed": 0.5})[0] == 200
    assert [name for name, _ in wire.commands] == ["replay", "replay_rows", "replay"]
    assert wire.commands[-1][1]["speed"] == 0.5 and "take" not in wire.commands[-1][1]
    assert wire.ids[0] != wire.ids[-1]
    rows = wire.rows()
    assert rows.names == tuple(JOINTS) and rows.fps == 30
    assert np.array_equal(rows.rows, [[tick, -tick] for tick in range(2, 6)])
    assert (rows.low.tolist(), rows.high.tolist()) == ([0, -7], [7, 0])


def test_a_trimmed_take_is_played_within_its_trim(olga: Client, make_episode: MakeEpisode, wire: Wire) -> None:
    connected("other")
    take = make_episode(8)
    Episode.objects.filter(pk=take.pk).update(trim_first=3, trim_end=6)
    assert play(olga, take, "other")[0] == 200
    assert wire.rows().rows[:, 0].tolist() == [3, 4, 5]


def test_an_episode_is_played_from_its_dataset(olga: Client, four: list[Episode], wire: Wire) -> None:
    connected("sim", "elbow.pos", "shoulder.pos")
    assert play(olga, four[1], speed=1)[0] == 200
    rows = wire.rows()
    assert np.array_equal(rows.rows, [[tick, -tick] for tick in range(6)])
    assert (rows.low.tolist(), rows.high.tolist()) == ([0, -7], [7, 0]), "the range of the whole dataset"


def test_values_outside_of_the_datasets_range_are_refused(olga: Client, four: list[Episode], wire: Wire) -> None:
    connected("sim")
    path = four[0].dataset.path / "meta/stats.json"
    stats = json.loads(path.read_text())
    stats["action"]["max"] = [4, 0]
    path.write_text(json.dumps(stats))
    status, answer = play(olga, four[0])
    assert (status, answer["error"]["code"]) == (409, "bad_values") and "row 5 has 5 for" in answer["error"]["message"]
    assert wire.commands == []


@pytest.mark.parametrize(
    ("rig", "code"),
    [
        ({"robot_type": "koch_follower"}, "robot_type"),
        ({"features": features("shoulder.pos", "wrist.pos")}, "mismatch"),
        ({"features": {"action": {"dtype": "float32", "shape": [2]}}}, "mismatch"),
        ({"state": "offline"}, "offline"),
        ({"state": "recording"}, "busy"),
        ({"state": "replaying"}, "busy"),
    ],
)
def test_a_rig_that_does_not_fit_is_refused_and_moves_nothing(
    olga: Client, make_episode: MakeEpisode, wire: Wire, rig: dict[str, Any], code: str
) -> None:
    connected("other", **rig)
    take = make_episode(4)
    status, answer = play(olga, take, "other")
    assert (status, answer["error"]["code"]) == (409, code) and wire.commands == []


def test_joints_that_differ_are_told_in_a_table(olga: Client, make_episode: MakeEpisode, wire: Wire) -> None:
    connected("other", "shoulder.pos", "wrist.pos")
    _, answer = play(olga, make_episode(4), "other")
    assert answer["error"]["detail"]["differences"] == [
        {"what": "elbow.pos", "rig": "no", "dataset": "yes"},
        {"what": "wrist.pos", "rig": "yes", "dataset": "no"},
    ]


def test_what_cannot_be_played_is_refused(
    olga: Client, make_episode: MakeEpisode, wire: Wire, home: Path, client: Client
) -> None:
    connected("sim")
    take, broken, gone, running = (make_episode(4, **more) for more in (
        {}, {"values": lambda tick: [tick, float("nan") if tick == 2 else 0]}, {}, {"state": "recording"},
    ))  # fmt: skip
    (home / "spool" / str(gone.pk) / "rows.arrow").unlink()
    Episode.objects.filter(pk=running.pk).update(state="recording")
    cases: list[tuple[Episode, dict[str, Any], int, str]] = [
        (take, {"speed": 1.5}, 422, "invalid"),
        (take, {"speed": 0}, 422, "invalid"),
        (take, {"from": -1}, 422, "invalid"),
        (take, {"from": 3, "to": 2}, 422, "bad_rows"),
        (take, {"from": 0, "to": 400}, 409, "bad_values"),
        (broken, {}, 409, "bad_values"),
        (gone, {}, 409, "gone"),
        (running, {}, 409, "not_allowed"),
    ]
    for episode, more, status, code in cases:
        found = play(olga, episode, **more)
        assert (found[0], found[1]["error"]["code"]) == (status, code), found
    assert play(olga, broken, **{"from": 0, "to": 1})[0] == 200, "the rows before the bad one may be played"
    assert play(olga, take, "nobody")[0] == 404
    assert len(wire.commands) == 1
    client.logout()
    assert play(client, take)[0] == 401


def test_the_dialog_names_the_rigs_that_fit_first_and_why_others_do_not(
    olga: Client, make_episode: MakeEpisode
) -> None:
    connected("alpha", robot_type="koch_follower")
    connected("beta")
    take = make_episode(8, task="push")
    Rig.objects.filter(name="sim").update(state="offline")
    page = olga.get(f"/episodes/{take.pk}/replay/").content.decode()
    assert page.index('value="beta" checked') < page.index('value="alpha" disabled')
    assert "Recorded with another robot: arm. alpha has a koch_follower." in page
    assert 'name="to" aria-label="Last frame" value="7"' in page
    Rig.objects.update(hidden=True)
    assert "No rig has connected yet" in olga.get(f"/episodes/{take.pk}/replay/").content.decode()
    Episode.objects.filter(pk=take.pk).update(state="recording")
    assert "still being recorded" in olga.get(f"/episodes/{take.pk}/replay/").content.decode()
    assert olga.get(f"/episodes/{uuid.uuid4()}/replay/").status_code == 404
