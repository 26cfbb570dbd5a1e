"""Serve an episode as one file: a film (MP4 or GIF) with all cameras side by side, or a log (MCAP, .rrd)."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

from recorder.catalog.episode_logs import KINDS, log_facts, log_size, write_log
from recorder.models import Episode
from robotdata.dataset.errors import DatasetError
from robotdata.export.errors import ExportError
from robotdata.files import open_own
from robotdata.spool import SpoolError
from viewer.committed_source import CommittedSource
from viewer.errors import BadRequest, Busy, Gone, NotFound
from viewer.film import FILM_SLOTS, LOG_SLOTS, film_file
from viewer.kept_files import kept_file
from viewer.locate import Place, find_place, read_episode, trim_in_frames
from viewer.media_views import media, range_response
from viewer.sources import FrameSource

_TYPES = {"mp4": "video/mp4", "gif": "image/gif", "mcap": "application/x-mcap", "rrd": "application/octet-stream"}


@media
def film(request: HttpRequest, place: Place, kind: str) -> HttpResponseBase:
    """Return the kept frames of the episode as a film. It is made at the first request, and then kept for a while."""

    def make(source: FrameSource, place: Place) -> Path:
        span = trim_in_frames(place, source) or (0, source.frames)
        return film_file(Path(settings.STATE_DIR) / "films", source, span, kind)

    return _kept_response(request, place, kind, make)


@media
def log(request: HttpRequest, place: Place, kind: str) -> HttpResponseBase:
    """Return the episode, or the kept ticks of the take, as an MCAP or .rrd file. It is made and kept as a film is."""

    def make(source: FrameSource, place: Place) -> Path:
        episode = Episode.objects.select_related("dataset", "rig").filter(pk=place.id).first()
        if episode is None:
            raise NotFound(f"episode {place.id} does not exist")
        if source.growing:
            raise BadRequest("this take is being recorded: try again once it has ended")
        about = (*place.trim, place.recorded_action, log_facts(episode), episode.language)
        try:
            return kept_file(
                Path(settings.STATE_DIR) / "films",
                f"{source.version} {about}",
                kind,
                lambda path: write_log(episode, path, kind),
                needs=lambda: log_size(episode),
            )
        except ExportError as error:
            raise BadRequest(str(error)) from error
        except (SpoolError, DatasetError) as error:
            raise Gone(f"the log cannot be written: {error}") from error

    return _kept_response(request, place, kind, make)


def _kept_response(
    request: HttpRequest, place: Place, kind: str, make: Callable[[FrameSource, Place], Path]
) -> HttpResponseBase:
    """Return the file that `make` returns for the source and the place of the episode now, or a range of it."""

    def read(source: FrameSource) -> tuple[int, str]:
        # A request may wait a minute for its turn, and a revision may give the episode's place to another meanwhile.
        now = find_place(place.id)
        if not _is_of(source, now):
            raise Gone("the dataset has changed meanwhile: try again")
        try:
            path = make(source, now)
            with open_own(path) as file:
                return os.dup(file.fileno()), path.stem
        except OSError as error:
            why = error.strerror or error
            raise Busy(f"the file cannot be written: {why}. Free some space, then try again") from error

    fd, version = read_episode(place, LOG_SLOTS if kind in KINDS else FILM_SLOTS, read)
    size = os.fstat(fd).st_size
    headers = {
        "ETag": f'"{version}-{size:x}"',
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
        "Content-Disposition": f'attachment; filename="{_name(place)}.{kind}"',
    }
    return range_response(request, fd, size, headers, _TYPES[kind])


def _is_of(source: FrameSource, place: Place) -> bool:
    """Return whether the source shows the episode at `place`; its own UUID says so, where the dataset knows it."""
    if isinstance(source, CommittedSource):
        return place.index is not None and source.uuid in (None, place.id)
    return place.index is None


def _name(place: Place) -> str:
    """Return the file's name: the dataset's, and the number that people call the episode by."""
    found = Episode.objects.filter(pk=place.id).values_list("dataset__slug", "number").first()
    return f"{found[0]}-{found[1]}" if found else f"episode-{str(place.id)[:8]}"
