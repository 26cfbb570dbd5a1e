"""Explain errors that libraries raise for files that contradict info.json: name the file."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from robotdata.dataset.errors import DatasetError
from robotdata.dataset.verify.check import verify_dataset

MISFITS = (pa.ArrowException, ArithmeticError, LookupError, TypeError, ValueError)
"""What libraries raise for columns of another type than info.json says."""
_LISTED = 3


def explain_misfit(root: Path, error: Exception) -> str:
    """Return what is wrong with the dataset in `root`, which raised one of MISFITS, and what to do.

    An error of this room is raised again. The whole dataset is read.
    """
    if isinstance(error, DatasetError):
        raise error
    report = verify_dataset(root)
    if report.problems:
        more = f" (and {report.count - _LISTED} more)" if report.count > _LISTED else ""
        listed = "; ".join(map(str, report.problems[:_LISTED]))
        return (
            f"its files contradict its meta/info.json: {listed}{more}. Download or copy the dataset again, delete "
            "these episodes, or revert to an earlier revision"
        )
    return (
        f"of a bug: `verify` finds nothing wrong in the dataset, which is unchanged. Please report "
        f"this with the log of the worker: {type(error).__name__}, {error}"
    )
