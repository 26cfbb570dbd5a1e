"""Secrets that people enter for their account: one file each, encrypted with a key that is derived from the secret key.

A file is named after the account's number, which a rebuilt database gives to somebody else. So the key is derived from
the account's name and its first day, too, and the file goes with the account.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import transaction

from robotdata.files.trees import remove_tree
from robotdata.secret_files import write_secret


@dataclass(frozen=True, slots=True)
class AccountSecrets:
    """One kind of secret: a folder of the state, and the purpose that its keys are derived for."""

    folder: str
    purpose: bytes

    def keep(self, user_id: int | None, secret: bytes) -> bool:
        """Keep the secret of an account; return False if there is no such account. Raises OSError."""
        owner = _owner(user_id)
        if user_id is None or owner is None:
            return False
        path = self._path(user_id)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        write_secret(path, self._cipher(owner).encrypt(secret))
        return True

    def read(self, user_id: int | None) -> bytes:
        """Return what was kept; empty if nothing was, or if the secret key or the account is another one."""
        owner = _owner(user_id)
        if user_id is None or owner is None:
            return b""
        try:
            return self._cipher(owner).decrypt(self._path(user_id).read_bytes())
        except (FileNotFoundError, InvalidToken):
            return b""

    def forget(self, user_id: int | None) -> None:
        """Remove the secret of an account. Raises OSError."""
        if user_id is not None:
            self._path(user_id).unlink(missing_ok=True)

    def forget_all(self) -> None:
        """Remove all: the accounts that they belong to are gone. Raises OSError."""
        remove_tree(self._root())

    def forget_of_deleted(self, *, instance: Any, **_: Any) -> None:
        """Remove the secret of an account that is being deleted, once it is. A receiver of Django's `post_delete`."""
        path = self._path(instance.pk)
        transaction.on_commit(lambda: path.unlink(missing_ok=True))

    def _root(self) -> Path:
        return Path(settings.STATE_DIR) / self.folder

    def _path(self, user_id: int) -> Path:
        return self._root() / str(int(user_id))

    def _cipher(self, owner: bytes) -> Fernet:
        hkdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=self.purpose + b"\n" + owner)
        return Fernet(base64.urlsafe_b64encode(hkdf.derive(settings.SECRET_KEY.encode())))


HUB_TOKENS = AccountSecrets("hub", b"robotdata: tokens for the Hub")
STORAGE_KEYS = AccountSecrets("storage", b"robotdata: keys for object storage")
KINDS = (HUB_TOKENS, STORAGE_KEYS)


def _owner(user_id: int | None) -> bytes | None:
    """Return what tells the account from every other one, also of an earlier database; None if there is no account."""
    user = None if user_id is None else get_user_model()._default_manager.filter(pk=user_id).first()
    if user is None:
        return None
    return f"{user.get_username()}\n{user.date_joined.astimezone(UTC).isoformat()}".encode()
