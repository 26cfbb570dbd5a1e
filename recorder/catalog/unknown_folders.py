"""Open folders among the datasets that have no row, or report why they cannot be opened and what to do."""

from __future__ import annotations

import logging
import shlex
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from recorder.actor import Actor
from recorder.alone import isolate_errors
from recorder.catalog.datasets_on_disk import adopt_folder
from recorder.catalog.unopened import note_unopened
from recorder.errors import Refused
from recorder.models import Dataset, Unopened
from recorder.models.unopened import UnopenedKind
from recorder.text import sanitize_json
from robotdata.dataset.errors import DamagedFile, DatasetError, NotADataset, OldVersion, UnsafePath
from robotdata.dataset.layout import DATA_GLOB, EPISODES_GLOB, INFO, SIDECAR
from robotdata.dataset.tables import open_parquet
from robotdata.video import open_video
from robotdata.video.errors import VideoError

log = logging.getLogger(__name__)

SETTLED_S = 10.0
"""A folder that changed more recently may be in the middle of being copied. In seconds."""
_NAMED = 5
_LOOKED_AT = 50
_CONVERT = "python -m lerobot.scripts.convert_dataset_v21_to_v30 --push-to-hub=false"


@dataclass(frozen=True, slots=True)
class Stranger:
    """A folder without a row: the `dataset` that it became, or what it seems to be and why it cannot be opened.

    `lost` means that something in it is damaged; a folder that is only of another kind or elsewhere loses nothing.
    """

    name: str
    dataset: Dataset | None = None
    what: str = ""
    why: str = ""
    cure: str = ""
    lost: bool = False

    def __str__(self) -> str:
        return f"Dataset {self.name}: {self.what}. {self.why} {self.cure}".rstrip()


def adopt_strangers(
    datasets: Iterable[Dataset], lines: Iterable[Unopened], *, actor: Actor, again: bool = False
) -> list[Stranger]:
    """Open every folder that is not one of `datasets`, or store a line about it; return those that were checked now.

    `lines` are the stored lines. Without `again`, only folders that changed since the last check are checked, and only
    once they have been unchanged for `SETTLED_S`.
    """
    found: list[Stranger] = []
    there = {sanitize_json(folder.name): folder for folder in _folders()}  # a file name on disk may hold any bytes
    known = {dataset.slug for dataset in datasets}
    kept = {row.name: row for row in lines if row.kind == UnopenedKind.DATASET}
    strangers = [name for name in sorted(there) if name not in known]
    for name in strangers:
        state, newest = _state(there[name])
        same = name in kept and kept[name].state == state
        if not again and (same or newest > time.time() - SETTLED_S):
            continue
        failures: list[str] = []
        each = None
        with isolate_errors(f"Dataset {name}", log, failures.append):
            each = _look_at(there[name], name, actor)
        each = each or Stranger(name, None, "a dataset that cannot be read", f"{''.join(failures)}.", lost=True)
        found.append(each)
        if each.dataset is None:
            said = {"what": each.what, "why": each.why, "cure": each.cure}
            note_unopened(kind=UnopenedKind.DATASET, name=name, **said, state=state)
    opened = {each.name for each in found if each.dataset is not None}
    for name, row in kept.items():
        if name in opened or name not in strangers:
            row.delete()
    return found


def _folders() -> Iterator[Path]:
    root = Path(settings.DATASETS_DIR)
    for path in root.iterdir() if root.is_dir() else ():
        if not path.name.startswith(".") and (path.is_dir() or path.is_symlink()):
            yield path


def _state(folder: Path) -> tuple[str, float]:
    """Return a value that changes with the folder, and the time of its last change. Permissions count (ctime)."""
    times = []
    for path in (folder, folder / "meta", folder / INFO, folder / "meta/episodes"):
        try:
            times.append(path.stat().st_ctime_ns)
        except OSError:
            times.append(0)
    return " ".join(f"{at:x}" for at in times), max(times) / 1e9


def _look_at(folder: Path, name: str, actor: Actor) -> Stranger:
    try:
        info = folder / INFO
        if not info.is_file() and not info.is_symlink():  # a broken link is reported when it is opened
            return _no_dataset(folder, name)
        return Stranger(name, dataset=adopt_folder(path=folder, actor=actor))
    except OSError as error:
        why = f"It cannot be read ({error.strerror})."
        return Stranger(name, None, "a folder", why, "Give this user permission to read it.")
    except Refused as error:
        return _refused(folder, name, error)


