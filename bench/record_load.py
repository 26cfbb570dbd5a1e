"""Recording under load: three cameras of 640x480 at 30 fps, take after take, alone or beside an encoder.

    python bench/record_load.py [--seconds 20] [--takes 30] [--rounds 3] [--load] [--drawn] [--depth]

Prints JSON: this process's share of one core, and how many times that of encoding as many of the same pictures to
JPEG in one go, and paced as cameras are (in turn, `--rounds` times); dropped frames and ticks, the loop's jitter, and
the time from stopping one take to the first row of the next. Without `--drawn` the cameras give ready pictures, as
real cameras do, so that the figures are those of recording and not of the simulator's drawing. `--load` encodes AV1
in a second process (nice 10) all the while. With `--depth` the last of the cameras gives depth.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import av
import numpy as np

from robotdata.capture import clock
from robotdata.capture.config import DEFAULT, parse_config
from robotdata.capture.devices import DeviceContext, Picture
from robotdata.capture.options import Options
from robotdata.capture.registry import Registry
from robotdata.capture.sim_depth import DepthPainter
from robotdata.capture.sim_draw import Painter
from robotdata.capture.sim_world import World
from robotdata.rig.machine import Machine
from robotdata.rig.protocol import as_command
from robotdata.rig.rig import Rig
from robotdata.video.jpeg import encode_jpeg
from robotdata.video.priority import give_up_real_time

WIDTH, HEIGHT = 640, 480
NOISE = 2.0


class ReadyCamera:
    """Real cameras hand over pictures; so does this one: noisy ones, made before."""

    def __init__(self, context: DeviceContext, options: Options) -> None:
        self._name = "depth" if context.depth else "rgb"
        if context.depth:
            painter = DepthPainter("front", context.width, context.height)
            self._pictures: list[Any] = [painter.draw(World().scene) for _ in range(8)]
        else:
            still = Painter(context.name, context.width, context.height).draw(World().scene).astype(np.int16)
            chance = np.random.default_rng(context.camera_index)
            noise = (chance.normal(0, NOISE, still.shape) for _ in range(8))
            self._pictures = [np.clip(still + each, 0, 255).astype(np.uint8) for each in noise]
        self._period_ns = round(1e9 / context.camera_fps)
        self._due = self._count = 0

    def connect(self) -> None:
        self._due = clock.monotonic_ns() + self._period_ns

    def read(self) -> Picture:
        clock.sleep_until(self._due, spin_ns=0)
        self._due += self._period_ns
        self._count += 1
        return Picture(clock.monotonic_ns(), **{self._name: self.picture(self._count)})

    def picture(self, number: int) -> Any:
        return self._pictures[number % len(self._pictures)]

    def disconnect(self) -> None:
        pass


def encode_for_ever(path: str, frames: Any) -> None:
    """AV1, preset 12, as a batch does it."""
    give_up_real_time()
    os.nice(10)
    chance = np.random.default_rng(0)
    pictures = [chance.integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8) for _ in range(8)]
    with av.open(path, "w", format="mp4") as out:
        stream = out.add_stream("libsvtav1", rate=30, options={"preset": "12", "crf": "30", "g": "2"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        while True:
            frame = av.VideoFrame.from_ndarray(pictures[frames.value % 8])
            for _ in stream.encode(frame):
                pass
            frames.value += 1


def wait(true: Any, seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise TimeoutError("the rig did not follow")
        time.sleep(0.0005)


def percentiles(values: list[float]) -> dict[str, float]:
    return {f"p{p}": round(float(np.percentile(values, p)), 2) for p in (50, 99, 100)}


def one_take(machine: Machine, seconds: float) -> dict[str, Any]:
    """A long take: processor time, drops, jitter."""
    machine.execute(as_command("record", task="bench"))
    wait(lambda: machine.take is not None and machine.take.ticks > 0)
    used, began = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
    jitter: list[int] = []
    while time.monotonic() - began < seconds:
        time.sleep(0.5)
    now, taken_s = resource.getrusage(resource.RUSAGE_SELF), time.monotonic() - began
    jitter = list(machine.rig.loop._jitter)
    take, counters = machine.take, machine.rig.loop.counters()
    machine.execute(as_command("stop"))
    wait(lambda: not machine.saving)
    cpu_s = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    assert take is not None and take.manifest is not None
    folder = machine.rig.spool / take.id
    size = sum(path.stat().st_size for path in folder.iterdir())
    return {
        "seconds": round(taken_s, 1),
        "core_share": round(cpu_s / taken_s, 3),
        "ticks": counters.ticks,
        "dropped_ticks": counters.dropped_ticks,
        "late_ticks": counters.late_ticks,
        "dropped_frames": sum(take.dropped.values()),
        "frames": take.manifest["cameras_frames"],
        "rate_hz": take.manifest["rate_hz"],
        "jitter_ms": percentiles([each / 1e6 for each in jitter]),
        "mb_per_s": round(size / 1e6 / taken_s, 2),
    }


def bare_loop(frames: int) -> float:
    """Seconds of processor for encoding so many of the same pictures to JPEG and doing nothing else."""
    cameras = [
        ReadyCamera(DeviceContext("bench", 30, name, WIDTH, HEIGHT, 30, index), Options({}, "bench"))
        for index, name in enumerate(("front", "top", "wrist"))
    ]
    began = time.thread_time()  # not the process's: the rig keeps running
    for number in range(frames):
        encode_jpeg(cameras[number % 3].picture(number // 3))
    return time.thread_time() - began


def paced_loop(seconds: float) -> float:
    """Share of a core of three threads that read a camera each and encode its pictures, and do nothing else.

    Unlike the bare loop they sleep between two pictures and wake at the same time, as recording does: cores that have
    slept, or that share what two threads need, take longer for the same work.
    """
    used = []

    def encode(name: str, index: int) -> None:
        camera = ReadyCamera(DeviceContext("bench", 30, name, WIDTH, HEIGHT, 30, index), Options({}, "bench"))
        camera.connect()
        began, end = time.thread_time(), time.monotonic() + seconds
        while time.monotonic() < end:
            picture = camera.read()
            assert picture.rgb is not None
            encode_jpeg(picture.rgb)
        used.append(time.thread_time() - began)

    threads = [threading.Thread(target=encode, args=(name, at)) for at, name in enumerate(("front", "top", "wrist"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(used) / seconds


def quick_takes(machine: Machine, takes: int) -> dict[str, float]:
    """From `stop` to the next take's first row, milliseconds."""
    waits = []
    machine.execute(as_command("record", task="bench"))
    wait(lambda: machine.take is not None and machine.take.ticks >= 30)
    for _ in range(takes):
        began = time.monotonic()
        machine.execute(as_command("stop"))
        machine.execute(as_command("record", task="bench"))
        wait(lambda: machine.take is not None and machine.take.ticks >= 1)
        waits.append((time.monotonic() - began) * 1e3)
        wait(lambda: machine.take is not None and machine.take.ticks >= 20)
    machine.execute(as_command("stop"))
    wait(lambda: not machine.saving)
    return percentiles(waits)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--takes", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--load", action="store_true")
    parser.add_argument("--drawn", action="store_true")
    parser.add_argument("--depth", action="store_true")
    options = parser.parse_args()
    sys.setswitchinterval(0.001)
    registry = Registry()
    registry.add("camera", "ready", ReadyCamera)
    kind = "sim" if options.drawn else "ready"
    cameras = {name: {"kind": kind, "depth": options.depth and name == "wrist"} for name in ("front", "top", "wrist")}
    config = parse_config(DEFAULT | {"cameras": cameras}, "bench")
    with tempfile.TemporaryDirectory() as home:
        spawn = multiprocessing.get_context("spawn")
        load, frames = None, spawn.Value("i", 0)
        if options.load:
            load = spawn.Process(target=encode_for_ever, args=(f"{home}/load.mp4", frames), daemon=True)
            load.start()
            wait(lambda: frames.value > 20)
        machine = Machine(Rig(config, Path(home) / "spool", registry=registry))
        machine.start()
        wait(lambda: machine.state == "idle")
        before, began = frames.value, time.monotonic()
        shares, ratios, paced = [], [], []
        for _ in range(options.rounds):  # in turn, so that both meet the same machine
            take = one_take(machine, options.seconds)
            frames_taken = sum(take["frames"].values())
            bare_share = bare_loop(frames_taken) / take["seconds"]
            shares.append(round(bare_share, 3))
            ratios.append(round(take["core_share"] / bare_share, 2))
            paced.append(round(take["core_share"] / paced_loop(options.seconds), 2))
        result = {"load": options.load, "cameras": kind, "take": take}
        result |= {"bare_jpeg_core_share": shares, "to_bare_jpeg": ratios, "to_paced_jpeg": paced}
        result["stop_to_start_ms"] = quick_takes(machine, options.takes)
        result["encoder_fps"] = round((frames.value - before) / (time.monotonic() - began), 1)
        machine.stop()
        if load is not None:
            load.kill()
            load.join()
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
