"""Keys for object storage: a person's own come first; then those of the user that runs robotdata, as AWS's tools do.

Own keys belong to one storage: its address is kept with them, so the server's keys never go to an address that somebody
typed.
"""

from __future__ import annotations

import json
import re

from recorder.actor import Actor
from recorder.catalog.account_secrets import STORAGE_KEYS
from recorder.catalog.hub_tokens import NONE, OWN, SERVER
from recorder.errors import Refused
from recorder.models.permissions import Action, require
from robotdata.dataset.storage.client import Access, machine_has_keys
from robotdata.dataset.storage.errors import StorageRefused
from robotdata.dataset.storage.names import parse_endpoint

_LONGEST = 300
_REGION = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)")
"""What the client accepts: it becomes a part of a host's name."""
_WHOSE = {OWN: "the keys of who began it", SERVER: "the server's keys", NONE: "no keys"}


def keep_keys(*, key: str, secret: str, endpoint: str = "", region: str = "", actor: Actor) -> None:
    """Keep the actor's keys and the storage that they are for. Raise Refused without an account, or for no keys."""
    require(actor, Action.PUBLISH_DATASET)
    values = {"key": key.strip(), "secret": secret.strip(), "region": region.strip()}
    try:
        values["endpoint"] = parse_endpoint(endpoint)
    except StorageRefused as error:
        raise Refused("invalid", f"{error}.", 422) from error
    plain = all(each.isascii() and each.isprintable() and " " not in each for each in values.values())
    if not plain or not values["key"] or not values["secret"] or max(map(len, values.values())) > _LONGEST:
        raise Refused(
            "invalid", "Those are not keys of a storage: copy access key and secret key from its page, each whole.", 422
        )
    if values["region"] and not _REGION.fullmatch(values["region"]):
        raise Refused("invalid", "That is not a region: write it as eu-central-1, or leave it empty.", 422)
    if not STORAGE_KEYS.keep(actor.user_id, json.dumps(values).encode()):
        raise Refused("no_account", "Keys belong to an account: sign in first.", 422)


def forget_keys(*, actor: Actor) -> None:
    """Remove the actor's keys."""
    require(actor, Action.PUBLISH_DATASET)
    STORAGE_KEYS.forget(actor.user_id)


def keys_source(user_id: int | None) -> str:
    """Return whose keys this account uses: its `own`, the `server`'s or `none`. Raise Refused without the client."""
    if STORAGE_KEYS.read(user_id):
        return OWN
    try:
        return SERVER if machine_has_keys() else NONE
    except StorageRefused as error:
        raise Refused("no_client", f"{error}.", 503) from error


def storage_access(user_id: int | None, source: str = "") -> Access:
    """Return the storage with the keys of this account; without them it is the server's own.

    `source` is what `keys_source` said when the work began: raises StorageRefused if the keys come from elsewhere by
    now.
    """
    own = STORAGE_KEYS.read(user_id)
    if source and (source == OWN) != bool(own):
        now = OWN if own else SERVER
        raise StorageRefused(
            f"This began with {_WHOSE.get(source, source)}, and would continue with {_WHOSE[now]}: keys were removed "
            "or entered meanwhile. Begin a new push"
        )
    return Access(**json.loads(own)) if own else Access()
