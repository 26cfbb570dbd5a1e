"""Add datasets: a zip file that is uploaded, a folder or a zip file of this computer, a dataset one folder too deep."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.db import connections

from recorder.actor import Actor
from recorder.catalog.hub_fetching import fetch_addition, fetch_request
from recorder.catalog.reserved_names import is_reserved
from recorder.catalog.server_paths import real_path
from recorder.catalog.unknown_folders import FOLDER_OF_DATASETS, inner_datasets, open_or_note
from recorder.catalog.unopened import forget_unopened
from recorder.errors import Refused
from recorder.models import Dataset, Unopened
from recorder.models.paths import datasets_root, revisions_of
from recorder.models.permissions import Action, require
from recorder.models.unopened import UnopenedKind
from robotdata.dataset.errors import DatasetBusy
from robotdata.dataset.exchange.addition import INCOMING, Addition, Incoming, Landed, Tree
from robotdata.dataset.exchange.errors import TransferError
from robotdata.dataset.exchange.find import FoundDataset, find_datasets, has_info
from robotdata.dataset.exchange.land import land, safe_name
from robotdata.dataset.lock import dataset_lock, lock_path
from robotdata.files.errors import FileLocked

log = logging.getLogger(__name__)

MAX_PIECE_BYTES = 4 << 20
"""Size of a piece of an upload; the web server reads no larger request."""
_MAX_AT_ONCE = 2
_slots = threading.BoundedSemaphore(_MAX_AT_ONCE)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A dataset in a folder of this computer. `problem`: why it is not a v3.0 dataset. `here`: it is in the home."""

    path: str
    name: str
    problem: str
    here: bool


def incoming() -> Incoming:
    """Return the additions of this home."""
    return Incoming(datasets_root() / INCOMING)


def look_into(*, path: str, actor: Actor) -> list[Candidate]:
    """Return the datasets in a folder of this computer. Raise Refused if it cannot be read or is not to be read."""
    require(actor, Action.READ_COMPUTER)
    folder = _source(path)
    if folder.is_file():
        return [Candidate(str(folder), folder.stem, "", here=False)]
    found = [Candidate(str(each.path), each.name, each.problem, _is_here(each.path)) for each in _find(folder)]
    if not found:
        raise Refused(
            "no_dataset",
            f"{folder} holds no dataset: no folder in it has a meta/info.json. Name the folder of a dataset.",
            422,
        )
    return found


def add_paths(*, paths: Sequence[str], actor: Actor, wait: bool = False) -> Addition:
    """Add folders of datasets, or one zip file, of this computer. Folders of the home are used where they are.

    Raise Refused if a path cannot be read, and TransferError's reasons as Refused. With `wait`, return the end.
    """
    require(actor, Action.ADD_DATASET)
    require(actor, Action.READ_COMPUTER)
    sources = list(dict.fromkeys(_source(path) for path in paths))
    if not sources or (len(sources) > 1 and any(source.is_file() for source in sources)):
        raise Refused("invalid", "Name one zip file, or one or more folders.", 422)
    inside = [source for source in sources if source.is_dir() and _is_here(source)]
    for source in inside:
        _check_place(source)  # before the first one is moved
    landed = [_open_here(source, actor) for source in inside]
    outside = [source for source in sources if source not in inside]
    shown = sources[0].name if sources[0].is_file() else ", ".join(map(str, sources))
    with _refused():
        addition = incoming().begin(shown, by=actor.name, paths=outside or sources, landed=landed)
    if not outside:
        return incoming().end(addition)
    return _start(addition.id, actor, wait=wait)


def add_from_hub(
    *, repository: str, revision: str = "", episodes: str = "", videos: bool = True, actor: Actor, wait: bool = False
) -> Addition:
    """Fetch a dataset, or the episodes `0,3,5-9` of it, from the Hub or from `s3://bucket/folder`.

    Raise Refused for a name or a list that is none. What the other side refuses is the `error` of the addition.
    """
    require(actor, Action.ADD_DATASET)
    with _refused():
        source, hub = fetch_request(repository=repository, revision=revision, episodes=episodes, videos=videos)
        addition = incoming().begin(source, by=actor.name, hub=hub | {"user": actor.user_id})
    return _start(addition.id, actor, wait=wait)


