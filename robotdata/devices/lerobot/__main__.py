"""`python -m robotdata.devices.lerobot`: list the types that the installed LeRobot and its plug-ins offer.

With `--json`, one object with every type and its keys, in the shape of `robotdata.station.protocol.Kinds`.
"""

from __future__ import annotations

import sys
from typing import Any

from robotdata.capture.errors import ConfigError
from robotdata.devices.lerobot.fields import types_of
from robotdata.devices.lerobot.library import FAMILIES, Library, load
from robotdata.own_output import own_output, write_result


def main(arguments: list[str] | None = None) -> int:
    """Write the types of each role, and why a module cannot be imported; return 2 if there is no LeRobot."""
    as_json = "--json" in (sys.argv[1:] if arguments is None else arguments)
    if as_json:
        output = own_output()  # modules that are imported may print
        value, code = _as_json()
        write_result(output, value)
        return code
    failed: dict[str, str] = {}
    for role in FAMILIES:
        try:
            library = load(role, "LeRobot")
        except ConfigError as error:
            sys.stderr.write(f"{error}\n")
            return 2
        sys.stdout.write(f"{role}: {', '.join(sorted(library.types))}\n")
        failed |= library.failed
    for module, reason in failed.items():
        sys.stdout.write(f"cannot be imported: {module}: {reason}\n")
    return 0


def _as_json() -> tuple[dict[str, Any], int]:
    value: dict[str, Any] = {"python": sys.executable, "lerobot": "", "kinds": [], "failed": {}}
    for role in FAMILIES:
        try:
            library: Library = load(role, "LeRobot")
        except ConfigError as error:
            value["failed"]["lerobot"] = error.problem
            return value, 2
        value["lerobot"] = library.version
        value["kinds"] += types_of(role, library)
        value["failed"] |= library.failed
    return value, 0


if __name__ == "__main__":
    raise SystemExit(main())
