"""Serve frames, filmstrips, signals and videos over HTTP, for a session or an API token.

The views are synchronous: Django runs them in the thread of the request, and a change of threads would take as long as
reading a frame. `Slots` bound the number of concurrent reads.
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

from recorder.models.access import user_of_token
from robotdata.byte_ranges import ByteRange, FilePieces, Unsatisfiable, parse_range
from robotdata.files import open_real
from viewer.errors import BadRequest, Gone, ViewerError
from viewer.filmstrip import StripStore, check_strip
from viewer.frames import FRAME_SLOTS, STRIP_SLOTS, parse_height, read_frame
from viewer.locate import Place, find_place, read_episode
from viewer.signals import pack_signals
from viewer.sources import FrameSource, VideoFile
from viewer.take_source import TakeSource

STRIP_STORE = StripStore(Path(settings.STATE_DIR) / "strips", max_bytes=256 * 1024 * 1024)
_YEAR_S = 365 * 24 * 3600
_MP4_BOXES = {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide"}
_MATROSKA = b"\x1a\x45\xdf\xa3"


@dataclass(frozen=True, slots=True)
class MediaBody:
    """A response body and its ETag. `data` is None if the client has it already."""

    etag: str
    immutable: bool  # the URL names the version, so its content never changes
    data: bytes | None
    version: str
    """That of the source it is from."""

    @property
    def headers(self) -> dict[str, str]:
        """Return the ETag and how long a browser may keep the body."""
        cache = f"private, max-age={_YEAR_S}, immutable" if self.immutable else "private, no-cache"
        return {"ETag": self.etag, "Cache-Control": cache}


@dataclass(frozen=True, slots=True)
class Known:
    """What a client has already: the version that its address names, and its `If-None-Match`; both may be empty."""

    version: str
    etags: str

    def has(self, etag: str) -> bool:
        """Return whether `If-None-Match` names `etag`."""
        return bool(self.etags) and etag in [tag.strip().removeprefix("W/") for tag in self.etags.split(",")]


@dataclass(frozen=True, slots=True)
class FrameWanted:
    """A frame that a client asks for. `height` is in pixels, or None for the frame's own."""

    camera: str
    number: int
    height: int | None
    known: Known


def frame_body(place: Place, wanted: FrameWanted) -> MediaBody:
    """Return a frame as a JPEG. Blocks. Raises NotFound, Gone and Busy."""

    def read(source: FrameSource) -> MediaBody:
        make = functools.partial(read_frame, source, wanted.camera, wanted.number, wanted.height)
        return _media_body(wanted.known, source, _frame_etag(source, wanted), make)

    return read_episode(place, FRAME_SLOTS, read)


def frame_body_at_once(source: TakeSource, wanted: FrameWanted) -> MediaBody | None:
    """Return what `frame_body` would, for a frame of its own height, if that needs no wait; None if it does."""
    data = source.jpeg_at_once(wanted.camera, wanted.number)
    return None if data is None else _media_body(wanted.known, source, _frame_etag(source, wanted), lambda: data)


def _frame_etag(source: FrameSource, wanted: FrameWanted) -> str:
    return f'"{source.version}-{wanted.number}-{wanted.height or 0}"'


class SignedOut(ViewerError):
    """The request has neither a session nor a valid token."""

    status = 401
    code = "signed_out"


