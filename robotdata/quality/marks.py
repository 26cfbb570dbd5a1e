"""Apply all rules to the measures of a take."""

from __future__ import annotations

from collections.abc import Sequence

from robotdata.quality import rules_absolute, rules_peers
from robotdata.quality.mark import WEIGHT, Mark
from robotdata.quality.metrics import TakeMetrics
from robotdata.quality.peers import Peers
from robotdata.quality.thresholds import DEFAULT, Thresholds

_MAX_MARKS = 200


def marks_of(
    metrics: TakeMetrics, peers: Sequence[TakeMetrics] | Peers, thresholds: Thresholds = DEFAULT
) -> list[Mark]:
    """Return the marks of a take, the most severe first, then by time; at most 200.

    `peers` are takes of the same dataset and may include this take. If fewer than `thresholds.peers` others are known,
    only the rules of `rules_absolute` apply, because nothing usual is known yet.
    """
    if not metrics.ticks:
        return [Mark("empty", None, None, 0, 0, "bad", "This take has no frames.")]
    known_peers = peers if isinstance(peers, Peers) else Peers(peers)
    marks = [each for rule in rules_absolute.RULES for each in rule(metrics, thresholds)]
    if sum(not metrics.id or each.id != metrics.id for each in known_peers.takes) >= thresholds.peers:
        marks += [each for rule in rules_peers.RULES for each in rule(metrics, known_peers, thresholds)]
    marks.sort(key=lambda each: (-WEIGHT[each.severity], each.from_tick, each.code))
    return marks[:_MAX_MARKS]
