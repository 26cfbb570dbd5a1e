"""Any frame, in any order, is the one that was asked for; what cannot be had is said, with its number."""

from __future__ import annotations

import contextlib
import threading
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from robotdata.video import (
    BrokenVideoError,
    EncodeSettings,
    NotAVideoError,
    VideoDecoder,
    VideoError,
    barcode,
    frame_jpeg,
    get_video_info,
    index_video,
    open_video,
    verify_video,
)
from robotdata.video.errors import DecodeError, FrameCountError, FrameTimestampError
from robotdata.video.index import open_video_stream
from robotdata.video.jpeg import decode_jpeg, encode_jpeg
from robotdata.video.mp4 import read_tables
from robotdata.video.read_through import read_through

CODECS = {
    "av1": EncodeSettings(threads=1),
    "av1 long": EncodeSettings(g=30, threads=1),
    "h264": EncodeSettings(codec="h264", g=2, threads=1),
    "h264 with B-frames": EncodeSettings(codec="h264", g=30, threads=1),
    "hevc": EncodeSettings(codec="hevc", preset="ultrafast", g=12, threads=1),
    "hevc with open groups": EncodeSettings(
        codec="hevc", preset="ultrafast", g=12, threads=1, extra_options={"x265-params": "open-gop=1"}
    ),
}


def tick(frame: np.ndarray) -> int:
    return barcode.read(frame).tick


@pytest.mark.parametrize("codec", CODECS)
def test_it_gives_the_frame_that_was_asked_for_in_any_order(video, codec: str) -> None:
    order = np.random.default_rng(3).permutation(40).tolist()
    with open_video(video(40, settings=CODECS[codec])) as decoder:
        assert [tick(decoder.frame(n)) for n in order] == order
        assert [tick(decoder.frame(n)) for n in range(40)] == list(range(40))
        assert [tick(f) for f in decoder.frames()] == list(range(40))
        assert [tick(f) for f in decoder.frames(range(5, 39, 7))] == list(range(5, 39, 7))
        assert decoder.frame(0).shape == (64, 288, 3) and decoder.frame(0).dtype == np.uint8


def test_a_frame_as_a_jpeg_is_that_of_its_pixels(video) -> None:
    with open_video(video(9)) as decoder:
        for number in (7, 0, 8):
            data = decoder.jpeg(number, 90)
            assert data == encode_jpeg(decoder.frame(number), 90)
            assert tick(decode_jpeg(data)) == number


@pytest.mark.parametrize("fps", [5, 24, 29.97, 30, 59.94, 60])
def test_it_finds_the_frame_of_a_time(video, fps: float) -> None:
    with open_video(video(9, fps=fps)) as decoder:
        assert decoder.fps == pytest.approx(fps, rel=1e-4)
        for n in range(9):
            assert decoder.index.time_s(n) == pytest.approx(n / fps, rel=1e-4)
            assert tick(decoder.frame_at(decoder.index.time_s(n) + 0.4 / fps)) == n
            assert tick(decoder.frame_at(decoder.index.time_s(n) - 0.4 / fps)) == n
        assert tick(decoder.frame_at(-5)) == 0 and tick(decoder.frame_at(99)) == 8


def test_it_refuses_frames_outside_the_video(video) -> None:
    with open_video(video(4)) as decoder:
        for number in (-1, 4, 1000):
            with pytest.raises(IndexError, match="frames 0 to 3"):
                decoder.frame(number)
        with pytest.raises(IndexError):
            list(decoder.frames(range(2, 6)))
        with pytest.raises(DecodeError, match="forwards"):
            list(decoder.frames(range(3, 0, -1)))
        assert list(decoder.frames(range(2, 2))) == []


