"""One simulated image of 640x480, and one step of the simulated world, in ms of processor time.

The autopilot moves the arm; each scene is drawn for each view in turn, in colour and as depth. `step_ms` is the cost of
the robot's observation, which simulates one period, and of the autopilot's action.

    .venv/bin/python bench/sim_draw.py [scenes]
"""

from __future__ import annotations

import json
import platform
import statistics
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from robotdata.capture.devices import DeviceContext  # noqa: E402
from robotdata.capture.options import Options  # noqa: E402
from robotdata.capture.sim import make_autopilot, make_robot  # noqa: E402
from robotdata.capture.sim_depth import DepthPainter  # noqa: E402
from robotdata.capture.sim_draw import Painter  # noqa: E402
from robotdata.capture.sim_world import Scene  # noqa: E402

VIEWS = ("front", "top", "wrist")
WIDTH, HEIGHT, FPS = 640, 480, 30


def play(steps: int) -> tuple[list[Scene], list[float]]:
    """Return the scenes that the autopilot runs through, and what each step cost in seconds."""
    context = DeviceContext("bench", FPS, name="front", width=WIDTH, height=HEIGHT, camera_fps=FPS)
    robot, pilot = make_robot(context, Options({}, "bench")), make_autopilot(context, Options({}, "bench"))
    scenes, spent = [], []
    for _ in range(steps):
        start = time.process_time()
        robot.act(pilot.action(robot.observe()))
        spent.append(time.process_time() - start)
        scenes.append(context.shared["sim"].world.scene)
    return scenes, spent


def summary(spent: list[float]) -> dict[str, float]:
    """Return milliseconds for costs in seconds."""
    return {
        "p50": round(1000 * statistics.median(spent), 2),
        "mean": round(1000 * statistics.mean(spent), 2),
        "p95": round(1000 * sorted(spent)[int(0.95 * len(spent))], 2),
    }


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 150
    scenes, steps = play(6 * count)
    painters: dict[str, Painter | DepthPainter] = {view: Painter(view, WIDTH, HEIGHT) for view in VIEWS}
    painters |= {f"{view}, depth": DepthPainter(view, WIDTH, HEIGHT) for view in VIEWS}
    spent: dict[str, list[float]] = {name: [] for name in painters}
    for scene in scenes[::6]:
        for name, painter in painters.items():
            start = time.process_time()
            painter.draw(scene)
            spent[name].append(time.process_time() - start)
    report = {"draw_ms": {name: summary(costs) for name, costs in spent.items()}, "step_ms": summary(steps)}
    print(json.dumps({"python": platform.python_version(), "scenes": count, **report}, indent=2))


if __name__ == "__main__":
    main()
