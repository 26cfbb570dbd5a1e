"""`robotdata push NAME user/repo`, or `s3://bucket/folder`: send a dataset to the Hugging Face Hub or a bucket."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from recorder.management.terminal import TerminalCommand
from recorder.models.paths import work_of
from recorder.text import sanitize_json
from robotdata.dataset.errors import DatasetError
from robotdata.dataset.exchange.contents import (
    Comparison,
    Contents,
    compare,
    contents_of,
    refuse_other_content,
    size_of,
)
from robotdata.dataset.exchange.errors import TransferError
from robotdata.dataset.exchange.progress import Pushed, Step, Watch
from robotdata.dataset.exchange.snapshot import archive_of
from robotdata.dataset.hub.card import LICENCES, MAX_CARD_BYTES, card_of
from robotdata.dataset.hub.client import Access, Hub, own_token
from robotdata.dataset.hub.names import parse_repository
from robotdata.dataset.hub.push import PushRequest, look, push
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.storage.client import Access as StorageAccess
from robotdata.dataset.storage.client import Storage
from robotdata.dataset.storage.names import is_target, parse_target
from robotdata.dataset.storage.push import compared
from robotdata.dataset.storage.push import push as send_to_storage
from robotdata.numbers import count


class Command(TerminalCommand):
    """The command; exit codes: 0 all is there and compared, 1 it is not."""

    help = (
        "Send a dataset to a repository of the Hugging Face Hub, or to a folder of a bucket, and compare afterwards. "
        "Only what is not there is sent; run it again after an interruption. The token is that of HF_TOKEN or of "
        "`hf auth login`; the keys are those of the environment (AWS_PROFILE, AWS_ENDPOINT_URL) or of ~/.aws."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the dataset, the repository and how it is sent."""
        parser.add_argument("dataset", help="the name of a dataset")
        parser.add_argument("repository", help="user/name, the address of its page, or s3://bucket/folder")
        seen = parser.add_mutually_exclusive_group()
        seen.add_argument("--private", action="store_true", help="make a new repository private (the default)")
        seen.add_argument("--public", action="store_true", help="make a new repository public")
        parser.add_argument("--pull-request", action="store_true", help="propose it in a pull request")
        parser.add_argument("--licence", choices=LICENCES, default="", help="the licence in a new card")
        parser.add_argument("--card", type=Path, help="a Markdown file that becomes the card")
        parser.add_argument(
            "--replace", action="store_true", help="also if the folder of a bucket holds another dataset"
        )
        parser.add_argument("--dry-run", action="store_true", help="compare and say what would be sent")

    def handle(self, **options: Any) -> None:
        """Compare, send. Raise CommandError if that is not possible."""
        root = Path(settings.DATASETS_DIR) / options["dataset"]
        if not root.is_dir() or "/" in options["dataset"]:
            raise CommandError(f"There is no dataset {options['dataset']!r} in {settings.DATASETS_DIR}.")
        try:
            if is_target(options["repository"]):
                return self._to_storage(root, options)
            if options["replace"]:
                raise CommandError("--replace is for a bucket: a repository keeps what it had.")
            hub = Hub(Access(settings.HUB_ENDPOINT, own_token()))
            repository = parse_repository(options["repository"], endpoint=settings.HUB_ENDPOINT).id
            contents = contents_of(archive_of(root, work_of(root), root.name), root.name)
            if options["dry_run"]:
                place = look(hub, repository)
                refuse_other_content(repository, place.files)
                self._say_changes(repository, contents, compare(contents, place.files))
                return
            request = PushRequest(
                repository=repository,
                title=root.name,
                mark=str(uuid.uuid4()),
                private=not options["public"],
                pull_request=options["pull_request"],
                card=_card(options["card"]),
                first_card=card_of(
                    DatasetFolder.open(contents.root),
                    title=root.name,
                    repository=repository,
                    licence=options["licence"],
                ),
            )
            self._say_outcome(push(hub, contents, request, Watch(self._progress)))
        except (TransferError, DatasetError, OSError) as error:
            raise CommandError(sanitize_json(f"{str(error).rstrip('.')}.")) from error

    def _to_storage(self, root: Path, options: dict[str, Any]) -> None:
        for name in ("public", "pull_request", "card", "licence"):
            if options[name]:
                raise CommandError(f"--{name.replace('_', '-')} is for the Hub: a bucket has none.")
        target, replace = parse_target(options["repository"]), options["replace"]
        storage = Storage(StorageAccess())
        contents = contents_of(archive_of(root, work_of(root), root.name), root.name)
        if options["dry_run"]:
            self._say_changes(str(target), contents, compared(storage, contents, target, replace=replace)[1])
            return
        watch = Watch(self._progress)
        self._say_outcome(send_to_storage(storage, contents, target, watch, replace=replace), str(target))

    def _say_changes(self, repository: str, contents: Contents, found: Comparison) -> None:
        for word, files in (("new", found.new), ("changed", found.changed)):
            for file in files:
                self._say(f"{word}: {file.name} ({file.size:,} bytes)")
        for name in found.gone:
            self._say(f"removed there: {name}")
        self._say(
            f"{repository}: {count(len(found.to_send), 'file')} ({size_of(found.to_send):,} bytes) would be sent, "
            f"{len(found.same)} are there already, {len(found.gone)} would be removed; "
            f"{count(len(contents.left_out), 'file')} of the folder not to be sent. Nothing was sent."
        )

    def _say_outcome(self, outcome: Pushed, place: str = "") -> None:
        place = place or outcome.pull_request or outcome.url
        commit = f" Commit {outcome.commit}." if outcome.commit else ""
        self._say(
            f"{place}: {count(outcome.sent_files, 'file')} ({outcome.sent_bytes:,} bytes) sent, "
            f"{outcome.same_files} there already, {outcome.removed_files} removed. All {outcome.compared} files "
            f"({outcome.compared_bytes:,} bytes) compared: equal.{commit}"
        )

    def _progress(self, step: Step) -> None:
        if self.stderr.isatty():
            text = f"\r{step.files} of {step.files_total} files, {step.bytes:,} of {step.bytes_total:,} bytes"
            self.stderr.write(text, ending="" if step.files < step.files_total else "\n")

    def _say(self, text: str) -> None:
        self.stdout.write(sanitize_json(text))


def _card(path: Path | None) -> str | None:
    if path is None:
        return None
    data = path.read_bytes()
    if len(data) > MAX_CARD_BYTES:
        raise TransferError(f"{path} has {len(data):,} bytes; a card has at most {MAX_CARD_BYTES:,}")
    return data.decode("utf-8", "replace")
