"""The shapes of a preflight: what the command asks for, and what a status says of the newest one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NotRequired, TypedDict

from robotdata.rig.shapes import Limit

LEAST_S, MOST_S, DEFAULT_S = 1.0, 10.0, 3.0
"""The length of the test recording in seconds."""

Level = Literal["ok", "warn", "bad"]


class CheckInfo(TypedDict):
    """One check: `measured` holds its numbers by name, `text` says what was found, `remedy` what to do, if anything.

    `device` is named as in a problem: `robot`, `camera front`, `disk`, `rig`; `camera` is the key of a camera or None.
    """

    code: Annotated[str, Limit(60)]
    level: Annotated[str, Limit(10)]
    device: str
    camera: str | None
    measured: dict[str, float]
    text: Annotated[str, Limit(2000)]
    remedy: Annotated[str, Limit(2000)]


class PreflightInfo(TypedDict):
    """The newest preflight: `state` is running, done, or stopped, if the rig failed or was stopped during it.

    `seconds` is the length of its test recording, `dataset` the one that was compared, or empty. `age_s` counts from
    its end, None while it runs; `checks` are the worst first.
    """

    state: Annotated[str, Limit(20)]
    seconds: float
    dataset: str
    age_s: float | None
    checks: NotRequired[list[CheckInfo]]


@dataclass(frozen=True, slots=True)
class PreflightArgs:
    """The checked arguments of `preflight`.

    `expect` is what the dataset demands of a rig, `problem` what the server knows against this pair of rig and dataset.
    `clock_offset_s` is what must be added to the rig's clock to get the server's; None if nobody measured it.
    """

    seconds: float = DEFAULT_S
    dataset: str = ""
    expect: Mapping[str, Any] | None = None
    problem: str = ""
    clock_offset_s: float | None = None


def check(
    code: str,
    level: Level,
    device: str,
    text: str,
    remedy: str = "",
    *,
    camera: str | None = None,
    measured: Mapping[str, float | None] | None = None,
) -> CheckInfo:
    """Return a check; a number that was not measured is left out, and a check that is ok needs no remedy."""
    return {
        "code": code,
        "level": level,
        "device": device,
        "camera": camera,
        "measured": {name: round(float(value), 3) for name, value in (measured or {}).items() if value is not None},
        "text": text[:2000],
        "remedy": "" if level == "ok" else remedy[:2000],
    }
