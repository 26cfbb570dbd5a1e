"""The embedded mode: start the processes, prepare the home folder, print the URL, stop the processes in order.

The processes are started before this one imports Django's models and prepares the database, because their own imports
are most of the start. Until everything is prepared (`robotdata.gate`) the web process answers nothing, and no rig
connects its devices: a page must be able to stop what moves.
"""

from __future__ import annotations

import os
import shlex
import socket
import ssl
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Self

import django
from django.conf import settings

from robotdata.files.lock import open_lock, read_holder, try_lock, write_holder
from robotdata.gate import Gate
from robotdata.listening import ListenError, listen
from robotdata.station.rig_files import RigFiles
from robotdata.station.rig_process import STOP_S
from robotdata.supervisor import Child, Supervisor

if TYPE_CHECKING:
    from recorder.management.preparation import Recovery
    from robotdata.local_tls import LocalTls

RIG_WAIT_S = 4.0
WORKER_DELAY_S = STATION_DELAY_S = 15.0
RIG_LOCK_WAIT_S = 20.0  # an earlier process of the rig may still be saving a take
STATION_GRACE_S = STOP_S + 5.0
"""A station ends its rigs first, which save their takes."""
LOCAL_TLS = "ROBOTDATA_LOCAL_TLS"
LOOPBACK = {"127.0.0.1", "localhost", "::1"}
EVERYWHERE = {"", "0.0.0.0", "::"}


class EmbeddedError(Exception):
    """The product cannot start; the message says why and what to do."""


@dataclass(frozen=True)
class Options:
    """The options of the command line."""

    host: str = "127.0.0.1"
    port: int = 8000
    rigs: list[str] = field(default_factory=list)
    with_rig: bool = True
    with_worker: bool = True
    tls: bool = False


