"""Tell whether an episode still has the frames that a cut was asked for, however long it waits or is retried later."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from robotdata.dataset.errors import EditError
from robotdata.dataset.features import DEFAULT_FEATURES
from robotdata.dataset.reader import DatasetFolder


def frames_of(base: DatasetFolder, number: int) -> dict[str, Any]:
    """Return the length (frames) of episode `number`, and a hash of the numbers in its rows. Raise DamagedFile.

    Its place in the dataset and its task do not count.
    """
    found = hashlib.sha256()
    for name, values in sorted(base.rows(number).items()):
        if name not in DEFAULT_FEATURES and values.dtype.kind in "biuf":
            found.update(f"{name} {values.dtype} {values.shape};".encode())
            found.update(np.ascontiguousarray(values).tobytes())
    return {"length": base.episode(number).length, "rows": found.hexdigest()[:32]}


def check_frames(base: DatasetFolder, number: int, cut: Mapping[str, Any]) -> None:
    """Raise EditError if episode `number` has other frames than when the cut was asked for.

    A cut that was asked for with an older version says nothing of them.
    """
    if cut.get("of") is not None and cut["of"] != frames_of(base, number):
        raise EditError(
            f"{base.episode(number).name} of {base.root.name} has other frames than when the cut of {cut['first']} to "
            f"{cut['end'] - 1} was asked for: open the episode and choose the frames again"
        )
