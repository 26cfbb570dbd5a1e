#!/usr/bin/env python
"""Django's command line for a checkout; an installed robotdata has the command `robotdata` instead."""

from __future__ import annotations

import sys

from robotdata.cli import manage

if __name__ == "__main__":
    raise SystemExit(manage(sys.argv[1:]))
