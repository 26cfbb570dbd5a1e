"""The lines that load a dataset name the episodes that the filter in sight finds."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from django.test import Client

from recorder.models import Dataset, Episode
from recorder.review.verdicts import edit_episodes
from recorder.views.load_it import python_list, train_lines
from tests.support.transfers import OLGA

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ([], "[]"),
        ([3], "[3]"),
        ([0, 1, 2, 5], "[0, 1, 2, 5]"),
        ([0, 1, 2, 3, 7, *range(10, 200)], "[*range(0, 4), 7, *range(10, 200)]"),
    ],
)
def test_a_list_is_short_and_python(numbers: list[int], text: str) -> None:
    assert python_list(numbers) == text and eval(text) == numbers


def test_the_command_to_train_is_what_a_shell_reads() -> None:
    lines = train_lines("pick-cups", "/data/my sets/it's {root}", [0, 2])
    words = shlex.split(lines.replace("\\\n", " "))
    assert words[0] == "lerobot-train" and "--dataset.repo_id=local/pick-cups" in words
    assert "--dataset.root=/data/my sets/it's {root}" in words and "--dataset.episodes=[0, 2]" in words
    assert "--dataset.episodes" not in train_lines("pick-cups", "/data", None)


def test_a_list_that_is_too_long_for_an_argument_goes_into_a_file(tmp_path: Path) -> None:
    numbers = list(range(0, 60_000, 2))
    text = train_lines("pick-cups", "/data/it's {root}", numbers)
    bin_ = tmp_path / "lerobot-train"
    bin_.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    bin_.chmod(0o755)
    path = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    said = subprocess.run(["sh"], input=text, capture_output=True, text=True, cwd=tmp_path, env=path, check=True).stdout
    assert said.split()[0] == "--config_path=pick-cups_episodes.json" and "--dataset" not in said
    config = json.loads((tmp_path / "pick-cups_episodes.json").read_text())
    assert config == {"dataset": {"repo_id": "local/pick-cups", "root": "/data/it's {root}", "episodes": numbers}}


def lines(client: Client, address: str) -> tuple[str, str]:
    """The lines on the page at this address, and those that the page fetches when its filter changes to it."""
    fragment = client.get("/datasets/cubes/load/", HTTP_HX_REQUEST="true", HTTP_HX_CURRENT_URL=f"http://host{address}")
    texts = [answer.content.decode() for answer in (client.get(address), fragment)]
    found = [re.search(r'<pre class="code" id="python"[^>]*>(.*?)</pre>', text, re.DOTALL) for text in texts]
    assert found[0] and found[1] and "from lerobot.datasets import LeRobotDataset" in found[0][1]
    return found[0][1], found[1][1]


def test_the_filter_chooses_the_episodes(olga: Client, four: list[Episode], cubes: Dataset) -> None:
    edit_episodes(episodes=[four[0], four[3]], actor=OLGA, labels=["good grasp"])
    numbers = sorted(Episode.objects.get(pk=each.pk).episode_index or 0 for each in (four[0], four[3]))
    for text in lines(olga, "/datasets/cubes/use/?view=committed&label=good%20grasp"):
        assert f"episodes={numbers})" in text
    for text in lines(olga, "/datasets/cubes/use/?view=committed"):
        assert "episodes=" not in text and str(cubes.path) in text
    shown = olga.get("/datasets/cubes/use/?view=committed&label=nobody").content.decode()
    assert "The filter finds no episode of the dataset" in shown and "episodes=[" not in shown
    assert "· 2 episodes found" in olga.get("/datasets/cubes/use/?label=good%20grasp").content.decode()
    wall = olga.get("/datasets/cubes/?view=committed&label=good%20grasp").content.decode()
    assert 'href="/datasets/cubes/use/?label=good+grasp"' in wall, "the list leads there with its filter"
    changed = olga.get("/datasets/cubes/wall/?view=committed&label=good%20grasp", HTTP_HX_REQUEST="true")
    assert "filtered" in changed.headers["HX-Trigger-After-Settle"]
