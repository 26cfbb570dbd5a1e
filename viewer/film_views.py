"""Serve an episode as a film: one MP4 or GIF with all cameras side by side."""

from __future__ import annotations

import os
from pathlib import Path

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

from robotdata.files import open_own
from viewer.errors import Busy
from viewer.film import FILM_SLOTS, film_file
from viewer.locate import Place, read_episode, trim_in_frames
from viewer.media_views import media, range_response
from viewer.sources import FrameSource

_TYPES = {"mp4": "video/mp4", "gif": "image/gif"}


@media
def film(request: HttpRequest, place: Place, kind: str) -> HttpResponseBase:
    """Return the kept frames of the episode as a film. It is made at the first request, and then kept for a while."""

    def read(source: FrameSource) -> tuple[int, str]:
        span = trim_in_frames(place, source) or (0, source.frames)
        try:
            path = film_file(Path(settings.STATE_DIR) / "films", source, span, kind)
            with open_own(path) as file:
                return os.dup(file.fileno()), path.stem
        except OSError as error:
            why = error.strerror or error
            raise Busy(f"the film cannot be written: {why}. Free some space, then try again") from error

    fd, version = read_episode(place, FILM_SLOTS, read)
    size = os.fstat(fd).st_size
    headers = {
        "ETag": f'"{version}-{size:x}"',
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
        "Content-Disposition": f'attachment; filename="episode-{_name(place)}.{kind}"',
    }
    return range_response(request, fd, size, headers, _TYPES[kind])


def _name(place: Place) -> str:
    return str(place.id)[:8] if place.index is None else f"{place.folder.name}-{place.index}"
