"""Make a rig of each line of stdin, a rig file's values in JSON; print what is wrong with it, or nothing, as JSON.

Run by the Python of LeRobot's environment, whose drivers take seconds to import.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from robotdata.capture.config import parse_config
from robotdata.capture.errors import CaptureError
from robotdata.rig.process import registry
from robotdata.rig.rig import Rig

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as spool:
        for line in sys.stdin:
            try:
                Rig(parse_config(json.loads(line), "so101.toml"), Path(spool), registry=registry())
                problem = ""
            except CaptureError as error:
                problem = str(error)
            sys.stdout.write(json.dumps(problem) + "\n")
            sys.stdout.flush()
