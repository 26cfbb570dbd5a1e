"""Open decoders: few, found again, never stale, and closed only when nobody reads."""

from __future__ import annotations

import os
import shutil
import signal
import threading
from pathlib import Path

import psutil
import pytest

from robotdata.video import (
    NotAVideoError,
    VideoDecoderCache,
    VideoError,
    barcode,
    cache,
    decode_video_frames,
    frame_jpeg,
    index,
    open_video,
)
from robotdata.video.cache import SIZE_VARIABLE
from robotdata.video.errors import FileReplacedError


def tick(frame) -> int:
    return barcode.read(frame).tick


@pytest.fixture
def copies(video, tmp_path: Path):
    """copies(n) -> n files of the same four frames."""

    def make(count: int) -> list[Path]:
        source = video(4)
        paths = [tmp_path / f"copy-{n}.mp4" for n in range(count)]
        for path in paths:
            shutil.copyfile(source, path)
        return paths

    return make


def test_it_is_bounded_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SIZE_VARIABLE, raising=False)
    assert VideoDecoderCache().max_size == 100


@pytest.mark.parametrize("value", ["none", "unbounded", "-1", "None", "UNBOUNDED"])
def test_it_is_unbounded_when_asked(monkeypatch: pytest.MonkeyPatch, copies, value: str) -> None:
    monkeypatch.setenv(SIZE_VARIABLE, value)
    held = VideoDecoderCache()
    assert held.max_size is None
    for path in copies(5):
        held.get_decoder(path)
    assert held.size() == 5
    held.clear()


def test_it_respects_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SIZE_VARIABLE, "7")
    assert VideoDecoderCache().max_size == 7
    assert VideoDecoderCache(max_size=3).max_size == 3


def test_it_takes_lerobots_variable_where_ours_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SIZE_VARIABLE, raising=False)
    for value, size in (("12", 12), ("none", None), ("", None)):
        monkeypatch.setenv("LEROBOT_VIDEO_DECODER_CACHE_SIZE", value)
        assert VideoDecoderCache().max_size == size
    monkeypatch.setenv("LEROBOT_VIDEO_DECODER_CACHE_SIZE", "many")
    with pytest.raises(VideoError, match="LEROBOT_VIDEO_DECODER_CACHE_SIZE='many'"):
        VideoDecoderCache()
    monkeypatch.setenv(SIZE_VARIABLE, "7")
    assert VideoDecoderCache().max_size == 7


def test_it_gives_a_files_handle_back_on_eviction_and_on_clear(copies) -> None:
    def held_open() -> set[str]:
        return {Path(file.path).name for file in psutil.Process().open_files()} & {"copy-0.mp4", "copy-1.mp4"}

    one, two = copies(2)
    held = VideoDecoderCache(max_size=1)
    held.get_decoder(one).frame(0)
    assert held_open() == {"copy-0.mp4"}
    held.get_decoder(two).frame(0)
    assert held_open() == {"copy-1.mp4"}
    held.clear()
    assert held_open() == set()