def begin_upload(*, name: str, size: int, actor: Actor, logs: bool = False) -> Addition:
    """Begin the upload of a zip file of `size` bytes. Raise Refused if the disk has no room for it.

    With `logs` it is a file of another recorder, or a zip of such files; see `import_uploads`.
    """
    require(actor, Action.ADD_DATASET)
    with _refused():
        return incoming().begin(name, by=actor.name, total=size, logs=logs)


def store_piece(*, addition_id: str, offset: int, data: bytes, actor: Actor) -> Addition:
    """Store the bytes from `offset` on. Raise Refused for a piece that does not fit, with where the next one begins."""
    require(actor, Action.ADD_DATASET)
    with _refused():
        return incoming().store(addition_id, offset, data)


def finish_upload(*, addition_id: str, actor: Actor, wait: bool = False) -> Addition:
    """Unpack what was uploaded, or try an interrupted addition again. Raise Refused if that is not possible now."""
    require(actor, Action.ADD_DATASET)
    addition = incoming().get(addition_id)
    if addition is not None and addition.hub is not None and addition.hub["user"] != actor.user_id:
        raise Refused("other", f"{addition.by} fetches this with another account: begin it again yourself.", 403)
    return _start(addition_id, actor, wait=wait)


def addition_of(addition_id: str) -> Addition:
    """Return the addition. Raise Refused (404) if there is none."""
    addition = incoming().get(addition_id)
    if addition is None:
        raise Refused("no_addition", f"There is no addition {addition_id}; it may have ended more than a day ago.", 404)
    return addition


def cancel_addition(*, addition_id: str, actor: Actor) -> Addition:
    """Cancel it; what has landed already stays. Raise Refused (404) if there is none."""
    require(actor, Action.ADD_DATASET)
    return incoming().cancel(addition_id) or addition_of(addition_id)


def open_inner(*, outer: str, inner: str, actor: Actor) -> Landed:
    """Move a dataset that is one folder too deep up among the others, and open it. Raise Refused if it is not there."""
    require(actor, Action.ADD_DATASET)
    folder = datasets_root() / outer
    if outer.startswith(".") or Path(outer).name != outer or inner not in inner_datasets(folder):
        raise Refused("no_dataset", f"There is no dataset {inner!r} in {folder}. Reload the page.", 404)
    landed = _move_up(folder / inner, actor)
    if not any(folder.iterdir()):
        folder.rmdir()
        forget_unopened(kind=UnopenedKind.DATASET, name=outer)
    elif not inner_datasets(folder):
        open_or_note(folder, actor=actor)
    return landed


def unopened_rows() -> list[Unopened]:
    """Return the folders that could not be opened; `inner` of each are the datasets in it that can be moved up."""
    rows = list(Unopened.objects.all())
    for row in rows:
        if row.kind == UnopenedKind.DATASET and row.what == FOLDER_OF_DATASETS:
            row.inner = inner_datasets(datasets_root() / row.name)
    return rows


def _start(addition_id: str, actor: Actor, *, wait: bool) -> Addition:
    if not _slots.acquire(blocking=False):
        raise Refused("busy", f"{_MAX_AT_ONCE} datasets are being added already: wait until one of them is there.", 503)
    try:
        with _refused():
            addition = incoming().start(addition_id)
    except BaseException:
        _slots.release()
        raise
    if wait:
        try:
            return incoming().run(addition, lambda tree: _place(tree, actor), fetch=fetch_addition)
        finally:
            _slots.release()
    running = threading.Event()
    thread = threading.Thread(target=_run, args=(addition, actor, running), name="addition", daemon=True)
    thread.start()
    running.wait(timeout=10)
    return addition_of(addition_id)


