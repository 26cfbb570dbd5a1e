"""Committed episodes through the same doors as takes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import AsyncClient, Client

from recorder.models import Episode
from robotdata.video.barcode import Barcode, read
from robotdata.video.jpeg import decode_jpeg
from tests.support.player_page import watching
from tests.viewer.conftest import FRONT, TOP, commit_take, write_take
from viewer.committed_source import CommittedSource, committed_version
from viewer.errors import FilesChanged, Gone
from viewer.frames import FRAME_SLOTS, JPEGS
from viewer.locate import find_place, open_source, read_episode, trim_in_frames

MakeEpisode = Callable[..., Episode]


def test_it_shows_the_frame_of_every_row_of_every_batch(make_committed: MakeEpisode) -> None:
    lengths = [12, 9, 15]
    for episode, ticks in [(make_committed(ticks), ticks) for ticks in lengths]:
        with open_source(find_place(episode.pk)) as source:
            assert source.frames == ticks
            for number, camera in enumerate((FRONT, TOP)):
                codes = [read(decode_jpeg(source.jpeg(camera, n))) for n in range(ticks)]
                assert codes == [Barcode(n, 7, number) for n in range(ticks)]


def test_it_begins_at_the_trim(make_committed: MakeEpisode) -> None:
    episode = make_committed(20, trim=(5, 12), trim_first=5, trim_end=12)
    place = find_place(episode.pk)
    with open_source(place) as source:
        assert source.frames == 7 and trim_in_frames(place, source) is None
        assert read(decode_jpeg(source.jpeg(FRONT, 0))).tick == 5
        assert source.signals().columns["action"][:, 0].tolist() == list(range(5, 12))


def test_it_tells_the_trim_in_frames(make_episode: MakeEpisode) -> None:
    episode = make_episode(20, late={TOP: 4}, trim_first=6, trim_end=15)
    with open_source(place := find_place(episode.pk)) as source:
        assert (source.first_tick, trim_in_frames(place, source)) == (4, (2, 11))
        begin, _ = trim_in_frames(place, source) or (0, 0)
        assert read(decode_jpeg(source.jpeg(TOP, begin))).tick == 6


def test_it_finds_an_episode_that_was_committed_meanwhile(make_episode: MakeEpisode) -> None:
    episode = make_episode(10)
    old = find_place(episode.pk)
    index = commit_take(episode.take_path, episode.dataset.path)
    Episode.objects.filter(pk=episode.pk).update(state="encoded", episode_index=index)
    episode.take_path.rename(episode.take_path.with_name("gone"))
    data = read_episode(old, FRAME_SLOTS, lambda source: source.jpeg(FRONT, 4))
    assert read(decode_jpeg(data)).tick == 4


def test_it_does_not_serve_an_old_state_of_the_dataset(make_committed: MakeEpisode) -> None:
    episode = make_committed(10)
    root = episode.dataset.path
    old, version = CommittedSource(root, 0), committed_version(root, 0)
    commit_take(write_take(root.parent / "b0c2ad4e-1df5-4bd9-92ba-8ab6e5dbb2cc", 8), root)
    with pytest.raises(FilesChanged, match="was changed on disk"):
        old.jpeg(FRONT, 0)
    assert committed_version(root, 0) != version  # its video file was extended
    assert read(decode_jpeg(CommittedSource(root, 1).jpeg(FRONT, 7))).tick == 7


def test_it_says_where_a_video_breaks_and_shows_the_other_camera(make_committed: MakeEpisode) -> None:
    episode = make_committed(10)
    path = next(episode.dataset.path.glob(f"videos/{FRONT}/*/*.mp4"))
    path.write_bytes(path.read_bytes()[:4000])
    with open_source(find_place(episode.pk)) as source:
        with pytest.raises(Gone, match=rf"frame 9 of {FRONT} cannot be read: .*{path.name}"):
            source.jpeg(FRONT, 9)
        assert read(decode_jpeg(source.jpeg(TOP, 9))).tick == 9


async def test_it_has_the_neighbours_ready_before_anybody_asks(
    make_committed: MakeEpisode, transactional_db: None
) -> None:
    episode = await asyncio.to_thread(make_committed, 20)
    place = await asyncio.to_thread(find_place, episode.pk)
    with open_source(place) as source:
        async with watching(source) as page:
            page.ask(op="seek", frame=10, seq=1)
            await page.until(lambda: JPEGS.get((source.version, TOP, 12, None)))
        assert {index: read(decode_jpeg(jpeg)).tick for index, jpeg in page.bundles[0][3].items()} == {0: 10, 1: 10}
        assert JPEGS.get((source.version, FRONT, 9, None)) and not JPEGS.get((source.version, FRONT, 14, None))


def test_it_says_which_version_is_there(client: Client, olga: User, make_committed: MakeEpisode) -> None:
    client.force_login(olga)
    url = f"/media/{make_committed(5).pk}/frame/{FRONT}/4.jpg"
    first = client.get(url)
    assert first.status_code == 200
    assert client.get(url, HTTP_IF_NONE_MATCH=first["ETag"]).status_code == 304


@pytest.mark.parametrize(
    ("asked", "status", "expected"),
    [
        (None, 200, slice(None)),
        ("bytes=0-99", 206, slice(0, 100)),
        ("bytes=100-", 206, slice(100, None)),
        ("bytes=-50", 206, slice(-50, None)),
        ("bytes=0-999999999", 206, slice(None)),
        ("bytes=5-4", 200, slice(None)),
        ("bytes=0-1,5-6", 200, slice(None)),
        ("lines=1-2", 200, slice(None)),
        ("bytes=-", 200, slice(None)),
        ("bytes=999999999-", 416, None),
        ("bytes=-0", 416, None),
    ],
)
async def test_it_serves_ranges_of_the_video(
    olga: User, make_committed: MakeEpisode, transactional_db: None, asked: str | None, status: int, expected: slice
) -> None:
    episode = await asyncio.to_thread(make_committed, 5, cameras=(FRONT,))
    data = next(episode.dataset.path.glob("videos/*/*/*.mp4")).read_bytes()
    client = AsyncClient()
    await client.aforce_login(olga)
    headers = {"Range": asked} if asked else {}
    answer = await client.get(f"/media/{episode.pk}/video/{FRONT}.mp4", headers=headers)
    assert answer.status_code == status
    if status == 416:
        assert answer["Content-Range"] == f"bytes */{len(data)}"
        return
    body = b"".join([piece async for piece in answer.streaming_content])
    assert body == data[expected] and int(answer["Content-Length"]) == len(body)
    assert (answer["X-First-Frame"], answer["X-Frames"], answer["Content-Type"]) == ("0", "5", "video/mp4")
    answer.close()
