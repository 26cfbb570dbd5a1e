"""Close a take whose recorder died, at its last complete row and frame.

The plan is written to disk before any file is changed, and each of its steps is idempotent, so a recovery that is
killed and run again ends with the same bytes. What is cut off a file is kept in `<file>.lost`.
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
from robotdata.files import UnsafeFile, create_if_missing, open_own
from robotdata.files.json_files import replace_json
from robotdata.files.plain_json import read_json
from robotdata.files.replace import TEMPORARY, copy_rest, replace_bytes
from robotdata.files.sync import sync_path
from robotdata.files.versions import check_version
from robotdata.numbers import count as count_of
from robotdata.spool import index as indexes
from robotdata.spool import manifest as manifests
from robotdata.spool import rows as row_files
from robotdata.spool.errors import BadManifest, NewerFile, SpoolError, UnusableTake
from robotdata.spool.facts import Facts
from robotdata.spool.reserve import release_reserve
from robotdata.spool.take_lock import TakeLock
from robotdata.spool.writer import duration_and_rate
from robotdata.video.packets import packets_in, repair_header

PLAN = ".recovery.json"
VERSION = 1
"""The version of the plan's format."""
_MOST_CUT_S = 2.0
"""Rows at the end whose frames were lost are cut, up to this many seconds; more means that a camera had failed."""

_TEMPORARY_AGE_S = 60.0


@dataclass(frozen=True, slots=True)
class Recovery:
    """What a recovery kept and lost, in ticks and in frames per camera; `text` is for a person.

    `changed` tells whether this call recovered the take, not an earlier one.
    """

    kept_ticks: int
    lost_ticks: int
    frames: dict[str, int] = field(default_factory=dict)
    lost_frames: dict[str, int] = field(default_factory=dict)
    text: str = ""
    changed: bool = False


@dataclass(slots=True)
class _Camera:
    """The packets of a camera: index records and sequence numbers of the valid ones, the end of the last in bytes.

    `lost` counts damaged packets; `rewrite` tells that the index on disk does not begin with `records`.
    """

    records: list[bytes] = field(default_factory=list)
    seqs: list[int] = field(default_factory=list)
    end: int = 0
    lost: int = 0
    rewrite: bool = False


def leftover_files(folder: Path) -> list[Path]:
    """Return the temporary files that killed writers left in a finished take.

    Manifest and plan are written under the take's lock, so that for its holder each of their temporary files is a
    leftover. Measurements are written without it, in a moment, so only an old temporary file of theirs is one.
    """
    under_lock = (f".{manifests.FILE}.", f".{PLAN}.")
    temporary = folder.glob(TEMPORARY)
    return [path for path in temporary if path.name.startswith(under_lock) or _is_old(path)]


def _is_old(path: Path) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return path.stat().st_mtime < clock.wall() - _TEMPORARY_AGE_S
    return False


def _wrap_unexpected_errors(recover: Callable[[Path], Recovery]) -> Callable[[Path], Recovery]:
    """Turn an unexpected error in one take into UnusableTake, so that other takes are still recovered."""

    @functools.wraps(recover)
    def recover_one(folder: Path) -> Recovery:
        try:
            return recover(folder)
        except (SpoolError, OSError):
            raise
        except Exception as error:
            raise UnusableTake(folder, error) from error

    return recover_one


@_wrap_unexpected_errors
def recover_take(folder: Path) -> Recovery:
    """Close an unfinished take as `interrupted`; in a finished one, only delete leftover temporary files.

    Nothing else is deleted: what is cut off a file is kept in `<file>.lost`. Raises TakeBusy while the recorder lives,
    NoTake, BadManifest, and UnusableTake for an unexpected error. It is BadManifest too if the features, cameras or
    `recorded_action` of an unfinished take are invalid, because its files cannot be interpreted then; they stay
    unchanged.
    """
    manifest = manifests.read_manifest(folder)
    with TakeLock(folder):
        manifest = manifests.read_manifest(folder)
        plan = _read_plan(folder, manifest)
        finished = manifest["state"] != "recording" and plan is None
        for path in leftover_files(folder) if finished else folder.glob(TEMPORARY):
            path.unlink(missing_ok=True)
        if finished:
            return _earlier_result(manifest)
        if plan is None:
            if invalid := manifest.odd_in("features", "cameras", "recorded_action"):
                raise BadManifest(folder, f"does not say what its files hold ({invalid[0]})")
            plan = _make_plan(folder, manifest)
            replace_json(folder / PLAN, plan)
        _apply(folder, plan)
        manifests.write_manifest(folder, manifest.raw | plan["manifest"])
        (folder / PLAN).unlink()
        sync_path(folder)
        return Recovery(**plan["manifest"]["recovery"], changed=True)


