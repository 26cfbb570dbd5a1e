"""The station's process: one per computer. It keeps rig files, runs rigs, and answers what the pages ask."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import re
import signal
from pathlib import Path

from robotdata.files.errors import FileLocked
from robotdata.files.lock import lock_file
from robotdata.gate import wait_until_open
from robotdata.station.asks import Asks
from robotdata.station.calibrations import Calibrations
from robotdata.station.devices import Devices
from robotdata.station.dialog_asks import DialogAsks
from robotdata.station.discovery import Discovery
from robotdata.station.link import StationLink, station_info
from robotdata.station.previews import Previews
from robotdata.station.programs import Programs
from robotdata.station.protocol import STATION_NAME
from robotdata.station.rig_files import RigFiles
from robotdata.station.rigs import Rigs
from robotdata.supervisor import Lifeline, raise_file_limit

log = logging.getLogger("robotdata.station")
STATION_PATH, RIG_PATH = "/ws/station/", "/ws/rig/"
_CLOSE_S = 1.0
_LOCK = ".station.lock"
_LOCK_WAIT_S = 30.0
"""Seconds that a station waits for an earlier one, which may still be saving takes."""


class FolderInUse(RuntimeError):
    """Another station keeps the rig files of this folder."""


def main(arguments: list[str] | None = None) -> int:
    """Run `python -m robotdata.station`; return 0 after SIGTERM or SIGINT, 2 if the station could not start."""
    options = _options(arguments)
    logging.basicConfig(level=os.environ.get("ROBOTDATA_LOG", "INFO"), format="station: %(message)s")
    try:
        token = _token(options.token_file)
        rig_url = rig_url_of(options.url)
        if options.name and not re.fullmatch(STATION_NAME, options.name):
            raise ValueError(f"--name is {options.name!r}, want letters, digits, ., _ or -, such as bench-2")
        files = RigFiles(options.rigs)
        wait_until_open()  # no rig starts before a page can stop it
        lock = _lock(options.rigs)
    except (FolderInUse, OSError, ValueError) as error:
        log.error("%s", error)
        return 2
    raise_file_limit()
    try:
        asyncio.run(_run(options, files, rig_url, token))
    finally:
        os.close(lock)
    return 0


def rig_url_of(url: str) -> str:
    """Return the address where rigs connect, of a server with this address for stations. Raises ValueError."""
    if not url.startswith(("ws://", "wss://")) or not url.endswith(STATION_PATH):
        raise ValueError(f"--url is {url!r}, want ws://host:port{STATION_PATH}")
    return url.removesuffix(STATION_PATH) + RIG_PATH


def _lock(folder: Path) -> int:
    """Return the lock of a folder of rig files; its holder is logged while it is waited for. Raises FolderInUse."""
    path = folder / _LOCK
    try:
        return lock_file(path)
    except FileLocked as error:
        log.info("another station uses %s (%s); waiting up to %g s for its end", folder, error, _LOCK_WAIT_S)
    try:
        return lock_file(path, wait_s=_LOCK_WAIT_S)
    except FileLocked as error:
        raise FolderInUse(f"{folder} is used by another station ({error}); stop that one, or choose another") from error


async def _run(options: argparse.Namespace, files: RigFiles, rig_url: str, token: str) -> None:
    lifeline = Lifeline()
    spool = options.spool.absolute()
    calibrations = Calibrations(files, lambda name: rigs.is_active(name), lambda name: rigs.running_python(name))
    starting = calibrations.starting
    rigs = Rigs(files, spool, rig_url, token, lifeline=lifeline, changed=lambda: link.wake(), starting=starting)
    devices = Devices(Discovery(), changed=lambda: link.wake())
    asks = Asks(rigs, devices, Programs(lifeline), Previews(lifeline), DialogAsks(calibrations))
    info = station_info(options.name, str(options.rigs.absolute()))
    link = StationLink(info, rigs, devices, asks, options.url, token)
    ending = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ending.set)
    linking, watching = asyncio.create_task(link.run()), asyncio.create_task(devices.watch())
    rigs.start_wanted()
    log.info("keeps the rigs of %s", files.folder)
    await ending.wait()
    log.info("is stopping its rigs")
    await asyncio.gather(rigs.end(), asks.end(), asyncio.to_thread(calibrations.close))  # the page sees how they end
    link.stopping.set()
    link.wake()
    await asyncio.wait({linking}, timeout=_CLOSE_S)
    for task in (linking, watching):
        task.cancel()
    lifeline.close()
    log.info("stopped")


def _token(path: Path | None) -> str:
    if path is not None:
        return path.read_text(encoding="utf-8").strip()
    return os.environ.get("ROBOTDATA_RIG_TOKEN", "")


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m robotdata.station", description=__doc__)
    home = Path(os.environ.get("ROBOTDATA_HOME") or "~/robotdata").expanduser()
    parser.add_argument("--rigs", type=Path, default=home / "rigs", help=f"folder of the rig files ({home / 'rigs'})")
    parser.add_argument("--spool", type=Path, default=home / "spool", help=f"folder for takes ({home / 'spool'})")
    parser.add_argument("--url", required=True, help=f"the server's websocket, ws://host:port{STATION_PATH}")
    parser.add_argument("--token-file", type=Path, help="file with the rigs' token (default: ROBOTDATA_RIG_TOKEN)")
    parser.add_argument("--name", default="", help="what the pages call this computer (default: its host name)")
    return parser.parse_args(arguments)
