"""One bad file must not end a batch: tell its errors from those of the caller, and of the disk that is written to."""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

from robotdata.imports.errors import ImportsError
from robotdata.spool import SpoolError, SpoolFull

log = logging.getLogger(__name__)

_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})
_Args = ParamSpec("_Args")
_Result = TypeVar("_Result")


class Isolation:
    """Decides which errors fail one file. `spool` is the folder that is written to; None if nothing is written."""

    def __init__(self, spool: Path | None = None) -> None:
        self._spool = spool
        self._callers: BaseException | None = None
        self._logged: set[str] = set()

    def of_caller(self, call: Callable[_Args, _Result]) -> Callable[_Args, _Result]:
        """Return a function that calls `call`, whose errors are the caller's: they end the batch."""

        def called(*args: _Args.args, **named: _Args.kwargs) -> _Result:
            try:
                return call(*args, **named)
            except BaseException as error:
                self._callers = error
                raise

        return called

    def reason(self, error: Exception, path: Path) -> str:
        """Return why the file, or a recording in it, fails. Raises `error` again if it is not a fault of the file.

        Readers, and the packages below them, may raise anything for the bytes of others: what is not expected is
        logged with its traceback, once for each kind of error.
        """
        if error is self._callers or isinstance(error, SpoolFull) or self._is_of_disk(error):
            raise error
        if isinstance(error, ImportsError | SpoolError):
            return str(error)
        kind = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
        log.warning("Cannot read %s: %s: %s", path, kind, error, exc_info=None if kind in self._logged else error)
        self._logged.add(kind)
        return f"{path.name} cannot be read; it may be damaged ({kind}: {error}; the log has more)"[:1000]

    def _is_of_disk(self, error: Exception) -> bool:
        """Return whether it is an error of the disk with the spool, which each further file would meet too."""
        if self._spool is None or not isinstance(error, OSError):
            return False
        names = (name for name in (error.filename, error.filename2) if isinstance(name, str | Path))
        return error.errno in _DISK or any(Path(name).is_relative_to(self._spool) for name in names)
