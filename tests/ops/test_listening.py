"""The port of the product is its own from the first moment to the last, whatever other programs try."""

from __future__ import annotations

import errno
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from recorder.management.embedded import Embedded, Options, host_names
from robotdata.listening import ListenError, listen
from robotdata.supervisor import SETTINGS_ARE_WRONG, Child, Supervisor
from tests.support import programs
from tests.support.ports import free_port
from tests.support.soak_product import children, command_line

ROOT = Path(__file__).resolve().parents[2]


def foreign_server(port: int, host: str = "127.0.0.1") -> subprocess.Popen[str]:
    """Somebody else's program, which takes a port as any does."""
    command = [sys.executable, "-u", "-m", "http.server", str(port), "--bind", host]
    return subprocess.Popen(command, cwd=ROOT / "docs/images", stdout=-1, stderr=subprocess.STDOUT, text=True)


def heard(process: subprocess.Popen[str]) -> str:
    """What it says to the end; it ends by itself."""
    return process.communicate(timeout=120)[0]


@pytest.fixture
def foreign() -> Iterator[int]:
    """The port of a server of somebody else."""
    port = free_port()
    process = foreign_server(port)
    try:
        assert process.stdout is not None and "Serving" in process.stdout.readline()
        yield port
    finally:
        process.kill()
        process.communicate()


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def test_another_program_on_the_port_ends_the_start_with_what_to_do(tmp_path: Path, foreign: int) -> None:
    env = {**os.environ, "ROBOTDATA_HOME": str(tmp_path / "home"), "PYTHONWARNINGS": ""}
    command = [sys.executable, "manage.py", "run", "--port", str(foreign), "--no-rig", "--no-worker"]
    done = programs.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 1 and "ready" not in done.stdout
    assert f"127.0.0.1:{foreign}" in done.stderr and f"PORT={foreign + 1}" in done.stderr


def test_no_other_program_takes_a_port_that_nobody_serves_yet() -> None:
    (sock,) = listen("127.0.0.1", 0)
    with sock:
        assert "Address already in use" in heard(foreign_server(sock.getsockname()[1]))


@pytest.mark.parametrize(
    ("host", "port", "remedy"),
    [
        ("127.0.0.1", 70000, "65535"),
        ("192.0.2.1", 8000, "HOST="),
        ("no such host", 8000, "HOST="),
        ("a" * 64 + ".local", 8000, "HOST="),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_in_words(host: str, port: int, remedy: str) -> None:
    with pytest.raises(ListenError) as refused:
        listen(host, port)
    assert remedy in str(refused.value)
    assert str(port) in str(refused.value) or "name of a computer" in str(refused.value)


@pytest.mark.parametrize("missing_first", [True, False])
def test_an_address_that_is_switched_off_does_not_take_the_others_with_it(
    monkeypatch: pytest.MonkeyPatch, missing_first: bool
) -> None:
    """As `localhost` where sysctl has switched IPv6 off: the name has ::1, and no program can bind it."""
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, 0)) for each in ("192.0.2.1", "127.0.0.1")]
    found = found if missing_first else found[::-1]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    (sock,) = listen("localhost", 0)
    with sock:
        assert sock.getsockname()[0] == "127.0.0.1" and sock.getsockname()[1]


def test_other_computers_are_let_in_by_every_way_to_say_everywhere() -> None:
    for sock in listen("", 0):
        with sock:
            assert sock.getsockname()[0] in ("0.0.0.0", "::")
    assert host_names("") == host_names("0.0.0.0") == host_names("::")
    assert socket.gethostname() in host_names("") and "" not in host_names("")


@pytest.mark.skipif(not has_ipv6(), reason="this computer has no IPv6")
def test_an_ipv6_address_and_both_addresses_of_a_name() -> None:
    (sock,) = listen("::1", 0)
    with sock:
        port = sock.getsockname()[1]
        assert "Address already in use" in heard(foreign_server(port, "::1"))
        assert Embedded(Options(host="::1", port=port), say=print).url == f"http://[::1]:{port}"
    addresses = {found[4][0] for found in socket.getaddrinfo("localhost", None, type=socket.SOCK_STREAM)}
    sockets = listen("localhost", 0)
    try:
        assert {each.getsockname()[0] for each in sockets} == addresses
        assert len({each.getsockname()[1] for each in sockets}) == 1
    finally:
        for each in sockets:
            each.close()


def test_where_web_is_given_up_its_connections_are_refused() -> None:
    (sock,) = listen("127.0.0.1", 0)
    place = sock.getsockname()
    web = Child("web", "robotdata.web", [], sockets=[sock])
    supervisor = Supervisor([web], say=lambda text: None)
    with subprocess.Popen([sys.executable, "-c", f"raise SystemExit({SETTINGS_ARE_WRONG})"]) as web.process:
        web.process.wait()
    supervisor.tick()
    supervisor.stop_all()
    with socket.socket() as guest:
        assert guest.connect_ex(place) == errno.ECONNREFUSED


def web_of(process: subprocess.Popen[bytes]) -> int:
    """The web process of a running product."""
    return next(pid for pid in children(process.pid) if "robotdata.web" in command_line(pid))


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="finds the process in /proc")
def test_while_web_starts_again_its_port_is_kept_and_requests_wait(tmp_path: Path) -> None:
    env = {**os.environ, "ROBOTDATA_HOME": str(tmp_path / "home"), "PYTHONWARNINGS": "", "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "manage.py", "run", "--port", "0", "--no-rig", "--no-worker"]
    log = tmp_path / "log"
    with log.open("w") as file, programs.Popen(command, cwd=ROOT, env=env, stdout=file, stderr=file) as process:
        try:
            end = time.monotonic() + 120
            while "Press Ctrl-C" not in log.read_text():
                assert time.monotonic() < end and process.poll() is None, log.read_text()
                time.sleep(0.05)
            port = int(log.read_text().partition("http://127.0.0.1:")[2].partition("/")[0])
            old = web_of(process)
            os.kill(old, signal.SIGKILL)
            while not is_gone(old):
                time.sleep(0.01)
            with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=120)) as link:
                link.request("GET", "/healthz")
                assert "Address already in use" in heard(foreign_server(port))
                assert link.getresponse().status == 200
            assert web_of(process) != old
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 0
        finally:
            process.kill()
    with socket.socket() as guest:
        assert guest.connect_ex(("127.0.0.1", port)) == errno.ECONNREFUSED
