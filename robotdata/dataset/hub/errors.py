"""Errors of the Hub. Each message states the problem, then the remedy, and never holds a token."""

from __future__ import annotations

from robotdata.dataset.exchange.errors import Passing, TransferError, TransferRefused


class HubError(TransferError):
    """The Hub did not do what was asked of it."""


class HubRefused(HubError, TransferRefused):
    """The same request would be refused again: a name, a token, a permission or a quota must change first."""


class HubPassing(HubError, Passing):
    """The Hub or the network failed several times in a row; the same request may succeed later."""


class HubMoved(HubError):
    """Somebody else has changed the repository since it was compared."""
