"""Network cameras as they are: every server here is a real one."""

from __future__ import annotations

import base64
import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from robotdata.video import EncodeSettings, encode_packets
from robotdata.video.barcode import read
from robotdata.video.jpeg import ImageError, decode_jpeg
from robotdata.video.jpeg_door import JpegDoor
from robotdata.video.live_source import LiveError, LiveSource
from tests.support.http_camera import CERTIFICATE, Answer, Camera, Handler, part
from tests.video.odd_jpegs import exif, save, with_segments

SIZE = 288, 96


@pytest.fixture
def serve() -> Iterator[Callable[..., Camera]]:
    cameras: list[Camera] = []

    def make(answer: Answer, **more: Any) -> Camera:
        cameras.append(Camera(answer, **more))
        return cameras[-1]

    yield make
    for camera in cameras:
        camera.stop()


@pytest.fixture
def pictures(picture: Callable[..., np.ndarray]) -> list[bytes]:
    return [save(picture(tick, width=SIZE[0], height=SIZE[1])) for tick in range(6)]


def taken(url: str, count: int, *, fps: float = 200, **options: Any) -> list[bytes]:
    source = LiveSource(url, *SIZE, fps, **options)
    source.open()
    try:
        found = [source.read()[1] for _ in range(count)]
    finally:
        source.close()
    return [packet for packet in found if packet is not None]


def ticks(packets: list[bytes]) -> list[int]:
    return [read(decode_jpeg(JpegDoor().admit(packet).data)).tick for packet in packets]


def mixed(kind: str, write: Callable[[list[bytes]], Iterator[bytes]], pictures: list[bytes]) -> Answer:
    def answer(handler: Handler) -> None:
        handler.head(kind)
        for piece in write(pictures):
            handler.wfile.write(piece)

    return answer


STREAMS: dict[str, tuple[str, Callable[[list[bytes]], Iterator[bytes]]]] = {
    "as it should be": ("multipart/x-mixed-replace;boundary=b", lambda all_: (part(b"b", one) for one in all_)),
    "no length": (
        "multipart/x-mixed-replace; boundary=b",
        lambda all_: (part(b"b", one, length=False) for one in all_),
    ),
    "no first boundary": (  # as old firmware of the ESP32-CAM
        "multipart/x-mixed-replace;boundary=123456789000000000000987654321",
        lambda all_: (
            b"Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(one)
            + one
            + b"\r\n--123456789000000000000987654321\r\n"
            for one in all_
        ),
    ),
    "a boundary with dashes": (
        "multipart/x-mixed-replace;boundary=--b",
        lambda all_: (part(b"b", one) for one in all_),
    ),
    "a quoted boundary": ('multipart/x-mixed-replace;boundary="a b"', lambda all_: (part(b"a b", one) for one in all_)),
    "another boundary": ("multipart/x-mixed-replace;boundary=x", lambda all_: (part(b"y", one) for one in all_)),
    "no boundary is named": ("multipart/x-mixed-replace", lambda all_: (part(b"y", one) for one in all_)),
    "bare line ends": (
        "multipart/x-mixed-replace;boundary=b",
        lambda all_: (b"--b\nContent-type: image/jpeg\n\n" + one + b"\n" for one in all_),
    ),
    "a wrong length": (
        "multipart/x-mixed-replace;boundary=b",
        lambda all_: (b"--b\r\nContent-Length: 7\r\n\r\n" + one + b"\r\n" for one in all_),
    ),
    "padding": ("multipart/x-mixed-replace;boundary=b", lambda all_: (part(b"b", one + b"\0" * 999) for one in all_)),
    "byte by byte": (
        "multipart/x-mixed-replace;boundary=b",
        lambda all_: (bytes([byte]) for one in all_ for byte in part(b"b", one)),
    ),
    "one behind the other": ("image/jpeg", lambda all_: iter(all_)),
    "called anything": ("application/octet-stream", lambda all_: iter(all_)),
    "called text": ("text/html", lambda all_: (part(b"b", one) for one in all_)),
    "called nothing": ("", lambda all_: (part(b"b", one) for one in all_)),
    "with previews inside": (
        "multipart/x-mixed-replace;boundary=b",
        lambda all_: (part(b"b", with_segments(one, exif(1, all_[0]))) for one in all_),
    ),
    "without end markers": (
        "multipart/x-mixed-replace;boundary=b",
        lambda all_: (part(b"b", one[:-2], length=False) for one in all_),
    ),
}


@pytest.mark.parametrize("name", STREAMS)
def test_it_reads_every_picture_of_a_stream(serve, pictures: list[bytes], name: str) -> None:
    camera = serve(mixed(*STREAMS[name], pictures))
    assert ticks(taken(camera.url, len(pictures))) == list(range(len(pictures)))
    assert camera.asked == ["/cam"]


