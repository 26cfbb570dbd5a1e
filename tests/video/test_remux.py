"""Joined and cut videos keep every frame, bit for bit, at its exact time."""

from __future__ import annotations

import shutil
import struct
import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from robotdata.video import (
    EncodeSettings,
    JoinError,
    Segment,
    SegmentMismatchError,
    barcode,
    cut_video,
    encode_frames,
    get_audio_info,
    join_videos,
    open_video,
    verify_video,
)
from robotdata.video.errors import NotAKeyframeError, NotAVideoError, OutputExistsError
from robotdata.video.index import index_video
from robotdata.video.rates import exact_rate

CODECS = {
    "av1": EncodeSettings(threads=1),
    "h264": EncodeSettings(codec="h264", preset="veryfast", g=2, threads=1),
    "h264 with B-frames": EncodeSettings(codec="h264", preset="medium", g=30, threads=1),
    "hevc": EncodeSettings(codec="hevc", preset="ultrafast", g=12, threads=1),
    "hevc with open groups": EncodeSettings(
        codec="hevc", preset="ultrafast", g=12, threads=1, extra_options={"x265-params": "open-gop=1"}
    ),
}
FPS = [5, 24, 29.97, 30, 59.94, 60]


def raw_frames(path: Path) -> list[bytes]:
    with open_video(path) as decoder:
        return [bytes(frame.to_ndarray()) for frame in decoder.native_frames()]


def times(path: Path) -> list[Fraction]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return [frame.pts * stream.time_base for frame in container.decode(stream)]


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("fps", [30, 29.97])
def test_it_joins_bit_for_bit_at_exact_times(video, ticks, tmp_path: Path, codec: str, fps: float) -> None:
    lengths = [17, 1, 30]
    parts = [video(n, episode, fps, CODECS[codec]) for episode, n in enumerate(lengths)]
    joined = join_videos(parts, tmp_path / "all.mp4", fps=fps)
    assert ticks(joined.path) == [(episode, tick) for episode, n in enumerate(lengths) for tick in range(n)]
    assert raw_frames(joined.path) == [frame for part in parts for frame in raw_frames(part)]
    assert times(joined.path) == [n / exact_rate(fps) for n in range(48)]
    assert joined.first_frames == (0, 17, 18)
    assert verify_video(joined.path, expected_frames=48).claimed_frames == 48


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[float, int], Path]:
    """(fps, length) -> a video of that many frames, all of the same encoder."""
    from_, found = tmp_path_factory.mktemp("parts"), {}
    for fps in FPS:
        for length in (1, 2, 3, 7, 12):
            path = from_ / f"{fps}-{length}.mp4"
            _encode(path, fps, length)
            found[fps, length] = path
    return found


def _encode(path: Path, fps: float, length: int) -> None:
    pictures = []
    for tick in range(length):
        rgb = np.full((64, 288, 3), 90, np.uint8)
        barcode.draw(rgb, barcode.Barcode(tick, length, 0))
        pictures.append(rgb)
    encode_frames(pictures, path, fps=fps, settings=EncodeSettings(codec="h264", preset="veryfast", g=4, threads=1))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(fps=st.sampled_from(FPS), lengths=st.lists(st.sampled_from([1, 2, 3, 7, 12]), min_size=1, max_size=12))
def test_it_joins_any_number_of_segments_of_any_length(
    parts: dict[tuple[float, int], Path], ticks: Callable[..., list], tmp_path: Path, fps: float, lengths: list[int]
) -> None:
    joined = join_videos([parts[fps, n] for n in lengths], tmp_path / "all.mp4", fps=fps, overwrite=True)
    assert joined.frames == sum(lengths)
    assert ticks(joined.path) == [(n, tick) for n in lengths for tick in range(n)]
    assert times(joined.path) == [n / exact_rate(fps) for n in range(sum(lengths))]


