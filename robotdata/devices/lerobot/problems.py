"""Turn what LeRobot's drivers raise into one sentence for the person at the robot: what is wrong, where, what to do.

The texts matched here are those of LeRobot 0.6 (`motors/motors_bus.py`, `utils/import_utils.py`) and of the motor SDKs.
An unknown error keeps its own text, in one line.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator, Mapping, Sequence

from robotdata.capture.device_files import holder_of, node_problem
from robotdata.capture.errors import DeviceError
from robotdata.capture.session import describe_error
from robotdata.devices.lerobot.library import install_command, one_line

_MISSING = re.compile(r"^\s*- (\d+) \(expected model: \d+\)", re.MULTILINE)
_WRONG = re.compile(r"^\s*- (\d+) \(\w+\): expected (\d+), found (\d+)", re.MULTILINE)
_EXTRA = re.compile(r"pip install 'lerobot\[([\w-]+)\]'")
_MOTOR = re.compile(r"id_?=(\d+)")
_GONE = (errno.EIO, errno.ENODEV, errno.ENXIO, errno.EBADF)
_NO_ANSWER = ("There is no status packet", "No answer")
_GARBLED = ("Incorrect status packet", "Incorrect checksum")
_DISPLAY = ("X connection", "DISPLAY", "platform is not supported", "No available video device")
_LONGEST = 300
_BLINKS = ". If its light blinks, it has switched itself off: relieve the arm, then switch its power off and on"
"""LeRobot's check takes a motor that reports an error (overload, heat) for one that does not answer."""
NEEDS_DISPLAY = "it needs a display: start the rig in a desktop session of this computer (X11), where DISPLAY is set"


def explain(error: BaseException, nodes: Sequence[str] = (), motors: Mapping[int, str] | None = None) -> str:
    """Return the reason of a driver's error.

    `nodes` are the device files that the device uses, `motors` the names of its motors by id.
    """
    if isinstance(error, DeviceError):
        return str(error)
    chain = list(_chain(error))
    text = "\n".join(str(each) for each in chain)
    return (
        _about_motors(text, nodes, motors or {})
        or _about_environment(chain, text)
        or _about_nodes(chain, nodes)
        or one_line(describe_error(error))[:_LONGEST]
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _about_motors(text: str, nodes: Sequence[str], motors: Mapping[int, str]) -> str:
    """Return what the bus says of its motors; empty if it says nothing."""
    where = f" at {' and '.join(nodes)}" if nodes else ""
    if "motor check failed" in text:
        return _about_check(text, where, motors)
    if "different firmware versions" in text:
        return f"the motors{where} have different firmware; update all of them with Feetech's software"
    if "has no calibration registered" in text:
        return "it is not calibrated"
    motor = _MOTOR.search(text)
    which = f"motor {_name(motor[1], motors)}" if motor else "the motors"
    verb = "does" if motor else "do"
    if any(words in text for words in _NO_ANSWER):
        return f"{which}{where} {verb} not answer: check the power supply, and the cables from motor to motor"
    if any(words in text for words in _GARBLED):
        users = [f"{node} is in use by {holder} too" for node in nodes if (holder := holder_of(node))]
        remedy = "; ".join(users) or "check plugs and cables, and that no two motors have the same id"
        return f"the answers of {which}{where} are garbled: {remedy}"
    if "RxPacketError" in text:
        said = text.partition("RxPacketError]")[2].partition("\n")[0].strip(" !")
        return f"{which}{where} reports {said!r}: relieve the arm, then switch its power off and on"
    return ""


def _name(number: str, motors: Mapping[int, str]) -> str:
    known = motors.get(int(number))
    return f"{number} ({known})" if known else number


def _about_check(text: str, where: str, motors: Mapping[int, str]) -> str:
    """Return which motors the check at connecting did not find, or found to be of another model."""
    missing, wrong = _MISSING.findall(text), _WRONG.findall(text)
    if missing and len(missing) == len(motors):
        return f"no motor answers{where}: switch on the power supply, and check that this is the port of this arm"
    parts = []
    if missing:
        which = "motor" if len(missing) == 1 else "motors"
        names = ", ".join(_name(each, motors) for each in missing)
        parts.append(
            f"no answer of {which} {names}{where}: check the cable to it, and its id (`lerobot-setup-motors`){_BLINKS}"
        )
    parts += [
        f"motor {_name(each, motors)}{where} is of model {found}, want {expected}: another motor, or another arm's port"
        for each, expected, found in wrong
    ]
    return "; ".join(parts) or one_line(text)[:_LONGEST]


def _about_environment(chain: Sequence[BaseException], text: str) -> str:
    """Return what this computer lacks: a package, a display, a terminal; empty if nothing of that is the reason."""
    if any(isinstance(each, EOFError) for each in chain):
        return "LeRobot's driver asks a question on the terminal; calibrate the device with `lerobot-calibrate` first"
    imports = any(isinstance(each, ImportError) for each in chain)
    if any(words in text for words in _DISPLAY) and not os.environ.get("DISPLAY"):
        return NEEDS_DISPLAY
    if imports and (extra := _EXTRA.search(text)):
        return f"a package is missing; run {install_command(extra=extra[1])}"
    if imports:
        missing = next(each for each in chain if isinstance(each, ImportError))
        return f"a package is missing ({one_line(str(missing))}); install it into the environment of the rig"
    return ""


def _about_nodes(chain: Sequence[BaseException], nodes: Sequence[str]) -> str:
    """Return what is wrong with the device files; empty if the error is of another kind."""
    numbers = {_errno(each) for each in chain}
    if not any(isinstance(each, OSError) or _errno(each) for each in chain):
        return ""
    for node in nodes:
        problem = node_problem(node)
        if problem is not None:
            return problem
    lost = numbers & set(_GONE) or any("device disconnected" in str(each) for each in chain)
    if lost and nodes:
        return f"the connection to {' and '.join(nodes)} was lost: check the USB cable"
    return ""


def _errno(error: BaseException) -> int:
    """Return the error's number; termios has a class of its own, which keeps it as the first argument."""
    number = getattr(error, "errno", None)
    if number is None and type(error).__module__ == "termios" and error.args:
        number = error.args[0]
    return number if isinstance(number, int) else 0
