from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest

from robotdata.video.barcode import read
from robotdata.video.jpeg import decode_jpeg, jpeg_size
from tests.support.player_page import watching
from tests.viewer.conftest import FRONT, TOP, MakeTake
from viewer.errors import BadRequest, Gone
from viewer.playback import INCOMPLETE, PLAYING, Run
from viewer.sources import FrameSource
from viewer.take_source import TakeSource


@pytest.fixture
def source(make_take: MakeTake) -> Iterator[FrameSource]:
    source = TakeSource(make_take(40))
    yield source
    source.close()


async def test_it_answers_a_seek_with_every_camera_at_the_same_tick(source: FrameSource) -> None:
    async with watching(source) as page:
        page.ask(op="seek", frame=17, seq=5)
        await page.until(lambda: page.bundles)
    flags, seq, frame, pictures = page.bundles[0]
    assert (flags, seq, frame) == (0, 5, 17)
    assert {index: read(decode_jpeg(jpeg)).tick for index, jpeg in pictures.items()} == {0: 17, 1: 17}


async def test_it_coalesces_fast_seeks_and_answers_the_last(source: FrameSource) -> None:
    async with watching(source) as page:
        for seq in range(200):
            page.ask(op="seek", frame=seq % 39, seq=seq)
            if seq % 20 == 0:
                await asyncio.sleep(0.005)
        page.ask(op="seek", frame=39, seq=200)
        await page.until(lambda: page.bundles and page.bundles[-1][1] == 200)
        await asyncio.sleep(0.05)
    assert page.frames[-1] == 39 and len(page.bundles) < 60
    seqs = [bundle[1] for bundle in page.bundles]
    assert seqs == sorted(seqs)


async def test_it_sends_no_more_than_two_bundles_without_an_ack(source: FrameSource) -> None:
    async with watching(source, acks=False) as page:
        for seq in range(5):
            page.ask(op="seek", frame=seq, seq=seq)
            await page.until(lambda seq=seq: len(page.bundles) >= min(seq + 1, 2))
            await asyncio.sleep(0.03)
        assert page.frames == [0, 1]
        page.ask(op="ack", frame=0)
        await page.until(lambda: len(page.bundles) == 3)
    assert page.bundles[2][1:3] == (4, 4)  # the newest, not the next


async def test_it_plays_to_the_end_and_says_so(source: FrameSource) -> None:
    async with watching(source) as page:
        page.ask(op="play", frame=30, rate=1.0, loop=False, seq=1)
        await page.until(lambda: page.messages)
    assert page.messages == [{"type": "ended"}]
    assert page.frames[0] == 30 and page.frames[-1] == 39 and page.frames == sorted(page.frames)
    assert all(bundle[0] == PLAYING for bundle in page.bundles)


async def test_it_skips_frames_for_a_slow_viewer_instead_of_falling_behind(source: FrameSource) -> None:
    async with watching(source, acks=False) as page:
        began = time.monotonic()
        page.ask(op="play", frame=0, rate=1.0, seq=1)
        while not page.messages and time.monotonic() - began < 60:
            await asyncio.sleep(0.2)
            if page.bundles:
                page.ask(op="ack", frame=page.frames[-1])
    assert page.messages == [{"type": "ended"}]
    assert page.frames[-1] == 39 and len(page.frames) < 25


async def test_it_loops_until_it_is_paused(source: FrameSource) -> None:
    async with watching(source) as page:
        page.player.trim = (10, 14)
        page.ask(op="play", frame=12, rate=4.0, loop=True, seq=1)
        await page.until(lambda: len(page.bundles) > 8)
        page.ask(op="pause", seq=2)
        await asyncio.sleep(0.05)
        count = len(page.bundles)
        await asyncio.sleep(0.1)
        assert len(page.bundles) == count
    assert set(page.frames) <= {10, 11, 12, 13} and page.messages == []


async def test_it_sends_only_the_cameras_and_the_size_that_are_wanted(source: FrameSource) -> None:
    async with watching(source) as page:
        page.ask(op="seek", frame=3, seq=1)
        await page.until(lambda: page.bundles)
        page.ask(op="cameras", keys=[TOP], height=120)
        await page.until(lambda: len(page.bundles) == 2)
    _, seq, frame, pictures = page.bundles[1]
    assert (seq, frame, list(pictures)) == (1, 3, [1])
    assert jpeg_size(pictures[1]) == (160, 120)


