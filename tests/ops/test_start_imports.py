"""What a start waits for: few modules before the first process is started, and no API before somebody asks for it."""

from __future__ import annotations

import importlib
import os
import pkgutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from robotdata.gate import VARIABLE, Gate
from robotdata.supervisor import Child, Supervisor
from tests.support.whole import until

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {"numpy", "pyarrow", "av", "PIL", "pydantic", "ninja", "celery", "kombu", "channels", "websockets"}
PAGE = """
import sys
from django.conf import settings
import robotdata.asgi
from django.test import Client
answer = Client(headers={"host": "localhost"}).get("/offline/")
assert answer.status_code == 200, answer.status_code
from django.urls import reverse
assert reverse("api-docs") == "/api/docs"
print(*sys.modules)
from django.urls import resolve
assert resolve("/api/datasets").namespace == "api-1" and "ninja" in sys.modules
assert reverse("api-1:openapi-json") == "/api/openapi.json"
"""
SERVING = """
import asyncio, sys, time
from asgiref.testing import ApplicationCommunicator
import robotdata.asgi
from robotdata import background_import
background_import.DELAY_S = 0

async def answer():
    scope = {"type": "http", "method": "GET", "path": "/healthz", "query_string": b""}
    scope["headers"] = [(b"host", b"localhost")]
    asked = ApplicationCommunicator(robotdata.asgi.application, scope)
    await asked.send_input({"type": "http.request", "body": b""})
    assert "recorder.api.urls" not in sys.modules
    print((await asked.receive_output(60))["status"])
    await asked.receive_output(60)
    await asked.wait(60)

asyncio.run(answer())
while not hasattr(sys.modules.get("recorder.api.urls"), "urlpatterns"):
    time.sleep(0.01)
"""
BROKEN = """
import asyncio, threading
import django
django.setup()
from robotdata import background_import
from robotdata.lazy_addresses import LazyAddresses
background_import.DELAY_S = 0

async def app(scope, receive, send):
    print("answered")

wrapped = background_import.import_after_answer(app, "broken_addresses")
for _ in range(2):
    asyncio.run(wrapped({}, None, None))
for thread in threading.enumerate():
    if thread.name == "import broken_addresses":
        thread.join()
for _ in range(2):
    try:
        LazyAddresses("x/", "broken_addresses", app_name="x", namespace="x").resolve("x/y")
    except ValueError as error:
        print("raised", error)
"""
WAITING = "from robotdata.gate import wait_until_open; wait_until_open(); print('through')"