class Embedded:
    """All processes of one home folder."""

    def __init__(self, options: Options, *, say: Callable[[str], None]) -> None:
        self.options = options
        self.say = say
        self._tls: LocalTls | None = None
        self._sockets: list[socket.socket] = []
        self._url_printed = False
        self._slow_start_reported = False
        self._answered_at: float | None = None
        self._started_at = time.monotonic()
        self._recovery: Recovery | None = None

    def run(self) -> None:
        """Start everything and return when it has ended. Raise EmbeddedError, with no process left, if that fails."""
        check_home(Path(settings.STATE_DIR))
        with ExitStack() as held:
            lock = held.enter_context(HomeLock(Path(settings.STATE_DIR) / "run.lock", self.url))
            try:
                self._sockets = listen(self.options.host, self.options.port)
            except ListenError as error:
                raise EmbeddedError(str(error)) from error
            for each in self._sockets:
                held.enter_context(each)
            self.options = replace(self.options, port=self._sockets[0].getsockname()[1])
            lock.name(self.url)
            for rig in self.options.rigs:
                if not Path(rig).is_file():
                    raise EmbeddedError(
                        f"Rig file {rig} does not exist: give the path of a TOML file (docs/devices.md)."
                    )
            os.environ["ROBOTDATA_HOSTS"] = os.environ.get("ROBOTDATA_HOSTS") or ",".join(host_names(self.options.host))
            if self.options.tls:
                self._tls = prepare_tls(self.options.host)
            gate = Gate()
            try:
                self._supervise(gate)
            finally:
                gate.close()

    def _supervise(self, gate: Gate) -> None:
        children = self.children()
        for child in children:
            if not child.start_delay_s:
                child.gate = gate
        supervisor = Supervisor(children, say=self.say, ending=stop_order(children))
        prepare = partial(self._prepare, gate)
        supervisor.run(prepare=prepare, on_tick=partial(self.print_url_once_ready, supervisor.start_delayed))
        if self._recovery is None:
            self.say("Ended before everything was prepared; no rig was started.")
            return
        from recorder.management.preparation import stop_summary

        self._recovery.finish()
        self.say(stop_summary())

    def _prepare(self, gate: Gate) -> None:
        """Prepare the database and the takes, then let the web process answer. Raise EmbeddedError if it cannot."""
        try:
            django.setup()
            from recorder.management.preparation import Recovery, prepare_database

            prepare_database()
            self._recovery = Recovery()
            self._recovery.run(say=self.say)
            for line in exposure_warnings(Path(settings.HOME), self.options.host, secure=self.options.tls):
                self.say(line)
            gate.open()
        finally:
            gate.close()  # without a start the web process need not be waited for

    def _rig_is_connected(self) -> bool:
        from recorder.models import Rig

        expected = self.options.with_rig and (self._rigs() or self._rig_files.wanted())
        return not expected or Rig.objects.online().exists()

    @cached_property
    def _rig_files(self) -> RigFiles:
        return RigFiles(Path(settings.HOME) / "rigs")

    def _rigs(self) -> list[str]:
        """Return the files of the rigs to start besides the station's; "" is the simulated one."""
        return self.options.rigs or ([] if self._rig_files.names() else [""])

    @property
    def url(self) -> str:
        """Return the URL of the page, as seen from this machine."""
        host = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.options.host, self.options.host)
        scheme = "https" if self.options.tls else "http"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{self.options.port}"

    def children(self) -> list[Child]:
        """Return the processes to start: web, rigs, station and worker."""
        web = [",".join(str(each.fileno()) for each in self._sockets)]
        if self._tls is not None:
            web += ["--ssl-certfile", str(self._tls.certificate), "--ssl-keyfile", str(self._tls.key)]
        # A synchronous library reads static files completely; they are small. Large files are streamed.
        web_env = {"PYTHONWARNINGS": "ignore:StreamingHttpResponse must consume synchronous iterators"}
        # Short, because a person is waiting.
        web_env["ROBOTDATA_DB_WAIT_S"] = os.environ.get("ROBOTDATA_DB_WAIT_S") or "5"
        children = [Child("web", "robotdata.web", web, env=web_env, sockets=self._sockets)]
        if self.options.with_rig:
            children += [*(self.rig(path) for path in self._rigs()), self.station()]
        if self.options.with_worker:
            # 12 s: a short job may end; a long encode is leased.
            # A robot's computer often has only root.
            worker_env = {"PYTHONWARNINGS": "ignore:You're running the worker"}
            # Arrow's own allocator keeps growing with many small commits.
            worker_env["ARROW_DEFAULT_MEMORY_POOL"] = os.environ.get("ARROW_DEFAULT_MEMORY_POOL") or "system"
            # Delayed, because nobody waits for it; somebody waits for the page.
            delay_s = WORKER_DELAY_S
            worker = Child("worker", "celery", worker_args(), grace_s=12.0, env=worker_env, start_delay_s=delay_s)
            children.append(worker)
        return children

    def rig(self, path: str) -> Child:
        """Return the process of a rig with the TOML file `path`; "" for the simulated one."""
        socket_url = self.url.replace("http", "ws", 1) + "/ws/rig/"
        args = [*([path] if path else []), "--spool", str(settings.SPOOL_DIR), "--url", socket_url]
        args += ["--wait", f"{RIG_LOCK_WAIT_S:g}"]
        name = f"rig {Path(path).stem}" if path else "rig"
        # 20 s: a take that is being recorded is closed and made durable first.
        return Child(name, "robotdata.rig", args, grace_s=20.0, env={"ROBOTDATA_RIG_TOKEN": settings.RIG_TOKEN})

    def station(self) -> Child:
        """Return the station of this computer, which lists devices and runs the rigs of the folder `rigs`."""
        socket_url = self.url.replace("http", "ws", 1) + "/ws/station/"
        args = ["--rigs", str(self._rig_files.folder), "--spool", str(settings.SPOOL_DIR), "--url", socket_url]
        # Delayed unless it starts rigs, because nobody needs it before the page.
        delay_s = 0.0 if self._rig_files.wanted() else STATION_DELAY_S
        env = {"ROBOTDATA_RIG_TOKEN": settings.RIG_TOKEN}
        return Child("station", "robotdata.station", args, STATION_GRACE_S, env, start_delay_s=delay_s)

    def print_url_once_ready(self, start_delayed: Callable[[], None]) -> None:
        """Print the URL once the page answers, and start what waited for that."""
        if self._url_printed:
            return
        if is_answering(f"{self.url}/healthz", None if self._tls is None else self._tls.authority):
            self._answered_at = self._answered_at or time.monotonic()
            if not self._rig_is_connected() and time.monotonic() - self._answered_at < RIG_WAIT_S:
                return  # wait briefly, so that the page shows the rig at once
            self._url_printed = True
            start_delayed()
            from recorder.models import SignInCode

            code = SignInCode.issue()
            self.say(f"robotdata is ready: {self.url}/sign-in/?code={code}")
            if self._tls is not None:
                for line in trust_words(self._tls.authority, self.options):
                    self.say(line)
            self.say(f"All data is in {settings.HOME}. Press Ctrl-C to stop; nothing is lost.")
        elif not self._slow_start_reported and time.monotonic() - self._started_at > 30:
            self._slow_start_reported = True
            self.say("The page has not answered for 30 s; see the lines above. Still trying.")


def prepare_tls(host: str) -> LocalTls:
    """Return the certificate for this computer's names, and have all processes use it. Raise EmbeddedError."""
    from robotdata.rig.connection import AUTHORITY

    try:
        from robotdata.local_tls import prepare

        tls = prepare(Path(settings.STATE_DIR) / "tls", [name.strip("[]") for name in host_names(host)])
    except ImportError as error:
        raise EmbeddedError(f"--tls needs the package cryptography ({error}): pip install cryptography") from error
    except OSError as error:
        raise EmbeddedError(f"Cannot make the certificate for --tls: {error}") from error
    os.environ[LOCAL_TLS] = "1"
    os.environ[AUTHORITY] = str(tls.authority)
    return tls


