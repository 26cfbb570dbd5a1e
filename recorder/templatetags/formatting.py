"""Template filters that format times, sizes, states and URLs, the same on every page."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from django import template
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe

from recorder.browse.filters import ALL_CAMERAS
from recorder.browse.other_takes import name_other, other_of, with_others
from recorder.jobs.broker_health import broker_address, broker_watch
from recorder.jobs.operation_types import spec_of
from recorder.jobs.said import is_partly_done
from recorder.live.rigs import ALIVE_S
from recorder.models import Change, Episode, Operation, Rig
from recorder.models.states import EpisodeState, OperationState, RigState
from recorder.templatetags.curation import camera_name
from recorder.text import format_time as clock_time
from robotdata import numbers
from robotdata.quality.mark import WEIGHT

register = template.Library()

EPISODE_TONES = {
    EpisodeState.RECORDING: "rec",
    EpisodeState.RECORDED: "",
    EpisodeState.INTERRUPTED: "warn",
    EpisodeState.ENCODING: "accent",
    EpisodeState.ENCODED: "good",
    EpisodeState.FAILED: "bad",
}
EPISODE_STATE_NAMES = {EpisodeState.RECORDED: "not encoded", EpisodeState.FAILED: "encoding failed"}
OPERATION_TONES = {
    OperationState.QUEUED: "",
    OperationState.ENCODING: "accent",
    OperationState.RUNNING: "accent",
    OperationState.DONE: "good",
    OperationState.FAILED: "bad",
    OperationState.CANCELLED: "",
}
OPERATION_STATE_NAMES = {OperationState.QUEUED: "waiting"}
MARK_TONES = {"bad": "tone-bad", "warn": "tone-warn"}
END_REASONS = {
    "emergency_stop": "emergency stop",
    "disk_full": "the disk was full",
    "camera_lost": "a camera stopped",
    "robot_lost": "the robot was disconnected",
    "teleoperator_lost": "the teleoperator was disconnected",
    "rig_failed": "the rig had an internal error",
    "not_written": "the take could not be written",
    "shutdown": "the rig was shut down",
    "interrupted": "the rig crashed",
    "discard": "discarded",
}


@register.filter
def clock(seconds: Any) -> str:
    """Return a duration as `0:07.3`, `12:03` or `1:02:03`; a dash if it is unknown."""
    return numbers.clock(seconds if isinstance(seconds, int | float) else None)


@register.filter
def span(seconds: Any) -> str:
    """Return a rough duration: `48 s`, `12 min`, `3.4 h`."""
    return numbers.span(float(seconds or 0))


@register.filter
def ago(when: datetime | None) -> str:
    """Return a time as `just now`, `4 min ago`, `yesterday 14:02` or `3 Nov 14:02`."""
    return "never" if when is None else numbers.age(timezone.localtime(when), timezone.localtime(timezone.now()))


@register.filter
def rate(per_second: float | None) -> str:
    """Return a rate with at most two decimals: 30, 12.5, 29.97; empty if it is None."""
    return "" if per_second is None else f"{per_second:.2f}".rstrip("0").rstrip(".")


@register.filter
def size(count: Any) -> str:
    """Return a number of bytes with a decimal unit: `12 kB`, `3.4 MB`."""
    return numbers.size(float(count or 0))


@register.filter
def amount(value: Any) -> str:
    """Return an integer with commas between thousands: `1,204`."""
    return numbers.number(int(value or 0))


@register.filter
def code_html(text: str) -> SafeString:
    """Return escaped HTML with text between backticks as code."""
    return mark_safe(re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text)))  # escaped before the tags are inserted


@register.filter
def tone(row: Rig | Episode | Operation) -> str:
    """Return the CSS class of a state's colour; the page always shows the state's name too."""
    if isinstance(row, Operation):
        name = "warn" if is_partly_done(row) else OPERATION_TONES.get(OperationState(row.state), "")
    elif isinstance(row, Episode) and row.is_cut_off:
        name = "warn"
    elif isinstance(row, Episode):
        name = EPISODE_TONES.get(EpisodeState(row.state), "")
    else:
        name = row.readiness.tone
    return f"tone-{name}" if name else ""


@register.filter
def state_name(row: Rig | Episode | Operation) -> str:
    """Return the name of a state."""
    if isinstance(row, Operation) and row.state == OperationState.RUNNING:
        return spec_of(row).running
    if isinstance(row, Operation) and is_partly_done(row):
        return "partly done"
    if isinstance(row, Operation):
        return OPERATION_STATE_NAMES.get(OperationState(row.state), row.state)
    if isinstance(row, Rig):
        return row.readiness.label
    if row.is_cut_off:
        return "cut off"
    if row.episode_index is not None:
        return f"episode {row.episode_index}"
    if row.purged_at is not None:
        return "deleted"
    return EPISODE_STATE_NAMES.get(EpisodeState(row.state), row.state)


@register.filter
def end_reason_text(episode: Episode) -> str:
    """Return why a take ended early; empty if it did not."""
    if episode.state == EpisodeState.INTERRUPTED:
        return END_REASONS.get(episode.end_reason, END_REASONS["interrupted"])
    return END_REASONS.get(episode.end_reason, "")


@register.filter
def camera_keys(episode: Episode) -> list[str]:
    """Return the keys of the episode's cameras, from the dataset or, if it has none yet, from the rig."""
    features = episode.dataset.features or (episode.rig.features if episode.rig else {})
    return cameras_of(features)


