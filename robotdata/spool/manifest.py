"""Read and write `take.json`, a take's manifest: the rig writes it while it records, people annotate it afterwards."""

from __future__ import annotations

import contextlib
import os
import re
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from robotdata.capture import clock
from robotdata.files import UnsafeFile, open_beneath
from robotdata.files.json_files import json_bytes, replace_json
from robotdata.files.plain_json import read_json
from robotdata.spool.annotation import Annotation
from robotdata.spool.errors import BadManifest, CurationError, NoTake
from robotdata.spool.facts import (
    FORMAT,
    LONGEST,
    MOST_LABELS,
    VERDICTS,
    VERSION,
    Facts,
    check_manifest,
    is_language,
    is_number,
    is_span,
)
from robotdata.spool.take_lock import EDIT_WAIT_S, TakeLock

FILE = "take.json"
ROWS = "rows.arrow"
_TAKE_NAME = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
MAX_BYTES = 16 << 20
_HISTORY = 200
_HISTORY_LANGUAGE_BYTES = 1 << 20
"""Bytes of subtasks and remarks that the history may hold; older entries hold only how many there were."""


def new_take_id() -> str:
    """Return a new take id; takes are never renumbered."""
    return str(uuid.uuid4())


def new_curation() -> dict[str, Any]:
    """Return the annotations of a take that nobody has reviewed."""
    return {**Annotation().to_take(), "history": []}


