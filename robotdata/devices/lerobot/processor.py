"""LeRobot's processor steps and pipelines as processors of a rig."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from robotdata.capture.devices import DeviceContext
from robotdata.capture.errors import ConfigError
from robotdata.capture.options import Options
from robotdata.capture.processors import OBSERVATION, Named
from robotdata.capture.session import describe_error
from robotdata.devices.lerobot.library import missing, module, one_line


class LeRobotProcessor:
    """A pipeline of LeRobot's at one place; its features follow the pipeline's `transform_features`."""

    def __init__(self, pipeline: Any, place: str) -> None:
        self._pipeline, self._observes = pipeline, place == OBSERVATION
        self._types = module("lerobot.configs").PipelineFeatureType

    def transform(self, features: Named, observation: Named) -> Named:
        types = self._types
        observed = features if self._observes else observation
        given = {types.ACTION: {} if self._observes else dict(features), types.OBSERVATION: dict(observed)}
        found: Named = self._pipeline.transform_features(given)[types.OBSERVATION if self._observes else types.ACTION]
        return found

    def process(self, values: Named, observation: Named) -> Named:
        data = dict(values) if self._observes else (dict(values), dict(observation))
        found: Named = self._pipeline(data)
        return found

    def reset(self) -> None:
        self._pipeline.reset()


def make_processor(context: DeviceContext, options: Options, place: str) -> LeRobotProcessor:
    """Return what `make = "module:name"` makes of the other keys: a step of LeRobot's, several, or a pipeline.

    Raises ConfigError.
    """
    problem = missing()
    if problem is not None:
        raise ConfigError(options.where, problem)
    text = options.text("make")
    module_name, _, name = text.partition(":")
    arguments = options.remaining()
    try:
        processors: Any = module("lerobot.processor")
    except Exception as error:  # torch may raise anything while it is imported
        problem = (
            f"needs LeRobot's processors, which cannot be imported ({one_line(describe_error(error))}); they need torch"
        )
        raise ConfigError(f"{options.where}.kind", problem) from error
    try:
        made = getattr(importlib.import_module(module_name), name)(**arguments)
    except Exception as error:  # a step's code may raise anything
        raise ConfigError(
            f"{options.where}.make", f'{text!r} cannot be made: {describe_error(error)}; want "module:name"'
        ) from error
    return LeRobotProcessor(_pipeline(made, processors, place, f"{options.where}.make"), place)


def _pipeline(made: Any, processors: Any, place: str, where: str) -> Any:
    """Return a pipeline of what was made. Raises ConfigError."""
    if isinstance(made, processors.DataProcessorPipeline):
        return made
    steps = (
        [made] if isinstance(made, processors.ProcessorStep) else list(made) if isinstance(made, list | tuple) else []
    )
    if not steps or not all(isinstance(each, processors.ProcessorStep) for each in steps):
        raise ConfigError(
            where, f"makes a {type(made).__name__}, want a processor step of LeRobot's, a list or a pipeline"
        )
    if place == OBSERVATION:
        ends = (processors.observation_to_transition, processors.transition_to_observation)
    else:
        ends = (processors.robot_action_observation_to_transition, processors.transition_to_robot_action)
    return processors.RobotProcessorPipeline(steps=steps, to_transition=ends[0], to_output=ends[1])


def raw_action_features(declared: Mapping[str, Any]) -> dict[str, Any]:
    """Return LeRobot's action features by name; a game pad's are one array with names."""
    names = declared.get("names")
    if "dtype" in declared and isinstance(names, Mapping):
        return {str(name): float for name in names}
    return {str(name): kind for name, kind in declared.items()}
