"""The `info` block of a camera after an edit: of the streams that are left, which may be another encoder's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from robotdata.dataset.features import Features
from robotdata.video.facts import get_video_info

_STREAM = ("video.codec", "video.pix_fmt", "video.channels")
_ENCODER = ("video.g", "video.crf", "video.preset", "video.fast_decode", "video.extra_options")


def restated(features: Features, videos: Mapping[str, Sequence[Path]]) -> Features:
    """`features` whose `info` speaks of a stream among `videos`; where none is as it says, of the first of them.

    How that one was encoded nobody knows: g, crf and the like are left out. Depth has one codec and keeps its scale.
    """
    made = dict(features)
    for key, paths in videos.items():
        info = features[key].get("info") or {}
        said = {name: info[name] for name in _STREAM if info.get(name) is not None}
        found = None
        for path in paths if said else ():
            streams = get_video_info(path)
            if all(streams[name] == value for name, value in said.items()):
                break
            found = found or streams
        else:
            if found:
                kept = {name: value for name, value in info.items() if name not in _ENCODER}
                made[key] = {**features[key], "info": kept | {name: found[name] for name in _STREAM}}
    return made
