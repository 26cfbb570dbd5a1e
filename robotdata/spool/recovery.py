"""Closes a take whose recorder died, at its last whole row and frame.

The plan is written down before anything is touched, and each step of it can be done twice, so a recovery that
is killed and run again ends with the same bytes. What is cut off lies beside the file, in `<file>.lost`.
"""

from __future__ import annotations

import contextlib
import functools
import os
import zlib
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np

from robotdata.capture import clock
from robotdata.files import UnsafeFile, make_sure_of, open_own
from robotdata.files.json_files import replace_json
from robotdata.files.replace import TEMPORARY, copy_rest, replace_bytes
from robotdata.files.sync import sync_path
from robotdata.files.versions import check_version
from robotdata.spool import index as indexes
from robotdata.spool import manifest as manifests
from robotdata.spool import rows as row_files
from robotdata.spool.errors import BadManifest, NewerFile, SpoolError, UnusableTake
from robotdata.spool.facts import Facts
from robotdata.spool.plain_json import read_json
from robotdata.spool.reserve import release_reserve
from robotdata.spool.take_lock import TakeLock
from robotdata.spool.writer import spans
from robotdata.video.packets import mend_header, packets_in

PLAN = ".recovery.json"
VERSION = 1
"""Of the plan."""
_CUT_AT_MOST_S = 2.0
"""Rows whose frames were lost are cut at the end only, and no more than this: a dead camera costs no rows."""

_MOMENT_S = 60.0


@dataclass(frozen=True, slots=True)
class Recovery:
    """What recovery kept and lost; `frames` per camera, `text` for a person. `changed`: this call did it."""

    kept_ticks: int
    lost_ticks: int
    frames: dict[str, int] = field(default_factory=dict)
    lost_frames: dict[str, int] = field(default_factory=dict)
    text: str = ""
    changed: bool = False


@dataclass(slots=True)
class _Camera:
    records: list[bytes] = field(default_factory=list)
    seqs: list[int] = field(default_factory=list)
    end: int = 0
    lost: int = 0
    rewrite: bool = False


def strays(folder: Path) -> list[Path]:
    """Return the temporary files that killed writers left in a finished take.

    The manifest is written under the lock alone; what is measured of a take without it, and within a moment.
    """
    under_lock = (f".{manifests.FILE}.", f".{PLAN}.")
    found = folder.glob(TEMPORARY)
    return [path for path in found if path.name.startswith(under_lock) or _is_old(path)]


def _is_old(path: Path) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return path.stat().st_mtime < clock.wall() - _MOMENT_S
    return False


def _unforeseen_in_words(recover: Callable[[Path], Recovery]) -> Callable[[Path], Recovery]:
    """Turn an unforeseen error in one take into UnusableTake, so that the other takes are still recovered."""

    @functools.wraps(recover)
    def recover_one(folder: Path) -> Recovery:
        try:
            return recover(folder)
        except (SpoolError, OSError):
            raise
        except Exception as error:
            raise UnusableTake(folder, error) from error

    return recover_one


@_unforeseen_in_words
def recover_take(folder: Path) -> Recovery:
    """Close an unfinished take as `interrupted`; of one that is finished, remove the strays alone.

    Raises TakeBusy while its recorder lives, NoTake or BadManifest where the folder is no take, UnusableTake
    where what its files say cannot be true. Nothing whole is deleted: what does not fit lies in `<file>.lost`.
    BadManifest too where the manifest of an unfinished take does not say for certain what its files hold: they
    are left as they are.
    """
    manifest = manifests.read_manifest(folder)
    with TakeLock(folder):
        manifest = manifests.read_manifest(folder)
        plan = _read_plan(folder, manifest)
        finished = manifest["state"] != "recording" and plan is None
        for stray in strays(folder) if finished else folder.glob(TEMPORARY):
            stray.unlink(missing_ok=True)
        if finished:
            return _as_recorded(manifest)
        if plan is None:
            if unsure := manifest.odd_in("features", "cameras"):
                raise BadManifest(folder, f"does not say what its files hold ({unsure[0]})")
            plan = _make_plan(folder, manifest)
            replace_json(folder / PLAN, plan)
        _apply(folder, plan)
        manifests.write_manifest(folder, manifest.raw | plan["manifest"])
        (folder / PLAN).unlink()
        sync_path(folder)
        return Recovery(**plan["manifest"]["recovery"], changed=True)