def new_manifest(
    folder: Path,
    facts: Mapping[str, Any],
    features: Mapping[str, Any],
    cameras: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """Return the manifest of a new take.

    `facts` are rig, robot_type, fps, dataset, session, task, operator and, if the rows hold both actions,
    `recorded_action`; `features` are LeRobot's; `cameras` holds codec, width and height (pixels) by key.
    """
    defaults: dict[str, Any] = {
        "rig": "",
        "robot_type": "",
        "fps": 30,
        "dataset": "",
        "session": "",
        "task": "",
        "operator": "",
        "started_at": clock.iso_now(),
    }
    fixed = {
        "format": FORMAT,
        "version": VERSION,
        "id": folder.name,
        "state": "recording",
        "features": dict(features),
        "cameras": {key: dict(value) for key, value in cameras.items()},
        "ended_at": None,
        "ticks": 0,
        "duration_s": 0.0,
        "rate_hz": 0.0,
        "cameras_frames": dict.fromkeys(cameras, 0),
        "counters": {},
        "marks": [],
        "end_reason": None,
    }
    return {**defaults, **facts, **fixed, "curation": new_curation() | dict(facts.get("curation", {}))}


def read_manifest(folder: Path) -> Facts:
    """Return the checked manifest of the take in `folder`. Raises NoTake, and BadManifest if it cannot be used.

    To change the manifest, write its `raw` with the change: invalid values stay in the file until a person replaces
    them.
    """
    try:
        with os.fdopen(open_beneath(folder, FILE), "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise NoTake(folder) from None
    except UnsafeFile as error:
        raise BadManifest(folder, f"cannot be read: {error.strerror}") from None
    if len(data) > MAX_BYTES:
        raise BadManifest(folder, f"is longer than {MAX_BYTES:,} bytes")
    try:
        return check_manifest(read_json(data))
    except ValueError as error:
        raise BadManifest(folder, str(error)) from error


def write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    """Replace the manifest durably. Raises OSError; NotDurable if the new file may not survive a power cut."""
    replace_json(folder / FILE, manifest)


def update_curation(folder: Path, *, by: str = "", **changes: Any) -> Facts:
    """Change verdict, labels, rating, note, trim, language or task, with an entry in the history; return the manifest.

    A `number` (the episode's in its dataset) is set without an entry. `by` names the person for the history, `trim` is
    [first, end) in ticks or None. Unknown keys of the manifest stay; equal values change nothing. Raises CurationError
    for an invalid value, TakeBusy while the take is being recorded.
    """
    with TakeLock(folder, wait_s=EDIT_WAIT_S):
        manifest = read_manifest(folder)
        new = curated_manifest(manifest, by, changes)
        if new is None:
            return manifest
        write_manifest(folder, new)
        return check_manifest(new)


def curated_manifest(manifest: Facts, by: str, changes: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the manifest with changed annotations, to be written; None if nothing changes. Raises CurationError.

    An invalid value that is replaced is kept under `put_aside`.
    """
    for name, value in changes.items():
        _check_change(name, value, manifest["ticks"])
    raw, aside = dict(manifest.raw), {}
    numbered = "number" in changes and raw.get("number") != changes["number"]
    if numbered:
        raw["number"] = changes["number"]
    changes = {name: value for name, value in changes.items() if name != "number"}
    if not isinstance(raw.get("curation"), dict | None):
        aside["curation"] = raw["curation"]
        raw["curation"] = None
    curation = new_curation() | (raw["curation"] if raw.get("curation") else {})
    before = curation | {"task": raw.get("task", "")}
    changed = {name: value for name, value in changes.items() if before.get(name) != value}
    if not changed:
        return raw if numbered else None
    odd = {invalid.field for invalid in manifest.odd}
    aside |= {name: before[name] for name in changed if name in odd or f"curation.{name}" in odd}
    if not isinstance(curation["history"], list):
        if curation["history"] is not None:
            aside["history"] = curation["history"]
        curation["history"] = []
    entry = {"at": clock.iso_now(), "by": by, "changes": dict(changed)}
    curation["history"] = _bounded([*curation["history"], entry][-_HISTORY:])
    if "task" in changed:
        raw["task"] = changed.pop("task")
    if aside:
        earlier = raw.get("put_aside")
        raw["put_aside"] = {**earlier, **aside} if isinstance(earlier, dict) else aside
    new = raw | {"curation": curation | changed}
    if len(json_bytes(new)) > MAX_BYTES:
        raise CurationError(f"{FILE} would be longer than {MAX_BYTES:,} bytes: shorten subtasks, remarks or the note")
    return new


def _bounded(history: list[Any]) -> list[Any]:
    """Return the history, of whose languages only the newest ones are whole; of older ones their numbers are left."""
    left = _HISTORY_LANGUAGE_BYTES
    bounded: list[Any] = []
    for entry in reversed(history):
        changes = entry.get("changes") if isinstance(entry, dict) else None
        language = changes.get("language") if isinstance(changes, dict) else None
        if changes and isinstance(language, dict):
            left -= len(json_bytes({"language": language}))
            if left < 0:
                numbers = {name: len(each) if isinstance(each, list) else each for name, each in language.items()}
                entry = {**entry, "changes": {**changes, "language": numbers}}
        bounded.append(entry)
    return bounded[::-1]


def list_takes(spool: Path) -> list[Path]:
    """Return the folders of all takes in a spool, oldest first; other folders are skipped."""
    takes: list[tuple[int, Path]] = []
    for folder in spool.iterdir() if spool.is_dir() else ():
        if _TAKE_NAME.fullmatch(folder.name):
            with contextlib.suppress(OSError):
                manifest_ns = (folder / FILE).stat().st_mtime_ns
                takes.append((_last_row_ns(folder) or manifest_ns, folder))
    return [folder for _, folder in sorted(takes)]


def _last_row_ns(folder: Path) -> int:
    """Return the mtime (ns) of the rows, 0 without rows: when the take ended, for people change the manifest later."""
    try:
        return (folder / ROWS).stat().st_mtime_ns
    except OSError:
        return 0


def _check_change(name: str, value: Any, ticks: int) -> None:
    is_valid = {
        "verdict": lambda: value in VERDICTS,
        "labels": lambda: _are_labels(value),
        "rating": lambda: value is None or (type(value) is int and 1 <= value <= 5),
        "note": lambda: _is_text(value, "note"),
        "task": lambda: _is_text(value, "task"),
        "trim": lambda: value is None or is_span(value, ticks),
        "language": lambda: is_language(value, ticks),
        "number": lambda: is_number(value),
    }
    expected = {
        "verdict": f"one of {', '.join(VERDICTS)}",
        "labels": "a list of at most 100 short texts",
        "rating": "1 to 5 or null",
        "note": "a text of at most 10,000 characters",
        "task": "a text of at most 1,000 characters",
        "trim": f"[first, end) within 0 and {ticks}, or null",
        "language": f"subtasks and remarks within 0 and {ticks}, or null",
        "number": "a whole number from 1",
    }
    if name not in is_valid:
        raise CurationError(f"{name!r} is not an annotation of a take; want one of {', '.join(is_valid)}")
    if not is_valid[name]():
        raise CurationError(f"{name} = {value!r:.100}: want {expected[name]}")


def _are_labels(value: Any) -> bool:
    return isinstance(value, list) and len(value) <= MOST_LABELS and all(_is_text(x, "label") for x in value)


def _is_text(value: Any, field: str) -> bool:
    return isinstance(value, str) and len(value) <= LONGEST[field]
