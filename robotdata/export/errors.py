"""ExportError          a take that could not become an episode of a dataset
└─ ExportRefused     not without a person's word, or not at all; says why
"""

from __future__ import annotations


class ExportError(Exception):
    """A take that could not become an episode; the message says what, where and what to do next."""


class ExportRefused(ExportError):
    pass
