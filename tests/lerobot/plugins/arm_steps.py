"""Steps of LeRobot's pipelines for an SO arm, as a lab would write them: a hand in place of joints, and their faults.

The hand stands for what kinematics computes: it has three values, which say where three of the joints are.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lerobot.configs import FeatureType, PipelineFeatureType, PolicyFeature
from lerobot.processor import (
    ObservationProcessorStep,
    ProcessorStepRegistry,
    RobotActionProcessorStep,
    TransitionKey,
)

HAND = {"hand.x": "shoulder_pan.pos", "hand.y": "shoulder_lift.pos", "hand.open": "gripper.pos"}
NUMBER = PolicyFeature(type=FeatureType.ACTION, shape=(1,))


def hand_of(joints: dict[str, Any]) -> dict[str, float]:
    return {name: joints[joint] / 10 for name, joint in HAND.items()}


@ProcessorStepRegistry.register("joints_to_hand")
class JointsToHand(RobotActionProcessorStep):
    """Forward kinematics."""

    def action(self, action: dict[str, Any]) -> dict[str, Any]:
        return hand_of(action)

    def transform_features(self, features: Any) -> Any:
        return features | {PipelineFeatureType.ACTION: dict.fromkeys(HAND, NUMBER)}


@ProcessorStepRegistry.register("hand_to_joints")
@dataclass
class HandToJoints(RobotActionProcessorStep):
    """Inverse kinematics: the other joints stay where they are observed. It fails while the file `broken` exists."""

    broken: str = ""

    def action(self, action: dict[str, Any]) -> dict[str, Any]:
        if self.broken and Path(self.broken).exists():
            raise ValueError("no solution")
        observed = self.transition[TransitionKey.OBSERVATION]
        joints = {name: value for name, value in observed.items() if name.endswith(".pos")}
        return joints | {joint: 10 * action[name] for name, joint in HAND.items()}

    def transform_features(self, features: Any) -> Any:
        observed = features[PipelineFeatureType.OBSERVATION]
        joints = {name: NUMBER for name in observed if name.endswith(".pos")}
        return features | {PipelineFeatureType.ACTION: joints}


class ObserveHand(ObservationProcessorStep):
    """The hand beside the joints."""

    def observation(self, observation: dict[str, Any]) -> dict[str, Any]:
        return observation | hand_of(observation)

    def transform_features(self, features: Any) -> Any:
        observed = features[PipelineFeatureType.OBSERVATION]
        return features | {PipelineFeatureType.OBSERVATION: observed | dict.fromkeys(HAND, NUMBER)}


@dataclass
class Scale(RobotActionProcessorStep):
    """Other units: one joint, by a factor."""

    joint: str = ""
    factor: float = 1.0

    def action(self, action: dict[str, Any]) -> dict[str, Any]:
        return action | {self.joint: action[self.joint] * self.factor}

    def transform_features(self, features: Any) -> Any:
        return features
