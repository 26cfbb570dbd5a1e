from __future__ import annotations

import io
import uuid
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from robotdata.video.barcode import read
from tests.viewer.conftest import FRONT, TOP, MakeTake
from viewer.errors import BadRequest, Gone, NotFound
from viewer.filmstrip import StripStore, make_strip
from viewer.take_source import TakeSource


def cells(jpeg: bytes, count: int) -> list[np.ndarray]:
    with Image.open(io.BytesIO(jpeg)) as image:
        return np.array_split(np.asarray(image.convert("RGB")), count, axis=1)


def test_it_shows_the_first_the_last_and_even_steps_between(make_take: MakeTake) -> None:
    source = TakeSource(make_take(21, (FRONT,)))
    strip = make_strip(source, FRONT, 5, 240)
    assert [read(cell).tick for cell in cells(strip, 5)] == [0, 5, 10, 15, 20]
    source.close()


def test_it_repeats_frames_where_there_are_few(make_take: MakeTake) -> None:
    source = TakeSource(make_take(2, (FRONT,)))
    assert [read(cell).tick for cell in cells(make_strip(source, FRONT, 4, 240), 4)] == [0, 0, 1, 1]
    source.close()


def test_it_leaves_a_dark_cell_where_a_frame_is_torn(make_take: MakeTake) -> None:
    folder = make_take(3, (FRONT,))
    data = bytearray((folder / f"{FRONT}.mkv").read_bytes())
    data[-200] ^= 0xFF
    (folder / f"{FRONT}.mkv").write_bytes(data)
    source = TakeSource(folder)
    first, _, last = cells(make_strip(source, FRONT, 3, 48), 3)
    assert last.mean() < 40 < first.mean()
    source.close()


def test_it_says_when_no_frame_can_be_read(make_take: MakeTake) -> None:
    folder = make_take(3, (FRONT,))
    path = folder / f"{FRONT}.mkv"
    path.write_bytes(bytes(path.stat().st_size))
    source = TakeSource(folder)
    with pytest.raises(Gone, match="no frame of observation.images.front can be read.*checksum"):
        make_strip(source, FRONT, 3, 48)
    with pytest.raises(NotFound, match="no camera"):
        make_strip(source, TOP, 3, 48)
    source.close()


def test_it_keeps_a_strip_and_makes_it_again_when_it_is_torn_or_gone(make_take: MakeTake, tmp_path: Path) -> None:
    source, store, name = TakeSource(make_take(9)), StripStore(tmp_path / "strips", max_bytes=10**6), uuid.uuid4()
    strip = store.strip(name, source, FRONT, 4, 48)
    (file,) = (tmp_path / "strips" / str(name)).iterdir()
    assert file.read_bytes() == strip
    file.write_bytes(strip[:100])
    assert store.strip(name, source, FRONT, 4, 48) == strip == file.read_bytes()
    file.unlink()
    assert store.strip(name, source, FRONT, 4, 48) == strip
    source.close()


def test_it_keeps_the_store_small(make_take: MakeTake, tmp_path: Path) -> None:
    source, store = TakeSource(make_take(9)), StripStore(tmp_path / "strips", max_bytes=20_000)
    strips = [store.strip(uuid.uuid4(), source, FRONT, 4, 48) for _ in range(30)]
    assert sum(map(len, strips)) > 20_000
    assert sum(path.stat().st_size for path in tmp_path.glob("strips/*/*")) <= 20_000
    source.close()


@pytest.mark.parametrize(("count", "height"), [(0, 48), (65, 48), (4, 15), (4, 481)])
def test_it_bounds_what_is_asked(make_take: MakeTake, tmp_path: Path, count: int, height: int) -> None:
    source, store = TakeSource(make_take(2)), StripStore(tmp_path / "strips", max_bytes=10**6)
    with pytest.raises(BadRequest, match="write"):
        store.strip(uuid.uuid4(), source, FRONT, count, height)
    source.close()
