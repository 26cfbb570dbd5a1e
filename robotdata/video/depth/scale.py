"""The scale between 16-bit depth and 12-bit codes: LeRobot's, as stored in the `info` of a depth camera."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from robotdata.video.errors import DecodeError, EncodeError

Unit = Literal["m", "mm"]


@dataclass(frozen=True, slots=True)
class DepthScale:
    """The depths in metres of codes 0 and 4095, and whether the steps between are logarithmic.

    Logarithmic steps are finer for near depths, where sensors are more precise. `shift` (metres) is added before the
    logarithm. Raises EncodeError if the values are not a valid scale.
    """

    depth_min: float = 0.01
    depth_max: float = 10.0
    shift: float = 3.5
    use_log: bool = True

    def __post_init__(self) -> None:
        if not self.depth_min < self.depth_max:
            raise EncodeError(f"depth_min={self.depth_min}, depth_max={self.depth_max}: want min below max")
        if self.use_log and self.depth_min + self.shift <= 0:
            raise EncodeError(f"depth_min={self.depth_min}, shift={self.shift}: their sum must be above 0")

    def info(self, unit: Unit) -> dict[str, Any]:
        """Return the `info` of a depth camera in `info.json`."""
        return {
            "is_depth_map": True,
            "video.depth_min": self.depth_min,
            "video.depth_max": self.depth_max,
            "video.shift": self.shift,
            "video.use_log": self.use_log,
            "depth_unit": unit,
        }

    @classmethod
    def from_info(cls, info: dict[str, Any]) -> DepthScale:
        """Return the scale in a camera's `info`. Raises DecodeError if it is missing or invalid."""
        try:
            return cls(
                float(info["video.depth_min"]),
                float(info["video.depth_max"]),
                float(info["video.shift"]),
                bool(info["video.use_log"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise DecodeError(f"the camera's info does not say how its depth was quantised: {error}") from error

    @classmethod
    def of(cls, info: Mapping[str, Any]) -> DepthScale:
        """Return the scale as `from_info` does, with LeRobot's defaults for missing values."""
        return cls.from_info(cls().info("mm") | {name: value for name, value in info.items() if value is not None})

    def __str__(self) -> str:
        return f"{self.depth_min:g} to {self.depth_max:g} m, {self._steps()}"

    def _steps(self) -> str:
        return f"logarithmic (shift {self.shift:g} m)" if self.use_log else "linear"


def says_depth(info: Mapping[str, Any] | None) -> bool:
    """Return whether the `info` of a camera marks it as depth, with LeRobot's key or its older ones."""
    return bool(info and (info.get("is_depth_map") or info.get("video.is_depth_map")))
