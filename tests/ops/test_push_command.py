"""`robotdata push`: says what it would send, sends it, and says what it compared."""

from __future__ import annotations

import pytest

from tests.dataset.conftest import Bench, _recorded, six, staged  # noqa: F401 - fixtures
from tests.support.command_line import run_command
from tests.support.fake_hub import TOKEN, FakeHub
from tests.support.hub_steps import REPO, sent_files


def test_it_says_sends_and_compares(six: Bench, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    with FakeHub().running() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        count = len(sent_files(six.root))
        code, text = run_command(six.home, "push", "cubes", REPO, "--dry-run")
        assert code == 0 and f"{count} files" in text and "Nothing was sent" in text and server.repos == {}
        code, text = run_command(six.home, "push", "cubes", REPO, "--public", "--licence", "mit")
        assert code == 0 and f"All {count} files" in text and TOKEN not in text
        assert not server.repos[REPO].private and b"license: mit" in server.content(REPO)["README.md"]
        code, text = run_command(six.home, "push", "cubes", "ann/cubes")
        assert code == 1 and "permission to write" in text and TOKEN not in text
        assert run_command(six.home, "push", "none", REPO)[0] == 1
