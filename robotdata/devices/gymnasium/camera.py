"""A camera of an environment of gymnasium: a part of its observations, or what it renders."""

from __future__ import annotations

from robotdata.capture import clock
from robotdata.capture.devices import DeviceContext, Picture
from robotdata.capture.errors import ConfigError, DeviceError
from robotdata.capture.options import Options
from robotdata.devices.gymnasium.simulation import Simulation, part_of, picture_of, simulation_of


class GymnasiumCamera:
    """Gives at each tick the picture of the observation of that tick; `image` is its place, empty: rendered."""

    answer_s = 30.0  # software may render slowly

    def __init__(self, simulation: Simulation, image: str) -> None:
        self._simulation, self._image = simulation, image
        simulation.renders = simulation.renders or not image

    def connect(self) -> None: ...

    def grab(self, tick: int) -> Picture:
        simulation, image = self._simulation, self._image
        if image:
            rgb = picture_of(part_of(simulation.observation, image), f"the observation {image!r}")
            return Picture(clock.monotonic_ns(), rgb=rgb)
        # Here and not where the robot observes, whose time is short: a robot that hangs may move.
        render = lambda: picture_of(simulation.render(), "what the environment renders")  # noqa: E731
        return Picture(clock.monotonic_ns(), render=render)

    def read(self) -> Picture:
        raise DeviceError("the control loop reads this camera")

    def disconnect(self) -> None: ...


def make_camera(context: DeviceContext, options: Options) -> GymnasiumCamera:
    """Return the camera that shows `image`, a key of the observations; without it, what is rendered.

    Raises ConfigError.
    """
    if context.depth:
        raise ConfigError(f"{options.where}.depth", "is true, but an environment's depth is not read; remove it")
    simulation = simulation_of(context, options)
    image = options.text("image") if "image" in options.names() else ""
    if image and part_of(simulation.observations, image) is None:
        raise ConfigError(f"{options.where}.image", f"is {image!r}, which is not in {simulation.observations}")
    return GymnasiumCamera(simulation, image)
