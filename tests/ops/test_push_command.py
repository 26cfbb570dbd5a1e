"""`robotdata push`: says what it would send, sends it, and says what it compared."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.dataset.conftest import Bench, _recorded, six, staged  # noqa: F401 - fixtures
from tests.support.fake_hub import TOKEN
from tests.support.hub_steps import REPO, quick_hub, sent_files

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")  # of the client, in its own uploads


def run(*words: str) -> str:
    said = StringIO()
    call_command("push", *words, stdout=said, stderr=said)
    return said.getvalue()


def test_it_says_sends_and_compares(six: Bench, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    settings.DATASETS_DIR = six.home / "datasets"
    with quick_hub(monkeypatch) as server:
        settings.HUB_ENDPOINT = server.url
        with pytest.raises(CommandError, match="hf auth login"):
            run("cubes", REPO)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        count = len(sent_files(six.root))
        text = run("cubes", REPO, "--dry-run")
        assert f"{count} files" in text and "Nothing was sent" in text and server.repos == {}
        text = run("cubes", REPO, "--public", "--licence", "mit")
        assert f"All {count} files" in text and TOKEN not in text
        assert not server.repos[REPO].private and b"license: mit" in server.content(REPO)["README.md"]
        with pytest.raises(CommandError, match="permission to write") as refused:
            run("cubes", "ann/cubes")
        assert TOKEN not in str(refused.value)
        with pytest.raises(CommandError, match="no dataset"):
            run("none", REPO)
