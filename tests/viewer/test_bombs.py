"""Small files that claim to be huge: they cost little, and end in words."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zlib
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.contrib.auth.models import User
from django.test import Client
from PIL import Image

from recorder.models import Dataset as Row
from recorder.models import Episode
from robotdata.spool.index import seal_record
from tests.viewer.conftest import FRONT, write_take

CAMERA = "observation.images.front"
# The promise is 2 s; this leaves room for slower machines.
MOST_MB, MOST_CPU_S = 200, 6.0


def png(width: int, height: int, *, whole: bool = False) -> bytes:
    """A PNG of one colour; not `whole`: its header claims the size and no pixel follows."""
    if whole:
        buffer = io.BytesIO()
        Image.new("RGB", (width, height)).save(buffer, "PNG")
        return buffer.getvalue()

    def chunk(name: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big")

    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\x02\0\0\0"
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


def jpeg(width: int, height: int) -> bytes:
    """A JPEG whose header claims another size than it has."""
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16)).save(buffer, "JPEG")
    data = bytearray(buffer.getvalue())
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    return bytes(data)


def make_dataset(root: Path, *, picture: bytes = b"", rows: int = 4) -> Path:
    """One episode of `rows` rows, its pictures inside the table, as LeRobot stores them without video."""
    features: dict[str, Any] = {
        "action": {"dtype": "float32", "shape": [1], "names": ["a"]},
        CAMERA: {"dtype": "image", "shape": [48, 64, 3], "names": ["height", "width", "channels"]},
    }
    info = {
        "codebase_version": "v3.0",
        "fps": 30,
        "features": features,
        "total_episodes": 1,
        "total_frames": rows,
        "total_tasks": 1,
        "data_path": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
    }
    for folder in ("meta/episodes/chunk-000", "data/chunk-000"):
        (root / folder).mkdir(parents=True)
    (root / "meta/info.json").write_text(json.dumps(info))
    numbers = {name: [0] for name in ("episode_index", "dataset_from_index", "data/chunk_index", "data/file_index")}
    episodes = pa.table({**numbers, "length": [rows], "dataset_to_index": [rows], "tasks": [["push"]]})
    pq.write_table(episodes, root / "meta/episodes/chunk-000/file-000.parquet")
    pq.write_table(pa.table({"task_index": [0], "task": ["push"]}), root / "meta/tasks.parquet")
    cells = pa.array([{"bytes": picture, "path": None}] * 4 if picture else [], _PICTURE)
    columns = {"action": pa.array(np.zeros(4, np.float32)), "episode_index": pa.array([0] * 4)}
    if picture:
        columns[CAMERA] = cells
    pq.write_table(pa.table(columns), root / "data/chunk-000/file-000.parquet")
    return root


_PICTURE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def repeated(path: Path, columns: dict[str, Any], rows: int) -> None:
    """Each value `rows` times, a million at a time, in a few hundred kilobytes at most."""
    piece = min(rows, 1_000_000)
    table = pa.table(
        {name: pa.array([value]).take(pa.array(np.zeros(piece, np.int64))) for name, value in columns.items()}
    )
    with pq.ParquetWriter(path, table.schema, compression="zstd") as writer:
        for _ in range(rows // piece):
            writer.write_table(table)


def many_episodes(root: Path) -> None:
    path = root / "meta/episodes/chunk-000/file-000.parquet"
    repeated(path, pq.read_table(path).to_pylist()[0], 2_000_000)


def many_tasks(root: Path) -> None:
    repeated(root / "meta/tasks.parquet", {"task_index": 0, "task": "push"}, 5_000_000)


def many_rows(root: Path) -> None:
    repeated(root / "data/chunk-000/file-000.parquet", {"action": np.float32(0), "episode_index": 0}, 20_000_000)


def one_text_a_million_times(root: Path) -> None:
    """The dictionary holds it once."""
    text = pa.array(["x" * 1_000_000]).take(pa.array(np.zeros(1000, np.int64)))
    table = pa.table({"task_index": pa.array(range(1000)), "task": text})
    pq.write_table(table, root / "meta/tasks.parquet", compression="zstd", dictionary_pagesize_limit=1 << 22)


def measured(folder: Path, how: str) -> dict[str, Any]:
    script = Path(__file__).with_name("measure_a_bomb.py")
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    command = [sys.executable, str(script), str(folder), how]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["mb"] < MOST_MB and found["cpu_s"] < MOST_CPU_S, found
    return found


@pytest.mark.parametrize("spoil", [many_episodes, many_tasks, one_text_a_million_times])
def test_a_table_of_the_same_rows_over_and_over_is_named(tmp_path: Path, spoil: Any) -> None:
    root = make_dataset(tmp_path / "d")
    spoil(root)
    assert sum(path.stat().st_size for path in root.rglob("*.parquet")) < 1_000_000
    found = measured(root, "open")
    assert any("parquet" in words for words in found["words"]), found


def test_a_data_file_of_the_same_row_over_and_over_is_named(tmp_path: Path) -> None:
    root = make_dataset(tmp_path / "d", rows=20_000_000)
    many_rows(root)
    found = measured(root, "signals")
    assert found["ended"] == "Gone" and "file-000.parquet" in found["words"][0], found


PICTURES = {
    "png header": partial(png, 30_000, 30_000),
    "jpeg header": partial(jpeg, 60_000, 60_000),
    "64 megapixels": cache(partial(png, 8_000, 8_000, whole=True)),
}


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("how", ["frame", "strip"])
def test_a_picture_that_claims_to_be_huge_is_not_decoded(tmp_path: Path, name: str, how: str) -> None:
    root = make_dataset(tmp_path / "d", picture=PICTURES[name]())
    found = measured(root, how)
    assert found["ended"] == "Gone", found


def test_a_large_picture_of_an_ordinary_camera_is_shown(tmp_path: Path) -> None:
    root = make_dataset(tmp_path / "d", picture=png(4_000, 3_000, whole=True))
    assert measured(root, "frame")["ended"] == "read"


def test_a_packet_of_gigabytes_is_not_read(tmp_path: Path) -> None:
    folder = write_take(tmp_path / "0b0cf3c1-51ad-4cd3-b1a0-6a9ba1a4fc3f", 4, (FRONT,))
    os.truncate(folder / f"{FRONT}.mkv", 3 << 30)  # a hole: it takes no room
    (folder / f"{FRONT}.idx").write_bytes(b"".join(seal_record(n, n, 4096, 2 << 30, 0) for n in range(4)))
    found = measured(folder, "take")
    assert found["ended"] == "Gone", found


def test_an_index_without_an_end_is_not_read(tmp_path: Path) -> None:
    folder = write_take(tmp_path / "0b0cf3c1-51ad-4cd3-b1a0-6a9ba1a4fc3f", 4, (FRONT,))
    os.truncate(folder / f"{FRONT}.idx", 8 << 30)
    found = measured(folder, "take")
    assert any(".idx" in words for words in found["words"]), found


@pytest.mark.parametrize("name", PICTURES)
def test_the_page_answers_in_words(client: Client, olga: User, home: Path, db: None, name: str) -> None:
    dataset = Row.objects.create(slug="d", title="D", fps=30)
    make_dataset(dataset.path, picture=PICTURES[name]())
    episode = Episode.objects.create(dataset=dataset, task="push", state="encoded", ticks=4, episode_index=0)
    client.force_login(olga)
    for path in (f"frame/{CAMERA}/0.jpg", f"frame/{CAMERA}/0.jpg?height=60", f"strip/{CAMERA}.jpg"):
        answer = client.get(f"/media/{episode.pk}/{path}")
        assert answer.status_code == 410 and answer.json()["error"]["message"]
