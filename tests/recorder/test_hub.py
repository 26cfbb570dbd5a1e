from __future__ import annotations

import asyncio
import json
import struct
from typing import Any

import pytest

from recorder.live.hub import SILENT_S, Hub, Viewer
from recorder.live.rigs import ALIVE_S
from robotdata.rig import link

FRONT, WRIST = "observation.images.front", "observation.images.wrist"
STATUS = {"state": "idle", "online": True, "cameras": [{"key": FRONT}, {"key": WRIST}]}


def picture(camera: int, seq: int) -> bytes:
    return struct.pack("!BBxxIQ", 1, camera, seq, 0) + b"jpeg"


def seqs(news: list[str | bytes]) -> list[int]:
    return [struct.unpack_from("!BBxxIQ", one)[2] for one in news if isinstance(one, bytes)]


def rest(viewer: Viewer) -> list[str | bytes]:
    """All that the viewer may be sent now."""
    return list(iter(viewer.pop, None))


async def fresh(viewer: Viewer) -> list[str | bytes]:
    """The next message, and what may follow it at once."""
    async with asyncio.timeout(10):
        return [await viewer.next(), *rest(viewer)]


async def test_it_keeps_only_the_newest_picture_of_each_camera() -> None:
    hub, viewer = Hub(), Viewer()
    hub.attach("sim", lambda _wanted: None).publish_status(STATUS)
    feed = hub.join("sim", viewer)
    hub.watch("sim", viewer, {FRONT: 240, WRIST: 240})
    for seq in range(5):
        feed.publish_frame(picture(0, seq))
        feed.publish_frame(picture(1, 100 + seq))
        await asyncio.sleep(0.01)
    assert seqs(await fresh(viewer)) == [4, 104]


async def test_it_gives_ten_of_thirty_where_ten_are_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("recorder.live.hub.time.monotonic", lambda: now)
    hub, viewer, got = Hub(), Viewer(), 0
    hub.attach("sim", lambda _wanted: None).publish_status(STATUS)
    feed = hub.join("sim", viewer)
    hub.watch("sim", viewer, {FRONT: 10})
    await fresh(viewer)
    for seq in range(300):
        now += 1 / 30 + (0.003 if seq % 2 else -0.003)  # a camera's jitter
        feed.publish_frame(picture(0, seq))
        got += len(seqs(rest(viewer)))
    assert 95 <= got <= 106


async def test_it_loses_the_oldest_telemetry_of_a_slow_viewer_but_never_the_names() -> None:
    hub, viewer = Hub(), Viewer()
    feed = hub.attach("sim", lambda _wanted: None)
    hub.join("sim", viewer)
    for number in range(500):
        message: dict[str, Any] = {"type": "telemetry", "t": number, "rows": [[number, [], []]]}
        feed.publish_telemetry(message | ({"names": {"state": ["a"]}, "units": {"state": ["°"]}} if not number else {}))
    heard = [json.loads(one) for one in await fresh(viewer)]
    assert heard[0]["names"] == {"state": ["a"]} and heard[0]["units"] == {"state": ["°"]}
    assert heard[-1]["t"] == 499 and len(heard) <= 60


async def test_it_forgets_a_rig_that_nobody_has_and_nobody_watches() -> None:
    hub, viewer, asked = Hub(), Viewer(), []
    hub.attach("sim", asked.append).publish_status(STATUS)
    hub.join("sim", viewer)
    hub.watch("sim", viewer, {FRONT: 5})
    hub.detach("sim", asked.append)
    assert "sim" in hub.feeds
    hub.leave("sim", viewer)
    assert hub.feeds == {} and asked == [{}, {FRONT: 5}]


async def test_it_refuses_a_picture_that_is_none() -> None:
    hub = Hub()
    feed = hub.attach("sim", lambda _wanted: None)
    feed.publish_status(STATUS)
    for data in (b"", b"\x01" * 16, picture(2, 0), b"\x09" + picture(0, 0)[1:]):
        with pytest.raises(ValueError, match="preview"):
            feed.publish_frame(data)


def at(seconds: float, seq: int) -> bytes:
    """A picture captured at this time of the rig's clock."""
    return struct.pack("!BBxxIQ", 1, 0, seq, round(seconds * 1e9)) + b"jpeg"


def captured(news: list[str | bytes]) -> list[float]:
    return [struct.unpack_from("!BBxxIQ", one)[3] / 1e9 for one in news if isinstance(one, bytes)]


