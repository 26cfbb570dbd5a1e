"""Open folders among the datasets that have no row, or report why they cannot be opened and what to do."""

from __future__ import annotations

import logging
import shlex
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from django.conf import settings

from recorder.actor import Actor
from recorder.alone import isolate_errors
from recorder.catalog.datasets_on_disk import adopt_folder
from recorder.catalog.unopened import note_unopened
from recorder.errors import Refused
from recorder.models import Dataset, Unopened
from recorder.models.paths import is_among_datasets
from recorder.models.unopened import Remedy, UnopenedKind
from recorder.text import sanitize_json
from robotdata.dataset.convert.old_meta import convertible_version
from robotdata.dataset.errors import DamagedFile, DatasetError, NotADataset, OldVersion, UnsafePath
from robotdata.dataset.exchange.find import has_info
from robotdata.dataset.layout import DATA_GLOB, EPISODES_GLOB, INFO, SIDECAR
from robotdata.dataset.repair.survey import can_be_rescued
from robotdata.dataset.tables import open_parquet
from robotdata.numbers import count as count_of
from robotdata.video import open_video
from robotdata.video.errors import VideoError

log = logging.getLogger(__name__)

SETTLED_S = 10.0
"""A folder that changed more recently may be in the middle of being copied. In seconds."""
FOLDER_OF_DATASETS = "a folder of datasets"
_MAX_NAMED = 5
_MAX_CHECKED = 50


@dataclass(frozen=True, slots=True)
class UnknownFolder:
    """A folder without a row: the `dataset` that it became, or what it seems to be and why it cannot be opened.

    `lost` means that something in it is damaged; a folder that is only of another kind or elsewhere loses nothing.
    """

    name: str
    dataset: Dataset | None = None
    what: str = ""
    why: str = ""
    cure: str = ""
    lost: bool = False
    remedy: str = ""

    def __str__(self) -> str:
        return f"Dataset {self.name}: {self.what}. {self.why} {self.cure}".rstrip()


def adopt_unknown_folders(
    datasets: Iterable[Dataset], lines: Iterable[Unopened], *, actor: Actor, recheck: bool = False
) -> list[UnknownFolder]:
    """Open every folder that is not one of `datasets`, or store a line about it; return those that were checked now.

    `lines` are the stored lines. Without `recheck`, only folders that changed since the last check are checked, and
    only once they have been unchanged for `SETTLED_S`.
    """
    results: list[UnknownFolder] = []
    folders = {sanitize_json(folder.name): folder for folder in _folders()}  # a file name on disk may hold any bytes
    known_slugs = {dataset.slug for dataset in datasets}
    stored_lines = {row.name: row for row in lines if row.kind == UnopenedKind.DATASET}
    unknown = [name for name in sorted(folders) if name not in known_slugs]
    for name in unknown:
        state, changed_at = _state(folders[name])
        unchanged = name in stored_lines and stored_lines[name].state == state
        if not recheck and (unchanged or changed_at > time.time() - SETTLED_S):
            continue
        results.append(open_or_note(folders[name], actor=actor, state=state))
    opened = {result.name for result in results if result.dataset is not None}
    for name, row in stored_lines.items():
        if name in opened or name not in unknown:
            row.delete()
    return results


def open_or_note(folder: Path, *, actor: Actor, state: str = "") -> UnknownFolder:
    """Open a folder among the datasets, or store a line about why it cannot be opened; return which of the two.

    `state` is the folder's at the last look (`_state`).
    """
    name = sanitize_json(folder.name)
    failures: list[str] = []
    result = None
    with isolate_errors(f"Dataset {name}", log, failures.append):
        result = _open_folder(folder, name, actor)
    result = result or UnknownFolder(name, None, "a dataset that cannot be read", f"{''.join(failures)}.", lost=True)
    if result.dataset is None:
        texts = {"what": result.what, "why": result.why, "cure": result.cure, "remedy": result.remedy}
        note_unopened(kind=UnopenedKind.DATASET, name=name, **texts, state=state or _state(folder)[0])
    return result


