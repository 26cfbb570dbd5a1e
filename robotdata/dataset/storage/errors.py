"""Errors of object storage. Each message states the problem, then the remedy, and never holds a key."""

from __future__ import annotations

from robotdata.dataset.exchange.errors import Passing, TransferError, TransferRefused


class StorageError(TransferError):
    """The storage did not do what was asked of it."""


class StorageRefused(StorageError, TransferRefused):
    """The same request would be refused again: an address, a key or a permission must change first."""


class StorageUnable(StorageRefused):
    """The storage does not know what the request asks for (501)."""


class StoragePassing(StorageError, Passing):
    """The storage or the network failed several times in a row; the same request may succeed later."""


class StorageMoved(StorageError):
    """Somebody else has changed the folder since it was compared."""
