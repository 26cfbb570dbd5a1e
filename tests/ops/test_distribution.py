"""What this program was installed from: a command never names a package that a stranger could publish."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

import pytest

from robotdata import distribution
from robotdata.distribution import UNKNOWN, UnknownSource, extra_command, install_command, own_package

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def info(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where pip notes things of an installed robotdata, which is no checkout."""
    folder = tmp_path / "site-packages/robotdata_lab-1.0.0.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: robotdata-lab\nVersion: 1.0.0\n")
    monkeypatch.syspath_prepend(str(folder.parent))
    monkeypatch.setattr(distribution, "__file__", str(folder.parent / "robotdata/distribution.py"))
    return folder


def came_from(info: Path, url: str, **more: object) -> None:
    (info / "direct_url.json").write_text(json.dumps({"url": url, **more}))


def test_a_checkout_is_installed_from_itself() -> None:
    assert own_package() == str(ROOT) and own_package("hub") == f"{ROOT}[hub]"
    assert install_command("/lab/bin/python") == f"/lab/bin/python -m pip install {shlex.quote(str(ROOT))}"
    assert shlex.split(extra_command("hub"))[-2:] == ["-r", str(ROOT / "requirements-hub.txt")]


def test_a_wheel_is_installed_from_where_it_is(info: Path, tmp_path: Path) -> None:
    wheel = tmp_path / "my wheels/robotdata_lab-1.0.0-py3-none-any.whl"
    came_from(info, wheel.as_uri(), archive_info={})
    with pytest.raises(UnknownSource, match=r"my wheels/.* is gone: put it there again"):
        own_package()
    wheel.parent.mkdir()
    wheel.touch()
    assert shlex.split(extra_command("hub")) == [sys.executable, "-m", "pip", "install", f"{wheel}[hub]"]


def test_an_address_is_given_as_pip_takes_it(info: Path) -> None:
    came_from(info, "https://lab.example/robotdata_lab-1.0.0-py3-none-any.whl", archive_info={})
    assert own_package("web") == "robotdata-lab[web] @ https://lab.example/robotdata_lab-1.0.0-py3-none-any.whl"
    came_from(info, "https://lab.example/robotdata.git", vcs_info={"vcs": "git", "commit_id": "0abc"})
    assert own_package() == "robotdata-lab @ git+https://lab.example/robotdata.git@0abc"


def test_one_that_was_installed_by_its_name_says_what_to_fill_in(info: Path) -> None:
    with pytest.raises(UnknownSource, match="install it from there again"):
        own_package()
    assert install_command("/my lab/python") == f"'/my lab/python' -m pip install '{UNKNOWN}'"
    assert extra_command("hub").endswith(f" -m pip install '{UNKNOWN}[hub]'")
