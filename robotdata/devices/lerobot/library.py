"""Import the installed LeRobot when a rig file asks for it, and know the types of devices that it offers."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from types import ModuleType
from typing import Any

from robotdata.capture.errors import ConfigError
from robotdata.capture.session import describe_error
from robotdata.distribution import package_word

OLDEST = (0, 6)
OLDEST_PYTHON = (3, 12)
PLUGINS = re.compile(r"lerobot_(robot|teleoperator|camera)_\w+")
_SDK = "feetech"


@dataclass(frozen=True, slots=True)
class Family:
    """LeRobot's package for one role: the base class of its configs, and the function that makes a device of one."""

    package: str
    config: str
    make: str


FAMILIES = {
    "robot": Family("lerobot.robots", "RobotConfig", "make_robot_from_config"),
    "teleoperator": Family("lerobot.teleoperators", "TeleoperatorConfig", "make_teleoperator_from_config"),
    "camera": Family("lerobot.cameras", "CameraConfig", "make_cameras_from_configs"),
}


@dataclass(frozen=True, slots=True)
class Library:
    """What the installed LeRobot offers for one role.

    `types` holds the config class of each type, `failed` why a module of LeRobot or of a plug-in cannot be imported.
    `decode` makes a config of a class and plain values, `make` a device of a config (cameras: by name, of configs).
    """

    version: str
    types: dict[str, type]
    failed: dict[str, str]
    decode: Callable[[type, dict[str, Any]], Any]
    make: Callable[[Any], Any]


def load(role: str, where: str) -> Library:
    """Return what LeRobot offers for a role. Raises ConfigError, which begins with `where`, if there is no LeRobot."""
    problem = missing()
    if problem is not None:
        raise ConfigError(where, problem)
    try:
        return _library(role)
    except Exception as error:  # LeRobot's own imports may raise anything, such as a torch that does not load
        problem = f"LeRobot {_version()} cannot be imported ({one_line(describe_error(error))})"
        raise ConfigError(where, f"{problem}; install it again: {install_command('--force-reinstall ')}") from error


def missing() -> str | None:
    """Return why this interpreter cannot run LeRobot's drivers, with the command that changes it; None if it can."""
    version = _version()
    if version and _numbers(version) >= OLDEST:
        return None
    wants = f"LeRobot {'.'.join(map(str, OLDEST))} or newer"
    if sys.version_info < OLDEST_PYTHON:
        oldest = ".".join(map(str, OLDEST_PYTHON))
        return (
            f"needs {wants}, which needs Python {oldest}, and {sys.executable} is Python {sys.version.split()[0]}; "
            f"make an environment with both and start the rig there: python{oldest} -m venv lerobot-env && "
            f"lerobot-env/bin/pip install {package_word()} 'lerobot[{_SDK}]>={OLDEST[0]}.{OLDEST[1]}'"
        )
    if version:
        return f"needs {wants}, and version {version} is installed; run {install_command('--upgrade ')}"
    return f"needs {wants}, which is not installed for {sys.executable}; run {install_command()}"


def install_command(options: str = "", extra: str = _SDK) -> str:
    """Return the shell command that installs LeRobot with an extra into this interpreter's environment."""
    return f"{sys.executable} -m pip install {options}'lerobot[{extra}]>={OLDEST[0]}.{OLDEST[1]}'"


def one_line(text: str) -> str:
    """Return a message of several lines, as drivers like to raise them, in one."""
    return " ".join(text.split())


def module(name: str) -> ModuleType:
    """Return a module of the installed LeRobot."""
    return importlib.import_module(name)


def _version() -> str:
    """Return the version of the installed LeRobot; empty if there is none."""
    try:
        found = importlib.util.find_spec("lerobot") is not None
        return metadata.version("lerobot") if found else ""
    except (metadata.PackageNotFoundError, ValueError):
        return ""


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])


@cache
def _library(role: str) -> Library:
    family = FAMILIES[role]
    package = module(family.package)
    failed = {}
    # A type registers when its module is imported, and not before. A plug-in for one role may bring types of another.
    for name in [*_modules_of(package), *_plugins()]:
        try:
            module(name)
        except (Exception, SystemExit) as error:  # noqa: BLE001  a driver's module may raise anything on import
            failed[name] = one_line(describe_error(error))
    known = getattr(package, family.config).get_known_choices()
    return Library(_version(), dict(known), failed, module("draccus").decode, getattr(package, family.make))


def _modules_of(package: ModuleType) -> Iterator[str]:
    """Yield the packages of LeRobot's own drivers for one role."""
    for found in pkgutil.iter_modules(package.__path__):
        if found.ispkg:
            yield f"{package.__name__}.{found.name}"


def _plugins() -> list[str]:
    """Return the modules of installed plug-ins, which LeRobot knows by the names of their distributions."""
    names = (str(each.metadata["Name"] or "") for each in metadata.distributions())
    return sorted({name for name in (re.sub(r"[-.]", "_", each) for each in names) if PLUGINS.fullmatch(name)})
