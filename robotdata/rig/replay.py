"""Replay a LeRobotDataset v3.0 as a live robot: its footage, states and actions, tick by tick.

A take begins with the first frame of the next episode. A thread for each camera decodes frames and encodes them as
JPEGs ahead of the control loop, which only takes them from a queue.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from robotdata.capture import clock
from robotdata.capture.actions import ACTIONS, SENT
from robotdata.capture.config import RigConfig, parse_config
from robotdata.capture.devices import Action, DeviceContext, Features, Picture, Values
from robotdata.capture.errors import ConfigError, DeviceError
from robotdata.capture.options import NAME, Options
from robotdata.capture.registry import Registry
from robotdata.dataset.episode_list import VideoSpan
from robotdata.dataset.errors import DatasetError
from robotdata.dataset.features import (
    DEFAULT_FEATURES,
    Feature,
    depth_scale,
    flat_names,
    frame_size,
    is_camera,
    is_depth,
    is_video,
    size_of,
)
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.scales import SCALES, scales_of, with_scales
from robotdata.video.decode import VideoDecoder, open_video
from robotdata.video.depth.packets import depth_packet
from robotdata.video.depth.quantize import dequantize_depth
from robotdata.video.depth.video import codes_of_frame
from robotdata.video.errors import VideoError
from robotdata.video.jpeg import encode_jpeg

_AHEAD = 6
_WAIT_S = 5.0
_RECORDABLE = ("float", "int", "uint", "bool", "string")


class Player:
    """The position of the replay, shared by the devices of one rig: episode, frame, and the episode's `rows`.

    `generation` counts restarts, so that the cameras notice them. Raises ConfigError if the dataset at `root` cannot be
    opened or has no playable episode; the message begins with `where`.
    """

    def __init__(self, root: Path, where: str) -> None:
        try:
            self.dataset = DatasetFolder.open(root)
        except (DatasetError, OSError) as error:
            raise ConfigError(where, f"cannot be played: {error}") from error
        self._playable = [
            episode.index for episode in self.dataset.episodes if episode.length > 0 and not episode.problems
        ]
        if not self._playable:
            raise ConfigError(where, f"{root} has no playable episode")
        self._position = 0
        self._begun = False
        self.generation = 0
        self.frame = -1
        self.rows = self._read()

    @property
    def episode(self) -> int:
        """Return the index of the current episode."""
        return self._playable[self._position]

    @property
    def length(self) -> int:
        """Return the number of frames of the current episode."""
        return self.dataset.episode(self.episode).length

    def begin(self) -> None:
        """Go to the start of the next episode; the first call, to that of the first one. Raises DeviceError."""
        if self._begun:
            self._position = (self._position + 1) % len(self._playable)
        self._begun = True
        self.rows = self._read()
        self.restart()

    def restart(self) -> None:
        """Go to the start of the current episode."""
        self.frame = -1
        self.generation += 1  # last, because the cameras' threads act on it

    def step(self) -> int:
        """Go to the next frame, after the last one to the first; return its index."""
        self.frame = (self.frame + 1) % self.length
        return self.frame

    def _read(self) -> dict[str, Any]:
        try:
            return self.dataset.rows(self.episode)
        except (DatasetError, OSError) as error:
            raise DeviceError(f"the replayed dataset cannot be read: {error}") from error


class ReplayRobot:
    """A robot that returns the recorded observations; actions have no effect.

    Both actions of its ticks are the dataset's `action`, so it chooses what the dataset says of that one.
    """

    def __init__(self, player: Player) -> None:
        self._player = player
        self.robot_type = str(player.dataset.robot_type or "replay")
        stated = player.dataset.recorded_action
        self.recorded_action = stated if stated in ACTIONS else SENT
        self.features: Features = playable_features(player.dataset)
        if "action" not in self.features:
            raise ConfigError(str(player.dataset.root), "has no 'action': nothing to replay")

    def connect(self) -> None:
        self._player.restart()  # the cameras decode from the start too

    def begin_take(self) -> None:
        self._player.begin()

    def observe(self) -> Values:
        frame = self._player.step()
        return {name: self._player.rows[name][frame] for name in self.features if name != "action"}

    def act(self, action: Action) -> Action:
        return action

    def disconnect(self) -> None:
        pass


class ReplayTeleoperator:
    """A teleoperator that returns the recorded actions."""

    def __init__(self, player: Player) -> None:
        self._player = player

    def connect(self) -> None:
        pass

    def action(self, observation: Values) -> Action:
        return np.asarray(self._player.rows["action"][self._player.frame], np.float32).reshape(-1)

    def disconnect(self) -> None:
        pass


class ReplayCamera:
    """A camera that returns the recorded footage of the feature `key`, exactly one frame per tick."""

    answer_s = _WAIT_S + 1
    """A longer timeout than that of devices that move: decoding may be slow."""

    def __init__(self, player: Player, key: str) -> None:
        self._player, self._key = player, key
        self._ahead: queue.Queue[tuple[int, int, bytes | str]] = queue.Queue(_AHEAD)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def connect(self) -> None:
        self._stopping = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(self._stopping,), name=f"replay-{self._key}", daemon=True
        )
        self._thread.start()

    def read(self) -> Picture:
        """Return the current frame; for callers outside a control loop."""
        return self.grab(0)

    def grab(self, tick: int) -> Picture:
        """Return the frame of the robot's newest observation; `tick` is ignored. Raises DeviceError."""
        position = (self._player.generation, self._player.frame)
        end = clock.monotonic() + _WAIT_S
        while clock.monotonic() < end:
            try:
                generation, frame, packet = self._ahead.get(timeout=0.1)
            except queue.Empty:
                continue
            if isinstance(packet, str):
                raise DeviceError(packet)
            if (generation, frame) == position:
                return Picture(clock.monotonic_ns(), packet=packet)
        raise DeviceError(f"{self._key}: frame {position[1]} was not decoded within {_WAIT_S:g} s")

    def disconnect(self) -> None:
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(1.0)

    def _run(self, stopping: threading.Event) -> None:
        while not stopping.is_set():
            generation, episode = self._player.generation, self._player.episode
            try:
                self._play(stopping, generation, episode)
            except (VideoError, OSError, KeyError, IndexError) as error:
                self._put(stopping, generation, 0, f"the footage of {self._key} cannot be read: {error}")
                return

    def _play(self, stopping: threading.Event, generation: int, episode: int) -> None:
        """Decode one episode, until its end or until the player restarts."""
        span = self._player.dataset.episode(episode).videos[self._key]
        with open_video(span.path) as video:
            for number, packet in enumerate(self._packets(video, span)):
                if not self._put(stopping, generation, number, packet):
                    return

    def _packets(self, video: VideoDecoder, span: VideoSpan) -> Iterator[bytes]:
        """Yield each frame as a JPEG; a depth frame as a 16-bit PNG in millimetres, 0 (not measured) for code 0."""
        numbers = range(span.first_frame, span.first_frame + span.frames)
        feature = self._player.dataset.features[self._key]
        if not is_depth(feature):
            yield from map(encode_jpeg, video.frames(numbers))
            return
        scale = depth_scale(feature)
        for frame in video.native_frames(numbers):
            codes = codes_of_frame(video, frame)
            yield depth_packet(np.where(codes > 0, dequantize_depth(codes, scale), 0).astype(np.uint16))

    def _put(self, stopping: threading.Event, generation: int, frame: int, packet: bytes | str) -> bool:
        """Queue a frame, or an error text, once there is room; return False if the player restarted meanwhile."""
        while not stopping.is_set() and self._player.generation == generation:
            try:
                self._ahead.put((generation, frame, packet), timeout=0.05)
            except queue.Full:
                continue
            return True
        return False


