"""On PYTHONPATH, it makes LeRobot's driver patient in every process that has LeRobot (`patient_driver`)."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

if importlib.util.find_spec("lerobot") is not None:
    sys.path.append(str(Path(__file__).resolve().parent.parent))
    import patient_driver  # noqa: F401