class Watched:
    """A feed of two cameras with one paced viewer, on a clock that the test sets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr("time.monotonic", lambda: self.now)
        monkeypatch.setattr("time.time", lambda: 1_790_000_000.0 + self.now)
        self.hub, self.viewer = Hub(), Viewer(paced=True)
        self.feed = self.hub.attach("sim", lambda _wanted: None)
        self.feed.publish_status(STATUS)
        self.hub.join("sim", self.viewer)
        self.hub.watch("sim", self.viewer, {FRONT: 240, WRIST: 240})
        assert len(rest(self.viewer)) == 1

    def show(self, camera: int, seq: int) -> None:
        self.now += 0.01
        self.feed.publish_frame(picture(camera, seq))


async def test_a_picture_waits_until_the_one_before_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    here = Watched(monkeypatch)
    for seq in range(5):
        here.show(0, seq)
        here.show(1, 100 + seq)
    assert seqs(rest(here.viewer)) == [4], "one of all cameras, as long as nobody knows how quick the way is"
    here.show(0, 5)
    here.viewer.record_drawn([0])
    assert seqs(rest(here.viewer)) == [104, 5], "quick: two of each, the camera that waited longer first"
    for seq in range(6, 9):
        here.show(0, seq)
        here.show(1, 100 + seq)
        sent = seqs(rest(here.viewer))
        assert len(sent) <= 2
    assert not seqs(rest(here.viewer))
    here.viewer.record_drawn([0, 0, 1, 1, 1, 1, 7])
    assert seqs(rest(here.viewer)) == [108, 8], "the newest of each; what was never sent counts for nothing"


async def test_a_slow_way_gets_one_picture_at_a_time_of_each_camera_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    here, seen = Watched(monkeypatch), []
    for number in range(6):
        here.show(0, number)
        here.show(1, 100 + number)
        (one,) = [one for one in rest(here.viewer) if isinstance(one, bytes)]
        here.now += 0.8  # a picture takes as long to the screen
        here.viewer.record_drawn([one[1]])
        seen.append(one[1])
    assert seen == [0, 1, 0, 1, 0, 1]


async def test_a_status_and_a_pong_go_ahead_of_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    here = Watched(monkeypatch)
    here.show(0, 1)
    here.viewer.answer_ping(7)
    here.feed.publish_status({**STATUS, "state": "recording"})
    first, second, third = rest(here.viewer)
    assert json.loads(first)["state"] == "recording" and seqs([third]) == [1]
    assert json.loads(second) == {"type": "pong", "id": 7, "now": 1_790_000_000.0 + here.now, "v": 1}


async def test_a_picture_that_has_waited_for_a_second_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    here = Watched(monkeypatch)
    here.show(0, 1)
    here.now += 1.1
    assert not rest(here.viewer)
    here.show(0, 2)
    assert seqs(rest(here.viewer)) == [2]


@pytest.mark.parametrize("ahead_s", [-3600.0, 0.0, 42.0])
async def test_it_tells_the_times_of_a_rig_by_its_own_clock(monkeypatch: pytest.MonkeyPatch, ahead_s: float) -> None:
    here = Watched(monkeypatch)
    ours = 1_790_000_000.0 + here.now
    here.feed.publish_telemetry({"type": "telemetry", "t": ours + ahead_s - 0.05, "rows": []})
    here.feed.publish_frame(at(ours + ahead_s - 0.2, 1))
    here.feed.publish_status({**STATUS, "timer": {"ends_at": ours + ahead_s + 5}})
    news = rest(here.viewer)
    assert captured(news) == pytest.approx([ours - 0.2], abs=0.06)
    assert json.loads(news[0])["timer"]["ends_at"] == pytest.approx(ours + 5, abs=0.06)


async def test_a_late_message_is_no_other_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    here = Watched(monkeypatch)
    ours = 1_790_000_000.0 + here.now
    here.feed.publish_telemetry({"type": "telemetry", "t": ours - 0.02, "rows": []})
    here.feed.publish_frame(at(ours - 17.4, 1))
    assert captured(rest(here.viewer)) == pytest.approx([ours - 17.4], abs=0.001)


async def test_it_says_which_take_was_cut_off_when_a_rig_falls_silent_while_it_records() -> None:
    hub, viewer, asked = Hub(), Viewer(), []
    hub.attach("sim", asked.append).publish_status({**STATUS, "state": "recording", "take": {"id": "a"}})
    hub.join("sim", viewer)
    hub.detach("sim", asked.append)
    told = json.loads(str(rest(viewer)[-1]))
    assert (told["online"], told["state"], told["controls"], told["cut_off"]) == (False, "offline", [], {"id": "a"})


def test_a_rig_at_rest_may_be_late_several_times_before_it_is_called_offline() -> None:
    assert 5 * link._AT_REST_STATUS_EVERY_S <= SILENT_S < ALIVE_S, "the page knows it before the list of rigs does"
