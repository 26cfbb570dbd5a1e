"""How long from `manage.py run` (dependencies installed, fresh home) to a page that answers, and the home page's time.

Target: under 10 s to a live page; the home page with 5,000 episodes under 300 ms.
"""

from __future__ import annotations

import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path

from ports import free_port

ROOT = Path(__file__).resolve().parent.parent
FILL = """
from recorder.models import Dataset, Episode
d = Dataset.objects.create(slug="many", title="Many episodes")
Episode.objects.bulk_create(
    [Episode(dataset=d, state="recorded", ticks=300, task=f"task {i % 40}", verdict=("keep", "unreviewed")[i % 2])
     for i in range(5000)])
"""


def start(home: str, port: int) -> tuple[subprocess.Popen[str], str, float]:
    began = time.perf_counter()
    command = [sys.executable, "manage.py", "run", "--port", str(port)]
    process = subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, "ROBOTDATA_HOME": home}, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        if found := re.search(r"http://\S+code=\S+", line):
            return process, found.group(0), time.perf_counter() - began
    raise SystemExit("manage.py run ended without printing its address")


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        port = free_port()
        process, link, first_s = start(home, port)
        try:
            shell = [sys.executable, "manage.py", "shell", "-c", FILL]
            subprocess.run(shell, cwd=ROOT, env={**os.environ, "ROBOTDATA_HOME": home}, check=True, capture_output=True)
            opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
            opener.open(link).read()
            times = []
            for _ in range(15):
                began = time.perf_counter()
                opener.open(f"http://127.0.0.1:{port}/").read()
                times.append((time.perf_counter() - began) * 1000)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)
        again, _, second_s = start(home, port)
        again.send_signal(signal.SIGINT)
        again.wait(60)
    figures = {
        "fresh_home_to_live_page_s": round(first_s, 2),
        "again_to_live_page_s": round(second_s, 2),
        "home_page_5000_episodes_ms_median": round(statistics.median(times), 1),
        "home_page_5000_episodes_ms_max": round(max(times), 1),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
