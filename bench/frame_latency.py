"""How long one random frame takes, to a JPEG: in this process, and through HTTP on loopback with a session.

Between the requests, the same bytes are asked of a bare ASGI application under the same server: that is the limit.
`cpu_ms` is the processor time of the server's process. Targets: over HTTP at most three times the bare application for
a take's frame; a committed AV1 (g 2, 640x480) frame p99 under 40 ms.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ports import free_port

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
FRAMES, ASKED, FPS = 600, 400, 30
IMPORTS_BEGIN_S = 4.0  # after the first answer; see `robotdata.background_import`
START_S = 120
SIZE = (640, 480)
CAMERA = "observation.images.front"


def noisy_packets(frames: int = FRAMES) -> list[bytes]:
    """Moving pictures with sensor noise, so that neither JPEG nor AV1 has it easy."""
    import numpy as np

    from robotdata.video.jpeg import encode_jpeg

    rng, (width, height) = np.random.default_rng(0), SIZE
    y, x = np.mgrid[0:height, 0:width]
    packets = []
    for n in range(frames):
        base = np.stack([(x + 3 * n) % 256, (y + 2 * n) % 256, (x + y) // 4 % 256], axis=2)
        packets.append(encode_jpeg(np.clip(base + rng.normal(0, 2, base.shape), 0, 255).astype(np.uint8)))
    return packets


def make_take(folder: Path, packets: list[bytes], dataset: str = "bench") -> None:
    import numpy as np

    from robotdata.spool import Row, TakeWriter

    numbers = {"dtype": "float32", "shape": [6], "names": [f"joint{i}.pos" for i in range(6)]}
    video = {"dtype": "video", "shape": [SIZE[1], SIZE[0], 3], "names": ["height", "width", "channels"]}
    features = {"action": numbers, "observation.state": numbers, CAMERA: video}
    about = {CAMERA: {"codec": "mjpeg", "width": SIZE[0], "height": SIZE[1]}}
    writer = TakeWriter(folder, {"fps": FPS, "task": "bench", "dataset": dataset}, features, about)
    values = {"action": np.zeros(6, np.float32), "observation.state": np.zeros(6, np.float32)}
    for tick, packet in enumerate(packets):
        now = tick * 1_000_000_000 // FPS
        writer.add_frame(CAMERA, tick, now, packet)
        writer.add_row(Row(tick, now + 1_000_000, now, values, {CAMERA: (tick, now)}))
    writer.finish()


def make_committed(take_folder: Path, home: Path) -> None:
    from robotdata.dataset.write.commit import DatasetSpec, commit_episodes
    from robotdata.dataset.write.new_episode import NewEpisode
    from robotdata.export.encode import encode_camera
    from robotdata.export.plan import plan_take
    from robotdata.spool import Take
    from robotdata.video import EncodeSettings

    with Take.open(take_folder) as take:
        plan = plan_take(take)
        encoded = encode_camera(take, plan, CAMERA, home / "front.mp4", EncodeSettings())
        columns = {name: take.signal(name)[plan.first_tick : plan.end_tick] for name in ("action", "observation.state")}
        spec = DatasetSpec(fps=FPS, robot_type="bench", features=take.manifest["features"])
    videos, stats = {CAMERA: encoded.path}, {CAMERA: encoded.stats}
    episode = NewEpisode(str(uuid.uuid4()), "bench", columns, plan.rows, videos, stats)
    revisions = home / "datasets/.revisions/bench"
    commit_episodes(home / "datasets/bench", spec, [episode], work=home / "work", revisions=revisions)


def prepare(home: Path) -> tuple[dict[str, uuid.UUID], str]:
    """A take and the same frames committed, as rows too; and the cookie of somebody signed in."""
    from django.conf import settings
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from django.test import Client

    from recorder.models import Dataset, Episode

    call_command("migrate", verbosity=0)
    dataset = Dataset.objects.create(slug="bench", title="bench", fps=FPS)
    take = Episode.objects.create(dataset=dataset, task="bench", state="recorded", ticks=FRAMES)
    folder = Path(settings.SPOOL_DIR) / str(take.pk)
    make_take(folder, noisy_packets())
    make_committed(folder, home)
    committed = Episode.objects.create(dataset=dataset, task="bench", state="encoded", ticks=FRAMES, episode_index=0)
    client = Client()
    client.force_login(User.objects.create_user("bench"))
    cookie = client.cookies[settings.SESSION_COOKIE_NAME]
    return {"take": take.pk, "committed_av1": committed.pk}, f"{cookie.key}={cookie.value}"


def summary(times_ms: list[float]) -> dict[str, float]:
    times = sorted(times_ms)
    return {
        "p50_ms": round(times[len(times) // 2], 2),
        "p99_ms": round(times[int(len(times) * 0.99)], 2),
        "max_ms": round(times[-1], 2),
    }


def timed(gets: dict[str, Callable[[int], bytes]]) -> dict[str, list[float]]:
    """Return the times in ms of ASKED random frames of each, in turn; warm, as after an episode's first frame."""
    times: dict[str, list[float]] = {name: [] for name in gets}
    for get in gets.values():
        get(0)
    for n in random.Random(1).choices(range(FRAMES), k=ASKED):
        for name, get in gets.items():
            began = time.perf_counter()
            data = get(n)
            times[name].append((time.perf_counter() - began) * 1000)
            if not data.startswith(b"\xff\xd8"):
                raise SystemExit(f"frame {n} is not a JPEG: {data[:200]!r}")
    return times


