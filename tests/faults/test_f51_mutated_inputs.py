"""F51: A small fixed sample of `make fuzz`: mutated takes and datasets through start, sweep, pages and media.

The large runs are `make fuzz SEED=1 CASES=100000`; their figures are in bench/results/fuzz.md.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from bench.fuzz import Asked, Tally, run
from bench.fuzz_home import shared_memory

pytestmark = pytest.mark.faults
CASES = 150


def test_nothing_in_the_files_of_takes_and_datasets_stops_anything() -> None:
    tally = Tally()
    with tempfile.TemporaryDirectory(prefix="robotdata-fuzz-", dir=shared_memory()) as place:
        whole = run(Asked(seed=51, first=0, end=CASES, size=50), tally, Path(place))
    assert {kind: found[0] for kind, found in tally.kinds.items()} == {}
    assert whole and tally.done == CASES
