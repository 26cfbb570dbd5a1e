"""Breaks the calls of a scenario one after another, each in a run of its own that begins with a copy of the same home.

The gate breaks a sample, found in a run that nothing breaks: the first call of each thing that is done to each kind of
file (the first fsync of a Parquet file in `work`, the first rename into `revisions`, ...) and the last call of all. A
test that breaks calls in several ways shares them out among the ways. ROBOTDATA_THOROUGH=1 (`make thorough`) breaks
every call in every way.
"""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path

from tests.support.nth_call import ANY, CALLS, LIST, ONLY, Broken, need_strace, run_broken
from tests.support.sweeps import THOROUGH

Run = Callable[..., Broken]
MOST = 900
CALL = re.compile(r"^(?P<thread>\d+) +(?P<name>\w+)\((?P<words>.*)")
OF_A_FILE, NAMED = re.compile(r"^\d+<([^>]*)>"), re.compile(r'(?:<([^>]*)>, )?"([^"]*)"')
HOW = re.compile(r"\b(?:RENAME|AT)_(?!FDCWD)[A-Z]+")
NUMBERS = re.compile(r"[0-9a-f]*\d[0-9a-f]*")


def each_call(
    scenario: str,
    before: Path,
    folder: Path,
    *,
    call: str,
    how: str,
    ways: Sequence[str] = (),
    run: Run = run_broken,
) -> Iterator[tuple[Broken, Path]]:
    """Yield runs, each with its home in `folder`, which goes when the next one is asked for.

    At least one has gone through; in the others call `n` was broken. `run` starts a scenario as `run_broken` does;
    `how` is one of the `ways` in which the caller breaks this kind of call in turn. Fails where no call can be broken,
    and where fewer than half of the sample were: the scenario then makes other calls than in the run that chose them.
    """
    need_strace()
    broken = 0
    if not THOROUGH:
        done, kept = whole(scenario, before, run)
        home = folder / f"{call}-whole"
        shutil.copytree(kept, home)  # the next test begins with what this one has not touched
        yield done, home
        shutil.rmtree(home)
    chosen = [] if THOROUGH else sample(scenario, before, run, call, how, ways or [how])
    for name in CALLS[call].split(","):
        for n in range(1, MOST) if THOROUGH else [n for one, n in chosen if one == name]:
            home = folder / f"{name}-{n}"
            shutil.copytree(before, home)
            done = run(scenario, home, call=ONLY.format(name), how=how, n=n)
            yield done, home
            shutil.rmtree(home)
            broken += not done.went_through
            if THOROUGH and done.went_through:
                break
        else:
            assert not THOROUGH, f"{scenario} still meets a broken {name} after {MOST} runs"
    assert broken, "no call was broken: this test saw nothing"
    assert THOROUGH or 2 * broken >= len(chosen), f"only {broken} of {len(chosen)} chosen calls were broken"


def told(before: Path, what: str) -> Path:
    """Return `before` as it is for a scenario that reads from a file `what` what it shall do; made once."""
    home = before.with_name(what)
    if not home.exists():
        shutil.copytree(before, home)
        (home / "what").write_text(what)
    return home


@cache
def whole(scenario: str, before: Path, run: Run) -> tuple[Broken, Path]:
    """A run that nothing breaks, whose errors hold all its calls, and its home."""
    home = before.resolve().with_name(f"{before.name}-{scenario.rpartition('.')[2]}-whole")
    shutil.copytree(before, home)
    done = run(scenario, home, call=ANY, how=LIST, n=0)
    assert done.went_through, done.errors
    return done, home


def sample(scenario: str, before: Path, run: Run, call: str, how: str, ways: Sequence[str]) -> list[tuple[str, int]]:
    """Which calls of this kind to break so, each by its name and its number, counted from 1."""
    done, home = whole(scenario, before, run)
    chosen = choose(done.errors, home, CALLS[call].split(","))
    assert chosen, f"{scenario} makes no {call}"
    return chosen[list(ways).index(how) :: len(ways)] or chosen[-1:]


def choose(trace: str, home: Path, names: Sequence[str]) -> list[tuple[str, int]]:
    """The first call of each operation, and the last of all.

    strace counts the calls of each name in each thread, so a 2nd `write` is not the 3rd call after a `pwrite64`; so
    does this.
    """
    seen: Counter[tuple[str, str]] = Counter()
    chosen: dict[str, tuple[str, int]] = {}
    for line in trace.splitlines():
        found = CALL.match(line)
        if found and found["name"] in names:
            seen[found["thread"], found["name"]] += 1
            call = (found["name"], seen[found["thread"], found["name"]])
            chosen.setdefault(operation(found["name"], found["words"], home), call)
            chosen["the last of all"] = call
    return list(dict.fromkeys(chosen.values()))


def operation(name: str, words: str, home: Path) -> str:
    """What a call does to which kinds of files: `rename work/.json work/.json`."""
    of_a_file = OF_A_FILE.match(words)
    named = NAMED.findall(words)
    paths = [of_a_file[1]] if of_a_file and not name.startswith("unlink") else [str(Path(at, to)) for at, to in named]
    return " ".join([name, *(kind_of_file(Path(path), home) for path in paths), *HOW.findall(words)])


def kind_of_file(path: Path, home: Path) -> str:
    if not path.is_relative_to(home):
        return "elsewhere"
    inside = path.relative_to(home).parts
    top = NUMBERS.sub("#", inside[0]) if inside else "."
    return top if len(inside) < 2 else f"{top}/{NUMBERS.sub('#', path.suffix)}"
