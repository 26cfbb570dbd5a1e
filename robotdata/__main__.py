"""`python -m robotdata COMMAND`: the same as the command `robotdata`."""

from __future__ import annotations

from robotdata.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