def test_it_gives_a_picture_before_the_next_one_is_there(serve, pictures: list[bytes]) -> None:
    go_on = threading.Event()

    def answer(handler: Handler) -> None:
        handler.head("multipart/x-mixed-replace;boundary=b")
        handler.wfile.write(part(b"b", pictures[0], length=False, end=b""))
        go_on.wait(30)

    camera = serve(answer)
    try:
        assert ticks(taken(camera.url, 1)) == [0]
    finally:
        go_on.set()


def test_it_says_that_a_stream_has_ended(serve, pictures: list[bytes]) -> None:
    camera = serve(mixed(*STREAMS["as it should be"], pictures))
    with pytest.raises(LiveError, match="has ended"):
        taken(camera.url, len(pictures) + 1)


def test_a_picture_that_is_cut_off_does_not_take_the_next_ones_along(serve, pictures: list[bytes]) -> None:
    hurt = [pictures[0], pictures[1][: len(pictures[1]) // 2], *pictures[2:]]
    camera = serve(mixed(*STREAMS["no length"], hurt))
    packets = taken(camera.url, len(hurt))
    with pytest.raises(ImageError):
        JpegDoor().admit(packets.pop(1))
    assert ticks(packets) == [0, 2, 3, 4, 5]


def snapshots(pictures: list[bytes], *, length: bool = True, more: bytes = b"", kind: str = "image/jpeg") -> Answer:
    def answer(handler: Handler) -> None:
        data = pictures[(len(handler.asked) - 1) % len(pictures)] + more
        handler.head(kind, *([("Content-Length", str(len(data)))] if length else []))
        handler.wfile.write(data)

    return answer


@pytest.mark.parametrize("length", [True, False])
def test_it_asks_again_where_an_address_gives_one_picture(serve, pictures: list[bytes], length: bool) -> None:
    camera = serve(snapshots(pictures, length=length))
    assert ticks(taken(camera.url + "?size=vga", 8)) == [0, 1, 2, 3, 4, 5, 0, 1]
    assert camera.asked == ["/cam?size=vga"] * 8


def test_it_asks_no_more_often_than_the_rigs_file_says(serve, pictures: list[bytes]) -> None:
    camera = serve(snapshots(pictures))
    begun = time.monotonic()
    taken(camera.url, 5, fps=20)
    assert time.monotonic() - begun >= 4 / 20


def test_it_takes_the_picture_and_not_its_preview(serve, pictures: list[bytes], picture) -> None:
    camera = serve(snapshots(pictures, more=save(picture(99)[:32, :32])))
    assert ticks(taken(camera.url, 3)) == [0, 1, 2]


def test_it_refuses_another_size_and_letterboxes_it(serve, pictures: list[bytes]) -> None:
    camera = serve(snapshots(pictures))
    source = LiveSource(camera.url, 640, 480, 30)
    source.open()
    with pytest.raises(LiveError, match="288x96.*640x480"):
        source.read()
    source.close()
    source = LiveSource(camera.url, 640, 480, 30, fit="letterbox")
    source.open()
    rgb, packet = source.read()
    source.close()
    assert packet is None and rgb is not None and rgb.shape == (480, 640, 3) and not rgb[:120].any()


def test_a_camera_that_hangs_upside_down_and_says_so_is_turned(serve, pictures: list[bytes], picture) -> None:
    scene = picture(7, width=SIZE[0], height=SIZE[1])
    held = with_segments(save(np.ascontiguousarray(np.rot90(scene))), exif(6))
    camera = serve(snapshots([held]))
    (packet,) = taken(camera.url, 1)
    parts = JpegDoor().admit(packet)
    assert (parts.width, parts.height) == SIZE and read(decode_jpeg(parts.data)).tick == 7
    source = LiveSource(camera.url, *SIZE, 30, fit="letterbox")
    source.open()
    rgb, _ = source.read()
    source.close()
    assert rgb is not None and read(rgb).tick == 7


def test_it_signs_in_by_basic_and_by_digest(serve, pictures: list[bytes]) -> None:
    def basic(handler: Handler) -> None:
        wanted = "Basic " + base64.b64encode(b"olga:s:3 cret").decode()
        if handler.headers.get("Authorization") == wanted:
            mixed(*STREAMS["as it should be"], pictures)(handler)
        else:
            handler.head("text/plain", ("WWW-Authenticate", 'Basic realm="cam"'), ("Content-Length", "0"), status=401)

    def digest(handler: Handler) -> None:
        given = handler.headers.get("Authorization", "")
        assert not given.startswith("Basic")  # that would tell everybody the password
        words = dict(word.strip().split("=", 1) for word in given.removeprefix("Digest ").split(",") if "=" in word)
        words = {name: value.strip('"') for name, value in words.items()}
        one = hashlib.md5(b"olga:cam:s:3 cret").hexdigest()
        two = hashlib.md5(b"GET:/cam").hexdigest()
        if words.get("response") == hashlib.md5(f"{one}:abc:{two}".encode()).hexdigest():
            mixed(*STREAMS["as it should be"], pictures)(handler)
        else:
            challenge = 'Digest realm="cam", nonce="abc"'
            handler.head("text/plain", ("WWW-Authenticate", challenge), ("Content-Length", "0"), status=401)

    for answer in (basic, digest):
        camera = serve(answer)
        address = camera.url.replace("//", "//olga:s%3A3%20cret@")
        assert ticks(taken(address, 3)) == [0, 1, 2]
        with pytest.raises(LiveError) as wrong:
            taken(camera.url.replace("//", "//olga:guess@"), 1)
        assert "guess" not in str(wrong.value) and "olga" not in str(wrong.value)
        with pytest.raises(LiveError, match="401.*user:password"):
            taken(camera.url, 1)


def test_it_follows_to_http_and_nowhere_else(serve, pictures: list[bytes], tmp_path: Path) -> None:
    camera = serve(mixed(*STREAMS["as it should be"], pictures))
    (tmp_path / "x.jpg").write_bytes(pictures[0])

    def to(where: str) -> Camera:
        return serve(lambda handler: handler.head("", ("Location", where), ("Content-Length", "0"), status=302))

    assert ticks(taken(to(camera.url).url, 2)) == [0, 1]
    for where in (f"file://{tmp_path}/x.jpg", "ftp://127.0.0.1:1/x.jpg", "data:image/jpeg;base64,AAAA"):
        with pytest.raises(LiveError, match="cannot be opened"):
            taken(to(where).url, 1)


def test_it_leaves_other_streams_to_ffmpeg(serve, picture: Callable[..., np.ndarray], tmp_path: Path) -> None:
    path = tmp_path / "x.ts"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=30, options={"g": "5", "crf": "12"})
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for tick in range(12):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture(tick, width=SIZE[0], height=SIZE[1]))))
        out.mux(stream.encode())

    def answer(handler: Handler) -> None:
        handler.head("video/mp2t")
        handler.wfile.write(path.read_bytes())

    source = LiveSource(serve(answer).url, *SIZE, 30)
    source.open()
    found = [read(source.read()[0]).tick for _ in range(5)]
    source.close()
    assert found == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("status", [404, 500, 503])
