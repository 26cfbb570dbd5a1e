"""The rig's process: everything started, everything ended in order."""

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
from robotdata.rig.link import Link
from robotdata.rig.lock import RigInUse, RigLock
from robotdata.rig.machine import Machine
from robotdata.rig.replay import add_replay, replay_config
from robotdata.rig.rig import Rig
from robotdata.spool import SpoolError, TakeBusy, list_takes, read_manifest, recover_take

log = logging.getLogger("robotdata.rig")
_SWITCH_S = 0.001
_NICE = -10
_STOP_S = 8.0


def main(arguments: list[str] | None = None) -> int:
    """`python -m robotdata.rig`; 0 when it was told to end, 2 when it could not begin."""
    options = _options(arguments)
    logging.basicConfig(level=os.environ.get("ROBOTDATA_LOG", "INFO"), format="rig: %(message)s")
    try:
        token = _token(options.token_file)
        config = replay_config(options.replay) if options.replay else read_config(options.config)
        rig = Rig(config, options.spool, registry=registry())
        rig.started_as = _started_as(options)
        lock = RigLock(options.spool, config.name)
    except (CaptureError, RigInUse, OSError) as error:
        log.error("%s", error)
        return 2
    try:
        recover_left_overs(options.spool)
        return _serve(rig, options.url, token)
    finally:
        lock.release()


def registry() -> Registry:
    """Every kind of device that a rig's file may name."""
    return add_replay(Registry())


def recover_left_overs(spool: Path) -> list[str]:
    """Close what an earlier process left unfinished; returns the takes' ids."""
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
        except Exception:  # in one take: the rig still starts and records
            log.exception("Cannot recover the take %s; its files are unchanged", folder.name)
            continue
        log.warning("take %s: %s", folder.name, result.text)
        recovered.append(folder.name)
    return recovered


def _until_told() -> threading.Event:
    """Set by SIGTERM and SIGINT."""
    stopping = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    return stopping


def _serve(rig: Rig, url: str | None, token: str) -> int:
    stopping = _until_told()
    # The loop's thread must not wait 5 ms for the interpreter while a camera's thread draws.
    sys.setswitchinterval(_SWITCH_S)
    with contextlib.suppress(OSError):  # where the system allows it: before encoders on the same machine
        os.setpriority(os.PRIO_PROCESS, 0, _NICE)
    machine = Machine(rig)
    link = Link(machine, url, token) if url else None
    machine.start()
    if link is not None:
        link.start()
    log.info("rig %s is running, takes are saved in %s", rig.config.name, rig.spool)
    stopping.wait()
    whole = machine.stop(_STOP_S)
    if link is not None:
        link.stop()
    log.info("stopped; %s", "all takes are complete" if whole else "a take is unfinished and will be recovered")
    return 0


def _started_as(options: argparse.Namespace) -> str:
    """Return the command that starts this rig again from any folder, for the page of a rig that is offline."""
    words = [sys.executable, "-m", "robotdata.rig"]
    if options.config:
        words.append(str(options.config.absolute()))
    if options.replay:
        words += ["--replay", str(options.replay.absolute())]
    words += ["--spool", str(options.spool.absolute())]
    return f"cd {shlex.quote(str(Path.cwd()))} && {shlex.join(words)}"


def _token(path: Path | None) -> str:
    if path is not None:
        return path.read_text(encoding="utf-8").strip()
    return os.environ.get("ROBOTDATA_RIG_TOKEN", "")


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m robotdata.rig", description=__doc__)
    parser.add_argument("config", nargs="?", type=Path, help="the rig file (TOML); without it, the simulated rig runs")
    parser.add_argument("--replay", type=Path, help="a LeRobotDataset v3.0 folder to replay as a live robot")
    parser.add_argument("--spool", type=Path, required=True, help="folder for takes")
    parser.add_argument("--url", help="the server's websocket, ws://host:port/ws/rig/; without it, the rig runs alone")
    parser.add_argument("--token-file", type=Path, help="file with the rig's token (default: ROBOTDATA_RIG_TOKEN)")
    return parser.parse_args(arguments)
