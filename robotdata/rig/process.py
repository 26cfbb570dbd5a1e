"""The rig's process: start all parts, run until a signal, and stop them in order."""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import shlex
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

from robotdata.capture.config import read_config
from robotdata.capture.errors import CaptureError
from robotdata.capture.registry import Registry
from robotdata.gate import wait_until_open
from robotdata.rig.device_check import check_rig
from robotdata.rig.interpreter import change_python
from robotdata.rig.link import Link
from robotdata.rig.lock import RigInUse, RigLock
from robotdata.rig.machine import Machine
from robotdata.rig.replay import add_replay, replay_config
from robotdata.rig.rig import Rig
from robotdata.rig.scratch import sweep_scratch
from robotdata.spool import SpoolError, TakeBusy, list_takes, read_manifest, recover_take

log = logging.getLogger("robotdata.rig")
_SWITCH_S = 0.001
_NICE = -10
_STOP_S = 8.0


def main(arguments: list[str] | None = None) -> int:
    """Run `python -m robotdata.rig`; return 0 after SIGTERM or SIGINT, 2 if the rig could not start."""
    options = _options(arguments)
    logging.basicConfig(level=os.environ.get("ROBOTDATA_LOG", "INFO"), format="rig: %(message)s")
    try:
        token = _token(options.token_file)
        config = replay_config(options.replay) if options.replay else read_config(options.config)
        where = f"{options.config.name if options.config else config.name}: rig.python"
        change_python(config.python, where, sys.argv[1:] if arguments is None else arguments)
        if options.check:
            return check_rig(config, registry())
        rig = Rig(config, options.spool, registry=registry())
        rig.started_as = _started_as(options)
        wait_until_open()  # nothing moves before a page can stop it
        lock = RigLock(options.spool, config.name, wait_s=options.wait)
    except (CaptureError, RigInUse, OSError) as error:
        log.error("%s", error)
        return 2
    try:
        sweep_scratch(options.spool, config.name)
        recover_leftovers(options.spool)
        return _serve(rig, options.url, token)
    finally:
        lock.release()


def registry() -> Registry:
    """Return every kind of device that a rig file may name."""
    return add_replay(Registry())


def recover_leftovers(spool: Path) -> list[str]:
    """Recover the takes that an earlier process left unfinished; return their ids.

    Errors are logged, and the take is skipped; a take that another process uses is skipped too.
    """
    recovered = []
    for folder in list_takes(spool):
        try:
            if read_manifest(folder)["state"] != "recording":
                continue
            result = recover_take(folder)
        except TakeBusy:
            continue
        except (SpoolError, OSError) as error:
            log.error("%s", error)
            continue
        except Exception:  # one bad take must not keep the rig from starting
            log.exception("Cannot recover the take %s; its files are unchanged", folder.name)
            continue
        log.warning("take %s: %s", folder.name, result.text)
        recovered.append(folder.name)
    return recovered


def _stop_event() -> tuple[threading.Event, int]:
    """Return an event that SIGTERM and SIGINT set, and a file that can be read when one of them has come."""
    stopping = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        stopping.set()

    heard, noted = os.pipe()
    os.set_blocking(noted, False)
    signal.set_wakeup_fd(noted, warn_on_full_buffer=False)
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    return stopping, heard


def _serve(rig: Rig, url: str | None, token: str) -> int:
    stopping, heard = _stop_event()
    # Python's default of 5 ms would delay the loop's thread while a camera's thread holds the interpreter.
    sys.setswitchinterval(_SWITCH_S)
    with contextlib.suppress(OSError):  # if permitted: run before encoders on the same machine
        os.setpriority(os.PRIO_PROCESS, 0, _NICE)
    machine = Machine(rig)
    link = Link(machine, url, token) if url else None
    machine.start()
    if link is not None:
        link.start()
    log.info("rig %s is running, takes are saved in %s", rig.config.name, rig.spool)
    while not stopping.is_set():
        # Not `stopping.wait()`, which a signal ends only if the system gave it to this thread.
        os.read(heard, 64)
    complete = machine.stop(_STOP_S)
    if link is not None:
        link.stop()
    log.info("stopped; %s", "all takes are complete" if complete else "a take is unfinished and will be recovered")
    return 0


def _started_as(options: argparse.Namespace) -> str:
    """Return the shell command that starts this rig again from any folder; the page of an offline rig shows it."""
    command = [sys.executable, "-m", "robotdata.rig"]
    if options.config:
        command.append(str(options.config.absolute()))
    if options.replay:
        command += ["--replay", str(options.replay.absolute())]
    command += ["--spool", str(options.spool.absolute())]
    return f"cd {shlex.quote(str(Path.cwd()))} && {shlex.join(command)}"


def _token(path: Path | None) -> str:
    if path is not None:
        return path.read_text(encoding="utf-8").strip()
    return os.environ.get("ROBOTDATA_RIG_TOKEN", "")


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m robotdata.rig", description=__doc__)
    parser.add_argument("config", nargs="?", type=Path, help="the rig file (TOML); without it, the simulated rig runs")
    parser.add_argument("--replay", type=Path, help="a LeRobotDataset v3.0 folder to replay as a live robot")
    parser.add_argument("--spool", type=Path, help="folder for takes; needed unless --check is given")
    parser.add_argument("--check", action="store_true", help="connect and read each device once, without moving any")
    parser.add_argument("--url", help="the server's websocket, ws://host:port/ws/rig/; without it, the rig runs alone")
    parser.add_argument("--token-file", type=Path, help="file with the rig's token (default: ROBOTDATA_RIG_TOKEN)")
    parser.add_argument(
        "--wait", type=float, default=0, help="seconds to wait for an earlier process of this rig to end"
    )
    options = parser.parse_args(arguments)
    if options.spool is None and not options.check:
        parser.error("--spool is missing: name the folder for takes")
    return options