def _run(addition: Addition, actor: Actor, running: threading.Event) -> None:
    try:
        incoming().run(addition, lambda tree: _place(tree, actor), running.set, fetch_addition)
    except Exception:  # the outermost loop of a thread
        log.exception("Adding %s failed", addition.source)
    finally:
        running.set()
        _slots.release()
        connections.close_all()


def _place(tree: Tree, actor: Actor) -> Landed:
    path = land(tree.path, datasets_root(), tree.name, _is_taken)
    return _opened(path, tree.before, actor, name=tree.name)


def _opened(path: Path, before: str, actor: Actor, *, name: str) -> Landed:
    result = open_or_note(path, actor=actor)
    problem = "" if result.dataset is not None else f"{result.why} {result.cure}".strip()
    requested = safe_name(name)
    note = "" if path.name in {name, requested} else f"The name {requested} is taken, so it is called {path.name}."
    return Landed(path.name, before, problem, note)


def _is_taken(name: str) -> bool:
    """Return whether a dataset without a folder has or will have this name, or left revisions or settings under it."""
    folder = datasets_root() / name
    left = revisions_of(folder).exists() or (folder.parent / ".settings" / f"{name}.json").exists()
    return left or is_reserved(name) or Dataset.objects.filter(slug__iexact=name).exists()


def _open_here(source: Path, actor: Actor) -> Landed:
    """Open a folder of the home: where it is, or moved up if it is deeper."""
    if source.parent == datasets_root().resolve():
        return _opened(datasets_root() / source.name, str(source), actor, name=source.name)
    return _move_up(source, actor)


def _move_up(source: Path, actor: Actor) -> Landed:
    _check_place(source)
    is_link, lock = source.is_symlink(), lock_path(source)
    with _refused(), dataset_lock(source):
        path = land(source, datasets_root(), source.name, _is_taken)
        if not is_link:  # no dataset is beside this lock any more, and its folder may become empty
            lock.unlink()
    return _opened(path, str(source), actor, name=source.name)


def _check_place(source: Path) -> None:
    """Raise Refused if a folder of the home is deeper than the datasets and no dataset, or belongs to one."""
    outer = source.parent.resolve().relative_to(datasets_root().resolve()).parts  # the folder itself may be a link
    if not outer:
        return
    if not has_info(source):
        raise Refused("no_dataset", f"{source} has no meta/info.json: name the folder of a dataset.", 422)
    around = [datasets_root().joinpath(*outer[:depth]) for depth in range(1, len(outer) + 1)]
    known = Dataset.objects.filter(slug=outer[0]).exists()
    if known or any(has_info(folder) for folder in around):
        raise Refused("elsewhere", f"{source} is in the folder of another dataset, so it stays there.", 422)


def _is_here(path: Path) -> bool:
    return path.resolve().is_relative_to(datasets_root().resolve())


def _source(text: str) -> Path:
    """Return the real path of a folder or zip file of this computer. Raise Refused if it is not to be read."""
    real = real_path(text, what="the folder of a dataset")
    if not real.is_dir() and not (real.is_file() and real.suffix.lower() == ".zip"):
        raise Refused("no_folder", f"{text} is neither a folder nor a zip file.", 422)
    return real


def _find(folder: Path) -> Sequence[FoundDataset]:
    with _refused():
        return find_datasets(folder)


@contextmanager
def _refused() -> Iterator[None]:
    """Raise errors of the transfer, and of the disk, as Refused."""
    try:
        yield
    except FileLocked as error:
        raise Refused("busy", f"The folder is in use ({error}): try again in a moment.", 503) from error
    except (TransferError, DatasetBusy) as error:
        text = str(error).rstrip(".")
        raise Refused("not_added", f"{text[:1].upper()}{text[1:]}.") from error
    except OSError as error:
        where = error.filename or datasets_root()
        raise Refused("not_written", f"{where}: {error.strerror}. Check the disk and its permissions.", 503) from error
