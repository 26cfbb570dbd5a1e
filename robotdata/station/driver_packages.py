"""The drivers that a page may install: a fixed table of pinned packages. Nothing else reaches pip."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from robotdata.station.errors import AskRefused

LEROBOT_VERSION = "0.6.1"
DEFAULT = ("feetech", "dynamixel")


@dataclass(frozen=True, slots=True)
class DriverPackage:
    """One choice: an `extra` of LeRobot, or `packages` of somebody else, with their versions."""

    key: str
    label: str
    about: str
    extra: str = ""
    packages: tuple[str, ...] = ()

    @property
    def requirements(self) -> tuple[str, ...]:
        """Return what pip is told for this choice."""
        return (f"lerobot[{self.extra}]=={LEROBOT_VERSION}",) if self.extra else self.packages


PACKAGES = {
    each.key: each
    for each in (
        DriverPackage("feetech", "Feetech motors", "SO-100, SO-101 and other arms with Feetech servos", "feetech"),
        DriverPackage("dynamixel", "Dynamixel motors", "Koch, OMX and other arms with Dynamixel servos", "dynamixel"),
        DriverPackage(
            "intelrealsense", "RealSense cameras", "Colour and depth of an Intel RealSense", "intelrealsense"
        ),
        DriverPackage("lekiwi", "LeKiwi", "The mobile base with its arm, over the network", "lekiwi"),
        DriverPackage("hopejr", "HopeJR", "The humanoid arm and hand, with its glove", "hopejr"),
        DriverPackage("reachy2", "Reachy 2", "Pollen Robotics' robot and its cameras", "reachy2"),
        DriverPackage("openarms", "OpenArm", "Arms with Damiao motors on a CAN bus", "openarms"),
        DriverPackage("gamepad", "Gamepad", "A gamepad as teleoperator", "gamepad"),
        DriverPackage("kinematics", "Inverse kinematics", "To drive an arm by the position of its hand", "kinematics"),
        DriverPackage(
            "seeed-b601",
            "Seeed reBot B601",
            "Plug-ins by Seeed for its arm and its leader; not tried by us",
            packages=("lerobot-robot-seeed-b601==1.0.5", "lerobot-teleoperator-rebot-arm-102==1.0.1"),
        ),
        DriverPackage(
            "spacemouse",
            "SpaceMouse",
            "A plug-in for a 3D mouse as teleoperator; not tried by us",
            packages=("lerobot-teleoperator-spacemouse==1.0",),
        ),
    )
}


def requirements_of(keys: Iterable[str]) -> list[str]:
    """Return what pip is told for these choices, in the table's order. Raises AskRefused for a name not in it."""
    wanted = list(keys)
    if unknown := [key for key in wanted if key not in PACKAGES]:
        raise AskRefused("bad_args", f"packages: {unknown[0]!r:.60} is not one of {', '.join(PACKAGES)}")
    chosen = [package for key, package in PACKAGES.items() if key in wanted]
    extras = [package.extra for package in chosen if package.extra]
    lerobot = f"lerobot[{','.join(extras)}]" if extras else "lerobot"
    return [f"{lerobot}=={LEROBOT_VERSION}", *(name for package in chosen for name in package.packages)]
