"""`python -m robotdata.station --rigs DIR --spool DIR --url ws://host:port/ws/station/ --token-file FILE`"""

from __future__ import annotations

from robotdata.station.process import main

if __name__ == "__main__":
    raise SystemExit(main())
