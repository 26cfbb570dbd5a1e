"""Permissions. Everybody may do everything today; roles will change only `allows`."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from recorder.actor import Actor
from recorder.errors import Refused
from recorder.models.dataset import Dataset
from recorder.models.episode import Episode
from recorder.models.operation import Operation
from recorder.models.rig import Rig, Session
from recorder.models.station import Station

Target = Dataset | Episode | Operation | Rig | Session | Station


class Action(StrEnum):
    """An action that needs a permission; the value completes the sentence "... may not ..."."""

    JUDGE = "judge episodes"  # set and undo verdicts
    EDIT = "edit episodes"  # task, labels, rating, note and trim
    DELETE = "delete episodes"  # empty the trash
    ENCODE = "encode takes"  # start, cancel and retry
    REVISE = "change committed episodes"  # apply pending changes, revert to a revision
    CREATE_DATASET = "create datasets"
    ADD_DATASET = "add datasets"  # upload a zip file, open a folder among the datasets
    READ_COMPUTER = "add folders of the server"  # any folder that the server's user may read
    SEND_DATASET = "download datasets"
    DELETE_DATASET = "delete datasets"  # move them to the trash, restore them, empty it; free their disk space
    PUBLISH_DATASET = "send datasets to the Hub and to object storage"  # and keep a token and keys for it
    CONFIGURE_DATASET = "change the settings of datasets"
    RECORD = "record"  # start, change and end sessions
    COMMAND_RIG = "command rigs"
    CONFIGURE_RIG = "configure rigs"  # see a computer's devices; add, change, start, stop and remove its rigs
    LINK_RIG = "connect rigs"  # and stations
    INDEX = "add takes and datasets to the lists"


def allows(actor: Actor, action: Action, target: Target | None) -> bool:
    """Return whether `actor` may do `action` to `target`; `target` is None if the action has no single target.

    Makes no query, so that it can be called from a coroutine and for each of many episodes.
    """
    return True


def require(actor: Actor, action: Action, *targets: Target) -> None:
    """Raise Refused (403, `forbidden`) unless `actor` may do `action` to each of `targets`."""
    for target in targets or (None,):
        if action is not Action.DELETE_DATASET:
            _refuse_trashed(target)
        if not allows(actor, action, target):
            what = "" if target is None else f" ({target})"
            message = f"{actor} may not {action}{what}; nothing was changed. Ask an administrator for the permission."
            raise Refused("forbidden", message[:1].upper() + message[1:], 403)


def require_changes(actor: Actor, fields: Iterable[str], *episodes: Episode) -> None:
    """Raise Refused (403, `forbidden`) unless `actor` may change these fields of each of `episodes`."""
    names = set(fields)
    if "verdict" in names:
        require(actor, Action.JUDGE, *episodes)
    if names - {"verdict"}:
        require(actor, Action.EDIT, *episodes)


def _refuse_trashed(target: Target | None) -> None:
    """Raise Refused for a dataset in the trash, and for its episodes where their dataset is read already."""
    dataset = target
    if isinstance(target, Episode | Operation):
        dataset = target.dataset if type(target)._meta.get_field("dataset").is_cached(target) else None
    if isinstance(dataset, Dataset) and dataset.trashed_at is not None:
        raise Refused("trashed", f"{dataset.title} is in the trash: restore it on the Trash page first.")
