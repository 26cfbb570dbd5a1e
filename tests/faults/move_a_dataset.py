"""Scenario: delete the dataset of the home to the trash, restore it, rename it, each if it is due; say `moved`.

And `make_home`: a dataset of two episodes with an earlier revision.
"""

from __future__ import annotations

import sys
import uuid
from pathlib import Path

import numpy as np

from recorder.actor import COMMAND, Actor

OLGA = Actor("olga")


def main(home: Path) -> None:
    from recorder.catalog.dataset_trash import rename_dataset, restore_dataset, trash_dataset, trashed_datasets
    from recorder.models import Dataset

    if not trashed_datasets():
        trash_dataset(dataset=Dataset.objects.get(), actor=OLGA)
    restored = restore_dataset(name=trashed_datasets()[0].name, actor=OLGA)
    rename_dataset(dataset=restored, title="Pots", folder=True, actor=OLGA)
    sys.stdout.write("moved\n")


def make_home(home: Path) -> None:
    """Called in a process whose settings mean `home`."""
    from django.core.management import call_command

    from recorder.catalog.datasets_on_disk import adopt_folder, save_settings
    from robotdata.dataset import DatasetSpec, NewEpisode, commit_episodes

    call_command("migrate", verbosity=0, interactive=False)
    root = home / "datasets" / "cubes"
    spec = DatasetSpec(30, "arm", {"action": {"dtype": "float32", "shape": [1], "names": ["a"]}})
    for n in range(2):
        episode = NewEpisode(str(uuid.UUID(int=n + 1)), "push", {"action": np.zeros((4, 1), np.float32)}, 4, {}, {})
        commit_episodes(
            root, spec, [episode], work=root.parent / ".work", revisions=root.parent / ".revisions" / "cubes"
        )
    save_settings(adopt_folder(actor=COMMAND, slug="cubes"))
