"""The lines that load the dataset with LeRobot: all of it, or the episodes that the filter of its list finds."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from recorder.browse.filters import Filter, rows_in
from recorder.models import Dataset
from recorder.views.request import Request
from recorder.views.wall import dataset_of

_RUN = 4
"""From so many consecutive numbers on, a range is shorter than the numbers."""
_LINES = """\
from lerobot.datasets import LeRobotDataset
# LeRobot 0.4: from lerobot.datasets.lerobot_dataset import LeRobotDataset
dataset = LeRobotDataset({arguments})
print(len(dataset), dataset[0].keys())"""

_MOST_BYTES = 100_000
"""Linux takes no longer argument than 128 KiB; a longer list of episodes goes into a file."""
_TRAIN = """\
{file}lerobot-train \\
{dataset} \\
  --policy.type=act \\
  --policy.push_to_hub=false \\
  --output_dir={output}"""


@require_GET
def load_it(request: Request, slug: str) -> HttpResponse:
    """The fragment for the filter in the address of the page that asks."""
    query = dict(parse_qsl(urlsplit(request.htmx.current_url or "").query))
    return render(request, "recorder/_load_code.html", load_of(dataset_of(slug), query))


def load_of(row: Dataset, query: Mapping[str, Any]) -> dict[str, Any]:
    """Return the lines, and with a filter how many episodes of the dataset it finds: None without a filter."""
    filters = Filter.read(query)
    numbers: list[int] | None = None
    if filters.conditions:
        found = rows_in(row, "committed", filters).order_by("episode_index")
        numbers = [number for number in found.values_list("episode_index", flat=True) if number is not None]
    arguments = [_quoted(f"local/{row.slug}"), f"root={_quoted(str(row.path))}"]
    if numbers:
        arguments.append(f"episodes={python_list(numbers)}")
    return {
        "dataset": row,
        "load_lines": _LINES.replace("{arguments}", ", ".join(arguments)),
        "load_found": None if numbers is None else len(numbers),
        "train_lines": train_lines(row.slug, str(row.path), numbers),
    }


def train_lines(slug: str, root: str, numbers: Sequence[int] | None) -> str:
    """Return the command that trains a policy with the dataset, or with the episodes `numbers` of it, for a shell.

    A list too long for an argument is written into a file first, from which `lerobot-train` reads it.
    """
    name, output = f"local/{slug}", f"outputs/train/act_{slug}"
    file, dataset = "", [f"--dataset.repo_id={shlex.quote(name)}", f"--dataset.root={shlex.quote(root)}"]
    if numbers and len(str(list(numbers))) > _MOST_BYTES:
        path = shlex.quote(f"{slug}_episodes.json")
        config = json.dumps({"dataset": {"repo_id": name, "root": root, "episodes": list(numbers)}})
        file, dataset = f"cat > {path} <<'END'\n{config}\nEND\n", [f"--config_path={path}"]
    elif numbers:
        dataset.append(f"--dataset.episodes={shlex.quote(str(list(numbers)))}")
    values = {
        "{file}": file,
        "{dataset}": " \\\n".join(f"  {each}" for each in dataset),
        "{output}": shlex.quote(output),
    }
    # In one pass, so that a brace in a folder's name stays what it is.
    return re.sub(r"\{\w+\}", lambda found: values[found[0]], _TRAIN)


def _quoted(text: str) -> str:
    """Return a text as Python writes it, in double quotes."""
    return json.dumps(text, ensure_ascii=False)


def python_list(numbers: Sequence[int]) -> str:
    """Return ascending numbers as a short Python list: `[0, 3, *range(7, 12)]`."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    parts = [f"*range({run[0]}, {run[-1] + 1})" if len(run) >= _RUN else ", ".join(map(str, run)) for run in runs]
    return f"[{', '.join(parts)}]"
