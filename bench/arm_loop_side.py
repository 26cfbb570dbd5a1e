"""One side of `arm_loop.py`, run in an environment of LeRobot's: record for some seconds, print the times as JSON."""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests/lerobot")]

import patient_driver  # noqa: E402, F401
from lerobot.robots.so_follower import SO101Follower, SO101FollowerConfig  # noqa: E402

begun: list[float] = []
observe = SO101Follower.get_observation


def timed(self: Any) -> Any:
    begun.append(time.perf_counter())
    return observe(self)


SO101Follower.get_observation = timed


def main() -> None:
    options = _options()
    used = (lerobot if options.side == "lerobot" else ours)(options)
    print(json.dumps({"begun_s": begun, **used}))


class Used:
    """Processor and wall time since it was made."""

    def __init__(self) -> None:
        begun.clear()
        self._wall, self._usage = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF)

    def read(self) -> dict[str, float]:
        now, then = resource.getrusage(resource.RUSAGE_SELF), self._usage
        processor_s = now.ru_utime - then.ru_utime + now.ru_stime - then.ru_stime
        return {"processor_s": processor_s, "wall_s": time.monotonic() - self._wall}


def lerobot(options: argparse.Namespace) -> dict[str, float]:
    """Record an episode as lerobot-record does, without cameras."""
    from lerobot.datasets.lerobot_dataset import LeRobotDataset
    from lerobot.processor import make_default_processors
    from lerobot.scripts.lerobot_record import record_loop
    from lerobot.teleoperators.so_leader import SO101Leader, SO101LeaderConfig

    os.environ["HF_HUB_OFFLINE"] = "1"
    calibrations = options.folder
    robot = SO101Follower(SO101FollowerConfig(port=options.follower, id="follower", calibration_dir=calibrations))
    teleop = SO101Leader(SO101LeaderConfig(port=options.leader, id="leader", calibration_dir=calibrations))
    teleop.connect(calibrate=False)
    robot.connect(calibrate=False)
    names = list(robot.action_features)
    signal = {"dtype": "float32", "shape": (len(names),), "names": names}
    root = options.folder / "theirs"
    shutil.rmtree(root, ignore_errors=True)
    dataset = LeRobotDataset.create(
        "local/theirs", options.fps, {"action": signal, "observation.state": signal}, root=root, robot_type=robot.name
    )
    used = Used()
    record_loop(
        robot,
        {"exit_early": False},
        options.fps,
        *make_default_processors(),
        dataset=dataset,
        teleop=teleop,
        control_time_s=options.seconds,
        single_task="push the cube",
    )
    cost = used.read()
    dataset.save_episode()
    dataset.finalize()
    robot.disconnect()
    teleop.disconnect()
    return cost


def ours(options: argparse.Namespace) -> dict[str, float]:
    """Record a take with a rig of the same arms, without cameras."""
    from robotdata.capture.config import parse_config
    from robotdata.rig.machine import Machine
    from robotdata.rig.process import registry
    from robotdata.rig.protocol import as_command
    from robotdata.rig.rig import Rig

    def arm(kind: str, port: str, name: str) -> dict[str, Any]:
        table = {"kind": "lerobot", "type": kind, "port": port, "id": name}
        return {**table, "calibration_dir": str(options.folder)}

    tables = {
        "rig": {"name": "so101", "fps": options.fps},
        "robot": arm("so101_follower", options.follower, "follower"),
        "teleoperator": arm("so101_leader", options.leader, "leader"),
        "cameras": {},
    }
    spool = Path(options.folder) / "ours"
    shutil.rmtree(spool, ignore_errors=True)
    machine = Machine(Rig(parse_config(tables, "bench"), spool, registry=registry()))
    _settle_as_the_process_does()
    machine.start()
    while machine.state != "idle":
        time.sleep(0.05)
    time.sleep(1)  # the first observation of a driver takes long
    machine.execute(as_command("record", task="push the cube", episode_s=options.seconds + 5))
    used = Used()
    time.sleep(options.seconds)
    cost = used.read()
    machine.execute(as_command("stop"))
    machine.stop()
    return cost


def _settle_as_the_process_does() -> None:
    """Take the switch interval and the priority of `robotdata.rig.process`."""
    sys.setswitchinterval(0.001)
    try:
        os.setpriority(os.PRIO_PROCESS, 0, -10)
    except OSError as error:
        print(f"normal priority: {error}", file=sys.stderr)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("side", choices=("ours", "lerobot"))
    parser.add_argument("--follower", required=True)
    parser.add_argument("--leader", required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--fps", type=int, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    main()
