"""Static files under ASGI: WhiteNoise against ServeStatic, in requests per second of the server's processor time.

Two servers run the whole application side by side, each with one of the two, and are asked in turn, 300 requests a
round over one connection: a small script, the largest style sheet, and the sign-in page, which passes through the
middleware. ServeStatic is not among the requirements: `pip install servestatic psutil` first.

    .venv/bin/python bench/static_files.py [rounds]
"""

from __future__ import annotations

import http.client
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
from ports import free_port

ROOT = Path(__file__).resolve().parent.parent
REQUESTS = 300
PATHS = {
    "script": "/static/js/theme_first.js",
    "style sheet": "/static/css/controls.css",
    "sign-in page": "/sign-in/",
}
SERVE = """
import sys
import robotdata.settings as settings

if sys.argv[1] == "servestatic":
    settings.MIDDLEWARE.remove("whitenoise.middleware.WhiteNoiseMiddleware")
    settings.MIDDLEWARE.insert(0, "servestatic.middleware.ServeStaticMiddleware")
    settings.SERVESTATIC_USE_FINDERS = True
    settings.SERVESTATIC_USE_MANIFEST = False
import uvicorn
from robotdata.asgi import application
import warnings
warnings.simplefilter("ignore")
uvicorn.run(application, port=int(sys.argv[2]), log_level="error", lifespan="off", timeout_keep_alive=300)
"""


class Server:
    """One of the two, with its processor time and one open connection."""

    def __init__(self, name: str, home: Path) -> None:
        self.port = free_port()
        env = {**os.environ, "ROBOTDATA_HOME": str(home), "PYTHONPATH": str(ROOT)}
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env=env, check=True)
        self.process = subprocess.Popen([sys.executable, "-c", SERVE, name, str(self.port)], cwd=ROOT, env=env)
        self.client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        self.figures: dict[str, list[dict[str, float]]] = {what: [] for what in PATHS}
        end = time.monotonic() + 60
        while True:
            try:
                self.ask(PATHS["script"])
                return
            except OSError:
                self.client.close()
                if time.monotonic() > end or self.process.poll() is not None:
                    raise
                time.sleep(0.2)

    def ask(self, path: str) -> bytes:
        self.client.request("GET", path)
        answer = self.client.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"GET {path}: {answer.status}")
        return body

    def measure(self, what: str) -> None:
        own = psutil.Process(self.process.pid)
        before, start = own.cpu_times(), time.perf_counter()
        for _ in range(REQUESTS):
            self.ask(PATHS[what])
        after, wall = own.cpu_times(), time.perf_counter() - start
        spent = after.user + after.system - before.user - before.system
        self.figures[what].append({"per_cpu_second": REQUESTS / spent, "per_second": REQUESTS / wall})

    def medians(self) -> dict[str, Any]:
        return {
            what: {name: round(statistics.median(each[name] for each in rounds)) for name in rounds[0]}
            for what, rounds in self.figures.items()
        }


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    with tempfile.TemporaryDirectory() as folder:
        servers = {name: Server(name, Path(folder) / name) for name in ("whitenoise", "servestatic")}
        try:
            bodies = {name: [server.ask(path) for path in list(PATHS.values())[:2]] for name, server in servers.items()}
            for what in PATHS:
                for server in servers.values():  # warm
                    server.ask(PATHS[what])
                for _ in range(rounds):
                    for server in servers.values():
                        server.measure(what)
        finally:
            for server in servers.values():
                server.process.terminate()
                server.process.wait()
    report = {name: server.medians() for name, server in servers.items()}
    same = bodies["whitenoise"] == bodies["servestatic"]
    print(json.dumps({"python": platform.python_version(), "rounds": rounds, "same_bytes": same, **report}, indent=2))


if __name__ == "__main__":
    main()
