"""Pair a phone with one camera of a rig: a one-use link lets its browser send that camera's frames, nothing else.

A camera has one phone: another that is paired with it takes its place.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from recorder.actor import Actor
from recorder.errors import Refused
from recorder.live.rigs import find_rig
from recorder.models import Rig, SignInCode
from recorder.models.permissions import Action, require

LINK_MINUTES = 10
PAIRED_MINUTES = 12 * 60
PAIRED = "a paired phone"
_SESSION_KEY = "camera"


def camera_key(camera: str) -> str:
    """Return the key of the camera with this name in the rig file."""
    return f"observation.images.{camera}"


def find_camera(rig_name: str, camera: str) -> tuple[Rig, dict[str, Any]]:
    """Return the rig and its camera (key, name, width, height, fps) that a browser can be. Raise Refused (404)."""
    rig = find_rig(name=rig_name)
    key = camera_key(camera)
    if key in (rig.status.get("inputs") or {}).get("cameras", ()):
        for each in rig.cameras:
            if each.get("key") == key:
                return rig, each
    raise Refused(
        "no_camera",
        f"Rig {rig_name} has no camera {camera} that a phone or laptop sends. Add one of the kind “browser” to the rig "
        "file, then start the rig.",
        404,
    )


def issue_link(rig_name: str, camera: str, *, actor: Actor) -> str:
    """Return the code of a one-use link that pairs a browser with the camera. Raise Refused."""
    rig, _ = find_camera(rig_name, camera)
    require(actor, Action.COMMAND_RIG, rig)
    return SignInCode.issue(minutes=LINK_MINUTES, purpose=_purpose(rig_name, camera))


def redeem_link(code: str, rig_name: str, camera: str, session: MutableMapping[str, Any]) -> bool:
    """Pair this browser's session with the camera; return False if the code is not valid for it."""
    if not SignInCode.redeem(code, purpose=_purpose(rig_name, camera)):
        return False
    _end_pairings(rig_name, camera)
    secret = SignInCode.issue(minutes=PAIRED_MINUTES, purpose=_paired(rig_name, camera))
    session[_SESSION_KEY] = {"rig": rig_name, "camera": camera, "secret": secret}
    return True


def end_pairings(rig_name: str, camera: str, *, actor: Actor) -> int:
    """Let no paired browser be this camera any more; return how many were. Raise Refused."""
    require(actor, Action.COMMAND_RIG, find_rig(name=rig_name))
    return _end_pairings(rig_name, camera)


def claims_camera(session: MutableMapping[str, Any], rig_name: str, camera: str) -> bool:
    """Return whether this browser was paired with the camera at some time; `is_paired` asks the database."""
    paired = session.get(_SESSION_KEY) or {}
    return (paired.get("rig"), paired.get("camera")) == (rig_name, camera) and bool(paired.get("secret"))


def is_paired(session: MutableMapping[str, Any], rig_name: str, camera: str) -> bool:
    """Return whether this browser is paired with the camera: the last one that was, not ended, for 12 hours."""
    if not claims_camera(session, rig_name, camera):
        return False
    return SignInCode.is_valid(session[_SESSION_KEY]["secret"], purpose=_paired(rig_name, camera))


def _end_pairings(rig_name: str, camera: str) -> int:
    return SignInCode.objects.filter(purpose=_paired(rig_name, camera)).delete()[0]


def _purpose(rig_name: str, camera: str) -> str:
    return f"camera {rig_name}/{camera}"


def _paired(rig_name: str, camera: str) -> str:
    return f"paired {rig_name}/{camera}"
