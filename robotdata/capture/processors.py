"""Processors: steps that turn values by name into others between teleoperator and robot, such as inverse kinematics.

    robot.observe -> processors of the observation -> row
    teleoperator.action -> processors of the teleoperator -> row, as requested -> processors of the robot -> robot.act

As in LeRobot, the processors of an action also get the robot's observation, as the robot's driver gave it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from robotdata.capture.actions import ACTION
from robotdata.capture.errors import ConfigError, DeviceError
from robotdata.capture.options import Options
from robotdata.capture.session import describe_error

log = logging.getLogger(__name__)
TELEOPERATOR, ROBOT, OBSERVATION = "teleoperator", "robot", "observation"
PLACES = (TELEOPERATOR, ROBOT, OBSERVATION)
MAX_PROCESSORS = 32
Named = Mapping[str, Any]


@runtime_checkable
class Processor(Protocol):
    """A step at one place. It may have a method `reset()`, which is called whenever the devices connect."""

    def transform(self, features: Named, observation: Named) -> Named:
        """Return what `process` will return, by name: `float` for a number, as in `features`, which it gets.

        `observation` has what the robot's observation has. Raises ConfigError if these are not what it needs.
        """

    def process(self, values: Named, observation: Named) -> Named:
        """Return the values of this tick, by name; at once, the control loop waits."""


@dataclass(frozen=True, slots=True)
class ProcessorConfig:
    """One table [[processor]]: its kind, its place (one of PLACES), and the teleoperator whose actions it gets."""

    kind: str
    place: str
    teleoperator: str
    options: Options


def read_processors(top: Options, teleoperators: Sequence[str]) -> tuple[ProcessorConfig, ...]:
    """Return the tables [[processor]] of a rig file in their order. Raises ConfigError."""
    if "processor" not in top.names():
        return ()
    tables = top.plain("processor")
    where = f"{top.where}processor"
    if not isinstance(tables, list) or not all(isinstance(each, dict) for each in tables):
        raise ConfigError(where, "want tables [[processor]], with two brackets")
    if len(tables) > MAX_PROCESSORS:
        raise ConfigError(where, f"has {len(tables)} tables; want at most {MAX_PROCESSORS}")
    return tuple(_read(Options(each, f"{where}[{n}]"), teleoperators) for n, each in enumerate(tables, 1))


def _read(table: Options, teleoperators: Sequence[str]) -> ProcessorConfig:
    place, name = table.text("at", among=PLACES), ""
    if place == TELEOPERATOR and list(teleoperators) != [""]:
        name = table.text("teleoperator", among=tuple(teleoperators))
    return ProcessorConfig(table.name("kind"), place, name, table.rest())


class Chain:
    """The processors of one place, each with its table's name for messages."""

    def __init__(self, steps: Sequence[tuple[str, Processor]]) -> None:
        self._steps = list(steps)

    def __bool__(self) -> bool:
        return bool(self._steps)

    def names(self, features: Named, observation: Named) -> list[str]:
        """Return the names of the numbers that come out if `features` go in. Raises ConfigError."""
        for label, step in self._steps:
            try:
                features = step.transform(features, observation)
            except ConfigError:
                raise
            except Exception as error:  # a step may raise anything
                raise ConfigError(label, f"cannot say what it returns: {describe_error(error)}") from error
            if not isinstance(features, Mapping):
                found = type(features).__name__
                raise ConfigError(label, f"says as a {found} what it returns; want names with their kinds")
        return [str(name) for name, kind in features.items() if is_number(kind)]

    def run(self, values: Named, observation: Named, wanted: Sequence[str]) -> NDArray[np.float64]:
        """Return the numbers `wanted` after the last step, (n,). Raises DeviceError, naming the step that failed."""
        label = ""
        for label, step in self._steps:
            try:
                values = step.process(values, observation)
            except DeviceError as error:
                raise DeviceError(f"{label}: {error}") from error
            except Exception as error:  # a step may raise anything
                log.error("%s has failed", label, exc_info=error)
                raise DeviceError(f"{label} has raised {describe_error(error)}; correct that processor") from error
            if not isinstance(values, Mapping):
                raise DeviceError(f"{label} returns a {type(values).__name__}, want values by name")
        return np.array([_finite(values, name, label) for name in wanted])

    def reset(self) -> None:
        """Begin anew: no step remembers the values from before."""
        for label, step in self._steps:
            if hasattr(step, "reset"):
                try:
                    step.reset()
                except Exception as error:  # a step may raise anything
                    raise DeviceError(f"{label}: reset has raised {describe_error(error)}") from error


_MOST = float(np.finfo(np.float32).max)


def is_number(kind: Any) -> bool:
    """Return whether a feature is one number: `float`, or something of the shape () or (1,)."""
    return kind is float or getattr(kind, "shape", None) in ((), (1,))


def _finite(values: Named, name: str, label: str) -> float:
    try:
        number = float(values[name])
    except KeyError as error:
        raise DeviceError(f"{label} returns no {name!r}") from error
    except (TypeError, ValueError) as error:
        raise DeviceError(f"{label} returns {values[name]!r:.60} for {name!r}, want a number") from error
    if not abs(number) <= _MOST:  # as a row and a robot's action hold it
        raise DeviceError(f"{label} returns {number!r} for {name!r}, want a finite number")
    return number


def chains_of(
    configs: Sequence[ProcessorConfig], make: Callable[[ProcessorConfig], Any]
) -> dict[tuple[str, str], Chain]:
    """Return the chain of each place, and for actions of each teleoperator by name. Raises ConfigError."""
    steps: dict[tuple[str, str], list[tuple[str, Processor]]] = {}
    for config in configs:
        label = config.options.where.rpartition(": ")[2]
        steps.setdefault((config.place, config.teleoperator), []).append((f"{label} ({config.kind})", make(config)))
    return {place: Chain(found) for place, found in steps.items()}


def numbers_feature(names: Sequence[str]) -> dict[str, Any]:
    """Return the feature of one float32 for each name."""
    return {"dtype": "float32", "shape": [len(names)], "names": list(names)}


def action_names(features: Any) -> list[str]:
    """Return the names of the action in a device's `features`; empty if it has none."""
    feature = features.get(ACTION) if isinstance(features, Mapping) else None
    names = feature.get("names") if isinstance(feature, Mapping) else None
    return [str(name) for name in names] if isinstance(names, list | tuple) else []