@pytest.mark.parametrize("number", [1.0, "1", None, slice(0, 2), [1]])
def test_it_says_what_a_frame_is_asked_for_by(video, number: object) -> None:
    with open_video(video(4)) as decoder:
        assert tick(decoder.frame(True)) == tick(decoder.frame(np.int64(1))) == 1
        with pytest.raises(DecodeError, match="want a frame's number"):
            decoder.frame(number)  # type: ignore[arg-type]
        with pytest.raises(DecodeError, match=r"want a range, as range\(0, 4\)"):
            list(decoder.frames(number or 0))  # type: ignore[arg-type]
        with pytest.raises(FrameTimestampError, match="nan"):
            decoder.frame_at(float("nan"))


def test_it_serves_several_threads_at_once(video) -> None:
    wrong: list[int] = []
    with open_video(video(30, settings=CODECS["h264 with B-frames"])) as decoder:

        def read(seed: int) -> None:
            for number in np.random.default_rng(seed).integers(0, 30, 15).tolist():
                if tick(decoder.frame(number)) != number:
                    wrong.append(number)

        threads = [threading.Thread(target=read, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []


def test_it_answers_after_close_but_never_from_another_file(video, tmp_path: Path) -> None:
    path = video(6)
    decoder = open_video(path)
    decoder.close()
    assert tick(decoder.frame(3)) == 3
    other = video(6, 1, name="other.mp4")
    other.replace(path)
    with pytest.raises(NotAVideoError, match="replaced"):
        decoder.frame(3)


def test_it_reads_the_same_tables_as_ffmpeg(video, tmp_path: Path) -> None:
    for number, settings in enumerate(CODECS.values()):
        path = video(20, settings=settings, name=f"{number}.mp4")
        ours = read_tables(path)
        container, stream = open_video_stream(path)
        with container:
            theirs = read_through(path, container, stream)
        assert ours is not None and ours.time_base == theirs.time_base
        for name in ("position", "size", "pts", "length", "keyframe"):
            assert getattr(ours, name).tolist() == getattr(theirs, name).tolist(), name


def test_it_reads_what_is_no_plain_mp4(packets, tmp_path: Path) -> None:
    fragmented, matroska = tmp_path / "f.mp4", tmp_path / "m.mkv"
    for path, options in ((fragmented, {"movflags": "frag_keyframe+empty_moov"}), (matroska, {})):
        with av.open(str(path), "w", options=options) as output:
            stream = output.add_stream("mjpeg", rate=30)
            stream.width, stream.height, stream.pix_fmt = 288, 64, "yuvj420p"
            for n, data in enumerate(packets(8)):
                packet = av.Packet(data)
                packet.stream, packet.pts, packet.dts, packet.time_base = stream, n, n, Fraction(1, 30)
                packet.is_keyframe = True
                output.mux(packet)
        assert read_tables(path) is None
        with open_video(path) as decoder:
            assert [tick(decoder.frame(n)) for n in (7, 0, 3)] == [7, 0, 3]


DAMAGED = {
    "missing": (None, NotAVideoError, "no such file"),
    "empty": (b"", NotAVideoError, "empty"),
    "pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", NotAVideoError, "git lfs pull"),
    "text": (b"hello, this is not a video at all" * 20, NotAVideoError, "cannot be opened by FFmpeg"),
    "half a header": (b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00", NotAVideoError, "cannot be opened"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_it_says_what_is_there_instead_of_a_video(tmp_path: Path, case: str) -> None:
    content, error, words = DAMAGED[case]
    path = tmp_path / "v.mp4"
    if content is not None:
        path.write_bytes(content)
    for read in (open_video, verify_video, index_video, lambda p: frame_jpeg(p, 0)):
        with pytest.raises(error, match=words) as caught:
            read(path)
        assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{path}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile '{path}'\n",
        "<?xml version='1.0'?><MPD xmlns='urn:mpeg:dash:schema:mpd:2011'><BaseURL>{path}</BaseURL></MPD>",
    ],
)
def test_it_never_follows_a_playlist_to_other_files(video, tmp_path: Path, text: str) -> None:
    path = tmp_path / "v.mp4"
    path.write_text(text.replace("{path}", str(video(4))))
    for read in (open_video, verify_video):
        with pytest.raises(NotAVideoError, match="cannot be opened by FFmpeg"):
            read(path)


def test_it_reads_a_truncated_video_up_to_where_it_breaks(video, tmp_path: Path) -> None:
    path = video(40)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])
    with open_video(path) as decoder:
        assert tick(decoder.frame(4)) == 4
        with pytest.raises(BrokenVideoError, match="cut off") as caught:
            decoder.frame(39)
        assert caught.value.frame == 38  # the keyframe that frame 39 needs
        with pytest.raises(BrokenVideoError, match="cut off"):
            list(decoder.frames())
    with pytest.raises(BrokenVideoError) as caught:
        verify_video(path)
    assert 4 < caught.value.frame < 40