def _refused(folder: Path, name: str, refused: Refused) -> Stranger:
    cause = refused.__cause__
    if refused.code == "elsewhere":
        return _elsewhere(folder, name)
    if refused.code == "bad_name":
        why, _, cure = refused.message.partition(": ")
        return Stranger(name, None, "a dataset", f"{why}.", cure[:1].upper() + cure[1:])
    if isinstance(cause, OldVersion):
        return _old(folder, name, cause.version)
    if isinstance(cause, NotADataset) and not any(folder.glob(EPISODES_GLOB)) and _holds_recordings(folder):
        return _unfinished(folder, name)
    if isinstance(cause, UnsafePath):  # its files are elsewhere: nothing is damaged
        why, _, cure = refused.message.rstrip(".").rpartition(". ")
        return Stranger(name, None, "a folder of links", f"{why}.", f"{cure}.")
    cure = "Download it again, or restore it from a backup." if isinstance(cause, DamagedFile) else ""
    why = refused.message.removesuffix("; download it again or restore it from a backup.").rstrip(".")
    what = "a dataset that cannot be read"
    return Stranger(name, None, what, f"{why}.", cure, lost=isinstance(cause, DatasetError))


def _elsewhere(folder: Path, name: str) -> Stranger:
    why = f"It points outside {settings.DATASETS_DIR}, to {folder.resolve()}."
    return Stranger(name, None, "a link", why, "Replace the link with the dataset itself: copy or move it there.")


def _old(folder: Path, name: str, version: str) -> Stranger:
    place = f"--repo-id={shlex.quote(name)} --root={shlex.quote(str(folder))}"
    older = "" if version == "v2.1" else " LeRobot's converter reads v2.1: convert to that with an older LeRobot first."
    how = f"Convert it where LeRobot 0.6 is installed: {_CONVERT} {place}"
    cure = f"Nothing is lost.{older} {how}"
    why = f"It has version {version}; robotdata opens v3.0."
    return Stranger(name, None, f"a LeRobot dataset {version}", why, cure)


def _no_dataset(folder: Path, name: str) -> Stranger:
    if folder.is_symlink() and not folder.exists():
        cure = "Mount the disk that it points to, or remove the link."
        return Stranger(name, None, "a link", f"{folder.readlink()} does not exist.", cure)
    if folder.is_symlink() and folder.resolve().parent != Path(settings.DATASETS_DIR).resolve():
        return _elsewhere(folder, name)
    inner = sorted(path.parent.parent.name for path in folder.glob(f"*/{INFO}"))
    if inner:
        some = ", ".join(inner[:_NAMED]) + (f" and {len(inner) - _NAMED} more" if len(inner) > _NAMED else "")
        count = f"{len(inner)} datasets are" if len(inner) > 1 else "1 dataset is"
        why = f"It is not a dataset: {count} one folder deeper ({some})."
        cure = f"Move them up: mv {shlex.quote(str(folder))}/* {shlex.quote(str(settings.DATASETS_DIR))}/"
        return Stranger(name, None, "a folder of datasets", why, cure)
    why = f"It has no {INFO}, so it is not a dataset and is skipped."
    cure = "If it should be one, its download or copy may be incomplete. Keep other data elsewhere."
    return Stranger(name, None, "a folder", why, cure)


def _holds_recordings(folder: Path) -> bool:
    """Return whether another program recorded into the folder. If it has our sidecar, its table was lost instead."""
    theirs = not (folder / SIDECAR).exists()
    return theirs and (any(folder.glob(DATA_GLOB)) or any(folder.glob("videos/**/*.mp4")))


def _unfinished(folder: Path, name: str) -> Stranger:
    """Describe a dataset whose recorder was killed: the table of episodes is missing, and files may be incomplete."""
    tables = sorted(folder.glob(DATA_GLOB))[:_LOOKED_AT]
    broken = [path for path in tables if not _opens(path, folder)]
    whole = [words for path in sorted(folder.glob("videos/**/*.mp4"))[:_LOOKED_AT] if (words := _frames(path, folder))]
    rows = f" Of {len(tables)} data files {len(broken)} are cut off and cannot be read." if broken else ""
    why = f"The program that recorded it was stopped before it finished: the table of episodes is missing.{rows}"
    some = ", ".join(whole[:_NAMED]) + (f" and {len(whole) - _NAMED} more" if len(whole) > _NAMED else "")
    why += f" These videos are complete: {some}." if whole else " None of its videos is complete."
    cure = "The missing rows cannot be recovered: record these episodes again."
    cure += " Any player plays the videos; copy them to keep them." if whole else ""
    return Stranger(name, None, "an unfinished recording", why, cure)


def _opens(path: Path, folder: Path) -> bool:
    try:
        with open_parquet(path, root=folder):
            return True
    except DamagedFile:
        return False


def _frames(path: Path, folder: Path) -> str:
    """Return the video's path and number of frames; empty if it is incomplete."""
    try:
        with open_video(path) as video:
            return f"{path.relative_to(folder)} ({video.count} frames)"
    except (VideoError, OSError):
        return ""
