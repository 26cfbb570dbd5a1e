"""`python -m robotdata.rig CONFIG.toml --spool DIR --url ws://host:port/ws/rig/ --token-file FILE`"""

from __future__ import annotations

from robotdata.rig.process import main

if __name__ == "__main__":
    raise SystemExit(main())
