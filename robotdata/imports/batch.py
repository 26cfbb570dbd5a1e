"""Import all recordings of some files: what fails is named and skipped, what was imported before is unchanged."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from robotdata.imports.errors import BadSource, ImportsError
from robotdata.imports.isolate import Isolation
from robotdata.imports.mapping import Mapping
from robotdata.imports.open import open_source
from robotdata.imports.plan import Plan, make_plan
from robotdata.imports.streams import Recording, Source
from robotdata.imports.take import Imported, import_recording, remove_leftovers, take_id_of

MOST_FAILURES = 200
STEPS = 1000
"""The progress of a batch is reported in this many steps."""
_BLOCK_BYTES = 1 << 22
_MOST_FILES = 200_000
_COMPARING = 0.2
"""The share of a file's progress that is reading it whole, to tell whether it was imported before."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A file, or a recording in it, that was not imported, and why."""

    name: str
    why: str


@dataclass(slots=True)
class Batch:
    """What came of a batch: takes that it wrote, the number that were there before, and what failed."""

    takes: list[Imported] = field(default_factory=list)
    already: int = 0
    failed: list[Failure] = field(default_factory=list)

    @property
    def summary(self) -> str:
        """Return what came of it, as a sentence for people without its full stop."""
        count = len(self.takes)
        words = f"{count} take{'' if count == 1 else 's'} imported"
        if self.already:
            words += f", {self.already} {'was' if self.already == 1 else 'were'} there already"
        if odd := sum(sum(take.skipped.values()) for take in self.takes):
            words += f", {odd:,} message{'' if odd == 1 else 's'} skipped"
        if self.failed:
            listed = "; ".join(f"{failure.name}: {failure.why}" for failure in self.failed[:5])
            more = f"; and {len(self.failed) - 5} more" if len(self.failed) > 5 else ""
            words += f", {len(self.failed)} not: {listed}{more}"
        return words


def import_sources(
    paths: Sequence[Path],
    mapping: Mapping,
    spool: Path,
    *,
    facts: dict[str, Any],
    again: str = "",
    misfit: Callable[[Plan], str] = lambda plan: "",
    is_known: Callable[[str], bool] = lambda take_id: False,
    on_take: Callable[[Imported], None] = lambda take: None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Batch:
    """Import every recording of every file with one mapping. `facts` are the takes' own, such as dataset and operator.

    `misfit` returns why a plan is refused, empty if it is not. `is_known` tells whether a take is gone from the spool
    only because it was encoded or deleted. `on_take` is called for each take in the spool, also for one that was there
    before. `progress` gets (steps done, STEPS), and may raise to stop. Raises what these raise, SpoolFull if the disk
    is full, and OSError of the spool's disk; other errors fail one file or recording.
    """
    batch, isolation = Batch(), Isolation(spool)
    misfit, is_known = isolation.of_caller(misfit), isolation.of_caller(is_known)
    on_take, progress = isolation.of_caller(on_take), isolation.of_caller(progress)
    remove_leftovers(spool)
    for number, path in enumerate(paths):

        def within(share: float, number: int = number) -> None:
            progress(min(STEPS - 1, int((number + share) / len(paths) * STEPS)), STEPS)

        within(0.0)
        try:
            with open_source(path) as source:
                one = _One(source, mapping, spool, facts, again, misfit, is_known, on_take, isolation)
                one.run(batch, within)
        except Exception as error:  # noqa: BLE001 - `reason` raises again, or logs, what is not a fault of the file
            _fail(batch, path.name, isolation.reason(error, path))
    progress(STEPS, STEPS)
    return batch


def _fail(batch: Batch, name: str, why: str) -> None:
    if len(batch.failed) < MOST_FAILURES:
        batch.failed.append(Failure(name[:200], why[:1000]))


@dataclass(slots=True)
class _One:
    """Imports the recordings of one open file."""

    source: Source
    mapping: Mapping
    spool: Path
    facts: dict[str, Any]
    again: str
    misfit: Callable[[Plan], str]
    is_known: Callable[[str], bool]
    on_take: Callable[[Imported], None]
    isolation: Isolation

    def run(self, batch: Batch, progress: Callable[[float], None]) -> None:
        recordings = self.source.recordings()
        if not recordings:
            raise BadSource(self.source.path, "has no recording in it")
        mark = fingerprint(self.source.path, lambda share: progress(share * _COMPARING))
        for number, recording in enumerate(recordings):

            def within(done: int, total: int, number: int = number) -> None:
                share = (number + done / max(1, total)) / len(recordings)
                progress(_COMPARING + (1 - _COMPARING) * share)

            try:
                taken = self._import(recording, mark, within)
            except Exception as error:  # noqa: BLE001 - `reason` raises again, or logs, what is not a fault of the file
                why = self.isolation.reason(error, self.source.path)
                name = self.source.path.name
                _fail(batch, name if len(recordings) == 1 else f"{name}, {recording.name}", why)
                continue
            if taken is not None and taken.is_new:
                batch.takes.append(taken)
            else:
                batch.already += 1
            if taken is not None:
                self.on_take(taken)

    def _import(self, recording: Recording, mark: str, progress: Callable[[int, int], None]) -> Imported | None:
        plan = make_plan(recording, self.mapping)
        plan.check()
        if why := self.misfit(plan):
            raise ImportsError(why)
        names = {"dataset": str(self.facts.get("dataset", "")), "source": mark, "recording": recording.name}
        take_id = take_id_of(**names, mapping=self.mapping.digest, again=self.again)
        if self.is_known(take_id) and not (self.spool / take_id).exists():
            return None
        return import_recording(plan, self.spool, take_id, source=self.source.path, facts=self.facts, progress=progress)


def fingerprint(path: Path, progress: Callable[[float], None] = lambda share: None) -> str:
    """Return what tells a file or folder from others, wherever it lies: all of its bytes, and the names in a folder.

    `progress` gets the share that is read; it may raise to stop. Raises BadSource if a folder has too many files.
    """
    digest = hashlib.sha256()
    files = [path] if path.is_file() else _files_below(path)
    total = max(1, sum(each.stat().st_size for each in files))
    done = 0
    for each in files:
        # Name and length come first, so that the end of one file is not taken for the beginning of the next.
        name = "" if each == path else str(each.relative_to(path))
        digest.update(f"{name}\0{each.stat().st_size}\0".encode("utf-8", "surrogateescape"))
        with each.open("rb") as file:
            while block := file.read(_BLOCK_BYTES):
                digest.update(block)
                done += len(block)
                progress(min(1.0, done / total))
    return digest.hexdigest()


def _files_below(path: Path) -> list[Path]:
    """Return all files in a folder and its folders, in the order of their names; links are left out."""
    found: list[Path] = []
    for folder, names, files in os.walk(path):
        names.sort()
        paths = (Path(folder) / name for name in sorted(files))
        found += [each for each in paths if each.is_file() and not each.is_symlink()]
        if len(found) > _MOST_FILES:
            raise BadSource(path, f"has more than {_MOST_FILES:,} files")
    return found
