"""What only the end of an episode says, such as `next.success`, and how it stays when the last frames are dropped."""

from __future__ import annotations

from typing import Any

import numpy as np

from robotdata.dataset.episode_list import EpisodeInfo
from robotdata.dataset.features import Features
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.write.trims import Frames

_PREFIX = "next."


def end_flags(features: Features) -> list[str]:
    """Return the features that say how a step ended: boolean, one value, `next.success`, `next.done` and their like."""
    return [
        key
        for key, feature in features.items()
        if key.startswith(_PREFIX) and feature["dtype"] == "bool" and list(feature["shape"]) == [1]
    ]


def carried_flags(base: DatasetFolder, episode: EpisodeInfo, kept: Frames) -> dict[str, Any]:
    """Return the flags that the last kept row takes over: those that are true in a dropped row behind it.

    `kept`: frames of the episode, every so many up to its stop; of other frames the last one stays, and nothing is
    taken over. Each flag maps to its values in the kept rows, bool (len(kept),). Raises DamagedFile.
    """
    carried: dict[str, Any] = {}
    if not isinstance(kept, range) or kept.step == 1:
        return carried
    for key in end_flags(base.features):
        values = np.asarray(base.rows(episode.index, [key])[key], bool).reshape(-1)
        if values[kept[-1] + 1 : kept.stop].any():
            carried[key] = values[kept.start : kept.stop : kept.step].copy()
            carried[key][-1] = True
    return carried