def _earlier_result(manifest: Facts) -> Recovery:
    """Return the result of an earlier recovery; that of a complete take if there was none."""
    recovery = manifest.get("recovery")
    if isinstance(recovery, dict):
        with contextlib.suppress(TypeError):
            return Recovery(**recovery)
    frames = dict(manifest["cameras_frames"])
    return Recovery(int(manifest["ticks"]), 0, frames, text=f"whole, {manifest['ticks']} frames")


def _read_plan(folder: Path, manifest: Facts) -> dict[str, Any] | None:
    """Return the plan of a killed recovery; None if there is none or it is invalid. Raises NewerFile."""
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
        valid = set(plan["cuts"]) <= files and all(type(keep) is int and keep >= 0 for keep in plan["cuts"].values())
        Recovery(**plan["manifest"]["recovery"])
        return dict(plan) if valid else None
    except (AttributeError, LookupError, TypeError):
        return None


def _make_plan(folder: Path, manifest: dict[str, Any]) -> dict[str, Any]:
    """Return the plan: `cuts`, how many bytes of each file to keep, and the manifest's new fields."""
    stored = _repaired_rows(folder / manifests.ROWS, manifest)
    seqs = _seq_by_time(stored, list(manifest["cameras"]))
    cameras = {key: _scan(folder, key, camera, seqs.get(key, {})) for key, camera in manifest["cameras"].items()}
    for key, camera in cameras.items():
        if camera.rewrite:
            replace_bytes(folder / f"{key}.idx.new", b"".join(camera.records))
    kept = _kept_rows(stored, cameras, float(manifest["fps"]))
    cuts = {f"{key}.mkv": camera.end for key, camera in cameras.items()}
    cuts |= {f"{key}.idx": len(c.records) * indexes.RECORD.size for key, c in cameras.items()}
    cuts[manifests.ROWS] = stored.end if kept == stored.table.num_rows else stored.ends[kept]
    return {"version": VERSION, "cuts": cuts, "manifest": _new_fields(manifest, stored, kept, cameras)}


def _repaired_rows(path: Path, manifest: dict[str, Any]) -> row_files.StoredRows:
    """Return the complete rows, after rewriting a damaged or missing header from the manifest."""
    create_if_missing(path)
    row_files.repair_header(path, row_files.columns_of_take(manifest))
    return row_files.read_rows(path)


def _seq_by_time(stored: row_files.StoredRows, keys: list[str]) -> dict[str, dict[int, int]]:
    """Return, for each camera, capture time (ns) -> sequence number, for the frames that the rows name."""
    table = stored.table
    seqs: dict[str, dict[int, int]] = {}
    for key in keys:
        if {f"{key}/seq", f"{key}/captured_ns"} <= set(table.column_names):
            times = table.column(f"{key}/captured_ns").to_numpy().tolist()
            seqs[key] = dict(zip(times, table.column(f"{key}/seq").to_numpy().tolist(), strict=True))
    return seqs


