"""Tokens for the Hub that people enter: one file each, encrypted with a key that is derived from the secret key.

A person's own token comes first; then the sign-in of the user that runs robotdata (HF_TOKEN, `hf auth login`).
"""

from __future__ import annotations

import base64
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from recorder.actor import Actor
from recorder.errors import Refused
from recorder.models.permissions import Action, require
from robotdata.dataset.hub.client import Access, own_token
from robotdata.dataset.hub.errors import HubRefused
from robotdata.secret_files import write_secret

OWN, SERVER, NONE = "own", "server", "none"
_PURPOSE = b"robotdata: tokens for the Hub"


def keep_token(*, token: str, actor: Actor) -> None:
    """Keep the actor's token. Raise Refused without an account, or for text that is no token."""
    require(actor, Action.PUBLISH_DATASET)
    clean = token.strip()
    if not clean.startswith("hf_") or not clean.isascii() or not clean.isprintable() or " " in clean:
        raise Refused(
            "invalid", "That is no token of the Hub: copy it from its page Access Tokens; it begins with hf_.", 422
        )
    if actor.user_id is None:
        raise Refused("no_account", "A token belongs to an account: sign in first.", 422)
    path = _path(actor.user_id)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    write_secret(path, _cipher().encrypt(clean.encode()))


def forget_token(*, actor: Actor) -> None:
    """Remove the actor's token."""
    require(actor, Action.PUBLISH_DATASET)
    if actor.user_id is not None:
        _path(actor.user_id).unlink(missing_ok=True)


def source_of(user_id: int | None) -> str:
    """Return whose token this account uses: its `own`, the `server`'s or `none`. Raise Refused without the client."""
    if _read(user_id):
        return OWN
    try:
        return SERVER if own_token() else NONE
    except HubRefused as error:
        raise Refused("no_client", f"{error}.", 503) from error


def access_of(user_id: int | None) -> Access:
    """Return the Hub with the token of this account; without one that of the server's own sign-in, or none."""
    return Access(settings.HUB_ENDPOINT, _read(user_id) or own_token())


def _read(user_id: int | None) -> str:
    """Return the token that was kept; empty if there is none, or if the secret key is another one by now."""
    if user_id is None:
        return ""
    try:
        return _cipher().decrypt(_path(user_id).read_bytes()).decode()
    except (FileNotFoundError, InvalidToken):
        return ""


def _path(user_id: int) -> Path:
    return Path(settings.STATE_DIR) / "hub" / str(int(user_id))


def _cipher() -> Fernet:
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE).derive(settings.SECRET_KEY.encode())
    return Fernet(base64.urlsafe_b64encode(key))
