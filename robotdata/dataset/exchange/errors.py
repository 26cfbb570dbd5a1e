"""Errors of bringing datasets in and sending them out. Each message states the problem, then the remedy."""

from __future__ import annotations


class TransferError(Exception):
    """A dataset cannot be brought in or sent out. The message says why, and what to do."""


class BadZip(TransferError):
    """The zip file is damaged, or holds something that is not unpacked."""


class BadSource(TransferError):
    """The folder cannot be read or copied."""


class TransferRefused(TransferError):
    """The same request would be refused again: something must change first, which the message says."""


class Passing(TransferError):
    """The other side or the network failed; the same may succeed later, and what has arrived is kept."""


class Cancelled(TransferError):
    """A person has cancelled the copy."""