@pytest.mark.parametrize("share", [0.05, 0.3, 0.5, 0.9, 0.999])
def test_it_never_hangs_or_lies_about_a_truncated_video(video, share: float) -> None:
    path = video(30, settings=EncodeSettings(threads=1))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(DecodeError):
        verify_video(path, expected_frames=30)


def test_it_does_not_believe_tables_that_claim_the_sky(video) -> None:
    path = video(8)
    data = bytearray(path.read_bytes())
    at = data.index(b"stsz") + 16  # the first sample's size
    data[at : at + 4] = b"\x7f\xff\xff\xff"
    path.write_bytes(data)
    with open_video(path) as decoder, pytest.raises(BrokenVideoError, match="cut off"):
        decoder.frame(0)


def test_it_answers_any_damage_to_the_tables_with_an_error_of_its_own(video) -> None:
    path = video(20, settings=CODECS["h264 with B-frames"])
    whole = path.read_bytes()
    start, end = whole.index(b"moov"), whole.index(b"mdat")
    random = np.random.default_rng(9)
    for _ in range(120):
        data = bytearray(whole)
        for at in random.integers(start, end, 4).tolist():
            data[at] = int(random.integers(0, 256))
        path.write_bytes(data)
        with contextlib.suppress(VideoError, IndexError), open_video(path) as decoder:
            for number in (0, decoder.count // 2, decoder.count - 1):
                decoder.frame(number)
        for read in (get_video_info, verify_video):
            with contextlib.suppress(VideoError):
                read(path)


def test_it_finds_damage_inside_a_frame(video) -> None:
    path = video(20, settings=EncodeSettings(codec="h264", preset="ultrafast", g=1, threads=1))
    place = index_video(path)
    data = bytearray(path.read_bytes())
    for at in range(int(place.position[9]) + 5, int(place.position[9] + place.size[9])):
        data[at] ^= 0xA5
    path.write_bytes(data)
    with pytest.raises(BrokenVideoError) as caught:
        verify_video(path)
    assert caught.value.frame <= 20


def test_it_counts_what_is_there_against_what_should_be(video) -> None:
    with pytest.raises(FrameCountError, match="has 7 frames, not 8") as caught:
        verify_video(video(7), expected_frames=8)
    assert (caught.value.expected, caught.value.counted) == (8, 7)


def test_it_gives_a_frame_as_jpeg(video) -> None:
    path = video(6)
    assert tick(decode_jpeg(frame_jpeg(path, 4))) == 4
    assert len(frame_jpeg(path, 4, quality=60)) < len(frame_jpeg(path, 4, quality=95))


def test_it_reads_every_real_video_frame_by_frame(testdata: Path) -> None:
    for path in sorted(testdata.rglob("*.mp4")):
        with VideoDecoder(path) as decoder:
            row = list(decoder.native_frames(range(0, min(decoder.count, 12))))
            for n in (len(row) - 1, 0, len(row) // 2):
                assert bytes(decoder.native_frame(n).planes[0]) == bytes(row[n].planes[0])
            last = decoder.frame(decoder.count - 1)
            assert last.shape == (decoder.index.height, decoder.index.width, 3)
            assert decoder.count == decoder.index.claimed_frames
