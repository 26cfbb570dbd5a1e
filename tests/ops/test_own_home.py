"""What belongs to one home: its secrets, its cookies, who may look into it, and what the start says of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from recorder.management.embedded import EmbeddedError, HomeLock, exposure_warnings
from robotdata.origins import is_ours
from robotdata.secret_files import read_or_make
from tests.support import programs
from tests.support.fresh_home import fill_home

ROOT = Path(__file__).resolve().parents[2]
LOOK = """
import json, os
import django
django.setup()
from django.conf import settings
from django.core.management import call_command
from django.test import Client
call_command("migrate", verbosity=0)
from recorder.models import SignInCode
client = Client(HTTP_HOST="127.0.0.1")
client.cookies.load(json.loads(os.environ["JAR"]))
if os.environ["SIGN_IN"] == "1":
    client.get("/sign-in/?code=" + SignInCode.issue())
home = client.get("/").status_code
print(json.dumps({"home": home, "jar": {name: morsel.value for name, morsel in client.cookies.items()}}))
"""


def visit(home: Path, jar: dict[str, str], *, sign_in: bool) -> tuple[int, dict[str, str]]:
    """The status of the home page of the product in `home`, and the browser's cookies afterwards."""
    more = {"ROBOTDATA_HOME": str(home), "JAR": json.dumps(jar), "SIGN_IN": str(int(sign_in))}
    env = {**os.environ, **more, "PYTHONPATH": str(ROOT), "DJANGO_SETTINGS_MODULE": "robotdata.settings"}
    done = programs.run([sys.executable, "-c", LOOK], env=env, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    return found["home"], found["jar"]


def test_two_products_on_one_host_do_not_sign_each_other_out(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    status, jar = visit(one, {}, sign_in=True)
    assert status == 200
    status, jar = visit(two, jar, sign_in=True)  # a browser's jar knows no ports
    assert status == 200
    assert visit(one, jar, sign_in=False)[0] == 200
    assert visit(two, jar, sign_in=False)[0] == 200
    assert one.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("left", [b"", b"\n", b"abc", b"\0" * 64])
def test_a_secret_that_a_power_cut_left_empty_is_made_anew(tmp_path: Path, left: bytes) -> None:
    path = tmp_path / "rig-token"
    path.write_bytes(left)
    made = read_or_make(path)
    assert len(made) >= 32 and read_or_make(path) == made == path.read_text()
    assert path.stat().st_mode & 0o077 == 0


def test_processes_that_start_together_make_one_secret(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from robotdata.secret_files import read_or_make as r; "
    code += "sys.stdin.read(1); print(r(Path(sys.argv[1])))"
    command = [sys.executable, "-c", code, str(tmp_path / "secret-key")]
    children = [
        programs.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, text=True) for _ in range(4)
    ]
    assert len({child.communicate("x")[0] for child in children}) == 1


def test_a_second_start_names_the_first(tmp_path: Path) -> None:
    path = tmp_path / "run.lock"
    with HomeLock(path, "http://127.0.0.1:8000"):
        assert json.loads(path.read_text()) == {"version": 1, "pid": os.getpid(), "url": "http://127.0.0.1:8000"}
        with pytest.raises(EmbeddedError) as refused, HomeLock(path, "http://127.0.0.1:8001"):
            pass
        assert f"process {os.getpid()}, http://127.0.0.1:8000" in str(refused.value)
    with HomeLock(path, "http://127.0.0.1:8001"):
        assert json.loads(path.read_text())["url"] == "http://127.0.0.1:8001"


def test_the_start_says_what_is_open(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(0o700)
    assert exposure_warnings(home, "127.0.0.1") == []
    assert len(exposure_warnings(home, "0.0.0.0")) == 1 and "unencrypted" in exposure_warnings(home, "0.0.0.0")[0]
    home.chmod(0o755)
    assert "chmod 700" in exposure_warnings(home, "127.0.0.1")[0]


@pytest.mark.parametrize(
    ("scheme", "host", "origin", "allowed"),
    [
        ("ws", "127.0.0.1:8000", "http://127.0.0.1:8000", True),
        ("ws", "127.0.0.1:8000", "http://127.0.0.1:3000", False),
        ("ws", "127.0.0.1:8000", "https://127.0.0.1:8000", False),
        ("ws", "127.0.0.1:8000", "http://localhost:8000", False),
        ("ws", "localhost", "http://localhost:80", True),
        ("ws", "[::1]:8000", "http://[::1]:8000", True),
        ("ws", "evil.example:8000", "http://evil.example:8000", False),
        ("wss", "localhost", "https://localhost", True),
        ("ws", "127.0.0.1:8000", "null", False),
        ("ws", "127.0.0.1:8000", "", False),
        ("ws", "127.0.0.1:8000", "http://127.0.0.1:x", False),
        ("ws", "127.0.0.1:8000", "https://lab.example:8443", True),
        ("ws", "127.0.0.1:8000", "https://lab.example", False),
    ],
)
def test_a_socket_is_opened_by_our_own_pages(
    settings: object, scheme: str, host: str, origin: str, allowed: bool
) -> None:
    settings.ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]"]  # type: ignore[attr-defined]
    settings.CSRF_TRUSTED_ORIGINS = ["https://lab.example:8443"]  # type: ignore[attr-defined]
    headers = [(b"host", host.encode()), (b"origin", origin.encode())]
    assert is_ours({"scheme": scheme, "headers": headers}) is allowed


ASK = """
import asyncio
from robotdata.asgi import application
from asgiref.testing import ApplicationCommunicator

async def status(n):
    headers = [(b"host", b"127.0.0.1"), (b"x-forwarded-for", b"10.9.8.%d" % n)]
    scope = {"type": "http", "method": "GET", "path": "/sign-in/", "query_string": b"code=guess", "scheme": "http"}
    asked = ApplicationCommunicator(application, scope | {"headers": headers, "client": ("127.0.0.1", 5)})
    await asked.send_input({"type": "http.request", "body": b""})
    return (await asked.receive_output(60))["status"]

async def main():
    print(*[await status(n) for n in range(12)])

asyncio.run(main())
"""


@pytest.mark.parametrize(("proxies", "last"), [("", "429"), ("10.0.0.1", "429"), ("127.0.0.0/8, 10.0.0.1", "403")])
def test_only_a_configured_proxy_says_who_asks(tmp_path: Path, proxies: str, last: str) -> None:
    home = tmp_path / "home"
    fill_home(home)
    more = {"ROBOTDATA_HOME": str(home), "ROBOTDATA_PROXIES": proxies, "PYTHONPATH": str(ROOT)}
    env = {**os.environ, **more, "DJANGO_SETTINGS_MODULE": "robotdata.settings", "ROBOTDATA_LOG": "ERROR"}
    done = programs.run([sys.executable, "-c", ASK], env=env, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["403"] * 10 + [last] * 2