@register.filter
def rate_is_off(episode: Episode) -> bool:
    """Return whether the loop's rate differs by more than 2 % from the nominal one, and no flag reports it."""
    if any(mark.get("code") == "rate" for mark in episode.marks):
        return False
    return bool(episode.rate_hz and episode.fps and abs(episode.rate_hz / episode.fps - 1) > 0.02)


@register.filter
def flags_of(episode: Episode) -> list[dict[str, Any]]:
    """Return the flags, one entry per kind with its places in time, the gravest first."""
    kinds: dict[tuple[Any, ...], dict[str, Any]] = {}
    if episode.others is None:
        with_others([episode])
    names = episode.others or {}
    for mark in episode.marks:
        first, end = int(mark.get("from_tick") or 0), mark.get("to_tick")
        severity = mark.get("severity") or "warn"
        key = (mark.get("code"), mark.get("camera"), mark.get("feature"))
        text, other = str(mark.get("text", "")), other_of(mark)
        name = names.get(other, "") if other is not None else ""
        new: dict[str, Any] = {
            "text": name_other(text, other, name) if other is not None and name else text,
            "other": other,
            "name": name,
            "tone": MARK_TONES.get(severity, ""),
            "places": [],
        }
        kind = kinds.setdefault(key, new)
        kind["weight"] = max(kind.get("weight", 0), WEIGHT.get(severity, 0))
        if first > 0 or (end is not None and end < episode.ticks - 1):  # a place, not the whole take
            kind["places"].append({"tick": first, "until": end, "at": clock(first / (episode.fps or 30))})
    return sorted(kinds.values(), key=lambda kind: -kind["weight"])


@register.filter
def linked_text(kind: dict[str, Any]) -> str:
    """Return the text of a flag; the name of another take in it becomes a link to that take's page."""
    before, name, after = kind["text"].partition(kind["name"]) if kind["name"] else (kind["text"], "", "")
    if not name:
        return str(before)
    link = format_html('<a href="{}">{}</a>', reverse("viewer:episode", args=[kind["other"]]), name)
    return format_html("{}{}{}", before, link, after)


@register.filter
def kept_range(episode: Episode) -> str:
    """Return the frames that the trim keeps, as `frames 12–110`."""
    return numbers.frame_range(*episode.kept_ticks)


@register.simple_tag
def frames(first: int, end: int) -> str:
    """Return the frames from `first` up to, and not including, `end`, as `frames 12–110`."""
    return numbers.frame_range(first, end)