def _as_recorded(manifest: Facts) -> Recovery:
    said = manifest.get("recovery")
    if isinstance(said, dict):
        with contextlib.suppress(TypeError):
            return Recovery(**said)
    frames = dict(manifest["cameras_frames"])
    return Recovery(int(manifest["ticks"]), 0, frames, text=f"whole, {manifest['ticks']} frames")


def _read_plan(folder: Path, manifest: Facts) -> dict[str, Any] | None:
    """The plan of a recovery that was killed; None if there is none, or where it is none that we wrote."""
    try:
        with open_own(folder / PLAN) as file:
            plan = read_json(file.read())
    except (FileNotFoundError, UnsafeFile, ValueError):
        return None
    try:
        check_version(plan.get("version") if isinstance(plan, dict) else None, VERSION, PLAN)
    except ValueError as error:
        raise NewerFile(folder, error) from None
    files = {manifests.ROWS, *(f"{key}.{end}" for key in manifest["cameras"] for end in ("mkv", "idx"))}
    try:
        good = set(plan["cuts"]) <= files and all(type(keep) is int and keep >= 0 for keep in plan["cuts"].values())
        Recovery(**plan["manifest"]["recovery"])
        return dict(plan) if good else None
    except (AttributeError, LookupError, TypeError):
        return None


def _make_plan(folder: Path, manifest: dict[str, Any]) -> dict[str, Any]:
    stored = _rows(folder / manifests.ROWS, manifest)
    known = _captures(stored, list(manifest["cameras"]))
    cameras = {key: _survey(folder, key, about, known.get(key, {})) for key, about in manifest["cameras"].items()}
    for key, camera in cameras.items():
        if camera.rewrite:
            replace_bytes(folder / f"{key}.idx.new", b"".join(camera.records))
    kept = _kept_rows(stored, cameras, float(manifest["fps"]))
    cuts = {f"{key}.mkv": camera.end for key, camera in cameras.items()}
    cuts |= {f"{key}.idx": len(c.records) * indexes.RECORD.size for key, c in cameras.items()}
    cuts[manifests.ROWS] = stored.end if kept == stored.table.num_rows else stored.ends[kept]
    return {"version": VERSION, "cuts": cuts, "manifest": _new_words(manifest, stored, kept, cameras)}


def _rows(path: Path, manifest: dict[str, Any]) -> row_files.StoredRows:
    """Keep the whole rows; rewrite a damaged or missing header, which the manifest describes in full."""
    make_sure_of(path)
    row_files.mend_header(path, row_files.columns_of(manifest["features"], list(manifest["cameras"])))
    return row_files.read_rows(path)


def _captures(stored: row_files.StoredRows, keys: list[str]) -> dict[str, dict[int, int]]:
    """For each camera, capture time -> sequence number, as far as the rows know."""
    table = stored.table
    known: dict[str, dict[int, int]] = {}
    for key in keys:
        if {f"{key}/seq", f"{key}/captured_ns"} <= set(table.column_names):
            times = table.column(f"{key}/captured_ns").to_numpy().tolist()
            known[key] = dict(zip(times, table.column(f"{key}/seq").to_numpy().tolist(), strict=True))
    return known


def _survey(folder: Path, key: str, about: dict[str, Any], known: dict[int, int]) -> _Camera:
    """Every whole packet of a camera: those that the index knows, checked, and those that it lost."""
    found, path, least = _Camera(), folder / f"{key}.mkv", _nexts(known)
    records, sound = indexes.read_index(folder / f"{key}.idx")
    by_offset = {int(record["offset"]): record for record in records[sound]}
    mend_header(path, about["codec"], about["width"], about["height"])
    with open_own(path) as file:
        size = os.fstat(file.fileno()).st_size
        for packet in packets_in(file, path):
            data = os.pread(file.fileno(), packet.size, packet.offset)
            record = by_offset.pop(packet.offset, None)
            crc = zlib.crc32(data)
            if record is not None and (crc != record["crc"] or packet.size != record["size"]):
                found.lost += 1
                continue
            if record is None and not _looks_whole(data):
                found.lost += 1
                continue
            guess = max(found.seqs[-1] + 1 if found.seqs else 0, least(packet.pts_ns))
            seq = int(record["seq"]) if record is not None else known.get(packet.pts_ns, guess)
            found.seqs.append(max(seq, guess))
            found.records.append(indexes.seal_record(found.seqs[-1], packet.pts_ns, packet.offset, packet.size, crc))
            found.end = packet.offset + packet.size
        found.lost += len(by_offset)
        if not found.records:
            found.end = size
    before = _content(folder / f"{key}.idx") if len(records) else b""
    found.rewrite = not before.startswith(b"".join(found.records))
    return found


