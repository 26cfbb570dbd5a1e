"""The folder of an operation that encodes: its videos are made there before the dataset's next state is built."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from recorder.actor import Actor
from recorder.models import Operation
from recorder.models.permissions import Action, require
from robotdata.files.trees import remove_tree

PREFIX = "encoded-"
"""Begins the folder's name; the operation's id follows."""


def encoded_folder(operation: Operation) -> Path:
    """Return where the operation's videos are encoded, on the file system of the dataset."""
    return operation.dataset.work_path / f"{PREFIX}{operation.pk}"


def prepare_forgetting(operation: Operation, actor: Actor) -> Callable[[], None]:
    """Return the function that removes the videos which a cancelled operation has encoded."""
    require(actor, Action.REVISE, operation.dataset)
    return lambda: remove_tree(encoded_folder(operation))
