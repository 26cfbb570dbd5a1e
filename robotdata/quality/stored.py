"""The measurement that is kept in a take's folder."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from robotdata.files import open_beneath
from robotdata.files.plain_json import read_json
from robotdata.quality.errors import BadMetrics
from robotdata.quality.metrics import TakeMetrics

log = logging.getLogger(__name__)
METRICS_FILE = "quality.json"
_MOST_BYTES = 4 << 20


def metrics_of(folder: Path) -> TakeMetrics | None:
    """Return the measurement of the take in `folder`; None if it is missing, unreadable or of another version."""
    try:
        with os.fdopen(open_beneath(folder, METRICS_FILE), "rb") as file:
            return TakeMetrics.from_json(read_json(file.read(_MOST_BYTES)))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        if not isinstance(error, BadMetrics):
            log.warning("%s/%s cannot be read: %s", folder.name, METRICS_FILE, error)
        return None