def test_it_stays_exact_when_a_file_grows_again_and_again(video, ticks, tmp_path: Path) -> None:
    part = video(3, fps=59.94)
    grown = join_videos([part], tmp_path / "0.mp4", fps=59.94).path
    for turn in range(1, 20):
        grown = join_videos([grown, part], tmp_path / f"{turn}.mp4", fps=59.94).path
    assert times(grown) == [n / exact_rate(59.94) for n in range(60)]
    assert ticks(grown) == [(0, tick) for _ in range(20) for tick in range(3)]


def test_it_picks_ranges_from_several_files_in_one_pass(video, ticks, tmp_path: Path) -> None:
    one, two = video(12, 1), video(8, 2)
    segments = [Segment(two, 2, 4), Segment(one, 6, None), Segment(one, 0, 3), two]
    joined = join_videos(segments, tmp_path / "all.mp4", fps=30)
    wanted = [(2, t) for t in range(2, 6)] + [(1, t) for t in range(6, 12)] + [(1, t) for t in range(3)]
    assert ticks(joined.path) == wanted + [(2, t) for t in range(8)]


@pytest.mark.parametrize("codec", CODECS)
def test_it_cuts_at_keyframes_bit_for_bit(video, tmp_path: Path, codec: str) -> None:
    source = video(40, settings=CODECS[codec])
    index = index_video(source)
    first = int(index.key_frames[-1])
    whole = raw_frames(source)
    if "open" in codec:
        with pytest.raises(NotAKeyframeError, match="after it"):
            cut_video(source, 0, first - 1, tmp_path / "cut.mp4", fps=30)
    cut = cut_video(source, 0, 1, tmp_path / "one.mp4", fps=30)
    assert raw_frames(cut.path) == whole[:1]
    if "open" not in codec:
        cut = cut_video(source, first, 40, tmp_path / "cut.mp4", fps=30)
        assert raw_frames(cut.path) == whole[first:]
        assert times(cut.path) == [Fraction(n, 30) for n in range(40 - first)]


def test_it_joins_no_videos_that_players_turn_in_different_ways(video, tmp_path: Path) -> None:
    one, other = video(4, 1), video(4, 2)
    data = bytearray(other.read_bytes())
    at = data.index(b"tkhd") + 44
    struct.pack_into(">9i", data, at, -65536, 0, 0, 0, -65536, 0, 0, 0, 1 << 30)
    other.write_bytes(data)
    with pytest.raises(SegmentMismatchError, match="display matrix"):
        join_videos([one, other], tmp_path / "all.mp4", fps=30)
    joined = join_videos([other, other], tmp_path / "all.mp4", fps=30)
    with av.open(str(joined.path)) as container:
        assert {frame.rotation for frame in container.decode(video=0)} == {-180}


def test_it_says_where_a_cut_may_begin(video, tmp_path: Path) -> None:
    source = video(12, settings=EncodeSettings(codec="h264", preset="ultrafast", g=4))
    with pytest.raises(NotAKeyframeError, match="frame 6 is not a keyframe; begin at 4"):
        cut_video(source, 6, 8, tmp_path / "cut.mp4", fps=30)
    for first, end in ((0, 13), (-1, 4), (4, 4), (12, 12)):
        with pytest.raises(JoinError, match="frames 0 to 11"):
            cut_video(source, first, end, tmp_path / "cut.mp4", fps=30)
    assert not (tmp_path / "cut.mp4").exists()


@pytest.mark.parametrize(
    ("change", "name", "words"),
    [
        ({"settings": EncodeSettings(codec="h264", preset="medium")}, "extradata", "codec parameters"),
        ({"settings": EncodeSettings()}, "codec", "codec h264 and av1"),
        ({"width": 320}, "width", "width 288 and 320"),
        ({"fps": 60}, "fps", "fps 30 and 60"),
    ],
)
def test_it_refuses_segments_that_differ_and_says_in_what(
    video, tmp_path: Path, change: dict, name: str, words: str
) -> None:
    one, other = video(4), video(4, 1, **change)
    with pytest.raises(SegmentMismatchError, match=words) as caught:
        join_videos([one, other], tmp_path / "all.mp4", fps=30)
    assert name in caught.value.differences
    assert not (tmp_path / "all.mp4").exists()


