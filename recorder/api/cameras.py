"""Cameras that are browsers: the link that makes a phone one."""

from __future__ import annotations

import io
from ipaddress import ip_address
from typing import Annotated, Any
from urllib.parse import urlencode

import segno
from django.http import HttpRequest
from django.urls import reverse
from ninja import Path, Router, Schema

from recorder.api.auth import actor_of
from recorder.api.schemas import ERRORS, RigName
from recorder.live.camera_pairing import LINK_MINUTES, end_pairings, issue_link

router = Router(tags=["rigs"])


class PairOut(Schema):
    """A one-use link that makes a phone this camera, and its QR code; `hint` says why a phone could not use it."""

    url: str
    svg: str
    seconds: int
    hint: str


class UnpairOut(Schema):
    """How many browsers were paired with this camera."""

    ended: int


@router.post("/rigs/{name}/cameras/{camera}/pair", response={200: PairOut, **ERRORS})
def pair_camera(
    request: HttpRequest, name: Annotated[RigName, Path()], camera: Annotated[RigName, Path()]
) -> dict[str, Any]:
    """Return a new one-use link that lets one browser send the pictures of this camera, and nothing else."""
    code = issue_link(name, camera, actor=actor_of(request))
    address = f"{reverse('recorder:camera-join', args=[name, camera])}?{urlencode({'code': code})}"
    url = request.build_absolute_uri(address)
    return {"url": url, "svg": qr_code(url), "seconds": LINK_MINUTES * 60, "hint": phone_hint(request)}


@router.delete("/rigs/{name}/cameras/{camera}/pair", response={200: UnpairOut, **ERRORS})
def unpair_camera(
    request: HttpRequest, name: Annotated[RigName, Path()], camera: Annotated[RigName, Path()]
) -> dict[str, int]:
    """Let no paired browser be this camera any more: one that sends is cut off within 10 seconds."""
    return {"ended": end_pairings(name, camera, actor=actor_of(request))}


def qr_code(text: str) -> str:
    """Return the QR code of a text as an SVG image, black on white in both themes."""
    image = io.BytesIO()
    segno.make(text, error="m", micro=False).save(image, kind="svg", border=3, light="white", xmldecl=False)
    return image.getvalue().decode()


def phone_hint(request: HttpRequest) -> str:
    """Return why a phone could not use the link, with what to do; empty if it can."""
    host = request.get_host()
    name = host if host.endswith("]") else host.rpartition(":")[0] or host
    try:
        is_local = ip_address(name.strip("[]")).is_loopback
    except ValueError:
        is_local = name == "localhost" or name.endswith(".localhost")
    if is_local:
        return (
            "A phone cannot reach this address: run `make run TLS=1 HOST=0.0.0.0` and open the address that it prints."
        )
    if not request.is_secure():
        return "Phones give pages their camera only over https: start robotdata with `make run TLS=1`."
    return ""
