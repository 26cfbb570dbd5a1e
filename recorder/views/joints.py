"""Geometry of the joints' densities: state above the line, action below it, on one scale; 0 to WIDTH across."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from robotdata.dataset.scales import limits_of, units_of

WIDTH, HEIGHT = 1000, 22
"""The drawing of one joint: `WIDTH` across, `HEIGHT` for state and as much for action below it."""
_SIDE = re.compile(r"^(left|right)(?=[_. ])", re.IGNORECASE)
_SHORTEST, _THIN = 1.5, 8.0


def joint_groups(
    ranges: Sequence[Mapping[str, Any]],
    densities: Sequence[Sequence[float]],
    chosen: Sequence[Sequence[float]],
    features: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """Return the joints in groups: those of the left arm, of the right arm, and the others.

    Each joint has its `lines`: state before action, each with `path`, the path of its density, `over`, that of the
    chosen episode, the places of its marks, and `scale`, the values at both ends of the drawing. `unit` is "" and
    `limits` None where the features do not say them.
    """
    joints: dict[str, list[dict[str, Any]]] = {}
    sizes = Counter(line["feature"] for line in ranges)
    # A feature may state any shape: its size is the number of its lines.
    units = {feature: iter(units_of(features.get(feature), size)) for feature, size in sizes.items()}
    limits = {feature: iter(limits_of(features.get(feature), size)) for feature, size in sizes.items()}
    for number, line in enumerate(ranges):
        drawn: dict[str, Any] = {"density": densities[number], "chosen": chosen[number] if number < len(chosen) else []}
        drawn["unit"] = next(units[line["feature"]])
        drawn["limits"] = _limits(line, next(limits[line["feature"]]))
        joints.setdefault(line["name"], []).append({**line, **drawn})
    groups: dict[str, list[dict[str, Any]]] = {}
    for name, lines in joints.items():
        side = _SIDE.match(name)
        group = groups.setdefault(f"{side[1].capitalize()} arm" if side else "", [])
        lines.sort(key=lambda line: line["feature"].startswith("action"))
        group.append({"name": name, "lines": _on_scale(lines)})
    return [{"name": name, "joints": group} for name, group in groups.items()]


def _limits(line: Mapping[str, Any], limits: tuple[float, float] | None) -> dict[str, Any] | None:
    """Return the limits of a joint and, 0 to WIDTH between them, what of that its values use; None without limits."""
    if limits is None:
        return None
    low, high = limits
    ends = [min(max((float(line[name]) - low) / (high - low), 0.0), 1.0) * WIDTH for name in ("least", "most")]
    return {"low": low, "high": high, "first": round(ends[0], 1), "width": round(max(ends[1] - ends[0], _THIN), 1)}


def _on_scale(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    low, high = min(line["least"] for line in lines), max(line["most"] for line in lines)
    span = high - low

    def place(value: float | None) -> float | None:
        return round(WIDTH * (value - low) / span, 1) if value is not None and span > 0 else None

    drawn = []
    for line in lines:
        below = line["feature"].startswith("action")
        drawn.append(
            {
                **line,
                "still": span <= 0 or line["least"] == line["most"],
                "below": below,
                "path": density_path(line["density"], below=below),
                "over": density_path(line["chosen"], below=below),
                "scale": (low, high),
                "marks": {name: place(line[name]) for name in ("least", "low", "high", "most")},
            }
        )
    return drawn


def density_path(shares: Sequence[float], *, below: bool) -> str:
    """Return the path of a density as an SVG's `d`, its peak at full height; empty where there is nothing."""
    shares = _smooth(shares)
    peak = max(shares, default=0.0)
    if peak <= 0:
        return ""
    step, points = WIDTH / len(shares), []
    for number, share in enumerate(shares):
        # The root keeps what is rare in sight beside a place at which the joint rests.
        size = max(_SHORTEST, HEIGHT * (share / peak) ** 0.5) if share > 0 else 0.0
        points.append(f"{(number + 0.5) * step:.0f} {HEIGHT + size if below else HEIGHT - size:.1f}")
    return f"M0 {HEIGHT}L{'L'.join(points)}L{WIDTH} {HEIGHT}Z"


def _smooth(shares: Sequence[float]) -> list[float]:
    """Return the shares, each spread over its neighbours: sixteen positions of a take would draw sixteen peaks."""
    padded = [*shares[:1], *shares, *shares[-1:]]
    return [(padded[n] + 2 * padded[n + 1] + padded[n + 2]) / 4 for n in range(len(shares))]