def test_it_says_what_a_camera_answers(serve, status: int) -> None:
    camera = serve(lambda handler: handler.head("text/plain", ("Content-Length", "0"), status=status))
    with pytest.raises(LiveError, match=str(status)):
        taken(camera.url, 1)


def test_it_gives_up_a_stream_without_an_end(serve, pictures: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("robotdata.video.http_pictures.MAX_BYTES", 300_000)

    def answer(handler: Handler) -> None:
        handler.head("multipart/x-mixed-replace;boundary=b")
        handler.wfile.write(pictures[0][:-2])
        for _ in range(100):
            handler.wfile.write(b"\1" * 10_000)

    with pytest.raises(LiveError, match="without the end"):
        taken(serve(answer).url, 1)


@pytest.mark.parametrize("name", ["a#b.mkv", "a?b=1.mkv", "100%.mkv", "a%20b.mkv", "a%03d.mkv", "a b ü.mkv", "a:b.mkv"])
def test_a_plain_path_is_taken_literally(tmp_path: Path, pictures: list[bytes], name: str) -> None:
    from robotdata.video.packets import PacketWriter

    writer = PacketWriter(tmp_path / name, "mjpeg", *SIZE)
    for number, data in enumerate(pictures):
        writer.write(data, number)
    writer.finish()
    assert ticks(taken(str(tmp_path / name), 2)) == [0, 1]
    assert ticks(taken(f"file:{tmp_path / name}", 2)) == [0, 1]
    quoted = str(tmp_path / name).replace("%", "%25").replace("#", "%23").replace("?", "%3F").replace(" ", "%20")
    assert ticks(taken(f"file://{quoted}", 2)) == [0, 1]


@pytest.mark.parametrize("film", [False, True])
def test_it_believes_a_certificate_only_where_it_is_trusted_or_the_rig_file_says_so(
    serve, pictures: list[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, film: bool
) -> None:
    """Also where FFmpeg reads the pictures, over a connection of its own."""
    answer = mixed(*STREAMS["as it should be"], pictures)
    if film:
        made = encode_packets(pictures, tmp_path / "film.mp4", fps=10, settings=EncodeSettings(codec="h264"))
        answer = mixed("video/mp4", lambda _: iter([made.path.read_bytes()]), [])
    camera = serve(answer, tls=True)

    def frames(**how: Any) -> int:
        source = LiveSource(camera.url, *SIZE, 10, **how)
        source.open()
        try:
            return sum(any(part is not None for part in source.read()) for _ in range(3))
        finally:
            source.close()

    with pytest.raises(LiveError, match="verify_certificate"):
        frames()
    assert camera.asked == []
    assert frames(verify_certificate=False) == 3
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    assert frames() == 3
