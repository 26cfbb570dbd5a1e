"""The codes of quality marks, the one list; the pages and their scripts take the labels from here.

`docs/quality.md` has a table with every code; `tests/quality/test_codes.py` compares the two.
"""

from __future__ import annotations

MEASURED = {
    "nan": "a value that is no number",
    "rate": "the loop's rate is off",
    "gap": "the loop stood still",
    "no_motion": "nothing moves",
    "stuck": "a joint does not follow",
    "saturated": "a joint runs into its limit",
    "idle_start": "idle at the start",
    "idle_end": "idle at the end",
    "missing": "a camera is missing",
    "stale": "a camera fell silent",
    "frozen": "a camera repeats one picture",
    "dropped": "frames dropped",
    "late": "pictures late",
    "out_of_step": "cameras out of step",
    "black": "a black picture",
    "flat": "a picture without anything in it",
    "damaged": "damaged pictures",
    "clipped": "depth out of range",
    "resized": "a picture of another size",
    "unreadable": "cannot be read",
    "empty": "no rows",
    "length": "length unlike the others",
    "little_motion": "little motion",
    "dead": "a joint is dead",
    "spike": "a spike in a signal",
    "jump": "a jump in a signal",
    "jerk": "jerky",
    "disagree": "state and action disagree",
    "lag": "the robot lags behind",
    "light": "much lighter or darker than usual",
    "blurred": "blurred",
    "slow_camera": "a slow camera",
    "near_copy": "nearly a copy of another take",
}
"""Label by code, of what is measured when a take has ended."""

REPORTED = {
    "stale": MEASURED["stale"],
    "lost": "a camera was lost",
    "frozen": MEASURED["frozen"],
    "black": MEASURED["black"],
    "flat": MEASURED["flat"],
}
"""Label by code, of what a rig marks while it records: the states of a camera in `robotdata/capture/health.py`."""

LABELS = MEASURED | REPORTED
