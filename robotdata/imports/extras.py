"""Import the packages that read foreign files, only where they are used."""

from __future__ import annotations

import importlib
from typing import Any

from robotdata.imports.errors import MissingPackage


def need(module: str, what: str) -> Any:
    """Return the module. Raises MissingPackage, with the command that repairs it, if it is not installed."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise MissingPackage(what, (error.name or module).split(".")[0]) from error
