"""The `info` of a camera after an edit must describe a remaining stream, which may be from another encoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from robotdata.dataset.features import Features
from robotdata.video.facts import get_video_info

_STREAM = ("video.codec", "video.pix_fmt", "video.channels")
_ENCODER = ("video.g", "video.crf", "video.preset", "video.fast_decode", "video.extra_options")


def restated(features: Features, videos: Mapping[str, Sequence[Path]]) -> Features:
    """Return `features` whose `info` describes a stream among `videos`.

    If no stream agrees with the stored `info`, the first stream is described; g, crf and other encoder settings are
    then left out, because they are unknown. Depth has one codec and keeps its scale.
    """
    result = dict(features)
    for key, paths in videos.items():
        info = features[key].get("info") or {}
        stored = {name: info[name] for name in _STREAM if info.get(name) is not None}
        first_streams = None
        for path in paths if stored else ():
            streams = get_video_info(path)
            if all(streams[name] == value for name, value in stored.items()):
                break
            first_streams = first_streams or streams
        else:
            if first_streams:
                other_info = {name: value for name, value in info.items() if name not in _ENCODER}
                result[key] = {**features[key], "info": other_info | {name: first_streams[name] for name in _STREAM}}
    return result
