from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from robotdata.video.jpeg import decode_jpeg, encode_jpeg
from robotdata.video.live_source import LiveError, LiveSource
from robotdata.video.packets import PacketWriter


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """Three gray frames in H.264."""
    path = tmp_path / "film.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for value in (20, 120, 220):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), value, np.uint8))
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return path


def grays(source: LiveSource, count: int) -> list[int]:
    seen = []
    for _ in range(count):
        rgb, packet = source.read()
        seen.append(round(float((decode_jpeg(packet) if packet else rgb).mean()) / 20))
    return seen


def test_it_plays_a_file_and_begins_it_anew(film: Path) -> None:
    source = LiveSource(str(film), 64, 48, 240)
    source.open()
    assert grays(source, 7) == [1, 6, 11, 1, 6, 11, 1]
    source.close()


def test_it_ends_with_a_file_that_is_played_once(film: Path) -> None:
    source = LiveSource(f"file:{film}", 64, 48, 240, loop=False)
    source.open()
    assert grays(source, 3) == [1, 6, 11]
    with pytest.raises(LiveError, match=r"film\.mp4 has ended"):
        source.read()
    source.close()


def test_it_passes_jpeg_through_undecoded(tmp_path: Path) -> None:
    packets = [encode_jpeg(np.full((48, 64, 3), value, np.uint8)) for value in (20, 120)]
    writer = PacketWriter(tmp_path / "x.mkv", "mjpeg", 64, 48)
    for index, packet in enumerate(packets):
        writer.write(packet, index)
    writer.finish()
    source = LiveSource(str(tmp_path / "x.mkv"), 64, 48, 240)
    source.open()
    assert [source.read()[1] for _ in range(2)] == packets
    source.close()


@pytest.mark.parametrize("url", ["gopher://x", "concat:a|b", "data:,x", "ftp://x/y"])
def test_it_opens_no_other_scheme(url: str) -> None:
    with pytest.raises(LiveError, match="scheme"):
        LiveSource(url, 64, 48, 30)


def test_it_says_what_is_not_there_and_keeps_the_password(tmp_path: Path) -> None:
    with pytest.raises(LiveError, match=r"nothing\.mp4: there is no such file"):
        LiveSource(str(tmp_path / "nothing.mp4"), 64, 48, 30).open()
    with pytest.raises(LiveError) as error:
        LiveSource("rtsp://olga:hunter2@127.0.0.1:1/cam", 64, 48, 30).open()
    assert "127.0.0.1" in str(error.value) and "hunter2" not in str(error.value)


def test_it_refuses_a_playlist_that_leads_elsewhere(tmp_path: Path, film: Path) -> None:
    (tmp_path / "x.m3u8").write_text(f"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:1/{film.name}\n")
    with pytest.raises(LiveError):
        LiveSource(str(tmp_path / "x.m3u8"), 64, 48, 30).open()


def test_it_says_that_a_file_holds_no_video(tmp_path: Path) -> None:
    (tmp_path / "x.mp4").write_text("hello")
    with pytest.raises(LiveError, match="cannot be opened"):
        LiveSource(str(tmp_path / "x.mp4"), 64, 48, 30).open()
