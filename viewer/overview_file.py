"""A dataset's overview as one file to send to a colleague: no script, no link, the pictures inside."""

from __future__ import annotations

import base64
import re
import time
import uuid
from pathlib import Path

from django.contrib.staticfiles import finders
from django.http import HttpResponse
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import mark_safe
from django.views.decorators.http import require_GET

from recorder.views.overview import charts_of
from recorder.views.request import Request
from recorder.views.wall import dataset_of
from viewer.errors import Busy, ViewerError
from viewer.frames import STRIP_SLOTS
from viewer.locate import find_place, read_episode
from viewer.media_views import STRIP_STORE

PICTURE_HEIGHT = 96
_STYLES = ("tokens", "base", "layout", "controls", "cards", "desk")
_MOST_PICTURES = 48
PATIENCE_S = 20.0
"""The pictures of one file are read within this time; what is not ready by then is missing."""
_PICTURE = re.compile(r'<img data-episode="([0-9a-f-]{36})" data-camera="[^"]*"[^>]*>')
# Texts hold no bare quote, as templates escape it: only attributes look like this.
_LINKS = re.compile(r'\s(?:href|tabindex)="[^"]*"')


@require_GET
def overview_file(request: Request, slug: str) -> HttpResponse:
    """The overview as one HTML file, for download."""
    row = dataset_of(slug)
    context = {
        **charts_of(row, request.GET.get("episode", "")),
        "dataset": row,
        "saved_at": timezone.localtime(),
        "styles": mark_safe("\n".join(_style(name) for name in _STYLES)),
        "saving": True,
    }
    cells = [(episode.pk, camera) for camera in context["cameras"] for episode in context["sheet"]]
    pictures, why = _pictures(cells)
    missing = len(cells) - sum(each is not None for each in pictures)
    context |= {"pictures": len(cells), "missing": missing, "missing_why": why}
    page = render_to_string("recorder/overview_file.html", context)
    response = HttpResponse(_LINKS.sub("", _with_pictures(page, pictures)))
    response["Content-Disposition"] = f'attachment; filename="{slug}-overview.html"'
    response["Cache-Control"] = "no-store"
    return response


def _pictures(cells: list[tuple[uuid.UUID, str]]) -> tuple[list[bytes | None], str]:
    """Return the first frame of each episode and camera, None where it is missing, and why some are."""
    pictures: list[bytes | None] = []
    why = "a file holds 48" if len(cells) > _MOST_PICTURES else "they cannot be read"
    until = time.monotonic() + PATIENCE_S
    for episode, camera in cells[:_MOST_PICTURES]:
        try:
            pictures.append(_jpeg(episode, camera, until - time.monotonic()))
        except Busy:
            why = "this computer is busy. Save the overview again later"
            break
        except ViewerError:
            pictures.append(None)
    return pictures + [None] * (len(cells) - len(pictures)), why


def _jpeg(episode_id: uuid.UUID, camera: str, wait_s: float) -> bytes:
    """Return the first frame of a camera. Raises ViewerError: Busy if there is no time for it."""
    if wait_s <= 0:
        raise Busy("the pictures take too long")
    place = find_place(episode_id)
    return read_episode(
        place,
        STRIP_SLOTS.within(wait_s),
        lambda source: STRIP_STORE.strip(place.id, source, camera, 1, PICTURE_HEIGHT),
    )


def _with_pictures(page: str, pictures: list[bytes | None]) -> str:
    """Return the page with the pictures of its contact sheet inside, in their order."""
    following = iter(pictures)

    def picture(_match: re.Match[str]) -> str:
        data = next(following, None)
        if data is None:
            return '<span class="tiny faint">no picture</span>'
        return f'<img src="data:image/jpeg;base64,{base64.b64encode(data).decode()}" alt="">'

    return _PICTURE.sub(picture, page)


def _style(name: str) -> str:
    path = finders.find(f"css/{name}.css")
    return Path(path).read_text(encoding="utf-8") if isinstance(path, str) else ""
