"""F43: Datasets, cameras and tasks of a running product get odd names.

Names of 255 bytes, of other scripts, with spaces and line ends, with leading dots and dashes, or that differ in case or
normal form only. The disk gets safe names; people see the true ones.
"""

from __future__ import annotations

import json
import re
import sys
import unicodedata
import uuid
from pathlib import Path
from typing import Any

import pytest

from robotdata.dataset import DatasetFolder
from robotdata.video import open_video
from robotdata.video.barcode import read
from tests.recorder.sockets.conftest import Web
from tests.support import programs
from tests.support.nth_call import ROOT
from tests.support.rigs import toml
from tests.support.takes import make_take

pytestmark = pytest.mark.faults
SAFE = re.compile(r"[a-z0-9_][a-z0-9_-]{0,95}")
NFC, NFD = (unicodedata.normalize(form, "Größe, né à Zürich") for form in ("NFC", "NFD"))
TITLES = [
    "x" * 200,
    "é" * 127,
    "机器人" * 28,
    NFC,
    "two   words ",
    "new\nline",
    "-rf",
    "-rf /",
    ".hidden",
    "..",
    "CON",
    "a/b\\c",
]
TASKS = ["t" * 255, "é" * 127, NFC, NFD, "  put it  there ", "first\nthen", "-rf", ".hidden", "Push", "push"]
CAMERAS = ("-rf", "Front", "c" * 48)
QUICK = {"codec": "h264", "preset": "ultrafast"}
INDEX = """
import sys
import django
django.setup()
from recorder.actor import WORKER
from recorder.catalog.takes import index_take
assert all(index_take(take_id=pk, actor=WORKER) for pk in sys.argv[1:])
"""
COMMIT = """
import sys
import django
django.setup()
from tests.faults.two_days import commit
commit(sys.argv[1])
"""


def run(web: Web, *words: str) -> tuple[int, str]:
    env = {**web.env, "DJANGO_SETTINGS_MODULE": "robotdata.settings", "PYTHONPATH": str(ROOT)}
    done = programs.run([sys.executable, *words], cwd=ROOT, env=env, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


def make(web: Web, title: str, **settings: Any) -> tuple[int, Any]:
    return web.api("POST", "/datasets", {"title": title, **settings})


@pytest.fixture(scope="module")
def made(web: Web) -> dict[str, str]:
    """The slug of each title."""
    answers = {title: make(web, title) for title in TITLES}
    assert {status for status, _ in answers.values()} == {201}, answers
    return {title: said["slug"] for title, (_, said) in answers.items()}


def one_spaced(task: str) -> str:
    """A task as it is kept: texts that differ in white space alone are one task."""
    return " ".join(task.split())


@pytest.fixture(scope="module")
def committed(web: Web) -> Path:
    """A dataset of one episode a task; its cameras and its tasks have the names above."""
    status, made = make(web, f"Names {uuid.uuid4().hex[:6]}", encoding=QUICK)
    assert status == 201, made
    slug, takes = made["slug"], [str(uuid.uuid4()) for _ in TASKS]
    for number, take in enumerate(takes):
        make_take(web.home / "spool", 2, episode=number, cameras=CAMERAS, dataset=slug, take_id=take)
    code, said = run(web, "-c", INDEX, *takes)
    assert code == 0, said
    for take, task in zip(takes, TASKS, strict=True):
        status, said = web.api("PATCH", f"/episodes/{take}", {"task": task, "verdict": "keep"})
        assert (status, said["task"]) == (200, one_spaced(task)), said
    status, said = web.api("POST", f"/datasets/{slug}/encode", {})
    assert status == 202, said
    code, said = run(web, "-c", COMMIT, slug)
    assert code == 0, said
    return web.home / "datasets" / slug


def test_a_dataset_of_any_title_has_a_safe_folder_and_keeps_the_title(web: Web, made: dict[str, str]) -> None:
    assert all(SAFE.fullmatch(slug) for slug in made.values()), made
    assert len({slug.casefold() for slug in made.values()}) == len(TITLES)
    for title, slug in made.items():
        shown = " ".join(title.split())
        kept = json.loads((web.home / f"datasets/.settings/{slug}.json").read_text())
        assert web.api("GET", f"/datasets/{slug}")[1]["title"] == kept["title"] == shown
    assert all(path.name.isascii() for path in (web.home / "datasets/.settings").iterdir())


def test_titles_that_look_alike_are_one(web: Web, made: dict[str, str]) -> None:
    for title, other in ((NFC, NFD), ("CON", "con"), (NFC, NFC.upper()), ("-rf", " -RF\n")):
        status, said = make(web, other)
        assert status == 409 and said["error"]["detail"] == {"slug": made[title]}, (other, said)
        assert said["error"]["code"] == "exists"


def test_a_title_that_is_too_long_or_nothing_is_refused_and_not_cut(web: Web, made: dict[str, str]) -> None:
    for title in ("x" * 255, "\n\t ", ""):
        status, said = make(web, title)
        assert status == 422 and "title" in said["error"]["message"], said


def test_tasks_and_cameras_are_read_back_as_they_were_written(web: Web, committed: Path) -> None:
    dataset = DatasetFolder.open(committed)
    assert dataset.tasks == [one_spaced(task) for task in TASKS] and dataset.problems == []
    assert dataset.camera_keys == [f"observation.images.{name}" for name in CAMERAS]
    for index, task in enumerate(map(one_spaced, TASKS)):
        episode = dataset.episode(index)
        assert episode.tasks == [task] and episode.problems == []
        for camera, key in enumerate(dataset.camera_keys):
            span = episode.videos[key]
            with open_video(span.path) as video:
                seen = [read(frame) for frame in video.frames(range(span.first_frame, span.first_frame + span.frames))]
            assert [(code.episode, code.camera, code.tick) for code in seen] == [(index, camera, 0), (index, camera, 1)]
    names = [path.name for path in committed.rglob("*")]
    assert all(name.isascii() and name == name.strip() and not name.startswith((".", "-")) for name in names), names
    code, said = run(web, "manage.py", "verify", committed.name, "--deep")
    assert code == 0 and f"{len(TASKS)} episodes, {2 * len(TASKS)} frames: nothing wrong" in said, said


def test_the_rows_say_them_too(web: Web, committed: Path) -> None:
    status, found = web.api("GET", f"/episodes?dataset={committed.name}&limit=100")
    assert status == 200
    shown = {each["episode_index"]: (each["task"], each["state"]) for each in found["items"]}
    assert shown == {index: (task, "encoded") for index, task in enumerate(map(one_spaced, TASKS))}


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["'wrist view'"], "want a name of 1 to 48 letters"),
        (["'käm'"], "want a name of 1 to 48 letters"),
        (['"a\\nb"'], "want a name of 1 to 48 letters"),
        (["'" + "c" * 255 + "'"], "want a name of 1 to 48 letters"),
        (["front", "Front"], "differs from 'front' only in case"),
    ],
)
def test_a_rig_refuses_a_camera_whose_name_is_no_safe_file_name(tmp_path: Path, names: list[str], words: str) -> None:
    file = tmp_path / "rig.toml"
    file.write_text(toml("odd", 30, {"kind": "sim"}, {"kind": "autopilot"}, {name: {"kind": "sim"} for name in names}))
    command = [sys.executable, "-m", "robotdata.rig", str(file), "--spool", str(tmp_path / "spool")]
    done = programs.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode not in (0, None) and words in done.stderr and "rig.toml" in done.stderr, done.stderr
    assert "Traceback" not in done.stderr and not (tmp_path / "spool").exists()