def _scan(folder: Path, key: str, camera: dict[str, Any], seq_by_time: dict[int, int]) -> _Camera:
    """Find every complete packet of a camera: those in the index, whose checksums must match, and those missing there.

    A packet that the index lacks gets the sequence number that the rows name for its capture time, else the least
    one that fits.
    """
    result, path, least_seq = _Camera(), folder / f"{key}.mkv", _least_seq(seq_by_time)
    records, valid = indexes.read_index(folder / f"{key}.idx")
    by_offset = {int(record["offset"]): record for record in records[valid]}
    repair_header(path, camera["codec"], camera["width"], camera["height"])
    with open_own(path) as file:
        size = os.fstat(file.fileno()).st_size
        for packet in packets_in(file, path):
            data = os.pread(file.fileno(), packet.size, packet.offset)
            record = by_offset.pop(packet.offset, None)
            crc = zlib.crc32(data)
            if record is not None and (crc != record["crc"] or packet.size != record["size"]):
                result.lost += 1
                continue
            if record is None and not _looks_complete(data):
                result.lost += 1
                continue
            least = max(result.seqs[-1] + 1 if result.seqs else 0, least_seq(packet.pts_ns))
            seq = int(record["seq"]) if record is not None else seq_by_time.get(packet.pts_ns, least)
            result.seqs.append(max(seq, least))
            result.records.append(indexes.seal_record(result.seqs[-1], packet.pts_ns, packet.offset, packet.size, crc))
            result.end = packet.offset + packet.size
        result.lost += len(by_offset)
        if not result.records:
            result.end = size
    before = _read_file(folder / f"{key}.idx") if len(records) else b""
    result.rewrite = not before.startswith(b"".join(result.records))
    return result


def _read_file(path: Path) -> bytes:
    with open_own(path) as file:
        return file.read()


def _least_seq(seq_by_time: dict[int, int]) -> Callable[[int], int]:
    """Return a function from a capture time to the least sequence number of a frame that no row names.

    The number is higher than those of all frames captured before, so that no earlier row shows the frame.
    """
    times = sorted(seq_by_time)
    highest = list(accumulate((seq_by_time[time] for time in times), max, initial=-1))
    return lambda captured_ns: highest[bisect_left(times, captured_ns)] + 1


def _looks_complete(data: bytes) -> bool:
    """Return whether a JPEG or PNG without a checksum has its first and last marker."""
    jpeg = data[:2] == b"\xff\xd8" and data.rstrip(b"\0")[-2:] == b"\xff\xd9"
    return jpeg or (data[:4] == b"\x89PNG" and data[-8:-4] == b"IEND")


def _kept_rows(stored: row_files.StoredRows, cameras: dict[str, _Camera], fps: float) -> int:
    """Return how many rows to keep: up to the last whose frames are stored, unless that cuts too many."""
    total = kept = stored.table.num_rows
    for key, camera in cameras.items():
        if not camera.seqs or f"{key}/seq" not in stored.table.column_names:
            continue
        seq = stored.table.column(f"{key}/seq").to_numpy()
        fit = int(np.searchsorted(seq, camera.seqs[-1], side="right"))
        if total - fit <= _MOST_CUT_S * fps:
            kept = min(kept, fit)
    return kept


def _new_fields(
    manifest: dict[str, Any],
    stored: row_files.StoredRows,
    kept: int,
    cameras: dict[str, _Camera],
) -> dict[str, Any]:
    lost = stored.table.num_rows - kept + stored.damaged
    frames = {key: len(camera.records) for key, camera in cameras.items()}
    lost_frames = {key: camera.lost for key, camera in cameras.items()}
    text = f"interrupted, {count_of(kept, 'frame')} recovered" + (f", {lost} lost at the end" if lost else "")
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
        **duration_and_rate(kept, first, last, float(manifest["fps"])),
        "cameras_frames": frames,
        "end_reason": "interrupted",
        "recovery": recovery,
    }


def _apply(folder: Path, plan: dict[str, Any]) -> None:
    for new in sorted(folder.glob("*.idx.new")):
        path = new.with_suffix("")
        if path.exists():
            replace_bytes(path.with_name(path.name + ".lost"), _read_file(path))
        new.replace(path)
    for name, keep in plan["cuts"].items():
        _cut(folder / name, int(keep))
    release_reserve(folder)
    sync_path(folder)


def _cut(path: Path, keep: int) -> None:
    """Cut `path` to `keep` bytes; move the rest to `<file>.lost`."""
    if not path.exists() or path.stat().st_size <= keep:
        return
    with open_own(path, write=True) as file:
        copy_rest(file, keep, path.with_name(path.name + ".lost"))
        file.truncate(keep)
        os.fsync(file.fileno())
