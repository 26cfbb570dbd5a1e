"""A plug-in whose vendor's package is not installed."""

from __future__ import annotations

import broken_arm_sdk  # noqa: F401