@pytest.mark.parametrize("frame", [-1, -1e15, 3.5, 1e15, 10**15])
async def test_it_clamps_a_frame_that_is_not_there(source: FrameSource, frame: float) -> None:
    async with watching(source) as page:
        page.ask(op="seek", frame=frame, seq=1)
        await page.until(lambda: page.bundles)
    assert page.frames == [min(max(int(frame), 0), 39)]


@pytest.mark.parametrize(
    "message",
    [
        {"op": "seek", "frame": float("nan"), "seq": 1},
        {"op": "seek", "frame": float("inf"), "seq": 1},
        {"op": "seek", "frame": "5", "seq": 1},
        {"op": "seek", "frame": True, "seq": 1},
        {"op": "seek", "frame": 5, "seq": -1},
        {"op": "seek", "frame": 10**400, "seq": 1},
        {"op": "seek"},
        {"op": "play", "frame": 0, "rate": 0},
        {"op": "play", "frame": 0, "rate": float("nan")},
        {"op": "cameras", "keys": ["none"]},
        {"op": "cameras", "keys": [["x"]]},
        {"op": "cameras", "keys": None},
        {"op": "cameras", "keys": [FRONT], "height": 1},
        {"op": "cameras", "keys": [FRONT], "height": "x"},
        {"op": ["seek"]},
        {"op": "format c:"},
        {},
    ],
)
async def test_it_refuses_nonsense_in_words(source: FrameSource, message: dict[str, Any]) -> None:
    async with watching(source) as page:
        with pytest.raises(BadRequest, match="write"):
            page.ask(**message)
        page.ask(op="seek", frame=1, seq=9)
        await page.until(lambda: page.bundles)
    assert page.bundles[-1][1:3] == (9, 1)


async def test_it_goes_on_with_the_other_cameras_when_one_is_broken(source: FrameSource) -> None:
    class Broken(TakeSource):
        def jpeg(self, camera: str, n: int) -> bytes:
            if camera == FRONT:
                raise Gone(f"frame {n} of {camera} is torn")
            return super().jpeg(camera, n)

    broken = Broken(source._take.folder)  # type: ignore[attr-defined]
    async with watching(broken) as page:
        page.ask(op="seek", frame=6, seq=1)
        await page.until(lambda: page.bundles)
    broken.close()
    assert page.bundles[0][0] == INCOMPLETE and list(page.bundles[0][3]) == [1]
    assert page.messages == [{"type": "error", "message": f"frame 6 of {FRONT} is torn", "camera": FRONT}]


async def test_it_looks_again_at_a_take_that_has_grown(make_take: MakeTake) -> None:
    small, large = TakeSource(make_take(5, state="recording")), TakeSource(make_take(9))
    async with watching(small) as page:
        page.again = lambda: large
        page.ask(op="seek", frame=8, seq=1)
        await page.until(lambda: page.bundles)
    assert page.frames == [8]
    small.close()
    large.close()


async def test_it_survives_that_the_take_is_gone(make_take: MakeTake) -> None:
    small = TakeSource(make_take(5, state="recording"))
    async with watching(small) as page:
        page.ask(op="seek", frame=8, seq=1)
        await page.until(lambda: page.messages)
        page.ask(op="seek", frame=2, seq=2)
        await page.until(lambda: page.bundles)
    assert page.messages == [{"type": "error", "message": "it is gone"}] and page.frames == [2]
    small.close()


def test_it_counts_positions_by_the_clock() -> None:
    run = Run(first=10, begin=0, end=100, rate_hz=120.0, loop=False)
    assert (run.step, run.last, run.frame(5), run.frame(500)) == (2, 89, 15, 99)
    assert run.after(0, 0.0) == 2
    assert run.after(0, 0.5) == 60  # half a second late: on the beat, not after it
    assert run.after(88, 0.0) == 89
    loop = Run(first=10, begin=8, end=12, rate_hz=30.0, loop=True)
    assert [loop.frame(p) for p in range(6)] == [10, 11, 8, 9, 10, 11]
