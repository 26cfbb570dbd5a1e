"""check_rig: let a rig check itself with a test recording, against the dataset that is to be recorded into."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from asgiref.sync import async_to_sync

from recorder.actor import Actor
from recorder.errors import Refused
from recorder.jobs.encode_settings import encode_settings, size_problem
from recorder.live.rig_commands import send_command
from recorder.live.sessions import expected_features
from recorder.models import Dataset, Rig
from recorder.models.permissions import Action, require
from robotdata.rig.states import PREFLIGHT

_ARGS = {"dataset", "seconds"}


def check_rig(*, rig: Rig, args: Mapping[str, Any], actor: Actor, command_id: str | None = None) -> dict[str, Any]:
    """Begin a preflight and return the rig's reply; its result comes with the rig's status.

    `args` are `dataset`, a slug, and `seconds`, the length of the test recording; both may be missing. Raise Refused as
    `send_command` does, and for an unknown dataset (404) or argument (422).
    """
    if unknown := set(args) - _ARGS:
        raise Refused("invalid", f"args.{min(unknown)}: unknown; a preflight takes dataset and seconds.", 422)
    dataset = _dataset(args.get("dataset"))
    require(actor, Action.RECORD, rig, *([dataset] if dataset is not None else []))
    sent = {name: args[name] for name in ("seconds",) if name in args}
    if dataset is not None:
        problem = size_problem(rig.features, encode_settings(dataset.encoding))
        sent |= {"dataset": dataset.slug, "expect": expected_features(dataset=dataset), "problem": problem}
    return async_to_sync(send_command)(rig.name, PREFLIGHT, sent, command_id=command_id, actor=actor, rig=rig)


def _dataset(slug: Any) -> Dataset | None:
    if slug is None or slug == "":
        return None
    dataset = Dataset.objects.filter(slug=slug).first() if isinstance(slug, str) else None
    if dataset is None:
        raise Refused("no_dataset", f"There is no dataset {slug!r:.200}: choose one of /api/datasets.", 404)
    return dataset
