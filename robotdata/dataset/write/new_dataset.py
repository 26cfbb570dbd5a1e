"""Make a dataset in a folder that does not exist yet; a conversion and a rescue do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from robotdata.dataset.errors import DatasetError
from robotdata.dataset.lock import dataset_lock
from robotdata.dataset.write.swap import is_fresh, recover_dataset, swap_in


@contextmanager
def new_dataset(
    target: Path, work: Path, *, wait_s: float, refusal: type[DatasetError]
) -> Iterator[Callable[[Path], None]]:
    """Take the lock of the dataset `target`; yield a function that puts a complete work folder in its place.

    Raises DatasetBusy after `wait_s` seconds, and `refusal` if there is a dataset already.
    """
    revisions = work / "none"  # a new dataset has no earlier state
    with dataset_lock(target, wait_s=wait_s):
        recover_dataset(target, work, revisions)
        if not is_fresh(target):
            raise refusal(f"{target} exists already: choose another name, or delete it first")
        yield lambda folder: swap_in(target, folder, revisions, keep_revisions=1)
