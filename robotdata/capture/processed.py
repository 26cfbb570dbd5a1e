"""A robot and teleoperators with the processors of the rig file around them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robotdata.capture.actions import ACTION, REQUESTED, SENT
from robotdata.capture.config import RigConfig
from robotdata.capture.devices import Action, DeviceContext, Values
from robotdata.capture.errors import ConfigError
from robotdata.capture.processors import (
    OBSERVATION,
    ROBOT,
    TELEOPERATOR,
    Chain,
    Named,
    action_names,
    chains_of,
    numbers_feature,
)
from robotdata.capture.registry import Registry
from robotdata.capture.values import flat_names

STATE = "observation.state"
SENT_BEFORE = "observation.sent"
"""The feature with what the robot was sent in the tick before, where that has other names than the action."""


class _Around:
    """Has everything that the driver has: `events`, `emergency_stop` and `disconnect` are the driver's own."""

    def __init__(self, driver: Any, *chains: Chain) -> None:
        self._driver, self._chains = driver, chains

    def __getattr__(self, name: str) -> Any:
        return getattr(self._driver, name)

    def connect(self) -> None:
        for chain in self._chains:
            chain.reset()
        self._driver.connect()

    def disconnect(self) -> None:
        self._driver.disconnect()


class ProcessedRobot(_Around):
    """A robot whose observation and actions pass through processors. `asked` are the names of the requested action.

    Where the processors give the robot other values than those asked for (joints instead of the pose of a hand), `act`
    cannot say what was sent in the words of the request: it returns the request, and what was sent is in the next row.
    """

    def __init__(self, driver: Any, actions: Chain, observations: Chain) -> None:
        super().__init__(driver, actions, observations)
        self._actions, self._observations = actions, observations
        self.raw: Named = {}
        self.raw_features: Named = getattr(driver, "raw_features", None) or dict.fromkeys(_state_names(driver), float)
        self._joints = action_names(driver.features)
        self._asked, self._differs = self._joints, False
        self.features = dict(driver.features)
        self._states = _state_names(driver)
        if observations:
            self._states = observations.names(self.raw_features, self.raw_features)
            self.features[STATE] = numbers_feature(self._states)
        self._sent: NDArray[np.float32] = np.zeros(len(self._joints), np.float32)

    def expect(self, asked: list[str], where: str) -> None:
        """Take requests with these names from now on. Raises ConfigError if they do not become the robot's joints."""
        if not self._actions:
            return
        if not self._joints:
            raise ConfigError(where, "needs a robot that names the values of its action")
        given = self._actions.names(dict.fromkeys(asked, float), self.raw_features)
        if missing := [name for name in self._joints if name not in given]:
            raise ConfigError(
                where,
                f"the last processor at the robot gives {', '.join(given) or 'nothing'}, and not "
                f"{', '.join(missing)}; the robot takes {', '.join(self._joints)}",
            )
        self._differs = sorted(asked) != sorted(self._joints)
        if self._differs:
            self._asked = asked
            self.features[ACTION] = numbers_feature(asked)
            self.features[SENT_BEFORE] = numbers_feature(self._joints)
            self.recorded_action = REQUESTED

    @property
    def differs(self) -> bool:
        """Return whether the robot gets values of other names than those asked for."""
        return self._differs

    def connect(self) -> None:
        self._sent = np.zeros(len(self._joints), np.float32)
        super().connect()

    def observe(self) -> Values:
        values: dict[str, Any] = dict(self._driver.observe())
        if hasattr(self._driver, "raw_observation"):
            self.raw = self._driver.raw_observation
        elif STATE in values:
            self.raw = dict(zip(_state_names(self._driver), np.ravel(values[STATE]).tolist(), strict=False))
        if self._observations:
            values[STATE] = self._observations.run(self.raw, self.raw, self._states)
        if self._differs:
            values[SENT_BEFORE] = self._sent
        return values

    def act(self, action: Action) -> Action:
        if not self._actions:
            return np.asarray(self._driver.act(action))
        asked = dict(zip(self._asked, action.tolist(), strict=True))
        joints = self._actions.run(asked, self.raw, self._joints).astype(np.float32)
        self._sent = np.array(self._driver.act(joints), np.float32)
        return action if self._differs else self._sent