def playable_features(dataset: DatasetFolder) -> dict[str, dict[str, Any]]:
    """Return the features of a dataset that a rig can record, with the units and limits that are known.

    Names are flat; cameras and LeRobot's own columns are left out.
    """
    scales = scales_of(with_scales(dataset.features, dataset.sidecar.more.get(SCALES)))
    features = {}
    for name, feature in dataset.features.items():
        if name in DEFAULT_FEATURES or is_camera(feature) or not str(feature["dtype"]).startswith(_RECORDABLE):
            continue
        features[name] = {
            "dtype": feature["dtype"],
            "shape": [size_of(feature)],
            "names": flat_names(feature),
            **scales.get(name, {}),
        }
    return features


def replay_config(root: Path) -> RigConfig:
    """Return a rig that replays the dataset in `root` with all its cameras. Raises ConfigError."""
    player = Player(root, "the dataset to replay")
    cameras: dict[str, Any] = {}
    for key, feature in player.dataset.features.items():
        name = key.rpartition(".")[2]
        if _playable(feature) and NAME.fullmatch(name):
            width, height = frame_size(feature)
            camera = {"kind": "replay", "path": str(root), "feature": key, "width": width, "height": height}
            cameras[name] = camera | (_depth_keys(feature) if is_depth(feature) else {})
    values = {
        "rig": {"name": "replay", "fps": player.dataset.fps},
        "robot": {"kind": "replay", "path": str(root)},
        "teleoperator": {"kind": "replay", "path": str(root)},
        "cameras": cameras,
    }
    return parse_config(values, "the replayed dataset")


def add_replay(registry: Registry) -> Registry:
    """Add the kind `replay` of each role to `registry`, and return it."""
    registry.add("robot", "replay", lambda context, options: ReplayRobot(_player(context, options)))
    registry.add("teleoperator", "replay", lambda context, options: ReplayTeleoperator(_player(context, options)))
    registry.add("camera", "replay", _make_camera)
    return registry


def _player(context: DeviceContext, options: Options) -> Player:
    root = options.text("path")
    players: dict[str, Player] = context.shared.setdefault("replay", {})
    if root not in players:
        players[root] = Player(Path(root), f"{options.where}.path")
    return players[root]


def _make_camera(context: DeviceContext, options: Options) -> ReplayCamera:
    player = _player(context, options)
    key = options.text("feature", f"observation.images.{context.name}")
    feature = player.dataset.features.get(key)
    if feature is None or not _playable(feature):
        known = ", ".join(player.dataset.video_keys)
        raise ConfigError(f"{options.where}.feature", f"is {key!r}, want one of {known}")
    if frame_size(feature) != (context.width, context.height):
        width, height = frame_size(feature)
        raise ConfigError(options.where, f"the footage is {width}x{height}; set width = {width}, height = {height}")
    if is_depth(feature) != context.depth:
        expected = "true" if is_depth(feature) else "false"
        raise ConfigError(f"{options.where}.depth", f"want {expected}, as the footage of {key!r} is")
    return ReplayCamera(player, key)


def _playable(feature: Feature) -> bool:
    return is_video(feature) and (feature["shape"][-1] == 3 or is_depth(feature))


def _depth_keys(feature: Feature) -> dict[str, Any]:
    """Return the keys of the rig file for a depth camera."""
    scale = depth_scale(feature)
    return {"depth": True, **{name: getattr(scale, name) for name in ("depth_min", "depth_max", "shift", "use_log")}}
