"""Part of `make lint`: the requirements, as pinned, fit into one environment with LeRobot, and with each Python.

Asks the package index, without installing anything. Where it cannot be reached, says so and ends with 0.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EXTRAS = ("scale", "hub", "storage", "imports")
REQUIREMENTS = ("requirements-core.txt", "requirements-web.txt", *(f"requirements-{name}.txt" for name in EXTRAS))
LEROBOT = "lerobot==0.6.1"
TRIALS = (  # Python, what else is in the environment, what must come out pinned
    ("3.12", LEROBOT, "packaging=="),
    ("3.11.2", "", "async-timeout==5.0.1"),  # redis wants it before 3.11.3
    ("3.13", "", "django=="),
)
UNREACHABLE = ("error sending request", "could not connect", "failed to fetch", "connect error", "dns error")


def resolve(python: str, more: str) -> subprocess.CompletedProcess[str]:
    """Resolve the requirements and `more` for a version of Python; stdout is the list of pins."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as extra:
        extra.write(more + "\n")
        extra.flush()
        command = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--no-header", "--python-version", python]
        command += [*(str(ROOT / name) for name in REQUIREMENTS), extra.name, "-c", str(ROOT / "constraints.txt")]
        return subprocess.run(command, capture_output=True, text=True, cwd=ROOT)


def main() -> int:
    with ThreadPoolExecutor() as threads:  # they wait for the index, nearly all of the time
        answers = list(threads.map(lambda trial: resolve(*trial[:2]), TRIALS))
    for (python, more, expected), resolved in zip(TRIALS, answers, strict=True):
        what = f"Python {python}{' and ' + more if more else ''}"
        if resolved.returncode and any(word in resolved.stderr.lower() for word in UNREACHABLE):
            print(f"resolve: not checked with {what}: the package index cannot be reached")
        elif resolved.returncode or expected not in resolved.stdout:
            print(f"resolve: the pins do not fit into one environment with {what}:\n{resolved.stderr[-2000:]}")
            return 1
        else:
            print(f"resolve: {len(resolved.stdout.splitlines())} lines with {what}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
