"""marks_of: everything about a take that a person may want to see."""

from __future__ import annotations

from collections.abc import Sequence

from robotdata.quality import rules_absolute, rules_peers
from robotdata.quality.mark import WEIGHT, Mark
from robotdata.quality.metrics import TakeMetrics
from robotdata.quality.peers import Peers
from robotdata.quality.thresholds import DEFAULT, Thresholds

_MOST = 200


def marks_of(
    metrics: TakeMetrics, peers: Sequence[TakeMetrics] | Peers, thresholds: Thresholds = DEFAULT
) -> list[Mark]:
    """The marks of a take, gravest first, then in the order of time; at most 200.

    `peers` are other takes of the same dataset, this one may be among them. With fewer others than
    `thresholds.peers` only what a take shows by itself is marked.
    """
    if not metrics.ticks:
        return [Mark("empty", None, None, 0, 0, "bad", "This take has no frames.")]
    known = peers if isinstance(peers, Peers) else Peers(peers)
    found = [each for rule in rules_absolute.RULES for each in rule(metrics, thresholds)]
    if sum(not metrics.id or each.id != metrics.id for each in known.takes) >= thresholds.peers:
        found += [each for rule in rules_peers.RULES for each in rule(metrics, known, thresholds)]
    found.sort(key=lambda each: (-WEIGHT[each.severity], each.from_tick, each.code))
    return found[:_MOST]
