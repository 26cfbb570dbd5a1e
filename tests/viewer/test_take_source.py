from __future__ import annotations

import io
import json
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from robotdata.export.plan import plan_take
from robotdata.quality.inputs import flat_names
from robotdata.spool import Take
from robotdata.video.barcode import read
from robotdata.video.jpeg import decode_jpeg, jpeg_size
from robotdata.video.sources import FrameConverter
from tests.viewer.conftest import FRONT, TOP, MakeTake
from viewer.errors import Gone, NotFound
from viewer.frames import read_frame
from viewer.sources import FrameSource, SourceCache
from viewer.take_source import TakeSource, take_version


def tick_of(jpeg: bytes) -> int:
    return read(decode_jpeg(jpeg)).tick


def test_it_gives_every_tick_its_own_frame(make_take: MakeTake) -> None:
    source = TakeSource(make_take(20))
    assert (source.frames, source.fps, source.growing) == (20, 30.0, False)
    for camera in (FRONT, TOP):
        assert [tick_of(source.jpeg(camera, n)) for n in range(20)] == list(range(20))
    source.close()


def test_it_begins_where_every_camera_has_a_frame(make_take: MakeTake) -> None:
    source = TakeSource(make_take(20, late={TOP: 4}))
    assert (source.first_tick, source.frames) == (4, 16)
    assert tick_of(source.jpeg(FRONT, 0)) == tick_of(source.jpeg(TOP, 0)) == 4
    assert source.signals().columns["action"][0, 0] == 4
    source.close()


def test_it_shows_what_would_be_exported(make_take: MakeTake) -> None:
    folder = make_take(20, late={TOP: 3}, lost=(7, 8, 15))
    source = TakeSource(folder)
    with Take.open(folder) as take:
        plan = plan_take(take)
        assert (source.first_tick, source.frames) == (plan.first_tick, plan.rows)
        for key, packets in plan.frames.items():
            exported = [take.camera(key).packet(int(at)) for at in packets]
            assert [source.jpeg(key, n) for n in range(source.frames)] == exported
    source.close()


def test_it_shows_the_other_cameras_when_one_is_missing(make_take: MakeTake) -> None:
    folder = make_take(5)
    (folder / f"{TOP}.mkv").unlink()
    source = TakeSource(folder)
    assert [camera.key for camera in source.cameras] == [FRONT]
    assert f"{TOP}.mkv" in source.problems[0]
    assert tick_of(source.jpeg(FRONT, 4)) == 4
    source.close()


def test_it_leaves_out_a_camera_that_never_delivered(make_take: MakeTake) -> None:
    source = TakeSource(make_take(5, late={TOP: 99}))
    assert [camera.name for camera in source.cameras] == ["front"]
    assert (source.frames, "no frame" in source.problems[0]) == (5, True)
    source.close()


@pytest.mark.parametrize(("camera", "n"), [(FRONT, 5), (FRONT, -1), ("observation.images.none", 0)])
def test_it_names_what_is_not_there(make_take: MakeTake, camera: str, n: int) -> None:
    source = TakeSource(make_take(5))
    with pytest.raises(NotFound, match=r"frames 0 to 4|it has observation"):
        source.jpeg(camera, n)
    source.close()


def test_it_names_the_file_and_the_frame_that_are_torn(make_take: MakeTake) -> None:
    folder = make_take(5)
    path = folder / f"{FRONT}.mkv"
    data = bytearray(path.read_bytes())
    data[-200] ^= 0xFF  # inside the last packet
    path.write_bytes(data)
    source = TakeSource(folder)
    with pytest.raises(Gone, match=rf"frame 4 of {FRONT}.*{FRONT}\.mkv"):
        source.jpeg(FRONT, 4)
    assert tick_of(source.jpeg(FRONT, 3)) == 3
    source.close()


def test_it_reads_a_take_that_is_being_recorded(make_take: MakeTake) -> None:
    source = TakeSource(make_take(7, state="recording"))
    assert source.growing and source.frames == 7
    assert tick_of(source.jpeg(TOP, 6)) == 6
    source.close()


def test_it_says_where_a_missing_take_was(tmp_path: Path) -> None:
    with pytest.raises(Gone, match="nowhere"):
        take_version(tmp_path / "nowhere")


