"""Undo a finished copy, move, split, merge, duplicate or change: remove what it made, revert what it changed."""

from __future__ import annotations

from pathlib import Path

from recorder.actor import Actor
from recorder.catalog.reshape_undo import can_undo_reshape, undo_reshape
from recorder.errors import Refused
from recorder.jobs.operation_rows import begin_revising, is_written_at, operation_of
from recorder.jobs.revising import start_revert
from recorder.models import Change, Dataset, Operation
from recorder.models.permissions import Action, require
from recorder.models.states import CHANGES, RESHAPES, TRANSFERS, OperationState, OperationType
from recorder.text import parse_uuid
from robotdata.dataset.errors import DatasetError
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.sidecar import read_sidecar
from robotdata.dataset.write.origins import ORIGIN
from robotdata.dataset.write.swap import list_revisions


def undo_transfer(*, operation: Operation, actor: Actor) -> Operation:
    """Start an operation that removes the datasets which `operation` made, and reverts those which it changed.

    A dataset that had takes only keeps them, and loses the folder that `operation` made. Raise Refused if one of them
    was changed since; nothing is then undone.
    """
    require(actor, Action.REVISE, operation.dataset)
    if operation.type == OperationType.REPAIR:
        return _undo_repair(operation, actor)
    if operation.type in RESHAPES:
        return undo_reshape(operation=operation, actor=actor)
    if operation.type not in (*TRANSFERS, *CHANGES) or operation.state != OperationState.DONE:
        message = f"{operation} cannot be undone: it has not finished, or is of another kind."
        raise Refused("nothing_to_undo", message)
    own = {"slug": operation.dataset.slug, "new": False}
    parts = [own] if operation.type in CHANGES else operation.arguments["into"]
    rows = {row.slug: row for row in Dataset.objects.filter(slug__in=[part["slug"] for part in parts])}
    present = [(rows[part["slug"]], part["new"]) for part in parts if part["slug"] in rows]
    if not present:
        raise Refused("nothing_to_undo", f"{operation} was undone already.")
    new = [row for row, is_new in present if is_new]
    stays = [row for row, is_new in present if not is_new]
    filled = [] if operation.type in CHANGES else [row for row in stays if _holds_only_copies(row, operation)]
    changed = [row for row in stays if row not in filled]
    if operation.type == OperationType.MOVE:
        changed.append(operation.dataset)
    for row in new:
        _check_untouched(row, operation)
    for row in filled:
        check_unused(row, keeps_row=True)
    back = [{"slug": row.slug, "title": row.title, "revision": _revision_before(row, operation)} for row in changed]
    arguments = {
        "undoes": str(operation.pk),
        "what": OperationType(operation.type).label,
        "into": back,
        "remove": [
            *({"slug": row.slug, "title": row.title} for row in new),
            *({"slug": row.slug, "title": row.title, "keeps_row": True} for row in filled),
        ],
    }
    return begin_revising(type=OperationType.UNDO, dataset=operation.dataset, actor=actor, arguments=arguments)


def can_undo(operation: Operation) -> bool:
    """Return whether an undo may be offered: what the operation made or changed is there, in the same revision.

    It asks the rows only, because pages call it for each operation; `undo_transfer` looks into the folders.
    """
    if operation.type in RESHAPES:
        return can_undo_reshape(operation)
    if operation.type not in (*TRANSFERS, *CHANGES, OperationType.REPAIR) or operation.state != OperationState.DONE:
        return False
    if operation.type in (*CHANGES, OperationType.REPAIR):
        return bool(operation.result.get("revision") == operation.dataset.revision)
    made = {part["slug"]: part["revision"] for part in operation.result.get("made", [])}
    return any(made[row.slug] == row.revision for row in made_datasets(operation))


def _undo_repair(operation: Operation, actor: Actor) -> Operation:
    """Start a revert to the revision before the repair. Raise Refused if there is none, or a change came since."""
    operation.dataset.refresh_from_db()
    if not can_undo(operation):
        message = f"{operation} cannot be undone: it has not finished, changed nothing, or another change came since."
        raise Refused("nothing_to_undo", message)
    before = operation.dataset.revision - 1
    return start_revert(dataset=operation.dataset, revision=before, actor=actor, undoes=operation)


def made_datasets(operation: Operation) -> list[Dataset]:
    """Return the datasets that got the operation's episodes, as far as they are still there."""
    made = operation.result.get("made", [])
    return list(Dataset.objects.filter(slug__in=[part["slug"] for part in made])) if made else []