def in_process(episode: uuid.UUID) -> dict[str, float]:
    from viewer.frames import JPEGS, read_frame
    from viewer.locate import find_place, open_source

    place = find_place(episode)

    def get(n: int) -> bytes:
        JPEGS.clear()
        with open_source(place) as source:
            return read_frame(source, CAMERA, n)

    return summary(timed({"": get})[""])


def getter(port: int, address: Callable[[int], str], cookie: str) -> Callable[[int], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port)

    def get(n: int) -> bytes:
        connection.request("GET", address(n), headers={"Cookie": cookie})
        return connection.getresponse().read()

    return get


def over_http(servers: dict[str, tuple[subprocess.Popen[bytes], int]], episode: uuid.UUID, cookie: str) -> Any:
    """Compare the product with the bare application: times of ASKED requests, in turn, and processor time of each."""
    import psutil

    gets = {
        "product": getter(servers["product"][1], lambda n: f"/media/{episode}/frame/{CAMERA}/{n}.jpg", cookie),
        "bare": getter(servers["bare"][1], lambda n: f"/{episode}/{n}", cookie),
    }
    for get in gets.values():
        for n in range(20):
            get(n)
    for server, _ in servers.values():
        wait_for_rest(server.pid)
    before = {name: sum(psutil.Process(server.pid).cpu_times()[:2]) for name, (server, _) in servers.items()}
    times = timed(gets)
    report: dict[str, Any] = {}
    for name, (server, _) in servers.items():
        used = sum(psutil.Process(server.pid).cpu_times()[:2]) - before[name]
        report[name] = {**summary(times[name]), "cpu_ms": round(used * 1000 / ASKED, 2)}
    ratios = {key: round(report["product"][key] / report["bare"][key], 1) for key in ("p50_ms", "cpu_ms")}
    return {**report, "times_the_bare": ratios}


def wait_for_rest(pid: int) -> None:
    """Wait until the process rests: some seconds after its first answer the product imports what pages need later."""
    import psutil

    time.sleep(IMPORTS_BEGIN_S)
    for _ in range(60):
        before = sum(psutil.Process(pid).cpu_times()[:2])
        time.sleep(1)
        if sum(psutil.Process(pid).cpu_times()[:2]) - before <= 0.03:
            return


def serve(home: Path, application: str) -> tuple[subprocess.Popen[bytes], int]:
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", application, "--port", str(port)]
    command += ["--log-level", "warning", "--no-access-log", "--lifespan", "off", "--timeout-keep-alive", "120"]
    server = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "ROBOTDATA_HOME": str(home)})
    for _ in range(START_S * 10):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return server, port
        time.sleep(0.1)
    server.kill()
    raise SystemExit("the server did not start")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        os.environ.update(ROBOTDATA_HOME=folder, DJANGO_SETTINGS_MODULE="robotdata.settings")
        import django

        django.setup()
        episodes, cookie = prepare(home)
        report: dict[str, Any] = {"frames": FRAMES, "asked": ASKED, "size": list(SIZE)}
        for name, episode in episodes.items():
            report[name] = {"in_process": in_process(episode)}
        (home / "frame.jpg").write_bytes(noisy_packets()[0])
        servers = {
            "product": serve(home, "robotdata.asgi:application"),
            "bare": serve(home, "bench.bare_app:application"),
        }
        try:
            for name, episode in episodes.items():
                report[name]["http"] = over_http(servers, episode, cookie)
        finally:
            for server, _ in servers.values():
                server.terminate()
                server.wait()
    report["ok"] = report["take"]["http"]["times_the_bare"]["p50_ms"] <= 3
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