def run(code: str, home: Path, *folders: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "ROBOTDATA_HOME": str(home), "PYTHONPATH": os.pathsep.join([str(ROOT), *folders])}
    env |= {"DJANGO_SETTINGS_MODULE": "robotdata.settings"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done


def loaded(code: str, home: Path) -> set[str]:
    return set(run(code, home).stdout.split())


def test_the_first_process_waits_for_few_modules(tmp_path: Path) -> None:
    code = "import sys, robotdata.cli, recorder.management.commands.run; print(*sys.modules)"
    modules = loaded(code, tmp_path)
    assert "robotdata.supervisor" in modules
    assert not (HEAVY | {"recorder.models", "django.db.models", "django.contrib.admin"}) & modules


def test_the_models_need_no_table_of_a_dataset_and_no_video(tmp_path: Path) -> None:
    modules = loaded("import sys, django; django.setup(); print(*sys.modules)", tmp_path)
    assert "recorder.models" in modules
    assert not {"pyarrow", "av", "PIL", "pydantic", "ninja", "kombu.transport.filesystem"} & modules


@pytest.mark.parametrize("room", ["dataset", "export", "imports", "quality", "spool", "video"])
def test_no_name_of_a_room_is_that_of_a_module_in_it(room: str) -> None:
    """Python would set the name to the module once that is imported, whoever imports it."""
    package = importlib.import_module(f"robotdata.{room}")
    modules = {found.name for found in pkgutil.iter_modules(package.__path__)}
    assert "errors" in modules and not modules & set(package.__all__)
    for name in package.__all__:
        assert getattr(package, name) is not None


def test_a_page_does_not_wait_for_the_api(tmp_path: Path) -> None:
    modules = loaded(PAGE, tmp_path)
    assert "recorder.views.home" in modules
    assert not {"ninja", "recorder.api.urls", "huggingface_hub"} & modules


def test_the_api_is_there_before_somebody_asks_for_it_once_a_page_was_answered(tmp_path: Path) -> None:
    assert loaded(SERVING, tmp_path) == {"200"}


def test_addresses_that_cannot_be_imported_are_logged_and_fail_where_they_are_needed(tmp_path: Path) -> None:
    (tmp_path / "broken_addresses.py").write_text("raise ValueError('a_module_is_missing')\n")
    done = run(BROKEN, tmp_path, str(tmp_path))
    said = done.stdout.splitlines()
    assert said == ["answered"] * 2 + ["raised a_module_is_missing"] * 2
    assert done.stderr.count("broken_addresses cannot be imported") == 1


@pytest.mark.parametrize(("act", "printed"), [("open", "through\n"), ("close", "")])
def test_who_waits_at_the_gate_continues_when_it_is_opened_and_ends_when_it_never_will_be(
    act: str, printed: str
) -> None:
    gate = Gate()
    waiting = [at_the_gate(gate, "-c", WAITING) for _ in range(2)]
    getattr(gate, act)()
    gate.close()
    assert [(process.communicate(timeout=60)[0], process.returncode) for process in waiting] == [(printed, 0)] * 2


def test_a_rig_touches_no_device_before_the_gate_opens(tmp_path: Path) -> None:
    gate = Gate()
    args = ["--spool", str(tmp_path / "spool"), "--url", "ws://127.0.0.1:1/ws/rig/"]
    rig = at_the_gate(gate, "-m", "robotdata.rig", *args)
    gate.close()
    assert "running" not in rig.communicate(timeout=60)[0] and rig.returncode == 0
    assert not list((tmp_path / "spool").iterdir()), "not even its lock"


def at_the_gate(gate: Gate, *words: str) -> subprocess.Popen[str]:
    env = {**os.environ, VARIABLE: str(gate.fd), "PYTHONPATH": str(ROOT)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.Popen([sys.executable, *words], env=env, pass_fds=[gate.fd], text=True, **pipes)


def test_without_a_gate_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert subprocess.run([sys.executable, "-c", WAITING], cwd=ROOT, timeout=60).returncode == 0


@pytest.fixture
def gated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Gate], Child]]:
    """Makes a child that writes down that it came through the gate, and exits."""
    # It is deaf to SIGTERM, as a server is that handles it once it is asked for the next time.
    deaf = "import pathlib, signal, sys, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    deaf += "pathlib.Path(sys.argv[1] + '.waits').touch()\n"
    code = f"{deaf}{WAITING}\nsignal.signal(signal.SIGTERM, signal.SIG_DFL)\n"
    code += "pathlib.Path(sys.argv[1]).open('a').write('through ')\n"
    (tmp_path / "gated_child.py").write_text(code + "if len(sys.argv) == 2: time.sleep(60)\n")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{ROOT}")
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield lambda gate: Child("web", "gated_child", [str(tmp_path / "out")], gate=gate, grace_s=60)
    for number, handler in handlers.items():  # the supervisor's own
        signal.signal(number, handler)


def test_what_prevents_the_start_ends_the_processes_that_waited(gated: Callable[[Gate], Child], tmp_path: Path) -> None:
    gate = Gate()
    child = gated(gate)
    started: list[subprocess.Popen[bytes] | None] = []

    def fail() -> None:
        started.append(child.process)
        until((tmp_path / "out.waits").exists)
        gate.close()
        raise ValueError("the database is of another version")

    with pytest.raises(ValueError, match="another version"):
        Supervisor([child], say=print).run(prepare=fail)
    assert started[0] is not None and started[0].poll() == 0, "it was killed, for nobody closed its gate"
    assert not (tmp_path / "out").exists()


def test_a_signal_during_the_preparation_ends_the_processes_in_order(
    gated: Callable[[Gate], Child], tmp_path: Path
) -> None:
    gate = Gate()
    child = gated(gate)
    started: list[subprocess.Popen[bytes] | None] = []

    def interrupted() -> None:
        started.append(child.process)
        until((tmp_path / "out.waits").exists)
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            until(lambda: False)
        except Exception:  # noqa: BLE001  whatever a preparation catches
            pytest.fail("the preparation must not take it for a failure of its own")
        finally:
            gate.close()

    Supervisor([child], say=print).run(prepare=interrupted)
    assert started[0] is not None and started[0].poll() == 0
    assert not (tmp_path / "out").exists()


def test_a_process_that_is_started_again_does_not_wait_for_an_open_gate(
    gated: Callable[[Gate], Child], tmp_path: Path
) -> None:
    gate = Gate()
    child = gated(gate)
    child.args = [*child.args, "ends"]
    supervisor = Supervisor([child], say=lambda text: None)

    def look() -> None:
        out = tmp_path / "out"
        if out.exists() and out.read_text().count("through") >= 2:
            supervisor.stopping = True

    supervisor.run(prepare=gate.open, on_tick=look)
    assert (tmp_path / "out").read_text().count("through") >= 2