def _revision_before(dataset: Dataset, operation: Operation) -> int:
    """Return the revision that the operation replaced. Raise Refused if it is not the newest change."""
    if operation_of(dataset.path) != str(operation.pk):
        raise _changed(dataset)
    now = read_sidecar(dataset.path, []).revision
    if now - 1 not in list_revisions(dataset.revisions_path):
        kept = f"{dataset.title} does not have revision {now - 1} any more, which was before"
        raise Refused("changed", f"{kept}: delete the episodes there instead.")
    if dataset.pk != operation.dataset_id:  # annotations of episodes that stay are carried by the revert
        _refuse_annotated(dataset, first=_count_in(dataset.revisions_path / str(now - 1)))
    return now - 1


def _count_in(root: Path) -> int:
    """Return how many episodes the folder has. Raise Refused if it cannot be read."""
    try:
        return len(DatasetFolder.open(root).episodes)
    except (DatasetError, OSError) as error:
        raise Refused("no_dataset", f"{root} cannot be read, so nothing is undone: {error}.") from error


def _refuse_annotated(dataset: Dataset, first: int) -> None:
    """Raise Refused if somebody has said something of the episodes from number `first` on since they came."""
    pks = [parse_uuid(entry.get("uuid")) for entry in read_sidecar(dataset.path, []).episodes[first:]]
    changes = Change.objects.filter(undone_at=None, superseded=False, episode__in=[pk for pk in pks if pk is not None])
    if count := changes.values("episode").distinct().count():
        raise Refused(
            "changed",
            f"{count} of the episodes that came into {dataset.title} got verdicts or notes since, which would be lost: "
            "undo these with Z, or move the episodes back.",
        )


def check_again(undo: Operation) -> None:
    """Raise Refused if somebody has worked since the request in what `undo` will revert or remove.

    Call it while holding the locks of all its datasets. What an earlier run of `undo` reverted is not checked again.
    """
    operation = Operation.objects.filter(pk=undo.arguments["undoes"]).first()
    if operation is None:
        raise Refused("changed", "The operation to undo is no longer known: revert its datasets on their pages.")
    for part in undo.arguments["into"]:
        row = Dataset.objects.get(slug=part["slug"])
        if not is_written_at(row.path, undo) and _revision_before(row, operation) != part["revision"]:
            raise _changed(row)
    kept = {part["slug"]: bool(part.get("keeps_row")) for part in undo.arguments["remove"]}
    for row in Dataset.objects.filter(slug__in=kept):
        keeps_row = kept[row.slug]
        if row.path.exists() and not _holds_only_copies(row, operation):
            raise _kept(row, keeps_row=keeps_row)
        check_unused(row, keeps_row=keeps_row)


def check_unused(dataset: Dataset, *, keeps_row: bool = False) -> None:
    """Raise Refused if somebody has worked in the new dataset, as far as the rows say.

    With `keeps_row` its takes stay, and only the committed episodes are to be removed.
    """
    committed = dataset.episodes.committed().values("pk")
    episodes = committed if keeps_row else dataset.episodes.values("pk")
    if Change.objects.filter(episode__in=episodes, undone_at=None, superseded=False).exists():
        raise _kept(dataset, keeps_row=keeps_row)
    if keeps_row:
        running = Operation.objects.open().filter(dataset=dataset).exclude(type=OperationType.ENCODE)
        if running.exists():
            raise _kept(dataset, keeps_row=True)
        return
    others = Operation.objects.filter(dataset=dataset).exists() or dataset.sessions.exists()
    if others or dataset.episodes.exclude(pk__in=committed).exists():
        raise _kept(dataset)


def _check_untouched(dataset: Dataset, operation: Operation) -> None:
    """Raise Refused if somebody has worked in the new dataset: removing it would lose that."""
    if not _holds_only_copies(dataset, operation):
        raise _kept(dataset)
    check_unused(dataset)


def _holds_only_copies(dataset: Dataset, operation: Operation) -> bool:
    """Return whether the folder is the first that `operation` made, and has its episodes and no others."""
    sidecar = read_sidecar(dataset.path, [])
    is_first = sidecar.revision == 1 and 0 not in list_revisions(dataset.revisions_path)
    if not is_first or operation_of(dataset.path) != str(operation.pk):
        return False
    ids = next(part["episodes"] for part in operation.arguments["into"] if part["slug"] == dataset.slug)
    counted = ids is None or len(sidecar.episodes) == len(ids)
    return counted and all(ORIGIN in entry for entry in sidecar.episodes)


def _kept(dataset: Dataset, *, keeps_row: bool = False) -> Refused:
    cure = "delete the episodes there instead" if keeps_row else "remove its folder by hand if you do not want it"
    return Refused("changed", f"{dataset.title} was worked on since, so it is kept: {cure}.")


def _changed(dataset: Dataset) -> Refused:
    message = f"{dataset.title} was changed since: revert it on its page, to the revision you want."
    return Refused("changed", message)
