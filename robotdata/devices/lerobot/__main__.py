"""`python -m robotdata.devices.lerobot`: list the types that the installed LeRobot and its plug-ins offer."""

from __future__ import annotations

import sys

from robotdata.capture.errors import ConfigError
from robotdata.devices.lerobot.library import FAMILIES, load


def main() -> int:
    """Write the types of each role, and why a module cannot be imported; return 2 if there is no LeRobot."""
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


if __name__ == "__main__":
    raise SystemExit(main())
