"""Compute whether a rig can record, why not, and the name of its state, for pages, sockets and the API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from recorder.models.states import RigState
from robotdata.rig.protocol import REFUSE_MINUTES
from robotdata.rig.states import parse_state

_STATES_BEFORE_TAKE = {RigState.IDLE, RigState.PAUSED, RigState.SAVING}


@dataclass(frozen=True, slots=True)
class Blocker:
    """A reason why no take can start; `camera` is a camera's key."""

    text: str
    camera: str | None = None


@dataclass(frozen=True, slots=True)
class Readiness:
    """A summary of a rig's state; `tone` is the suffix of a CSS class."""

    label: str
    tone: str
    can_record: bool
    blockers: tuple[Blocker, ...]

    @property
    def reason(self) -> str:
        """Return the texts of all blockers, joined."""
        return ". ".join(blocker.text for blocker in self.blockers)

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as they are in the status that pages get."""
        return {
            "label": self.label,
            "tone": self.tone,
            "can_record": self.can_record,
            "blockers": [{"text": blocker.text, "camera": blocker.camera} for blocker in self.blockers],
        }


def readiness_of(state: str, status: Mapping[str, Any], cameras: Sequence[Any]) -> Readiness:
    """Return the readiness of a rig from its last status, whose fields may have any type."""
    rig_state = RigState.OFFLINE if state == RigState.OFFLINE else parse_state(state)
    label, tone = rig_state.label, rig_state.tone
    if rig_state not in _STATES_BEFORE_TAKE:
        return Readiness(label, tone, False, ())
    reported = status.get("cannot_record")
    blockers = (
        _reported_blockers(reported) if isinstance(reported, list) else _derived_blockers(rig_state, status, cameras)
    )
    missing = [blocker for blocker in blockers if blocker.camera]
    if not blockers:
        return Readiness(label, tone, "record" in _list(status.get("controls")), ())
    short_label = f"{len(missing)} camera{'s' if len(missing) > 1 else ''} missing" if missing else "cannot record"
    return Readiness(short_label, "warn", False, blockers)


def _reported_blockers(problems: Sequence[Any]) -> tuple[Blocker, ...]:
    """Return the rig's own reasons for refusing to record."""
    blockers = []
    for problem in map(_dict, problems):
        text, camera = problem.get("text") or problem.get("code"), problem.get("camera")
        blockers.append(Blocker(str(text or "The rig cannot record now"), camera if isinstance(camera, str) else None))
    return tuple(blockers)


def _derived_blockers(state: RigState, status: Mapping[str, Any], cameras: Sequence[Any]) -> tuple[Blocker, ...]:
    """Derive the blockers from the status of a rig that does not report them."""
    return (*_missing_cameras(status, cameras), *_other_blockers(state, status))


def _missing_cameras(status: Mapping[str, Any], cameras: Sequence[Any]) -> list[Blocker]:
    measured = _dict(_dict(status.get("counters")).get("cameras"))
    blockers = []
    for camera in cameras:
        key = camera.get("key") if isinstance(camera, Mapping) else None
        if not isinstance(key, str) or not isinstance(measured.get(key), Mapping):
            continue
        counters = measured[key]
        if counters.get("state") == "lost" or counters.get("age_s", 0) is None:
            blockers.append(Blocker(_reason(status, key, str(camera.get("name") or key)), key))
    return blockers


def _reason(status: Mapping[str, Any], key: str, name: str) -> str:
    """Return the rig's warnings about this camera, or a default text."""
    texts = [warning.get("text") for warning in _list(status.get("warnings")) if _dict(warning).get("camera") == key]
    valid_texts = [text for text in texts if isinstance(text, str) and text]
    return ". ".join(valid_texts) or f"Camera {name} has not sent an image yet"


def _other_blockers(state: RigState, status: Mapping[str, Any]) -> list[Blocker]:
    minutes = _dict(status.get("disk")).get("minutes_left")
    if isinstance(minutes, int | float) and minutes < REFUSE_MINUTES:
        return [Blocker(f"Disk full: room for {max(0.0, minutes):.1f} minutes of recording. Empty the trash")]
    if state == RigState.IDLE and "record" not in _list(status.get("controls")):
        message = status.get("message")
        return [Blocker(message if isinstance(message, str) and message else "The rig cannot record now")]
    return []


def _dict(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else ()
