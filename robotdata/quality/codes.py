"""List the codes of all quality marks with their labels. Pages and scripts take the labels from here.

The tables of `docs/quality.md` must name the same codes; `tests/quality/test_codes.py` compares the two.
"""

from __future__ import annotations

MEASURED = {
    "nan": "NaN value",
    "rate": "wrong frame rate",
    "gap": "control loop stalled",
    "no_motion": "nothing moves",
    "stuck": "joint does not follow",
    "saturated": "joint at its limit",
    "idle_start": "idle at the start",
    "idle_end": "idle at the end",
    "missing": "camera missing",
    "stale": "camera stopped",
    "frozen": "image frozen",
    "dropped": "frames dropped",
    "late": "images late",
    "out_of_step": "cameras out of sync",
    "black": "black image",
    "flat": "blank image",
    "damaged": "damaged frames",
    "clipped": "depth out of range",
    "resized": "image size changed",
    "unreadable": "unreadable",
    "empty": "no frames",
    "length": "unusual length",
    "little_motion": "little motion",
    "dead": "joint does not move",
    "spike": "spike in a signal",
    "jump": "jump in a signal",
    "jerk": "jerky",
    "disagree": "state and action disagree",
    "lag": "robot lags",
    "light": "unusual brightness",
    "blurred": "blurred",
    "slow_camera": "slow camera",
    "near_copy": "near-duplicate",
}
"""Label by code, for the marks that are measured after a take has ended."""

REPORTED = {
    "stale": MEASURED["stale"],
    "lost": "camera disconnected",
    "frozen": MEASURED["frozen"],
    "black": MEASURED["black"],
    "flat": MEASURED["flat"],
}
"""Label by code, for the marks that a rig sets while it records: camera states in `robotdata/capture/health.py`."""

EDITED = {"seam": "frames cut out"}
"""Label by code, for the marks that an edit sets where it joins frames."""

LABELS = MEASURED | REPORTED | EDITED
