"""Propose a mapping for a recording: state, action and cameras are found by the names that they commonly have."""

from __future__ import annotations

import re
from collections.abc import Sequence

from robotdata.imports.mapping import Mapping, Rule
from robotdata.imports.streams import PICTURES, Kind, Recording, Stream

STATE, ACTION, CAMERA = "observation.state", "action", "observation.images."
_ACTIONS = ("action", "actions", "joint_action", "joint_commands.position", "joint_command.position", "command.data")
_STATES = ("qpos", "state", "agent_pos", "joint_states.position", "joint_state.position") + (
    "joint_positions",
    "joint_pos",
    "joint_position",
    "proprio",
)
_PARTS = ("joint_pos", "eef_pos", "eef_rot_axis_angle", "eef_quat", "gripper_qpos", "gripper_width")
"""The parts of a robot's state in robomimic (`robot0_joint_pos`) and UMI (`robot0_eef_pos`), in this order."""

_ALOHA_JOINTS = ("waist", "shoulder", "elbow", "forearm_roll", "wrist_angle", "wrist_rotate", "gripper")
_ALOHA = tuple(f"{side}_{joint}" for side in ("left", "right") for joint in _ALOHA_JOINTS)
_COMMAND = re.compile("action|command|cmd|leader|target|goal|desired", re.I)
_STATE_TOPIC = re.compile("joint_?states?|follower|state|measured", re.I)
_ROBOT = re.compile(r"(robot\d+)_(.+)")
_DULL = re.compile(
    "(camera|image|img|colou?r|rgb|raw|data|obs|observation|sensor|video|image_raw|compressed(_?video)?)s?", re.I
)
_COMMON_RATES = (5, 10, 12, 12.5, 15, 20, 24, 25, 30, 40, 50, 60, 90, 100, 120)


def propose(recording: Recording) -> Mapping:
    """Return a mapping of the streams that look like the state, the action and the cameras; others are left out."""
    usable = [stream for stream in recording.streams if not stream.problem]
    numbers = [stream for stream in usable if stream.kind is Kind.NUMBERS]
    features: dict[str, Rule] = {}
    action = _find(numbers, _ACTIONS) or _topic(numbers, _COMMAND)
    if action is not None:
        features[ACTION] = Rule((action.path,), _names([action]))
    state = _state(numbers)
    if state:
        features[STATE] = Rule(tuple(stream.path for stream in state), _names(state))
    for stream in usable:
        if stream.kind in PICTURES:
            features[_free_name(CAMERA + camera_name(stream), features)] = Rule((stream.path,))
    texts = [stream for stream in usable if stream.kind is Kind.TEXT]
    said = next((s.path for s in texts if re.search("task|instruction|language|prompt", s.path, re.I)), "")
    return Mapping(features, fps=propose_fps(recording, features), task=recording.task, task_stream=said)


def propose_fps(recording: Recording, features: dict[str, Rule]) -> float:
    """Return the recording's own rate; else that of its fastest camera, or of its fastest stream, as a usual number."""
    if recording.fps:
        return recording.fps
    paths = {path for rule in features.values() for path in rule.streams}
    mapped = [stream for stream in recording.streams if stream.path in paths and stream.rate_hz]
    cameras = [stream for stream in mapped if stream.kind in PICTURES]
    rate = max((stream.rate_hz for stream in cameras or mapped), default=0.0)
    if not rate or not recording.timed:
        return 0.0
    nearest = min(_COMMON_RATES, key=lambda common: abs(common / rate - 1))
    return float(nearest if abs(nearest / rate - 1) < 0.08 else min(max(round(rate), 1), 200))


def camera_name(stream: Stream) -> str:
    """Return a short name for the camera: the parts of the path that tell it from other cameras."""
    path = re.sub(r"\.(mp4|mkv|webm|avi|mov|m4v|ts)$", "", stream.path, flags=re.I)
    parts = [part for part in re.split(r"[/.]", path) if part and not re.fullmatch(r"demo_\d+", part)]
    telling = [part for part in parts if not _DULL.fullmatch(part)] or parts[-1:] or ["camera"]
    name = re.sub(r"[^0-9A-Za-z]+", "_", "_".join(telling)).strip("_")
    name = re.sub(r"_(image|img|rgb|color|image_raw|compressed)$", "", name) or "camera"
    return f"{name}_depth" if stream.kind is Kind.DEPTH and "depth" not in name else name[:60]


def _free_name(name: str, taken: dict[str, Rule]) -> str:
    number, free = 2, name
    while free in taken:
        free, number = f"{name}_{number}", number + 1
    return free


def _find(streams: Sequence[Stream], names: Sequence[str]) -> Stream | None:
    by_name = {stream.name.lower(): stream for stream in reversed(streams)}
    return next((by_name[name] for name in names if name in by_name), None)


def _topic(streams: Sequence[Stream], word: re.Pattern[str]) -> Stream | None:
    """Return the positions, or the data, of the first topic whose name has the word in it."""
    for ending in (".position", ".positions", ".data"):
        for stream in streams:
            if stream.path.endswith(ending) and word.search(stream.path):
                return stream
    return None


def _state(streams: Sequence[Stream]) -> list[Stream]:
    if single := _find(streams, _STATES) or _topic(streams, _STATE_TOPIC):
        return [single]
    parts: dict[tuple[str, int], Stream] = {}
    for stream in streams:
        match = _ROBOT.fullmatch(stream.name)
        if match and match[2] in _PARTS:
            parts[match[1], _PARTS.index(match[2])] = stream
    joints = {robot for robot, part in parts if _PARTS[part] == "joint_pos"}
    pose = {part for part, name in enumerate(_PARTS) if name.startswith("eef")}
    return [parts[key] for key in sorted(parts) if not (key[0] in joints and key[1] in pose)]


def _names(streams: Sequence[Stream]) -> tuple[str, ...]:
    count = sum(stream.shape[0] for stream in streams if len(stream.shape) == 1)
    if count == len(_ALOHA) and len(streams) == 1 and streams[0].path in ("/observations/qpos", "/action"):
        return _ALOHA
    return ()