def test_it_leaves_the_old_file_when_a_join_fails(video, tmp_path: Path) -> None:
    part, out = video(4), tmp_path / "all.mp4"
    out.write_bytes(b"old")
    with pytest.raises(OutputExistsError):
        join_videos([part], out, fps=30)
    cut_off = tmp_path / "cut-off.mp4"
    cut_off.write_bytes(join_videos([part], tmp_path / "whole.mp4", fps=30).path.read_bytes()[:-50])
    with pytest.raises(JoinError, match="cut off"):
        join_videos([part, cut_off], out, fps=30, overwrite=True)
    assert out.read_bytes() == b"old"
    assert not list(tmp_path.glob(".*"))
    with pytest.raises(JoinError, match="no videos"):
        join_videos([], out, fps=30, overwrite=True)
    with pytest.raises(NotAVideoError):
        join_videos([tmp_path / "none.mp4"], out, fps=30, overwrite=True)


def test_it_refuses_frames_that_are_off_the_grid(packets, tmp_path: Path) -> None:
    path = tmp_path / "jittery.mp4"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("mjpeg", rate=30)
        stream.width, stream.height, stream.pix_fmt = 288, 64, "yuvj420p"
        for n, data in enumerate(packets(8)):
            packet = av.Packet(data)
            packet.stream, packet.time_base, packet.is_keyframe = stream, Fraction(1, 300), True
            packet.pts = packet.dts = n * 10 + (8 if n == 5 else 0)
            output.mux(packet)
    with pytest.raises(SegmentMismatchError, match="frame 5 is 0.80 frames off a constant 30"):
        join_videos([path], tmp_path / "all.mp4", fps=30)
    assert join_videos([Segment(path, 0, 5)], tmp_path / "all.mp4", fps=30).frames == 5


def test_it_puts_the_tables_before_the_frames(video, tmp_path: Path) -> None:
    joined = join_videos([video(4)], tmp_path / "all.mp4", fps=30)
    data = joined.path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_it_takes_sound_along(tmp_path: Path) -> None:
    parts = [_with_sound(tmp_path / f"{n}.mp4", n) for n in (40, 31)]
    joined = join_videos(parts, tmp_path / "all.mp4", fps=30)
    assert get_audio_info(joined.path)["audio.codec"] == "aac"
    with av.open(str(joined.path)) as container:
        heard = sum(frame.samples for frame in container.decode(audio=0)) / 48_000
    assert heard == pytest.approx(71 / 30, abs=0.1)
    verify_video(joined.path, expected_frames=71)
    cut = cut_video(joined.path, 40, 71, tmp_path / "cut.mp4", fps=30)
    with av.open(str(cut.path)) as container:
        assert sum(frame.samples for frame in container.decode(audio=0)) / 48_000 == pytest.approx(31 / 30, abs=0.1)
    other = _with_sound(tmp_path / "other.mp4", 30, rate=44_100)
    with pytest.raises(SegmentMismatchError, match="aac 44100 mono instead of audio aac 48000 mono"):
        join_videos([*parts, other], tmp_path / "bad.mp4", fps=30)