def test_it_shrinks_a_frame_and_keeps_its_shape(make_take: MakeTake) -> None:
    source = TakeSource(make_take(2))
    assert jpeg_size(read_frame(source, FRONT, 1, 120)) == (160, 120)
    assert read_frame(source, FRONT, 1, 480) == source.jpeg(FRONT, 1)
    source.close()


def test_it_notices_new_rows_but_not_a_verdict(make_take: MakeTake) -> None:
    folder = make_take(3)
    before = take_version(folder)
    manifest = json.loads((folder / "take.json").read_text())
    (folder / "take.json").write_text(json.dumps(manifest | {"curation": {"verdict": "keep"}}))
    assert take_version(folder) == before
    with (folder / "rows.arrow").open("ab") as file:
        file.write(b"x")
    assert take_version(folder) != before


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a", "b"], ["a", "b"]),
        ([["a", "b"]], ["a", "b"]),
        ({"motors": ["a", "b"]}, ["a", "b"]),
        (None, ["state.0", "state.1"]),
        (["a"], ["state.0", "state.1"]),
    ],
)
def test_it_reads_names_in_every_form(names: object, expected: list[str]) -> None:
    assert flat_names("observation.state", {"names": names}, 2) == expected


class Fake:
    def __init__(self) -> None:
        self.closed = 0

    def close(self) -> None:
        self.closed += 1


def test_it_keeps_few_sources_open_and_closes_none_under_a_reader() -> None:
    cache, made = SourceCache(2), [Fake() for _ in range(5)]

    def opened(i: int) -> FrameSource:
        return made[i]  # type: ignore[return-value]

    with cache.lease(0, "v", lambda: opened(0)) as first:
        for i in range(1, 5):
            with cache.lease(i, "v", lambda i=i: opened(i)):
                pass
        assert first is made[0] and made[0].closed == 0
    assert [fake.closed for fake in made] == [1, 1, 1, 0, 0]
    cache.clear()
    assert [fake.closed for fake in made] == [1] * 5


def test_it_closes_what_nobody_asks_for_any_more() -> None:
    cache, idle, busy = SourceCache(4, idle_s=0.05), Fake(), Fake()
    with cache.lease("busy", 1, lambda: busy):  # type: ignore[arg-type,return-value]
        with cache.lease("idle", 1, lambda: idle):  # type: ignore[arg-type,return-value]
            pass
        for _ in range(3000):
            if idle.closed:
                break
            time.sleep(0.02)
        assert (idle.closed, busy.closed, len(cache)) == (1, 0, 1)
    cache.clear()


def test_it_opens_anew_what_has_changed() -> None:
    cache, old, new = SourceCache(4), Fake(), Fake()
    with cache.lease("take", 1, lambda: old) as source:  # type: ignore[arg-type,return-value]
        assert source is old
        with cache.lease("take", 2, lambda: new) as source:  # type: ignore[arg-type,return-value]
            assert source is new
        assert old.closed == 0
    assert (old.closed, new.closed) == (1, 0)


def test_it_gives_signals_as_columns(make_take: MakeTake) -> None:
    source = TakeSource(make_take(6))
    signals = source.signals()
    assert np.array_equal(signals.columns["action"][:, 1], -np.arange(6))
    assert signals.names["observation.state"] == ["shoulder.pos", "elbow.pos"]
    assert signals.age_ms[FRONT]["p50"] == 5.0
    source.close()


def test_a_browser_shows_a_frame_as_it_is_encoded_whatever_the_frame_says_of_itself(make_take: MakeTake) -> None:
    """Of takes from before such things were taken out when they were recorded."""
    held = Image.Exif()
    held[0x0112] = 3
    about = b"\xff\xe1" + (2 + len(held.tobytes())).to_bytes(2, "big") + held.tobytes()
    folder = make_take(3, change=lambda packet: packet[:2] + about + packet[2:])
    with Take.open(folder) as take:
        stored = take.camera(FRONT).packet(1)
    source = TakeSource(folder)
    shown = source.jpeg(FRONT, 1)
    source.close()
    with Image.open(io.BytesIO(stored)) as one, Image.open(io.BytesIO(shown)) as other:
        assert one.getexif()[0x0112] == 3 and not other.getexif()
    converter = FrameConverter()
    encoded = converter.open(stored).to_ndarray(format="rgb24")
    assert read(encoded).tick == tick_of(shown) == 1
    assert (decode_jpeg(shown) == decode_jpeg(stored)).all()
