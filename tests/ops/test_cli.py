"""The command `robotdata`: what it runs, and what it says where the web packages are missing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WITHOUT_DJANGO = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"django", "celery", "channels", "uvicorn"}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Missing())
import importlib.util
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name == "django" else found(name, package)
from robotdata.cli import main
sys.exit(main(sys.argv[1:]))
"""


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True, timeout=120)


def test_it_lists_its_commands_and_its_version() -> None:
    helped = run("-m", "robotdata", "--help")
    assert helped.returncode == 0
    assert all(
        f"  {name} " in helped.stdout
        for name in ("run", "rig", "station", "signin", "token", "verify", "edit", "recover", "rebuild")
    )
    assert run("-m", "robotdata").returncode == 2
    assert run("-m", "robotdata", "--version").stdout.startswith("robotdata ")


def test_it_runs_a_rig_without_django() -> None:
    helped = run("-c", WITHOUT_DJANGO, "rig", "--help")
    assert (helped.returncode, "--spool" in helped.stdout) == (0, True)


def test_it_runs_a_station_without_django() -> None:
    helped = run("-c", WITHOUT_DJANGO, "station", "--help")
    assert (helped.returncode, "--rigs" in helped.stdout) == (0, True)


def test_it_names_what_to_install_for_the_web_commands() -> None:
    refused = run("-c", WITHOUT_DJANGO, "run")
    assert refused.returncode == 2
    assert f"-m pip install -r {ROOT / 'requirements-web.txt'}" in refused.stderr
