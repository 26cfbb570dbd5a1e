"""Works through its share of the cases in forked children, each for some groups; prints what it finds as JSON lines.

    python bench/fuzz_worker.py PLACE SEED GROUP_SIZE FIRST END STEP OFFSET [KIND ...]

A child that dies is replaced; the group that it had in hand is halved until one case is left to blame.
"""

from __future__ import annotations

import contextlib
import gc
import json
import logging
import os
import shutil
import signal
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
GROUPS_PER_CHILD = 8
Work = tuple[int, list[int]]
Make = Callable[[int], Any]


def main(arguments: list[str]) -> None:
    place = Path(arguments[0])
    seed, size, first, end, step, offset = map(int, arguments[1:7])
    kinds = arguments[7:]
    home, template = place / "home", place / "template"
    os.environ |= {"ROBOTDATA_HOME": str(home), "DJANGO_SETTINGS_MODULE": "robotdata.settings"}
    home.mkdir(parents=True)
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what the product prints is not an answer
    import django

    django.setup()
    logging.disable(logging.CRITICAL)
    from bench import fuzz_cases
    from tests.support import fuzz_home

    fuzz_home.prepare(home, template)
    _warm(home, template)
    gc.freeze()  # what is imported is not looked through again in every child
    groups = range(first // size + offset, -(-end // size), step)
    work: deque[Work] = deque((g, [n for n in range(g * size, (g + 1) * size) if first <= n < end]) for g in groups)
    while work:
        batch = [work.popleft() for _ in range(min(GROUPS_PER_CHILD, len(work)))]
        work.extendleft(
            reversed(_run(batch, lambda n: fuzz_cases.make_case(home, template, seed, n, kinds), place, out))
        )


def _warm(home: Path, template: Path) -> None:
    """Walk through unchanged takes and a dataset: all must be right, and every child inherits what is imported."""
    from bench import fuzz_look
    from bench.fuzz_cases import Case
    from tests.support import fuzz_home

    cases = [Case(n, kind, f"00000000-0000-4000-8000-{n:012d}") for n, kind in enumerate(fuzz_home.KINDS)]
    for case in cases:
        fuzz_home.new_take(home, template, case.kind, case.target)
    fuzz_home.new_dataset(home, template, "d9", 9)
    look = fuzz_look.Look(home, [*cases, Case(9, "info", "d9")], lambda _: None, strict=True)
    look.walk(0)
    if look.failures:
        raise SystemExit(f"the home fails before anything was changed: {look.failures}")


def _run(batch: list[Work], make: Make, place: Path, answers: Any) -> list[Work]:
    """Run the batch in a child; what is left of it where the child died."""
    read, write = os.pipe()
    errors = place / "stderr"
    errors.write_bytes(b"")
    pid = os.fork()
    if pid == 0:
        os.close(read)
        _child(batch, make, place, write)
    os.close(write)
    begun: Work | None = None
    step, left = "", deque(batch)
    with os.fdopen(read) as lines:
        for line in lines:
            said = json.loads(line)
            if "begin" in said:
                begun = (said["group"], said["begin"])
                if left and left[0] == begun:
                    left.popleft()
            elif "step" in said:
                step = said["step"]
            else:
                if "done" in said:
                    begun = None
                left.extendleft((group, numbers) for group, numbers in reversed(said.pop("split", [])))
                answers.write(json.dumps(said) + "\n")
    _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    if code == 0:
        return []
    if begun is None:
        raise SystemExit(f"a child ended with {code} between groups: {errors.read_text(errors='replace')[-2000:]}")
    return [*_blame(begun, step, code, errors, answers), *left]


def _blame(begun: Work, step: str, code: int, errors: Path, answers: Any) -> list[Work]:
    group, numbers = begun
    if len(numbers) > 1:
        return _halves(group, numbers)
    how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    last = errors.read_text(errors="replace").strip().splitlines()[-1:]
    failure = {"kind": f"{step}: died of {how}", "words": " ".join(last)[:200], "case": numbers[0]}
    answers.write(json.dumps({"done": 1, "failures": [failure]}) + "\n")
    return []


def _halves(group: int, numbers: list[int]) -> list[Work]:
    middle = len(numbers) // 2
    return [(group, numbers[:middle]), (group, numbers[middle:])]


def _child(batch: list[Work], make: Make, place: Path, write: int) -> None:
    code = 70
    try:
        for number, path in ((1, os.devnull), (2, str(place / "stderr"))):
            os.dup2(os.open(path, os.O_WRONLY | os.O_APPEND), number)
        out = os.fdopen(write, "w", buffering=1)
        work = deque(batch)
        while work:
            group, numbers = work.popleft()
            work.extendleft(reversed(_group(group, numbers, make, place, out)))
        out.flush()
        code = 0
    except BaseException:  # noqa: BLE001 - the process's outermost loop
        import traceback

        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _group(group: int, numbers: list[int], make: Make, place: Path, out: Any) -> list[Work]:
    """Run one group and report it; what is to be run again in halves, for its cases share the blame."""
    from bench import fuzz_look
    from tests.support import fuzz_home

    out.write(json.dumps({"begin": numbers, "group": group}) + "\n")
    fuzz_home.restore(place / "home", place / "template")
    cases = [make(number) for number in numbers]
    look = fuzz_look.Look(place / "home", cases, lambda step: out.write(json.dumps({"step": step}) + "\n"))
    began = time.process_time()
    look.walk(group)
    shared = [failure for failure in look.failures if failure.case < 0]
    split = _halves(group, numbers) if shared and len(numbers) > 1 else []
    said: dict[str, Any] = {"split": split} if split else {"done": len(numbers), "cpu_s": time.process_time() - began}
    if not split:
        for failure in shared:
            failure.case = numbers[0]
        what = {case.number: f"{case.kind}: {'; '.join(case.what)}" for case in cases}
        said["failures"] = [asdict(each) | {"what": what[each.case]} for each in look.failures]
    out.write(json.dumps(said) + "\n")
    return split


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    finally:
        with contextlib.suppress(IndexError):
            shutil.rmtree(sys.argv[1], ignore_errors=True)
