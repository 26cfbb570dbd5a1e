"""Files that do not hold what info.json says: libraries raise their own errors at them; people are told which file."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from robotdata.dataset.errors import DatasetError
from robotdata.dataset.verify.check import verify_dataset

MISFITS = (pa.ArrowException, ArithmeticError, LookupError, TypeError, ValueError)
"""What columns raise that are not of the kind that info.json says."""
_LISTED = 3


def misfit_words(root: Path, error: Exception) -> str:
    """What is wrong with the dataset in `root`, at which one of MISFITS was raised, and what to do.

    An error of this room is raised again as it is. Reads the whole dataset.
    """
    if isinstance(error, DatasetError):
        raise error
    report = verify_dataset(root)
    if report.problems:
        more = f" (and {report.count - _LISTED} more)" if report.count > _LISTED else ""
        listed = "; ".join(map(str, report.problems[:_LISTED]))
        return (
            f"its files are not what its meta/info.json says: {listed}{more}. Fetch or copy the dataset again, delete "
            "these episodes, or go back to an earlier revision"
        )
    return (
        f"of a fault of this program, for `verify` finds nothing wrong in the dataset. It is as it was. Please report "
        f"this with the log of the worker: {type(error).__name__}, {error}"
    )