class ProcessedTeleoperator(_Around):
    """A teleoperator whose actions pass through processors, which also get the observation of `robot`."""

    def __init__(self, driver: Any, chain: Chain, robot: ProcessedRobot, where: str) -> None:
        super().__init__(driver, chain)
        self._chain, self._robot = chain, robot
        self._given = action_names(getattr(driver, "features", None))
        features = getattr(driver, "raw_features", None) or dict.fromkeys(self._given, float)
        if not features:
            raise ConfigError(where, "needs a teleoperator that names its values; this one has no `features`")
        self._names = chain.names(features, robot.raw_features)
        if not self._names:
            raise ConfigError(where, "the last processor of this teleoperator gives no numbers")
        self.features = {ACTION: numbers_feature(self._names)}

    def action(self, observation: Values) -> Action:
        if hasattr(self._driver, "raw_action"):
            values: Mapping[str, Any] = self._driver.raw_action()
        else:
            given = np.ravel(self._driver.action(observation)).tolist()
            values = dict(zip(self._given, given, strict=True))
        return self._chain.run(values, self._robot.raw, self._names).astype(np.float32)


def teleoperator_context(context: DeviceContext, config: RigConfig, name: str) -> DeviceContext:
    """Return what the driver of a teleoperator gets to know of its rig."""
    processed = any(each.place == TELEOPERATOR and each.teleoperator == name for each in config.processors)
    return DeviceContext(context.rig, context.fps, shared=context.shared, processed=processed)


def with_processors(
    config: RigConfig, registry: Registry, context: DeviceContext, robot: Any, teleoperators: Mapping[str, Any]
) -> tuple[Any, dict[str, Any]]:
    """Return robot and teleoperators with the rig file's processors around them; as they are if it has none.

    Raises ConfigError if a processor cannot be made, or if what comes out is not what the robot takes.
    """
    if not config.processors:
        return robot, dict(teleoperators)
    _refuse_unsafe(config, teleoperators)
    chains = chains_of(config.processors, lambda each: registry.processor(each.kind, context, each.options, each.place))
    around = ProcessedRobot(robot, chains.get((ROBOT, ""), Chain([])), chains.get((OBSERVATION, ""), Chain([])))
    where = config.processors[0].options.where.rpartition("[")[0]
    found = {}
    for name, each in teleoperators.items():
        chain = chains.get((TELEOPERATOR, name))
        found[name] = ProcessedTeleoperator(each, chain, around, where) if chain else each
    asked = [name for each in found.values() for name in action_names(getattr(each, "features", None))]
    around.expect(asked or action_names(robot.features), where)
    if around.differs and config.recorded_action == SENT:
        raise ConfigError(
            f"{config.robot.options.where}.action",
            'is "sent", but the robot gets other values than a row\'s action has; remove it: datasets get "requested"',
        )
    return around, found


def _refuse_unsafe(config: RigConfig, teleoperators: Mapping[str, Any]) -> None:
    """Raise ConfigError for what compares a pose of the robot with one in other values than the robot's own."""
    places = {each.place for each in config.processors}
    if config.rest is not None and places & {ROBOT, OBSERVATION}:
        where = f"{config.robot.options.where}.rest"
        raise ConfigError(where, f"cannot be used with processors at {ROBOT!r} or {OBSERVATION!r}; remove one of them")
    for name, each in teleoperators.items():
        device = config.teleoperators[name]
        if OBSERVATION in places and (device.kind == "browser" or hasattr(each, "feedback")):
            problem = f"needs the robot's own observation: remove the processors at {OBSERVATION!r}"
            raise ConfigError(device.options.where, problem)


def _state_names(driver: Any) -> list[str]:
    return flat_names(driver.features.get(STATE, {}).get("names"))
