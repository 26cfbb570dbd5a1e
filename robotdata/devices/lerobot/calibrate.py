"""`python -m robotdata.devices.lerobot.calibrate FILE ROLE`: calibrate a device of a rig file by LeRobot's own dialog.

It asks and shows what `lerobot-calibrate` does, on the terminal that runs it, with the keys of the rig file's table, so
that the calibration is stored where the rig will look for it. With `--guided` a page shows it step by step (`guide`).
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import sys
import time
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

from robotdata.capture.config import RigConfig, read_config
from robotdata.capture.errors import CaptureError, ConfigError
from robotdata.devices.lerobot.configs import Settings, read_settings
from robotdata.devices.lerobot.driver import Driver, arms_of
from robotdata.devices.lerobot.guide import Guide, Lines
from robotdata.devices.lerobot.interrupts import prompt_interrupts
from robotdata.files.new_file import write_new_bytes

INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> int:
    """Calibrate; return 0 when it is done, 1 with one sentence on stderr when it failed, 130 after Ctrl-C."""
    options = _options(arguments)
    try:
        with prompt_interrupts():
            calibrate(settings_of(read_config(options.file), options.role), guided=options.guided)
    except KeyboardInterrupt as interrupt:
        _say(f"\n{stopped(interrupt)}")
        return INTERRUPTED
    except (CaptureError, OSError) as error:
        _say(f"Not calibrated: {error}.")
        return 1
    _say("Calibrated. The motors have no torque now.")
    return 0


def stopped(interrupt: KeyboardInterrupt) -> str:
    """Return what to say after Ctrl-C: which file has a new calibration, and which has not."""
    files = getattr(interrupt, "__notes__", [])
    return " ".join(["Stopped.", *files, "Calibrate again if the motors differ from their file."])


def settings_of(config: RigConfig, role: str) -> Settings:
    """Return LeRobot's settings for a device of a rig, by its name in `config.devices`.

    Raises ConfigError if there is no such device, or if another kind of driver runs it.
    """
    device = config.devices.get(role)
    if device is None:
        raise ConfigError(f"rig {config.name}", f"has no {role!r:.60}; want one of {', '.join(config.devices)}")
    if device.kind != "lerobot":
        raise ConfigError(f"{role}.kind", f'is {device.kind!r}; only devices of kind = "lerobot" are calibrated here')
    settings = read_settings(role.partition(" ")[0], device.options)
    if settings.config.id is None:
        raise ConfigError(
            f"{role}.id", 'is missing; choose a name, such as id = "my_arm": the calibration is kept by it'
        )
    return settings


def calibrate(settings: Settings, *, guided: bool = False) -> None:
    """Run LeRobot's dialog for one device. A file that it replaces is kept under another name, which is printed.

    Raises DeviceError with what to do if the device cannot be connected, or the dialog fails.
    """
    driver = Driver(settings)
    try:
        driver.connect(calibrated=False)
        with kept_files(arm.calibration_fpath for arm in arms_of(driver.device)):
            if guided:
                _guide(driver)
            else:
                driver.calibrate(driver.device)
    finally:
        driver.disconnect()


def _guide(driver: Driver) -> None:
    """Guide through the calibration of a device, or of one of its arms after the other."""
    device, lines = driver.device, Lines(sys.stdin.fileno())
    arms = list(arms_of(device))
    if not arms or device in arms:
        arms = [device]
    names = {id(part): name.replace("_", " ") for name, part in vars(device).items()}
    for arm in arms:
        label = "" if arm is device else names.get(id(arm), "")
        Guide(arm, label, lines).run(partial(driver.calibrate, arm))


@contextlib.contextmanager
def kept_files(files: Iterable[Path]) -> Iterator[None]:
    """Copy each existing file beside itself, under a name with the time; remove the copy if the file stays.

    A KeyboardInterrupt gets a note on each file: several arms are saved one after the other.
    """
    before = {path: _content(path) for path in files}
    copies = [(path, _copy(path)) for path, content in before.items() if content is not None]
    try:
        yield
    except KeyboardInterrupt as interrupt:
        for path, content in before.items():
            is_new = _content(path) != content
            interrupt.add_note(f"{path} {'has the new calibration' if is_new else 'was not changed'}.")
        raise
    finally:
        for path, copy in copies:
            if path.is_file() and path.read_bytes() == copy.read_bytes():
                copy.unlink()
            else:
                _say(f"The calibration from before is kept in {copy}.")


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _copy(path: Path) -> Path:
    stamp, data = time.strftime("%Y%m%d-%H%M%S"), path.read_bytes()
    for number in itertools.count(1):
        copy = path.with_name(f"{path.name}.{stamp}{'' if number == 1 else f'-{number}'}.old")
        with contextlib.suppress(FileExistsError):
            write_new_bytes(copy, data)
            return copy
    raise AssertionError("unreachable")


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m robotdata.devices.lerobot.calibrate", description=__doc__)
    parser.add_argument("file", type=Path, help="the rig file (TOML)")
    parser.add_argument("role", help='which of its devices: robot, teleoperator, or of several "teleoperator arm"')
    parser.add_argument("--guided", action="store_true", help="also write each step for a page to show")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
