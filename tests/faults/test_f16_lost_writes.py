"""F16: The power fails while a take is saved or a batch committed, and the disk loses whatever was not fsynced.

Every call of a real process is logged with its bytes. Then the disk is rebuilt as it may be after each call: with what
was fsynced and nothing else, and with random parts of the rest, torn and out of order. A fresh process recovers it
and checks.
"""

from __future__ import annotations

import json
import random
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.faults.disk import Disk, Wreck, need_preload, record
from tests.faults.record_for_a_while import FPS, TICKS
from tests.faults.save_a_take import TICKS as FEW
from tests.support import warm
from tests.support.commit_a_batch import CAMERAS, commit, encode
from tests.support.sweeps import THOROUGH
from tests.support.takes import make_take

pytestmark = pytest.mark.faults
MIXTURES = 4


@dataclass(frozen=True)
class After:
    """What a fresh process found after one cut: `said` is what the other one had said by then."""

    place: str
    said: str
    found: dict[str, Any]


@dataclass(frozen=True)
class PowerCuts:
    """Runs a scenario once, and looks at what each cut would have left of it."""

    library: Path
    looker: warm.Server

    def of(self, scenario: str, home: Path, look: str, *, step: int, mixtures: int) -> Iterator[After]:
        """What is there for sure after each call, and at every `step`-th (thorough: each) some of what may be there."""
        disk, chance = Disk(home), random.Random(16)
        looked: dict[str, dict[str, Any]] = {}
        events = record(self.library, scenario, home)
        for n, event in enumerate(events):
            disk.feed(event)
            states = [(f"call {n}, what must be there", disk.survives(None))]
            if THOROUGH or n % step == 0:
                times = MIXTURES if THOROUGH else mixtures
                states += [(f"call {n}, mixture {m}", disk.survives(chance)) for m in range(times)]
            for place, wreck in states:
                mark = wreck.fingerprint
                if mark not in looked:
                    looked[mark] = self._look(look, wreck, home.with_name("wreck"), place)
                yield After(place, disk.said, looked[mark])
        there = {path.relative_to(home).as_posix(): path.read_bytes() for path in home.rglob("*") if path.is_file()}
        assert disk.seen() == there, "a call was not noted down: this replay proves nothing"
        assert len(looked) > 20

    def _look(self, scenario: str, wreck: Wreck, home: Path, place: str) -> dict[str, Any]:
        wreck.build(home)
        run = self.looker.run(scenario, home)
        assert run.code == 0, (place, run.errors, sorted(path for path, _, _ in wreck.entries))
        shutil.rmtree(home)
        return dict(json.loads(run.said))


@pytest.fixture(scope="module")
def cuts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PowerCuts]:
    library = need_preload(tmp_path_factory.mktemp("library"))
    with warm.server(tmp_path_factory.mktemp("looker")) as looker:
        yield PowerCuts(library, looker)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    made = tmp_path.resolve() / "home"
    (made / "spool").mkdir(parents=True)
    return made


def test_a_take_that_was_said_to_be_saved_is_whole(cuts: PowerCuts, home: Path) -> None:
    told = 0
    for after in cuts.of("tests.faults.save_a_take", home, "tests.faults.look_at_a_take", step=6, mixtures=2):
        found = after.found
        assert not found.get("wrong"), after
        if "saved" in after.said:
            told += 1
            assert (found["state"], found["ticks"], found["frames"]) == ("recorded", FEW, [FEW, FEW]), after
    assert told


def test_a_take_that_is_being_recorded_loses_no_more_than_its_last_second(cuts: PowerCuts, home: Path) -> None:
    scenario, look = "tests.faults.record_for_a_while", "tests.faults.look_at_a_take"
    most = 0
    for after in cuts.of(scenario, home, look, step=18, mixtures=1):
        said, found = len(re.findall("tick", after.said)), after.found
        assert not found.get("wrong"), after
        lost = said - min(found["ticks"], *found.get("frames", [0]))
        assert lost <= FPS + 1, after
        most = max(most, lost)
        if "saved" in after.said:
            assert (found["state"], found["ticks"]) == ("recorded", TICKS), after
    assert most > 1, "nothing was ever lost: this disk forgets nothing"


@pytest.mark.parametrize("fresh", [True, False])
def test_a_dataset_is_the_old_one_or_the_new_one(cuts: PowerCuts, home: Path, fresh: bool) -> None:
    takes = [make_take(home / "spool", 5, episode=number, cameras=CAMERAS) for number in (1, 2)]
    for take in takes:
        encode(home, take)
    if not fresh:
        commit(home, takes[:1])
    old = [] if fresh else [takes[0].name]
    new = old + sorted(take.name for take in takes if take.name not in old)  # the scenario goes by name
    states = set()
    scenario, look = "tests.support.commit_a_batch", "tests.faults.look_at_a_dataset"
    for after in cuts.of(scenario, home, look, step=2, mixtures=2):
        found = after.found
        assert not found["problems"] and not found["left"], after
        assert found["episodes"] in (old, new), after
        states.add(len(found["episodes"]))
        if "committed" in after.said:
            assert len(found["episodes"]) == len(takes), after
    assert len(states) == 2, "it was never the old one, or never the new one"
