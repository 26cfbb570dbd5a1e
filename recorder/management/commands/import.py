"""`robotdata import FILE... --dataset NAME`: make takes of files of other recorders."""

from __future__ import annotations

import sys
import time
import uuid
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from recorder.actor import COMMAND
from recorder.catalog.importing import Changes, changed, keep_mapping, look_at, start_import
from recorder.errors import Refused
from recorder.management.terminal import TerminalCommand
from recorder.models import Operation
from recorder.models.states import OperationState
from recorder.text import sanitize_json
from recorder.worker.run import run_operation
from robotdata.imports import ImportsError, Mapping
from robotdata.imports.open import KINDS
from robotdata.imports.preview import Preview
from robotdata.imports.saved import load_mapping, read_mapping
from robotdata.numbers import count

_POLL_S = 0.5
_OPEN = (OperationState.RUNNING, OperationState.QUEUED)


class Command(TerminalCommand):
    """The command; exit codes: 0 all are there, 3 some could not be imported, 1 nothing was imported."""

    help = (
        f"Make takes of files of other recorders: {KINDS}. The takes are reviewed on the dataset's page, and encoded "
        "after that. A mapping is proposed unless one is given; --dry-run shows it with what would come."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the files, the dataset, the mapping, and what is said of all takes."""
        parser.add_argument("files", nargs="+", help="files, or folders of such files")
        parser.add_argument("--dataset", help="the name of a dataset; a new one is made if there is none")
        parser.add_argument("--mapping", default="", help="a JSON file, or the name of a saved mapping")
        parser.add_argument("--save-mapping", default="", metavar="NAME", help="save the mapping for the next files")
        parser.add_argument("--fps", type=float, help="rows a second")
        parser.add_argument("--task", default="", help="the task of all takes")
        parser.add_argument("--robot", default="", help="the type of the robot")
        parser.add_argument("--dry-run", action="store_true", help="only show what would come; write nothing")
        parser.add_argument("--again", action="store_true", help="import again what was imported before")

    def run_from_argv(self, argv: list[str]) -> None:
        """Run the command from a shell, and exit with its code."""
        self.code = 0
        super().run_from_argv(argv)
        sys.exit(self.code)

    def handle(self, **options: Any) -> None:
        """Show or import. Raise CommandError if nothing can be imported."""
        self.code = 0
        if not options["dataset"] and not options["dry_run"]:
            raise CommandError("Name the dataset that gets the takes: --dataset NAME. Or only look: --dry-run.")
        paths = [str(Path(file).expanduser().absolute()) for file in options["files"]]
        changes = Changes(options["fps"], options["task"], options["robot"])
        try:
            mapping = self._mapping(options["mapping"], changes)
            preview = look_at(paths=paths, mapping=mapping and mapping.to_json(), changes=changes, actor=COMMAND)
            value = preview.mapping.to_json()
            if options["save_mapping"]:
                keep_mapping(name=options["save_mapping"], value=value, actor=COMMAND)
            self._show(preview, in_full=options["dry_run"])
            if options["dry_run"]:
                return
            again = uuid.uuid4().hex if options["again"] else ""
            started = start_import(paths=paths, dataset=options["dataset"], mapping=value, actor=COMMAND, again=again)
        except (Refused, ImportsError) as error:
            raise CommandError(sanitize_json(str(error))) from error
        self._finish(started)

    def _mapping(self, name: str, changes: Changes) -> Mapping | None:
        if not name:
            return None
        path = Path(name)
        found = read_mapping(path) if path.is_file() else load_mapping(Path(settings.HOME) / "mappings", name)
        return changed(found, changes)

    def _show(self, preview: Preview, *, in_full: bool) -> None:
        features = {path: name for name, rule in preview.mapping.features.items() for path in rule.streams}
        for stream in preview.streams if in_full else ():
            goes_to = features.get(stream.path) or f"left out: {preview.left_out.get(stream.path, '')}"
            rate = f", {stream.rate_hz:.1f} Hz" if stream.rate_hz else ""
            shape = "x".join(map(str, stream.shape))
            self._say(f"{stream.path}  {stream.kind} {stream.dtype} {shape}, {stream.count}{rate} -> {goes_to}")
        for each in preview.recordings:
            name = each.file if Path(each.file).stem == each.name else f"{each.file}, {each.name}"
            problems = f"; cannot be imported: {'; '.join(each.problems)}" if each.problems else ""
            if in_full or problems:
                self._say(f"{name}: {count(each.rows, 'row')}, {each.duration_s:.1f} s{problems}")
            for note in each.notes if in_full else ():
                self._say(f"  note: {note}")
        for problem in preview.problems:
            self._say(problem)
        if in_full:
            left = preview.more_files
            more = f" {count(left, 'more file')} {'was' if left == 1 else 'were'} not opened." if left else ""
            all_of_them = count(len(preview.recordings) + preview.more_recordings, "recording")
            self._say(f"{all_of_them}.{more} Nothing was written.")

    def _finish(self, operation: Operation) -> None:
        """Run the import here, or wait for the worker that has claimed it; say what came of it."""
        run_operation(operation.pk)
        operation.refresh_from_db()
        while operation.state in _OPEN:
            time.sleep(_POLL_S)
            run_operation(operation.pk)  # once it is free: after a crash, or when there is space again
            operation.refresh_from_db()
        if operation.state != OperationState.DONE:
            raise CommandError(sanitize_json(operation.error or "The import was cancelled."))
        said = operation.result.get("said", "")
        self._say(f"{operation.dataset.title}: {said}.")
        self.code = 3 if operation.result.get("failed") else 0

    def _say(self, text: str) -> None:
        self.stdout.write(sanitize_json(text))
