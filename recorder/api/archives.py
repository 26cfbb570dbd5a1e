"""Download a dataset as a zip or tar file: exact length, byte ranges, and the same bytes while it is resumed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any, Literal

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from ninja import Path, Query, Router
from pydantic import StringConstraints

from recorder.api import lookups
from recorder.api.app import error
from recorder.api.auth import actor_of
from recorder.api.schemas import ERRORS, Slug
from recorder.catalog.sending import chosen_episodes, open_archive
from recorder.errors import Refused
from robotdata.byte_ranges import ByteRange, Unsatisfiable, parse_range
from robotdata.dataset.exchange.snapshot import Archive
from robotdata.dataset.exchange.tar_plan import TarPlan
from robotdata.dataset.exchange.zip_plan import ZipPlan

Version = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{0,64}$")]
Numbers = Annotated[str, StringConstraints(pattern=r"^[0-9, -]{0,4000}$")]
Kind = Literal["zip", "tar"]
_TYPES: dict[Kind, str] = {"zip": "application/zip", "tar": "application/x-tar"}
_FILE = {"schema": {"type": "string", "format": "binary"}}
_ERROR = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}


def answers(kind: Kind) -> dict[int, Any]:
    """Return what the API's description says of an answer with a file of this kind."""
    content = {_TYPES[kind]: _FILE}
    return {
        200: {"description": f"The {kind} file", "content": content},
        206: {"description": "The requested bytes of it", "content": content},
        304: {"description": "It is the one that If-None-Match names"},
        412: {"description": "The requested state is gone", "content": _ERROR},
        416: {"description": "The requested bytes are outside the file", "content": _ERROR},
    }


_MAX_THREADS = 4
log = logging.getLogger(__name__)
router = Router(tags=["datasets"])


_threads = ThreadPoolExecutor(_MAX_THREADS, "archive")


class ArchivePieces:
    """Asynchronous iterable of the bytes `span` of a zip or tar file. Each piece is made in a thread of its own kind.

    A piece may need the CRC of a large file; the loop's default threads serve the pages meanwhile.
    """

    def __init__(self, plan: ZipPlan | TarPlan, span: ByteRange) -> None:
        self._pieces = plan.pieces(span.first, span.end)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            loop = asyncio.get_running_loop()
            while (piece := await loop.run_in_executor(_threads, next, self._pieces, None)) is not None:
                if piece:
                    yield piece
        except Exception as error:
            log.warning("A download was cut off: %s", error)  # its length does not fit then, so the client notices
            raise

    def close(self) -> None:
        """Close the file that is being read. A piece that a thread makes just now is the last one."""
        with contextlib.suppress(ValueError):
            self._pieces.close()  # type: ignore[attr-defined]


@router.api_operation(
    ["GET", "HEAD"],
    "/datasets/{slug}/archive.zip",
    response=ERRORS,
    operation_id="get_archive",
    openapi_extra={"responses": answers("zip")},
)
def get_archive(
    request: HttpRequest,
    slug: Annotated[Slug, Path()],
    v: Annotated[Version | None, Query()] = None,
    episodes: Annotated[Numbers | None, Query()] = None,
) -> HttpResponseBase:
    """Return the dataset as a zip file, or only `episodes` (`0,3,5-9`), or those of a filter (the page's query).

    Files are stored as they are. Byte ranges are supported; `X-Version` names the state, and `?v=` asks for it again:
    412 if it is gone. `If-Match` and `If-Range` take the `ETag`.
    """
    return _answer(request, slug, v, episodes, "zip")


@router.api_operation(
    ["GET", "HEAD"],
    "/datasets/{slug}/archive.tar",
    response=ERRORS,
    operation_id="get_tar_archive",
    openapi_extra={"responses": answers("tar")},
)
def get_tar_archive(
    request: HttpRequest,
    slug: Annotated[Slug, Path()],
    v: Annotated[Version | None, Query()] = None,
    episodes: Annotated[Numbers | None, Query()] = None,
) -> HttpResponseBase:
    """Return the dataset as a tar file, all or in part, as `archive.zip` returns a zip file."""
    return _answer(request, slug, v, episodes, "tar")


def _answer(request: HttpRequest, slug: str, v: str | None, episodes: str | None, kind: Kind) -> HttpResponseBase:
    dataset = lookups.dataset_of(slug)
    chosen = chosen_episodes(dataset, numbers=episodes or "", query=request.GET)
    archive = open_archive(dataset=dataset, actor=actor_of(request), episodes=chosen, version=v or "")
    name = slug if chosen is None else f"{slug}-{_episodes_text(chosen)}"
    return archive_response(request, archive, name, kind)


def _episodes_text(chosen: list[int]) -> str:
    return f"episode-{chosen[0]}" if len(chosen) == 1 else f"{len(chosen)}-episodes"


def archive_response(request: HttpRequest, archive: Archive, name: str, kind: Kind = "zip") -> HttpResponseBase:
    """Return the requested range of the zip or tar file, or 304, or 416. Raise Refused for 412."""
    plan = archive.plan if kind == "zip" else TarPlan(archive.plan.files)
    etag = f'"{archive.version}-{plan.etag}"'
    headers = {
        "ETag": etag,
        "X-Version": archive.version,
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
        "Content-Disposition": f'attachment; filename="{name}.{kind}"',
    }
    if (expected := request.headers.get("If-Match")) and expected not in {"*", etag}:
        raise Refused("changed", "The dataset has changed since this download began: begin it again.", 412)
    if request.headers.get("If-None-Match") == etag:
        return HttpResponse(status=304, headers=headers)
    wanted = request.headers.get("Range")
    if (if_range := request.headers.get("If-Range")) and if_range != etag:
        wanted = None
    try:
        span = parse_range(wanted, plan.size)
    except Unsatisfiable as problem:  # with the size, by which curl sees that it has everything
        refused = error(416, f"{problem}.", "range")
        refused.headers["Content-Range"] = f"bytes */{plan.size}"
        return refused
    part = span or ByteRange(0, plan.size)
    headers["Content-Length"] = str(part.end - part.first)
    if span:
        headers["Content-Range"] = f"bytes {part.first}-{part.end - 1}/{plan.size}"
    status = 206 if span else 200
    if request.method == "HEAD":
        return HttpResponse(status=status, headers=headers, content_type=_TYPES[kind])
    pieces = ArchivePieces(plan, part)
    return StreamingHttpResponse(pieces, status=status, headers=headers, content_type=_TYPES[kind])