@register.filter
def frame_count(episode: Episode) -> str:
    """Return `123 frames`, or `99 of 123 frames` for a trimmed episode."""
    first, end = episode.kept_ticks
    return numbers.frame_count(end - first, episode.ticks)


@register.filter
def get(values: Any, key: str) -> Any:
    """Return the value of a dict's key; None for anything else."""
    return values.get(key) if isinstance(values, dict) else None


@register.simple_tag
def strips(episode: Episode, camera: str = "") -> list[dict[str, str]]:
    """Return the filmstrips of a card: of `camera`, else of the first one; for ALL_CAMERAS, a thin one per camera.

    `name` is set only if the filmstrip could be mistaken for another camera's.
    """
    keys = camera_keys(episode)
    if camera == ALL_CAMERAS and len(keys) > 1:
        return [{"url": _strip(episode, key, 8, 60), "name": camera_name(key)} for key in keys]
    shown_keys = [camera] if camera in keys else keys[:1]
    is_unknown = camera not in (*shown_keys, "", ALL_CAMERAS)
    return [{"url": _strip(episode, key, 4, 90), "name": camera_name(key) if is_unknown else ""} for key in shown_keys]


@register.simple_tag
def strip_url(episode: Episode, count: int = 4, height: int = 90) -> str:
    """Return the URL of the first camera's filmstrip; empty without cameras."""
    keys = camera_keys(episode)
    return _strip(episode, keys[0], count, height) if keys else ""


def _strip(episode: Episode, camera: str, count: int, height: int) -> str:
    return f"/media/{episode.pk}/strip/{quote(camera)}.jpg?count={count}&height={height}"


@register.simple_tag
def queue_problem() -> str:
    """Return since when and where the queue is offline; empty while it answers."""
    since = broker_watch.offline_since()
    return f"since {clock_time(since)}: {broker_address()} does not answer" if since else ""


@register.simple_tag
def waiting_reason() -> str:
    """Return what an operation that no worker has claimed waits for."""
    return "waiting: the queue is offline" if broker_watch.offline_since() else "waiting for a worker"


@register.simple_tag
def open_operations() -> int:
    """Return the number of open operations."""
    return Operation.objects.open().count()


@register.simple_tag
def top_rigs() -> list[Rig]:
    """Return up to three rigs for the header, online ones first; a rig whose web process died counts as offline."""
    rigs = list(Rig.objects.listed().only("name", "state", "last_seen_at", "status", "cameras")[:20])
    alive_since = timezone.now() - timedelta(seconds=ALIVE_S + 1)
    for rig in rigs:
        if rig.last_seen_at is None or rig.last_seen_at < alive_since:
            rig.state = RigState.OFFLINE
    return sorted(rigs, key=lambda rig: (not rig.is_online, rig.name))[:3]


def cameras_of(features: dict[str, Any]) -> list[str]:
    """Return the keys of the camera features."""
    return [key for key, value in features.items() if value.get("dtype") in ("video", "image")]


@register.filter
def stylesheets(names: str) -> list[str]:
    """Return the paths of the stylesheets with these names."""
    return [f"css/{name}.css" for name in names.split()]


@register.filter
def split_words(values: str) -> list[str]:
    """Split at whitespace."""
    return values.split()


@register.filter
def change_summary(change: Change) -> str:
    """Return what one change set, as `verdict: to review → keep`."""
    parts = [
        f"{_LABELS.get(name, name)}: {_short(_shown(name, change.before.get(name)))} → {_short(_shown(name, value))}"
        for name, value in change.after.items()
    ]
    return "; ".join(parts)


_LABELS = {"trim_first": "first frame", "trim_end": "last frame"}


def _shown(name: str, value: Any) -> Any:
    """Return the value for people: a trim's end is stored as the first frame cut, but shown as the last one kept."""
    return value - 1 if name == "trim_end" and isinstance(value, int) else value


def _short(value: Any) -> str:
    if value is None or value == "" or value == []:
        return "none"
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 60 else text[:59] + "…"