def inner_datasets(folder: Path) -> list[str]:
    """Return the names of the datasets one folder deeper, at most `_MAX_NAMED`; none if `folder` is a link."""
    if folder.is_symlink():
        return []
    return sorted(path.parent.parent.name for path in folder.glob(f"*/{INFO}"))[:_MAX_NAMED]


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
    return " ".join(f"{time_ns:x}" for time_ns in times), max(times) / 1e9


def _open_folder(folder: Path, name: str, actor: Actor) -> UnknownFolder:
    try:
        if not has_info(folder):  # a broken link is reported when it is opened
            return _repairable(folder, _not_a_dataset(folder, name))
        return UnknownFolder(name, dataset=adopt_folder(path=folder, actor=actor))
    except OSError as error:
        why = f"It cannot be read ({error.strerror})."
        return UnknownFolder(name, None, "a folder", why, "Give this user permission to read it.")
    except Refused as error:
        explained = _explain_refusal(folder, name, error)
        return _repairable(folder, explained) if isinstance(error.__cause__, DatasetError) else explained


def _repairable(folder: Path, result: UnknownFolder) -> UnknownFolder:
    """Return `result` with the repair that helps, if there are rows of which a dataset can be made."""
    if result.remedy or result.what == FOLDER_OF_DATASETS or not can_be_rescued(folder):
        return result
    what = "a dataset that cannot be read" if result.what == "a folder" else result.what
    if not is_among_datasets(folder):
        copied = "" if result.what == "a link" else "To repair it, replace the link with the folder: copy it there."
        return replace(result, cure=f"{result.cure} {copied}".strip())
    cure = "Repair makes a new dataset of what is whole, after a report, and leaves this folder as it is."
    cure += f" In a terminal: robotdata repair {shlex.quote(result.name)} --into NEW-NAME"
    why = f"It has rows, but no {INFO}." if result.what == "a folder" else result.why
    return replace(result, what=what, why=why, cure=cure, remedy=Remedy.REPAIR)


def _explain_refusal(folder: Path, name: str, refused: Refused) -> UnknownFolder:
    cause = refused.__cause__
    if refused.code == "elsewhere":
        return _outside_link(folder, name)
    if refused.code == "bad_name":
        why, _, cure = refused.message.partition(": ")
        return UnknownFolder(name, None, "a dataset", f"{why}.", cure[:1].upper() + cure[1:])
    if isinstance(cause, OldVersion | UnsafePath) and (version := convertible_version(folder)):
        return _convertible(name, version)
    if isinstance(cause, OldVersion):
        return _old_version(name, cause.version)
    if isinstance(cause, NotADataset) and not any(folder.glob(EPISODES_GLOB)) and _holds_recordings(folder):
        return _unfinished_recording(folder, name)
    if isinstance(cause, UnsafePath):  # its files are elsewhere: nothing is damaged
        why, _, cure = refused.message.rstrip(".").rpartition(". ")
        return UnknownFolder(name, None, "a folder of links", f"{why}.", f"{cure}.")
    helps = isinstance(cause, DamagedFile | NotADataset) and "Convert it" not in refused.message
    cure = "Download it again, or restore it from a backup." if helps else ""
    why = refused.message.removesuffix("; download it again or restore it from a backup.").rstrip(".")
    what = "a dataset that cannot be read"
    return UnknownFolder(name, None, what, f"{why}.", cure, lost=isinstance(cause, DatasetError))


def _outside_link(folder: Path, name: str) -> UnknownFolder:
    why = f"It points outside {settings.DATASETS_DIR}, to {folder.resolve()}."
    return UnknownFolder(name, None, "a link", why, "Replace the link with the dataset itself: copy or move it there.")


def _old_version(name: str, version: str) -> UnknownFolder:
    cure = "Nothing is lost. Convert it to v2.1 with an older LeRobot; robotdata then converts that to v3.0."
    why = f"It has version {version}; robotdata opens v3.0."
    return UnknownFolder(name, None, f"a LeRobot dataset {version}", why, cure)


