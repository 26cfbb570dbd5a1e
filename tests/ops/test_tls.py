"""`run --tls`: an authority of the home's own, https and wss on one port, and a rig that trusts it."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

pytest.importorskip("cryptography", reason="the package cryptography is not installed")

from robotdata import local_tls
from robotdata.local_tls import prepare
from tests.support import programs
from tests.support.browser import ROOT, wait_for_link
from tests.support.ports import free_port

NAMES = ["localhost", "127.0.0.1", "::1"]


def test_its_files_are_this_users_alone_and_stay(tmp_path: Path) -> None:
    tls = prepare(tmp_path / "tls", NAMES)
    files = sorted((tmp_path / "tls").iterdir())
    assert [path.name for path in files] == ["robotdata-ca.key", "robotdata-ca.pem", "server.key", "server.pem"]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert (tmp_path / "tls").stat().st_mode & 0o777 == 0o700
    before = [path.read_bytes() for path in files]
    assert prepare(tmp_path / "tls", NAMES[:2]) == tls
    assert [path.read_bytes() for path in files] == before


def test_another_name_or_the_end_of_its_time_makes_a_new_certificate_of_the_same_authority(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls = prepare(tmp_path, NAMES)
    authority, first = tls.authority.read_bytes(), tls.certificate.read_bytes()
    prepare(tmp_path, [*NAMES, "bench.local", "192.168.7.5"])
    second = tls.certificate.read_bytes()
    assert second != first
    monkeypatch.setattr(local_tls, "RENEW_DAYS", local_tls.CERTIFICATE_DAYS)
    prepare(tmp_path, NAMES)
    assert tls.certificate.read_bytes() not in (first, second)
    assert tls.authority.read_bytes() == authority, "devices trust it: it stays"


@pytest.mark.parametrize("name", ["robotdata-ca.pem", "robotdata-ca.key", "server.pem", "server.key"])
def test_a_damaged_file_is_made_again(tmp_path: Path, name: str) -> None:
    prepare(tmp_path, NAMES)
    (tmp_path / name).write_text("damaged")
    tls = prepare(tmp_path, NAMES)
    context = ssl.create_default_context(cafile=str(tls.authority))
    context.load_cert_chain(tls.certificate, tls.key)
    assert local_tls._fits(*[local_tls._read(*pair)[0] for pair in pairs(tls)], NAMES)  # type: ignore[index]


def shaken(tls: local_tls.LocalTls, name: str) -> None:
    """Shake hands with a server that shows this certificate, as a client that asks for `name` and trusts `tls`."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tls.certificate, tls.key)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        ssl.create_default_context(cafile=str(tls.authority)).wrap_bio(to_client, to_server, server_hostname=name),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    for end in ends * 3:
        with contextlib.suppress(ssl.SSLWantReadError):
            end.do_handshake()


@pytest.mark.parametrize(
    "name", ["bench.local", "192.168.7.5", "169.254.1.2", "::1", "localhost", "bench", "203.0.113.9"]
)
def test_clients_accept_what_is_local_and_this_computers_own(tmp_path: Path, name: str) -> None:
    shaken(prepare(tmp_path, [*NAMES, "bench", "203.0.113.9", name]), name)


@pytest.mark.parametrize("name", ["www.example.com", "198.51.100.7", "xbench", "notlocal"])
def test_a_copied_key_passes_for_no_other_site(tmp_path: Path, name: str) -> None:
    tls = prepare(tmp_path, [*NAMES, "bench"])
    authority = local_tls._read(tls.authority, tls.authority.with_suffix(".key"))
    assert authority is not None
    local_tls._make_certificate(tls, authority, [name])
    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"):
        shaken(tls, name)


def test_a_name_beyond_its_limits_needs_a_new_authority(tmp_path: Path) -> None:
    tls = prepare(tmp_path, NAMES)
    first = tls.authority.read_bytes()
    prepare(tmp_path, [*NAMES, "bench.example.org"])
    second = tls.authority.read_bytes()
    assert second != first
    shaken(tls, "bench.example.org")
    prepare(tmp_path, [*NAMES, "10.1.2.3", "bench.example.org"])
    assert tls.authority.read_bytes() == second


def pairs(tls: local_tls.LocalTls) -> list[tuple[Path, Path]]:
    return [(tls.certificate, tls.key), (tls.authority, tls.authority.with_suffix(".key"))]


def test_devices_of_today_accept_its_certificate(tmp_path: Path) -> None:
    tls = prepare(tmp_path, NAMES)
    certificate, authority = (local_tls._read(*pair)[0] for pair in pairs(tls))  # type: ignore[index]
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc <= timedelta(days=398)
    assert authority.subject != certificate.subject and certificate.issuer == authority.subject


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path, list[str]]]:
    """The product with --tls: (its address, its home, what it printed until it was ready)."""
    home, port = tmp_path_factory.mktemp("home"), free_port()
    env = {**os.environ, "ROBOTDATA_HOME": str(home), "PYTHONUNBUFFERED": "1", "PYTHONWARNINGS": ""}
    command = [sys.executable, "manage.py", "run", "--tls", "--no-worker", "--port", str(port)]
    with (
        (home / "log").open("w") as log,
        programs.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=log, text=True) as process,
    ):
        lines: queue.Queue[str] = queue.Queue()
        printed: list[str] = []
        reader = threading.Thread(target=lambda: [keep(line, lines, printed) for line in process.stdout or ()])
        reader.start()
        try:
            link = wait_for_link(process, lines, home)
            yield link, home, printed
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(120)
            reader.join(10)


def keep(line: str, lines: queue.Queue[str], printed: list[str]) -> None:
    printed.append(line)
    lines.put(line)


def test_the_page_is_served_over_https_and_its_rig_is_online(running: tuple[str, Path, list[str]]) -> None:
    link, home, printed = running
    assert link.startswith("https://127.0.0.1:")
    authority = home / ".state/tls/robotdata-ca.pem"
    context = ssl.create_default_context(cafile=str(authority))
    opener = urllib.request.build_opener(
        urllib.request.HTTPSHandler(context=context), urllib.request.HTTPCookieProcessor()
    )
    with opener.open(link, timeout=60) as page:
        assert page.status == 200 and "strict-transport-security" not in {name.lower() for name in page.headers}
    address = link.partition("/sign-in/")[0]
    end = time.monotonic() + 60
    while True:
        with opener.open(f"{address}/api/rigs", timeout=60) as answer:
            rigs = json.loads(answer.read())["items"]
        if rigs and rigs[0]["state"] == "idle":
            break
        assert time.monotonic() < end, rigs
        time.sleep(0.1)
    with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
        urllib.request.urlopen(f"{address}/healthz", timeout=60)
    end = time.monotonic() + 60
    while not any("HOST=0.0.0.0" in line for line in printed):
        assert time.monotonic() < end, printed
        time.sleep(0.05)
    assert any(str(authority) in line for line in printed)
