"""Pictures, filmstrips, signals and videos over HTTP, for a session or a program's token.

The views are plain functions: Django runs them in the request's own thread, and every change of thread would cost
as much as the frame. How many read at once is bounded by turns.
"""

from __future__ import annotations

import functools
import os
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, StreamingHttpResponse

from recorder.api.auth import user_of_token
from robotdata.files import open_real
from viewer.errors import BadRequest, Gone, ViewerError
from viewer.filmstrip import StripStore, check_strip
from viewer.frames import FRAME_TURNS, STRIP_TURNS, parse_height, read_frame
from viewer.locate import Place, find_place, read_episode
from viewer.ranges import ByteRange, FilePieces, Unsatisfiable, parse_range
from viewer.signals import pack_signals
from viewer.sources import FrameSource, VideoFile

STRIP_STORE = StripStore(Path(settings.STATE_DIR) / "strips", max_bytes=256 * 1024 * 1024)
_YEAR_S = 365 * 24 * 3600
_MP4_BOXES = {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide"}
_MATROSKA = b"\x1a\x45\xdf\xa3"


@dataclass(frozen=True, slots=True)
class MediaBody:
    """An answer and the version of the files it was made of; `data` is None where the asker has it already."""

    etag: str
    fixed: bool  # asked for under its version, so that the bytes behind this address never change
    data: bytes | None


class SignedOut(ViewerError):
    status = 401
    code = "signed_out"


def media(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """GET and HEAD for who may; the view gets the episode's place, and its errors become JSON."""

    @login_not_required  # asked here: a token is no session, and an <img> has no use for a redirect
    @functools.wraps(view)
    def wrapped(request: HttpRequest, episode_id: uuid.UUID, **kwargs: str) -> HttpResponseBase:
        if request.method not in ("GET", "HEAD"):
            return _refusal(405, "method", "media is read-only: use GET or HEAD", {"Allow": "GET, HEAD"})
        try:
            place = _admit(request, episode_id)
            return view(request, place, **kwargs)
        except ViewerError as error:
            return _refusal(error.status, error.code, str(error), {"Retry-After": "1"} if error.status == 503 else {})

    return wrapped


@media
def frame(request: HttpRequest, place: Place, camera: str, n: str) -> HttpResponseBase:
    """Frame `n` of one camera, `?height=` pixels high."""
    number = _whole("frame", n)
    height = parse_height(request.GET.get("height"))

    def read(source: FrameSource) -> MediaBody:
        etag = f'"{source.version}-{number}-{height or 0}"'
        return _found(request, source, etag, lambda: read_frame(source, camera, number, height))

    return _picture(read_episode(place, FRAME_TURNS, read))


@media
def strip(request: HttpRequest, place: Place, camera: str) -> HttpResponseBase:
    """`?count=` frames of one camera side by side, `?height=` pixels high."""
    count = _whole("count", request.GET.get("count", "8"))
    height = _whole("height", request.GET.get("height", "72"))
    check_strip(count, height)

    def read(source: FrameSource) -> MediaBody:
        etag = f'"{source.version}-{count}x{height}"'
        return _found(request, source, etag, lambda: STRIP_STORE.strip(place.id, source, camera, count, height))

    return _picture(read_episode(place, STRIP_TURNS, read))


@media
def signals(request: HttpRequest, place: Place) -> HttpResponseBase:
    """Every numeric feature; the form is in the module `signals`."""

    def read(source: FrameSource) -> MediaBody:
        return _found(request, source, f'"{source.version}"', lambda: pack_signals(source))

    found = read_episode(place, FRAME_TURNS, read)
    return _picture(found, "application/octet-stream")


@media
def video(request: HttpRequest, place: Place, camera: str) -> HttpResponseBase:
    """The dataset's own file in which a committed episode lies; `X-First-Frame` and `X-Frames` say where."""

    def read(source: FrameSource) -> tuple[str, VideoFile, int, int]:
        file = source.video(camera)
        fd = _open_video(file.path, camera)
        stat = os.fstat(fd)
        return f'"{stat.st_ino:x}-{stat.st_size:x}-{stat.st_mtime_ns:x}"', file, fd, stat.st_size

    etag, file, fd, size = read_episode(place, FRAME_TURNS, read)
    headers = {
        "ETag": etag,
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
        "X-First-Frame": str(file.first_frame),
        "X-Frames": str(file.frames),
    }
    return _ranged(request, fd, size, headers)


@login_not_required
def nowhere(request: HttpRequest, rest: str) -> HttpResponseBase:
    """Any other address: in the same words and shape."""
    return _refusal(404, "not_found", "no such frame, filmstrip, signals or video", {})


def _open_video(path: Path, camera: str) -> int:
    """The descriptor of the file that was in the dataset when it was opened; raises Gone for anything else."""
    try:
        fd = open_real(path)
    except OSError as error:
        raise Gone(f"the video of {camera} cannot be opened: {error}") from error
    if not _looks_like_video(os.pread(fd, 12, 0)):
        os.close(fd)
        raise Gone(f"the video of {camera} cannot be shown: {path} is not an MP4; download it again")
    return fd


def _looks_like_video(head: bytes) -> bool:
    return head[4:8] in _MP4_BOXES or head.startswith(_MATROSKA)


def _ranged(request: HttpRequest, fd: int, size: int, headers: dict[str, str]) -> HttpResponseBase:
    asked = request.headers.get("Range")
    if (if_range := request.headers.get("If-Range")) and if_range != headers["ETag"]:
        asked = None
    try:
        span = parse_range(asked, size)
    except Unsatisfiable as error:
        os.close(fd)
        return _refusal(416, "range", f"there are no {error}", {"Content-Range": f"bytes */{size}"})
    if _has_it(request, headers["ETag"]):
        os.close(fd)
        return HttpResponse(status=304, headers=headers)
    part = span or ByteRange(0, size)
    headers["Content-Length"] = str(part.end - part.first)
    if span:
        headers["Content-Range"] = f"bytes {part.first}-{part.end - 1}/{size}"
    if request.method == "HEAD":
        os.close(fd)
        return HttpResponse(status=206 if span else 200, headers=headers, content_type="video/mp4")
    pieces = FilePieces(fd, part)
    return StreamingHttpResponse(pieces, status=206 if span else 200, headers=headers, content_type="video/mp4")


def _admit(request: HttpRequest, episode_id: uuid.UUID) -> Place:
    """The episode's place, for a person who is signed in or a program with a token."""
    if not (request.user.is_authenticated or _has_token(request)):
        raise SignedOut("sign in, or send a token: Authorization: Bearer ...")
    return find_place(episode_id)


def _has_token(request: HttpRequest) -> bool:
    kind, _, secret = request.headers.get("Authorization", "").partition(" ")
    return kind.lower() == "bearer" and user_of_token(secret.strip()) is not None


def _found(request: HttpRequest, source: FrameSource, etag: str, make: Callable[[], bytes]) -> MediaBody:
    fixed = request.GET.get("v") == source.version and not source.growing
    return MediaBody(etag, fixed, None if _has_it(request, etag) else make())


def _has_it(request: HttpRequest, etag: str) -> bool:
    known = [tag.strip().removeprefix("W/") for tag in request.headers.get("If-None-Match", "").split(",")]
    return etag in known


def _picture(found: MediaBody, kind: str = "image/jpeg") -> HttpResponse:
    cache = f"private, max-age={_YEAR_S}, immutable" if found.fixed else "private, no-cache"
    headers = {"ETag": found.etag, "Cache-Control": cache}
    if found.data is None:
        return HttpResponse(status=304, headers=headers)
    return HttpResponse(found.data, content_type=kind, headers=headers)


def _whole(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise BadRequest(f"{name} {text[:40]!r}: write a whole number, 0 or more")
    return int(text)


def _refusal(status: int, code: str, message: str, headers: dict[str, str]) -> JsonResponse:
    body = {"error": {"code": code, "message": message}}
    return JsonResponse(body, status=status, headers={**headers, "Cache-Control": "no-store"})
