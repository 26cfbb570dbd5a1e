"""Make a dataset of a folder that cannot be opened: `meta` is remade from the files; the folder stays."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from robotdata.dataset.convert.old_files import walk_files
from robotdata.dataset.convert.rest import copy_rest, rest_files
from robotdata.dataset.errors import DamagedFile, DatasetError, EditError, NotADataset
from robotdata.dataset.layout import INFO, SIDECAR, STATS, TASKS, Layout, contained, episodes_file
from robotdata.dataset.reader import DatasetFolder, read_json
from robotdata.dataset.repair.examine import Examined, examined
from robotdata.dataset.repair.findings import RepairReport
from robotdata.dataset.repair.rescue_info import rescued_info, stored_info
from robotdata.dataset.repair.rescue_table import RescuedTable, lost_text, rescued_table
from robotdata.dataset.repair.run import LOCK_WAIT_S, Progress, compose_repaired, step_counter
from robotdata.dataset.repair.survey import Survey, survey
from robotdata.dataset.sidecar import read_sidecar
from robotdata.dataset.tables import read_tasks, write_tasks
from robotdata.dataset.write import episode_table
from robotdata.dataset.write.base_state import refuse_cached
from robotdata.dataset.write.draft import counted_info
from robotdata.dataset.write.misfits import MISFITS, explain_misfit
from robotdata.dataset.write.new_dataset import new_dataset
from robotdata.dataset.write.splits import mapped_splits
from robotdata.dataset.write.swap import NEXT, work_folder
from robotdata.files.json_files import write_new_json
from robotdata.files.trees import link_or_copy
from robotdata.video.errors import VideoError

_OPENABLE = "opened"
_LISTED = 6
_LARGE = 1 << 20
"""Files of other programs from this size on are linked; smaller ones are copied, because people edit them in place."""


@dataclass(frozen=True, slots=True)
class RescueResult:
    """The new dataset. `report`: what was remade, and what is lost."""

    report: RepairReport
    episodes: int
    frames: int


def examine_lost(root: Path, work: Path) -> RepairReport:
    """Return what `rescue` would do with the folder `root`, which is only read.

    A folder of hard links in `work` (on the same file system) exists meanwhile. Raises EditError if nothing can be
    rescued, and other DatasetErrors.
    """
    root = root.resolve()
    with work_folder(root, work) as folder, _in_words(root, folder):
        return _prepared(root, folder / _OPENABLE)[0].report


def rescue(
    source: Path,
    target: Path,
    *,
    work: Path,
    progress: Progress | None = None,
    before_swap: Callable[[], None] | None = None,
    lock_wait_s: float = LOCK_WAIT_S,
    made_by: Mapping[str, Any] | None = None,
) -> RescueResult:
    """Make the dataset `target` of what is whole in the folder `source`, which is only read and cannot be opened.

    `info.json`, the tables of episodes and tasks, and statistics are made of the rows and videos, as far as the stored
    ones cannot be used. Rows of data files that cannot be read are gone, and so are their episodes. Data files and
    videos are linked, where the file system can. Options as in `convert_dataset`. Raises EditError if nothing can be
    rescued, DatasetBusy, and other DatasetErrors; `target` does not exist then.
    """
    source, target = source.resolve(), target.resolve()
    step = step_counter(progress)
    with (
        new_dataset(target, work, wait_s=lock_wait_s, refusal=EditError) as put_in_place,
        work_folder(target, work) as folder,
        _in_words(source, folder),
    ):
        step()
        plan, rest = _prepared(source, folder / _OPENABLE)
        copy_rest(source, rest, folder / _OPENABLE, link_from=_LARGE)
        step()
        about = {"what": "rescued", "from": source.name, **(made_by or {})}
        compose_repaired(plan, folder / NEXT, about, step)
        if before_swap is not None:
            before_swap()
        step()
        put_in_place(folder)
    return RescueResult(plan.report, len(plan.rows), plan.report.frames)


@contextmanager
def _in_words(root: Path, folder: Path) -> Iterator[None]:
    """Name `root` in errors, in place of the work folder, and say what does not fit."""
    try:
        yield
    except (DamagedFile, EditError, NotADataset) as error:
        raise EditError(str(error).replace(str(folder / _OPENABLE), str(root))) from error
    except VideoError as error:
        raise EditError(f"{root} cannot be repaired: {error}") from error
    except MISFITS as error:
        raise EditError(f"{root} cannot be repaired: {explain_misfit(root, error)}") from error


def _prepared(root: Path, folder: Path) -> tuple[Examined, list[str]]:
    """Build in `folder` a dataset that can be opened, with links to the files of `root`.

    Return what is left to repair, with a report about both, and the files of `root` that are still to be copied.
    """
    refuse_cached(root)
    stored, fault = stored_info(root)
    files = survey(root, stored)
    if not files.data:
        reasons = [*files.lost.values(), *_unused(files)]
        why = f": {'; '.join(reasons[:_LISTED])}" if reasons else ""
        raise EditError(f"{root} has no data file whose rows can be read{why}. Restore one from a backup")
    findings: list[tuple[str, str]] = []
    left: list[str] = []
    changed, found = ([f"it {fault}"] if fault else []), list[str]()
    info = rescued_info(files, stored, changed, left)
    texts, task_fault = _texts(root)
    table = rescued_table(files, info["features"], info["fps"], texts, found, left)
    info = _counted(info, table, left)
    if changed:
        findings.append(("info", f"{INFO}: {'; '.join(changed)}"))
    findings += [("episodes", text) for text in found]
    if task_fault:
        findings.append(("tasks", f"{TASKS} {task_fault}: it is written again"))
    if files.moved:
        findings.append(("files", f"{files.moved} files are put where LeRobot looks for them"))
    left[:0] = [f"the rows of {text}: they are gone" for text in files.lost.values()]
    left += [*files.broken, *_unused(files)]
    _write(files, folder, info, table, keep_tasks=not task_fault)
    plan = examined(DatasetFolder.open(folder))
    return _about(plan, root, findings, left), _rest(files)


def _unused(files: Survey) -> list[str]:
    """Return a sentence for each folder of files that are not taken, with their names."""
    folders: dict[str, list[str]] = {}
    for relative in files.unused:
        folder, _, name = relative.rpartition("/")
        folders.setdefault(folder, []).append(name)
    return [
        f"{folder}: {', '.join(names)}: not used, because other files take their places. If these are the right "
        "ones, put them there in a copy of the folder, and repair that"
        for folder, names in folders.items()
    ]


def _about(plan: Examined, root: Path, findings: list[tuple[str, str]], left: list[str]) -> Examined:
    """Let the report be about `root`, with what was found and left before the folder could be opened."""
    report = plan.report
    whole = RepairReport(root, report.episodes, report.frames)
    for code, text in findings:
        whole.add(code, text)
    whole.findings += report.findings
    own = f"{plan.base.root.resolve()}/"
    whole.left = list(dict.fromkeys([*left, *(text.replace(own, "") for text in report.left)]))
    plan.report = whole
    return plan


def _texts(root: Path) -> tuple[dict[int, str], str]:
    """Return the stored task texts, and why they cannot be used."""
    if not (root / TASKS).is_file():
        return {}, "is missing"
    try:
        return read_tasks(contained(root, TASKS)), ""
    except DatasetError as error:
        return {}, str(error).partition("; download it")[0].rpartition(" cannot be read: ")[2] or str(error)


def _counted(info: dict[str, Any], table: RescuedTable, left: list[str]) -> dict[str, Any]:
    splits, notes = mapped_splits(info["splits"], table.before, table.kept, 0)
    left += notes
    frames = int(np.asarray(table.table.column("length")).sum())
    return counted_info(info, episodes=len(table.kept), frames=frames, tasks=len(table.texts), splits=splits)


def _write(files: Survey, root: Path, info: dict[str, Any], table: RescuedTable, *, keep_tasks: bool) -> None:
    """Write the folder: links to data files and videos, and a new `meta`."""
    root.mkdir(parents=True)
    layout = Layout.of(root, info)
    for (chunk, file), data in files.data.items():
        link_or_copy(data.path, layout.data_file(chunk, file))
    for key, videos in files.videos.items():
        for (chunk, file), video in videos.items() if key in info["features"] else ():
            link_or_copy(video.path, layout.video_file(key, chunk, file))
    (root / "meta").mkdir(exist_ok=True)
    for name in [*_usable(files.root), *([TASKS] if keep_tasks else [])]:
        shutil.copyfile(contained(files.root, name), root / name)
    if table.texts and not keep_tasks:
        numbers = sorted(table.texts)  # maybe with gaps; the repair that follows numbers them again, rows too
        texts = [table.texts[number] or lost_text(number) for number in numbers]
        write_tasks(root / TASKS, texts, numbers=numbers)
    episode_table.write_episodes(root / episodes_file(0, 0), table.table)
    write_new_json(root / INFO, info, nan=True)


def _rest(files: Survey) -> list[str]:
    """Return the files that are neither data files nor videos of the dataset. Raises UnsafePath."""
    used = {data.path for data in files.data.values()}
    used |= {video.path for videos in files.videos.values() for video in videos.values()}
    names = (name for name in walk_files(files.root) if files.root / name not in used)
    return [name for name, _ in rest_files(files.root, names)]


def _usable(root: Path) -> list[str]:
    """Return which of statistics and sidecar can be read."""
    problems: list[str] = []
    names = [SIDECAR] if (root / SIDECAR).is_file() and (read_sidecar(root, problems), not problems)[1] else []
    with suppress(DatasetError):
        names += [STATS] if (root / STATS).is_file() and isinstance(read_json(contained(root, STATS)), dict) else []
    return names