def _convertible(name: str, version: str) -> UnknownFolder:
    old = version.startswith(("v1", "v2"))
    why = f"It has version {version}" if old else f"Its info.json says {version}, its files are laid out as in v2.1"
    cure = "Nothing is lost: Convert makes a new dataset of it and leaves this folder as it is."
    cure += f" In a terminal: robotdata convert {shlex.quote(name)} NEW-NAME"
    what = f"a LeRobot dataset {version if old else 'v2.1'}"
    return UnknownFolder(name, None, what, f"{why}; robotdata opens v3.0.", cure, remedy=Remedy.CONVERT)


def _not_a_dataset(folder: Path, name: str) -> UnknownFolder:
    if folder.is_symlink() and not folder.exists():
        cure = "Mount the disk that it points to, or remove the link."
        return UnknownFolder(name, None, "a link", f"{folder.readlink()} does not exist.", cure)
    if folder.is_symlink() and not is_among_datasets(folder):
        return _outside_link(folder, name)
    nested = sorted(path.parent.parent.name for path in folder.glob(f"*/{INFO}"))
    if nested:
        listed = ", ".join(nested[:_MAX_NAMED]) + (
            f" and {len(nested) - _MAX_NAMED} more" if len(nested) > _MAX_NAMED else ""
        )
        count = f"{len(nested)} datasets are" if len(nested) > 1 else "1 dataset is"
        why = f"It is not a dataset: {count} one folder deeper ({listed})."
        cure = f"Move them up: mv {shlex.quote(str(folder))}/* {shlex.quote(str(settings.DATASETS_DIR))}/"
        return UnknownFolder(name, None, FOLDER_OF_DATASETS, why, cure)
    why = f"It has no {INFO}, so it is not a dataset and is skipped."
    cure = "If it should be one, its download or copy may be incomplete. Keep other data elsewhere."
    return UnknownFolder(name, None, "a folder", why, cure)


def _holds_recordings(folder: Path) -> bool:
    """Return whether another program recorded into the folder. If it has our sidecar, its table was lost instead."""
    has_no_sidecar = not (folder / SIDECAR).exists()
    return has_no_sidecar and (any(folder.glob(DATA_GLOB)) or any(folder.glob("videos/**/*.mp4")))


def _unfinished_recording(folder: Path, name: str) -> UnknownFolder:
    """Describe a dataset whose recorder was killed: the table of episodes is missing, and files may be incomplete."""
    tables = sorted(folder.glob(DATA_GLOB))[:_MAX_CHECKED]
    damaged = [path for path in tables if not _is_readable(path, folder)]
    complete = [
        description
        for path in sorted(folder.glob("videos/**/*.mp4"))[:_MAX_CHECKED]
        if (description := _describe_video(path, folder))
    ]
    rows = f" Of {len(tables)} data files {len(damaged)} are cut off and cannot be read." if damaged else ""
    why = f"The program that recorded it was stopped before it finished: the table of episodes is missing.{rows}"
    listed = ", ".join(complete[:_MAX_NAMED]) + (
        f" and {len(complete) - _MAX_NAMED} more" if len(complete) > _MAX_NAMED else ""
    )
    why += f" These videos are complete: {listed}." if complete else " None of its videos is complete."
    cure = "The missing rows cannot be recovered: record these episodes again."
    cure += " Any player plays the videos; copy them to keep them." if complete else ""
    return UnknownFolder(name, None, "an unfinished recording", why, cure)


def _is_readable(path: Path, folder: Path) -> bool:
    try:
        with open_parquet(path, root=folder):
            return True
    except DamagedFile:
        return False


def _describe_video(path: Path, folder: Path) -> str:
    """Return the video's path and number of frames; empty if it is incomplete."""
    try:
        with open_video(path) as video:
            return f"{path.relative_to(folder)} ({count_of(video.count, 'frame')})"
    except (VideoError, OSError):
        return ""