def media(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Decorate a media view: allow GET and HEAD, check access, pass the episode's place, and return errors as JSON."""

    @login_not_required  # checked below: a token has no session, and an <img> cannot follow a redirect to a page
    @functools.wraps(view)
    def wrapped(request: HttpRequest, episode_id: uuid.UUID, **kwargs: str) -> HttpResponseBase:
        if request.method not in ("GET", "HEAD"):
            return _error_response(405, "method", "media is read-only: use GET or HEAD", {"Allow": "GET, HEAD"})
        try:
            place = _admit(request, episode_id)
            return view(request, place, **kwargs)
        except ViewerError as error:
            headers = {"Retry-After": "1"} if error.status == 503 else {}
            return _error_response(error.status, error.code, str(error), headers)

    return wrapped


@media
def frame(request: HttpRequest, place: Place, camera: str, n: str) -> HttpResponseBase:
    """Return frame `n` of one camera as a JPEG, `?height=` pixels high."""
    number = _parse_whole("frame", n)
    wanted = FrameWanted(camera, number, parse_height(request.GET.get("height")), _known(request))
    return _body_response(frame_body(place, wanted))


@media
def strip(request: HttpRequest, place: Place, camera: str) -> HttpResponseBase:
    """Return a filmstrip: `?count=` frames of one camera side by side, `?height=` pixels high."""
    count = _parse_whole("count", request.GET.get("count", "8"))
    height = _parse_whole("height", request.GET.get("height", "72"))
    check_strip(count, height)

    def read(source: FrameSource) -> MediaBody:
        etag = f'"{source.version}-{count}x{height}"'
        return _media_body(
            _known(request), source, etag, lambda: STRIP_STORE.strip(place.id, source, camera, count, height)
        )

    return _body_response(read_episode(place, STRIP_SLOTS, read))


@media
def signals(request: HttpRequest, place: Place) -> HttpResponseBase:
    """Return every numeric feature; the module `signals` describes the format."""

    def read(source: FrameSource) -> MediaBody:
        action = place.recorded_action
        return _media_body(_known(request), source, f'"{source.version}{action}"', lambda: pack_signals(source, action))

    body = read_episode(place, FRAME_SLOTS, read)
    return _body_response(body, "application/octet-stream")


@media
def video(request: HttpRequest, place: Place, camera: str) -> HttpResponseBase:
    """Return the dataset's video file that holds a committed episode. Byte ranges are supported.

    The headers `X-First-Frame` and `X-Frames` give the episode's frames in the file.
    """

    def read(source: FrameSource) -> tuple[str, VideoFile, int, int]:
        file = source.video(camera)
        fd = _open_video(file.path, camera)
        stat = os.fstat(fd)
        return f'"{stat.st_ino:x}-{stat.st_size:x}-{stat.st_mtime_ns:x}"', file, fd, stat.st_size

    etag, file, fd, size = read_episode(place, FRAME_SLOTS, read)
    headers = {
        "ETag": etag,
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
        "X-First-Frame": str(file.first_frame),
        "X-Frames": str(file.frames),
    }
    return range_response(request, fd, size, headers)


@login_not_required
def unknown_address(request: HttpRequest, rest: str) -> HttpResponseBase:
    """Return 404 as JSON for any other address under /media/."""
    return _error_response(404, "not_found", "no such frame, filmstrip, signals or video", {})


def _open_video(path: Path, camera: str) -> int:
    """Open the video of `camera` and return its descriptor. Raises Gone if it is not a video file of the dataset."""
    try:
        fd = open_real(path)
    except OSError as error:
        raise Gone(f"the video of {camera} cannot be opened: {error}") from error
    if not _looks_like_video(os.pread(fd, 12, 0)):
        os.close(fd)
        raise Gone(f"the video of {camera} cannot be shown: {path} is not an MP4; download it again")
    return fd


def _looks_like_video(head: bytes) -> bool:
    """Return whether the first 12 bytes of a file are those of an MP4 or Matroska file."""
    return head[4:8] in _MP4_BOXES or head.startswith(_MATROSKA)


def range_response(
    request: HttpRequest, fd: int, size: int, headers: dict[str, str], content_type: str = "video/mp4"
) -> HttpResponseBase:
    """Return the requested range of the open file `fd`, or 304 or 416. The response closes `fd`."""
    range_header = request.headers.get("Range")
    if (if_range := request.headers.get("If-Range")) and if_range != headers["ETag"]:
        range_header = None
    try:
        span = parse_range(range_header, size)
    except Unsatisfiable as error:
        os.close(fd)
        return _error_response(416, "range", str(error), {"Content-Range": f"bytes */{size}"})
    if _known(request).has(headers["ETag"]):
        os.close(fd)
        return HttpResponse(status=304, headers=headers)
    part = span or ByteRange(0, size)
    headers["Content-Length"] = str(part.end - part.first)
    if span:
        headers["Content-Range"] = f"bytes {part.first}-{part.end - 1}/{size}"
    if request.method == "HEAD":
        os.close(fd)
        return HttpResponse(status=206 if span else 200, headers=headers, content_type=content_type)
    pieces = FilePieces(fd, part)
    return StreamingHttpResponse(pieces, status=206 if span else 200, headers=headers, content_type=content_type)


def _admit(request: HttpRequest, episode_id: uuid.UUID) -> Place:
    """Return the episode's place. Raises SignedOut without a session or token, NotFound and Gone."""
    if not (request.user.is_authenticated or _has_token(request)):
        raise SignedOut("sign in, or send a token: Authorization: Bearer ...")
    return find_place(episode_id)


def _has_token(request: HttpRequest) -> bool:
    """Return whether the request has a valid API token."""
    kind, _, secret = request.headers.get("Authorization", "").partition(" ")
    return kind.lower() == "bearer" and user_of_token(secret.strip()) is not None


def _known(request: HttpRequest) -> Known:
    return Known(request.GET.get("v", ""), request.headers.get("If-None-Match", ""))


def _media_body(known: Known, source: FrameSource, etag: str, make: Callable[[], bytes]) -> MediaBody:
    """Return the body from `make`, which is not called if the client has the body already."""
    immutable = known.version == source.version and not source.growing
    return MediaBody(etag, immutable, None if known.has(etag) else make(), source.version)


def _body_response(body: MediaBody, content_type: str = "image/jpeg") -> HttpResponse:
    """Return a body with its ETag and cache headers, or 304."""
    if body.data is None:
        return HttpResponse(status=304, headers=body.headers)
    return HttpResponse(body.data, content_type=content_type, headers=body.headers)


def _parse_whole(name: str, text: str) -> int:
    """Return `text` as a whole number, 0 or more. Raises BadRequest, which names it `name`."""
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise BadRequest(f"{name} {text[:40]!r}: write a whole number, 0 or more")
    return int(text)


def _error_response(status: int, code: str, message: str, headers: dict[str, str]) -> JsonResponse:
    """Return an error as JSON, not to be cached."""
    body = {"error": {"code": code, "message": message}}
    return JsonResponse(body, status=status, headers={**headers, "Cache-Control": "no-store"})