def _with_sound(path: Path, frames: int, rate: int = 48_000, language: str = "und") -> Path:
    with av.open(str(path), "w") as output:
        video = output.add_stream("libx264", rate=30, options={"g": "5", "preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = 64, 64, "yuv420p"
        audio = output.add_stream("aac", rate=rate, layout="mono")
        audio.metadata["language"] = language
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), number, np.uint8))
            frame.pts = number
            output.mux(video.encode(frame))
        output.mux(video.encode(None))
        wave = np.sin(np.arange(frames * rate // 30) * 0.05).astype(np.float32)
        for at in range(0, len(wave) - 1023, 1024):
            sound = av.AudioFrame.from_ndarray(wave[None, at : at + 1024], format="fltp", layout="mono")
            sound.sample_rate, sound.pts = rate, at
            output.mux(audio.encode(sound))
        output.mux(audio.encode(None))
    return path


def test_it_refuses_sound_that_only_a_later_segment_has(video, tmp_path: Path) -> None:
    heard = _with_sound(tmp_path / "heard.mp4", 20)
    with av.open(str(heard)) as input_, av.open(str(tmp_path / "silent.mp4"), "w") as output:
        stream = output.add_stream_from_template(input_.streams.video[0], opaque=True)
        for packet in input_.demux(video=0):
            if packet.size:
                packet.stream = stream
                output.mux(packet)
    for segments in ([tmp_path / "silent.mp4", heard], [heard, tmp_path / "silent.mp4"]):
        with pytest.raises(SegmentMismatchError, match="sound or subtitles"):
            join_videos(segments, tmp_path / "all.mp4", fps=30)
    assert not (tmp_path / "all.mp4").exists()


def test_it_keeps_the_language_of_the_sound(tmp_path: Path) -> None:
    part = _with_sound(tmp_path / "one.mp4", 20, language="deu")
    joined = join_videos([part, part], tmp_path / "all.mp4", fps=30)
    with av.open(str(joined.path)) as container:
        assert container.streams.audio[0].metadata["language"] == "deu"


@pytest.mark.parametrize("frames", [1, 2])
def test_it_joins_short_segments_in_milliseconds(video, tmp_path: Path, ticks, frames: int) -> None:
    """One frame of 29.97 in a second is 33 ms in Matroska: 30.3 a second, if one believes it."""
    part, path = video(frames, fps=29.97), tmp_path / "v.mkv"
    with av.open(str(part)) as input_, av.open(str(path), "w") as output:
        stream = output.add_stream_from_template(input_.streams.video[0], opaque=True)
        for packet in input_.demux(video=0):
            if packet.size:
                packet.stream = stream
                output.mux(packet)
    joined = join_videos([path] * 3, tmp_path / "all.mp4", fps=29.97)
    assert times(joined.path) == [n / exact_rate(29.97) for n in range(3 * frames)]
    with pytest.raises(SegmentMismatchError, match="fps"):
        join_videos([path] * 3, tmp_path / "bad.mp4", fps=60)


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="no ffmpeg to write subtitles with")
def test_it_keeps_the_words_that_are_on_the_screen(video, tmp_path: Path) -> None:
    spoken, path = tmp_path / "s.srt", tmp_path / "spoken.mp4"
    spoken.write_text("1\n00:00:00,100 --> 00:00:00,500\nHello\n\n2\n00:00:00,700 --> 00:00:00,900\nWorld\n\n")
    source = video(40, settings=EncodeSettings(codec="h264", preset="ultrafast", g=10))
    command = ["ffmpeg", "-v", "error", "-i", source, "-i", spoken, "-c", "copy", "-c:s", "mov_text", path]
    subprocess.run(command, check=True)

    def said(name: Path) -> list[tuple[float, bytes]]:
        with av.open(str(name)) as container:
            packets = [packet for packet in container.demux(subtitles=0) if packet.size > 2]
            return [(round(float(packet.pts * packet.time_base), 3), bytes(packet)[2:]) for packet in packets]

    joined = join_videos([path, path], tmp_path / "all.mp4", fps=30)
    assert said(joined.path) == [(0.1, b"Hello"), (0.7, b"World"), (1.433, b"Hello"), (2.033, b"World")]
    cut = cut_video(path, 10, 30, tmp_path / "cut.mp4", fps=30)
    assert said(cut.path) == [(0.0, b"Hello"), (0.367, b"World")]