def _content(path: Path) -> bytes:
    with open_own(path) as file:
        return file.read()


def _nexts(known: dict[int, int]) -> Callable[[int], int]:
    """For a capture time, the least number of a frame that no row names.

    It is later than all frames before it, lest an older row shows it.
    """
    times = sorted(known)
    highest = list(accumulate((known[time] for time in times), max, initial=-1))
    return lambda captured_ns: highest[bisect_left(times, captured_ns)] + 1


def _looks_whole(data: bytes) -> bool:
    """Without a checksum: a JPEG or PNG with both its ends."""
    jpeg = data[:2] == b"\xff\xd8" and data.rstrip(b"\0")[-2:] == b"\xff\xd9"
    return jpeg or (data[:4] == b"\x89PNG" and data[-8:-4] == b"IEND")


def _kept_rows(stored: row_files.StoredRows, cameras: dict[str, _Camera], fps: float) -> int:
    total = kept = stored.table.num_rows
    for key, camera in cameras.items():
        if not camera.seqs or f"{key}/seq" not in stored.table.column_names:
            continue
        seq = stored.table.column(f"{key}/seq").to_numpy()
        fit = int(np.searchsorted(seq, camera.seqs[-1], side="right"))
        if total - fit <= _CUT_AT_MOST_S * fps:
            kept = min(kept, fit)
    return kept


def _new_words(
    manifest: dict[str, Any],
    stored: row_files.StoredRows,
    kept: int,
    cameras: dict[str, _Camera],
) -> dict[str, Any]:
    lost = stored.table.num_rows - kept + stored.damaged
    frames = {key: len(camera.records) for key, camera in cameras.items()}
    lost_frames = {key: camera.lost for key, camera in cameras.items()}
    text = f"interrupted, {kept} frames recovered" + (f", {lost} lost at the end" if lost else "")
    damaged = [f"{key.rpartition('.')[2]} {count}" for key, count in lost_frames.items() if count]
    text += f"; damaged frames: {', '.join(damaged)}" if damaged else ""
    first = last = 0
    ended_at = manifest.get("started_at")
    if kept:
        times = stored.table.column("monotonic_ns")
        first, last = times[0].as_py(), times[kept - 1].as_py()
        ended_at = clock.iso(stored.table.column("wall_ns")[kept - 1].as_py())
    result = Recovery(kept, lost, frames, lost_frames, text)
    recovery = {name: value for name, value in asdict(result).items() if name != "changed"}
    return {
        "state": "interrupted",
        "ended_at": ended_at,
        "ticks": kept,
        **spans(kept, first, last, float(manifest["fps"])),
        "cameras_frames": frames,
        "end_reason": "interrupted",
        "recovery": recovery,
    }


def _apply(folder: Path, plan: dict[str, Any]) -> None:
    for new in sorted(folder.glob("*.idx.new")):
        path = new.with_suffix("")
        if path.exists():
            replace_bytes(path.with_name(path.name + ".lost"), _content(path))
        new.replace(path)
    for name, keep in plan["cuts"].items():
        _cut(folder / name, int(keep))
    release_reserve(folder)
    sync_path(folder)


def _cut(path: Path, keep: int) -> None:
    """Cut `path` to `keep` bytes, what follows going to `<file>.lost`."""
    if not path.exists() or path.stat().st_size <= keep:
        return
    with open_own(path, write=True) as file:
        copy_rest(file, keep, path.with_name(path.name + ".lost"))
        file.truncate(keep)
        os.fsync(file.fileno())