def trust_words(authority: Path, options: Options) -> list[str]:
    """Return how another device comes to trust this server, one line each."""
    lines = [
        f"Browsers warn until they trust this server's authority, {authority}: bring that file to the device, then",
        "  iPhone: open it, install the profile in Settings, and switch it on in General > About > Certificate Trust",
        "  Android: Settings > Security > Install a certificate > CA certificate",
        "  rigs and stations on other computers: copy it and set ROBOTDATA_CA=/path/to/robotdata-ca.pem",
    ]
    if options.host in LOOPBACK:
        return [*lines, "Phones cannot reach this address: start with `make run TLS=1 HOST=0.0.0.0`."]
    addresses = [name for name in host_names(options.host) if name not in LOOPBACK and name != "[::1]"]
    return [*lines, f"Phones reach it at https://{addresses[-1]}:{options.port}"]


def exposure_warnings(home: Path, host: str, *, secure: bool = False) -> list[str]:
    """Return warnings about what others can read or change, with remedies, one line each."""
    warnings = []
    if host not in LOOPBACK and not settings.HTTPS and not secure:
        warnings.append(
            f"Listening on {host or 'every address'} without TLS: sign-ins, tokens and video are sent unencrypted over "
            "the network. Use --tls, put a TLS proxy in front of it (docs/scale-out.md), or listen on 127.0.0.1."
        )
    if others_mode := home.stat().st_mode & 0o077:
        warnings.append(
            f"Other users of this machine can {'change' if others_mode & 0o022 else 'read'} the files in {home}. "
            f"To prevent that: chmod 700 {shlex.quote(str(home))}"
        )
    return warnings


def worker_args() -> list[str]:
    """Return the arguments of the Celery worker."""
    args = ["-q", "-A", "robotdata", "worker", "-B", "-s", str(Path(settings.STATE_DIR) / "beat")]
    args += ["--without-gossip", "--without-mingle", "--concurrency", str(settings.ENCODE_WORKERS)]
    return [*args, "--loglevel", "warning"]


def stop_order(children: list[Child]) -> list[str]:
    """Return the names of the processes in the order in which they stop.

    Rigs and the station first: a take in progress is saved while the page can still show it. The web server is last.
    """
    order = {"worker": 1, "web": 2}
    return [child.name for child in sorted(children, key=lambda child: order.get(child.name, 0))]


def host_names(listen_host: str) -> list[str]:
    """Return the exact names under which the server may be reached; requests with other names are refused."""
    names = ["localhost", "127.0.0.1", "[::1]"]
    if listen_host not in LOOPBACK:
        names += [socket.gethostname(), socket.getfqdn()]
        if listen_host not in EVERYWHERE:
            names.append(f"[{listen_host}]" if ":" in listen_host else listen_host)
        else:
            names += socket.gethostbyname_ex(socket.gethostname())[2]
            names += network_address()
    return list(dict.fromkeys(names))


def network_address() -> list[str]:
    """Return this computer's address in its network, which its own name often does not lead to; empty without one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # reserved for documentation; connecting a datagram socket sends nothing
        except OSError:
            return []
        return [str(probe.getsockname()[0])]


def check_home(folder: Path) -> None:
    """Raise EmbeddedError if nothing can be written to the folder, because recordings would be lost."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"robotdata")
    except OSError as error:
        raise EmbeddedError(
            f"Cannot write to {settings.HOME} ({error.strerror}): free some space, repair the disk or its "
            "permissions, or choose another folder with ROBOTDATA_HOME=/some/folder."
        ) from error


def is_answering(url: str, authority: Path | None = None) -> bool:
    """Return whether the URL answers with status 200 within half a second; of https only if `authority` signed it."""
    context = None if authority is None else ssl.create_default_context(cafile=str(authority))
    try:
        with urllib.request.urlopen(url, timeout=0.5, context=context) as reply:
            return bool(reply.status == 200)
    except (urllib.error.URLError, OSError):
        return False


class HomeLock:
    """A lock that allows one start per home folder.

    Raise EmbeddedError, naming the process and URL of the other one, if it is taken.
    """

    def __init__(self, path: Path, url: str) -> None:
        self.path = path
        self.url = url
        self._fd = -1

    def __enter__(self) -> Self:
        self._fd = open_lock(self.path)
        if try_lock(self._fd):
            self.name(self.url)
            return self
        holder = read_holder(self._fd)
        os.close(self._fd)
        raise EmbeddedError(
            f"robotdata is already running on {settings.HOME} "
            f"(process {holder.get('pid', '?')}, {holder.get('url', '')}). "
            "Use that page, stop it first, or start with another home: ROBOTDATA_HOME=/some/folder."
        )

    def name(self, url: str) -> None:
        """Write at which URL this start answers, for whoever starts a second one."""
        write_holder(self._fd, url=url)

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)