@pytest.mark.parametrize("value", ["0", "-2", "ten", "1.5", "²"])
def test_it_refuses_a_size_that_is_none(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv(SIZE_VARIABLE, value)
    with pytest.raises(VideoError, match=f"{SIZE_VARIABLE}='{value}'"):
        VideoDecoderCache()


def test_it_refuses_a_size_below_one() -> None:
    with pytest.raises(VideoError, match="max_size=0"):
        VideoDecoderCache(max_size=0)


def test_it_drops_the_least_recently_used_and_closes_it(copies) -> None:
    one, two, three = copies(3)
    held = VideoDecoderCache(max_size=2)
    first, second = held.get_decoder(one), held.get_decoder(two)
    held.get_decoder(one)
    held.get_decoder(three)
    assert (one in held, two in held, str(three) in held) == (True, False, True)
    assert (first.closed, second.closed) == (False, True)
    assert held.size() == 2
    held.clear()
    assert first.closed and held.size() == 0 and one not in held


def test_it_neither_reopens_nor_evicts_on_a_hit(copies, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = copies(2)
    held = VideoDecoderCache(max_size=2)
    decoders = [held.get_decoder(path) for path in paths]
    monkeypatch.setattr(cache, "VideoDecoder", None)
    for _ in range(3):
        assert [held.get_decoder(path) for path in paths] == decoders
    held.clear()


def test_it_never_serves_a_replaced_file(video) -> None:
    path = video(4)
    held = VideoDecoderCache(max_size=2)
    old = held.get_decoder(path)
    video(9, name="new.mp4").replace(path)
    assert tick(held.get_decoder(path).frame(8)) == 8
    assert old.closed and held.size() == 1
    path.unlink()
    with pytest.raises(NotAVideoError):
        held.get_decoder(path)
    assert path not in held


def test_it_lets_an_evicted_decoder_be_read_to_the_end(copies) -> None:
    paths = copies(3)
    held = VideoDecoderCache(max_size=1)
    decoder = held.get_decoder(paths[0])
    for path in paths[1:]:
        held.get_decoder(path)
    assert decoder.closed
    assert [tick(decoder.frame(n)) for n in (3, 0, 2)] == [3, 0, 2]
    held.clear()


def test_it_is_bounded_by_bytes_too(copies) -> None:
    held = VideoDecoderCache(max_size=None, max_bytes=1)
    for path in copies(4):
        assert tick(held.get_decoder(path).frame(1)) == 1
    assert held.size() == 1
    held.clear()


def test_it_opens_one_file_once_for_all_who_wait(copies, monkeypatch: pytest.MonkeyPatch) -> None:
    slow, quick = copies(2)
    opened: list[Path] = []
    may_open = threading.Event()
    real = cache.VideoDecoder

    def opening(path: str):
        opened.append(Path(path))
        if Path(path) == slow:
            assert may_open.wait(120)
        return real(path)

    monkeypatch.setattr(cache, "VideoDecoder", opening)
    held = VideoDecoderCache(max_size=5)
    got: list[object] = []
    threads = [threading.Thread(target=lambda: got.append(held.get_decoder(slow))) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert tick(held.get_decoder(quick).frame(2)) == 2  # while the other file is still being opened
    may_open.set()
    for thread in threads:
        thread.join()
    assert opened.count(slow) == 1 and len(set(map(id, got))) == 1
    held.clear()


def test_it_tells_everybody_who_waits_why_a_file_does_not_open(tmp_path: Path) -> None:
    path = tmp_path / "empty.mp4"
    path.touch()
    held = VideoDecoderCache()
    for _ in range(2):
        with pytest.raises(NotAVideoError, match="empty"):
            held.get_decoder(path)
    assert held.size() == 0


def test_it_survives_threads_that_fight_over_a_small_cache(copies) -> None:
    paths = copies(6)
    held = VideoDecoderCache(max_size=2)
    wrong: list[object] = []

    def read(start: int) -> None:
        for turn in range(24):
            number = (start + turn) % 4
            found = tick(held.get_decoder(paths[(start * 5 + turn) % 6]).frame(number))
            if found != number:
                wrong.append((number, found))

    threads = [threading.Thread(target=read, args=(start,)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == [] and held.size() <= 2
    held.clear()


def test_it_keeps_files_and_memory_flat_over_many_videos(copies) -> None:
    process, paths = psutil.Process(), copies(150)
    held = VideoDecoderCache(max_size=8)
    for path in paths[:30]:
        frame_jpeg(path, 1, cache=held)

    def files_open() -> list[str]:  # ours alone: a thread of another test may open a socket meanwhile
        return [handle.path for handle in process.open_files() if "copy-" in os.fsdecode(handle.path)]

    files, memory = len(files_open()), process.memory_info().rss
    for path in paths[30:] * 2:
        frame_jpeg(path, 1, cache=held)
    assert 0 < len(files_open()) <= files
    assert process.memory_info().rss - memory < 40 * 2**20
    held.clear()
    assert not files_open()


def test_it_refuses_a_variable_that_is_empty_or_absurd(monkeypatch: pytest.MonkeyPatch) -> None:
    for value in ("", "  ", "5" * 5000):
        monkeypatch.setenv(SIZE_VARIABLE, value)
        with pytest.raises(VideoError, match="unset it"):
            VideoDecoderCache()


@pytest.mark.parametrize("size", ["5", 2.5, True, -1])
def test_it_refuses_bounds_that_are_no_number(size: object) -> None:
    for name in ("max_size", "max_bytes"):
        with pytest.raises(VideoError, match=name):
            VideoDecoderCache(**{name: size})  # type: ignore[arg-type]


def test_without_a_bound_there_is_none_in_bytes_either() -> None:
    assert VideoDecoderCache(max_size=None).max_bytes is None
    assert VideoDecoderCache(max_size=None, max_bytes=10).max_bytes == 10
    assert VideoDecoderCache(max_size=3).max_bytes == cache.DEFAULT_BYTES


def test_a_forked_process_begins_anew(copies) -> None:
    """The lock was another thread's at the fork: in the child nobody would ever release it."""
    path = copies(1)[0]
    held = VideoDecoderCache(max_size=2)
    held.get_decoder(path)
    with held._lock:
        child = os.fork()
        if not child:  # pragma: no cover - the child's side
            signal.alarm(20)
            os._exit(0 if tick(held.get_decoder(path).frame(2)) == 2 and held.size() == 1 else 1)
    assert os.waitpid(child, 0)[1] == 0
    held.clear()


def test_it_never_mixes_a_file_with_the_one_that_takes_its_place(video, monkeypatch: pytest.MonkeyPatch) -> None:
    path, other = video(6, 1), video(24, 2, name="other.mp4")
    real = index.read_tables

    def replaced_meanwhile(name: Path):
        tables = real(name)
        if other.exists():
            other.replace(path)
        return tables

    monkeypatch.setattr(index, "read_tables", replaced_meanwhile)
    held = VideoDecoderCache()
    decoder = held.get_decoder(path)
    assert decoder.count == 24 and barcode.read(decoder.frame(20)).episode == 2
    held.clear()


def test_it_opens_again_what_was_replaced_before_it_could_read(video, monkeypatch: pytest.MonkeyPatch) -> None:
    path, other = video(6, 1), video(24, 2, name="other.mp4")
    held = VideoDecoderCache()
    real = held.get_decoder

    def replaced_then(name: Path | str):
        decoder = real(name)
        if other.exists():
            other.replace(path)
            decoder.close()
        return decoder

    monkeypatch.setattr(held, "get_decoder", replaced_then)
    assert [barcode.read(f).episode for f in decode_video_frames(path, [0.1], 1e-3, cache=held)] == [2]
    held.clear()


def test_it_says_that_a_file_is_gone(video) -> None:
    path = video(4)
    with open_video(path) as decoder:
        pass
    path.unlink()
    for read in (lambda: decoder.frame(1), lambda: list(decoder.frames())):
        with pytest.raises(FileReplacedError, match="removed"):
            read()
