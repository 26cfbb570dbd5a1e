"""Tokens for the Hub that people enter: one file each, encrypted with a key that is derived from the secret key.

A file is named after the account's number, which a rebuilt database gives to somebody else. So the key is derived from
the account's name and its first day, too, and the file goes with the account.

A person's own token comes first; then the sign-in of the user that runs robotdata (HF_TOKEN, `hf auth login`).
"""

from __future__ import annotations

import base64
from datetime import UTC
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import transaction

from recorder.actor import Actor
from recorder.errors import Refused
from recorder.models.permissions import Action, require
from robotdata.dataset.hub.client import Access, own_token
from robotdata.dataset.hub.errors import HubRefused
from robotdata.files.trees import remove_tree
from robotdata.secret_files import write_secret

OWN, SERVER, NONE = "own", "server", "none"
_PURPOSE = b"robotdata: tokens for the Hub"
_WHOSE = {OWN: "the token of who began it", SERVER: "the server's account", NONE: "no account"}


def keep_token(*, token: str, actor: Actor) -> None:
    """Keep the actor's token. Raise Refused without an account, or for text that is not a token."""
    require(actor, Action.PUBLISH_DATASET)
    clean = token.strip()
    if not clean.startswith("hf_") or not clean.isascii() or not clean.isprintable() or " " in clean:
        raise Refused(
            "invalid", "That is not a token of the Hub: copy it from its page Access Tokens; it begins with hf_.", 422
        )
    owner = _owner(actor.user_id)
    if actor.user_id is None or owner is None:
        raise Refused("no_account", "A token belongs to an account: sign in first.", 422)
    path = _path(actor.user_id)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    write_secret(path, _cipher(owner).encrypt(clean.encode()))


def forget_token(*, actor: Actor) -> None:
    """Remove the actor's token."""
    require(actor, Action.PUBLISH_DATASET)
    if actor.user_id is not None:
        _path(actor.user_id).unlink(missing_ok=True)


def forget_of_deleted(*, instance: Any, **_: Any) -> None:
    """Remove the token of an account that is being deleted, once it is. A receiver of Django's `post_delete`."""
    path = _path(instance.pk)
    transaction.on_commit(lambda: path.unlink(missing_ok=True))


def forget_all() -> None:
    """Remove all tokens: the accounts that they belong to are gone. Raises OSError."""
    remove_tree(_folder())


def source_of(user_id: int | None) -> str:
    """Return whose token this account uses: its `own`, the `server`'s or `none`. Raise Refused without the client."""
    if _read(user_id):
        return OWN
    try:
        return SERVER if own_token() else NONE
    except HubRefused as error:
        raise Refused("no_client", f"{error}.", 503) from error


def access_of(user_id: int | None, source: str = "") -> Access:
    """Return the Hub with the token of this account; without one that of the server's own sign-in, or none.

    `source` is what `source_of` said when the work began: raises HubRefused if the token comes from elsewhere by now.
    """
    own = _read(user_id)
    token = own or own_token()
    now = OWN if own else SERVER if token else NONE
    if source and source != now:
        raise HubRefused(
            f"This began with {_WHOSE.get(source, source)}, and would continue with {_WHOSE[now]}: the token was "
            "removed or entered meanwhile. Begin a new push"
        )
    return Access(settings.HUB_ENDPOINT, token)


def _read(user_id: int | None) -> str:
    """Return the token that was kept; empty if there is none, or if the secret key or the account is another one."""
    owner = _owner(user_id)
    if user_id is None or owner is None:
        return ""
    try:
        return _cipher(owner).decrypt(_path(user_id).read_bytes()).decode()
    except (FileNotFoundError, InvalidToken):
        return ""


def _owner(user_id: int | None) -> bytes | None:
    """Return what tells the account from every other one, also of an earlier database; None if there is no account."""
    user = None if user_id is None else get_user_model()._default_manager.filter(pk=user_id).first()
    if user is None:
        return None
    return f"{user.get_username()}\n{user.date_joined.astimezone(UTC).isoformat()}".encode()


def _folder() -> Path:
    return Path(settings.STATE_DIR) / "hub"


def _path(user_id: int) -> Path:
    return _folder() / str(int(user_id))


def _cipher(owner: bytes) -> Fernet:
    hkdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE + b"\n" + owner)
    return Fernet(base64.urlsafe_b64encode(hkdf.derive(settings.SECRET_KEY.encode())))
