"""Put every dataset folder that can be had into a home, and say what becomes of each: nothing may stay silent.

    python bench/open_the_world.py [FOLDER ...]

FOLDER: folders of datasets; else those of ROBOTDATA_TESTDATA, the `cases` beside it, and what LeRobot makes where its
environments are (`world_lerobot.py`). Each folder is copied into a home of its own and opened as at a start. Then:

- opened: the Datasets page has it; `edited` says whether an episode could be deleted and another relabelled, and how
  many problems `verify` finds before and after.
- repaired first, where `verify` finds problems: how many before and after.
- repaired: it could not be opened; a dataset was made of what is whole in it, then as above.
- imported: an older version, converted, then as above.
- refused: a line on the Datasets page with what it is, why, and what helps.

The last line counts. Exit status 1 if a folder is silent, or if an edit made a problem that was not there.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
ENVIRONMENTS = {"0.4.4": "ROBOTDATA_INTEROP_VENV", "0.6.1": "ROBOTDATA_NEWEST_VENV"}
BESIDE = {"0.4.4": ".venv-interop", "0.6.1": ".venv-lerobot-datasets"}
INFO = "meta/info.json"


def made_by_lerobot(home: Path) -> Iterator[Path]:
    """Yield folders that LeRobot's versions made, where their environments are."""
    for version, name in ENVIRONMENTS.items():
        python = Path(os.environ.get(name) or ROOT / BESIDE[version]) / "bin/python"
        if not python.is_file():
            print(f"LeRobot {version}: not here ({name})")
            continue
        folder = home / f"lerobot-{version}"
        folder.mkdir()
        command = [str(python), str(ROOT / "bench/world_lerobot.py"), str(folder)]
        subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        yield from sorted(folder.iterdir())


def found(folders: list[Path]) -> Iterator[Path]:
    """Yield the folders below that hold a dataset, or what was meant to be one."""
    for folder in folders:
        if (folder / INFO).exists():
            yield folder
            continue
        inner = [path.parent.parent for path in sorted(folder.rglob(INFO))]
        yield from inner


def problems_of(root: Path) -> int:
    from robotdata.dataset import verify_dataset

    return len(verify_dataset(root, deep=True).problems)


def tried_edits(root: Path, episodes: int) -> tuple[str, bool]:
    """Delete the first of several episodes and relabel the last; return what happened, and whether it is right."""
    from robotdata.dataset.errors import DatasetError
    from robotdata.dataset.repair.run import repair
    from robotdata.dataset.write.edit import edit_episodes
    from robotdata.video.errors import VideoError

    before = problems_of(root)
    work = root.parent / ".edits"
    where: dict[str, Any] = {"work": work / root.name, "revisions": work / f"{root.name}.old"}
    repaired = ""
    if before:
        try:
            repair(root, **where)
            now = problems_of(root)
            repaired, before = f"repaired: {before} problems before, {now} after; ", now
        except (DatasetError, VideoError) as error:
            repaired = f"not repaired: {error}; "
    delete = [0] if episodes > 1 else []
    try:
        edit_episodes(root, delete=delete, tasks={episodes - 1: "another task"}, **where)
    except (DatasetError, VideoError) as error:
        return f"{repaired}opened, not edited: {error}", problems_of(root) == before
    after = problems_of(root)
    return f"{repaired}opened, edited; {before} problems before, {after} after", after <= before


def rescued(target: Path, home: Path, actor: Any) -> tuple[str, str, bool]:
    """Make a dataset of what is whole in a folder that cannot be opened; return what became of it, as `verdict`."""
    from recorder.catalog.unknown_folders import adopt_unknown_folders
    from recorder.models import Unopened
    from robotdata.dataset.errors import DatasetError
    from robotdata.dataset.repair.rescue import rescue

    saved = home / "datasets" / f"{target.name}-saved"
    try:
        report = rescue(target, saved, work=home / "datasets/.work").report
    except DatasetError as error:
        return "refused", f"repair: {error}", True
    results = adopt_unknown_folders([], Unopened.objects.all(), actor=actor, recheck=True)
    (result,) = [each for each in results if each.name == saved.name]
    if result.dataset is None:
        return "silent", f"repaired, and then not opened: {result}", False
    said, is_right = tried_edits(saved, result.dataset.total_episodes)
    return "repaired", f"{len(report.findings)} things remade, {len(report.left)} not; {said}", is_right


def verdict(folder: Path, home: Path) -> tuple[str, str, bool]:
    """Return what became of a folder: one word, a sentence, and whether that is right."""
    from recorder.actor import Actor, ActorKind
    from recorder.catalog.unknown_folders import adopt_unknown_folders
    from recorder.models import Unopened
    from robotdata.dataset.convert.old_meta import convertible_version
    from robotdata.dataset.convert.run import convert_dataset
    from robotdata.dataset.errors import DatasetError

    slug = folder.name.lower().replace("_", "-").replace(".", "-")[:40]
    target = home / "datasets" / slug
    shutil.copytree(folder, target)
    actor = Actor("bench", ActorKind.COMMAND)
    results = adopt_unknown_folders([], Unopened.objects.all(), actor=actor, recheck=True)
    (result,) = [each for each in results if each.name == slug]
    if result.dataset is not None:
        said, is_right = tried_edits(target, result.dataset.total_episodes)
        return ("edited" if ", edited" in said else "opened"), said, is_right
    said = f"{result.what}: {result.why} {result.cure}".strip()
    if result.remedy == "repair":
        return rescued(target, home, actor)
    if not convertible_version(target):
        return "refused", said, bool(result.why and result.cure)
    converted = home / "datasets" / f"{slug}-v3"
    notes = ""
    try:
        convert_dataset(target, converted, work=home / "datasets/.work")
    except DatasetError as error:
        try:
            done = convert_dataset(target, converted, work=home / "datasets/.work", leave_out=True)
            notes = f"{len(done.notes)} notes; "
        except DatasetError:
            return "refused", f"{said} / converting: {error}", True
    results = adopt_unknown_folders([], Unopened.objects.all(), actor=actor, recheck=True)
    (result,) = [each for each in results if each.name == converted.name]
    if result.dataset is None:
        return "silent", f"converted, and then not opened: {result}", False
    said, is_right = tried_edits(converted, result.dataset.total_episodes)
    return "imported", f"{notes}{said}", is_right


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="robotdata-world-") as name:
        home = Path(name)
        os.environ |= {"ROBOTDATA_HOME": str(home / "home"), "DJANGO_SETTINGS_MODULE": "robotdata.settings"}
        os.environ.setdefault("ROBOTDATA_LOG", "ERROR")
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        (home / "home/datasets").mkdir(parents=True, exist_ok=True)
        given = [Path(each) for each in sys.argv[1:]]
        if not given:
            data = Path(os.environ.get("ROBOTDATA_TESTDATA") or ROOT.parent / "shared/data")
            given = [each for each in (data, data.parent / "cases") if each.is_dir()]
            given += list(made_by_lerobot(home))
        counts: Counter[str] = Counter()
        wrong = 0
        for folder in found(given):
            place = home / "home/datasets"
            shutil.rmtree(place)
            place.mkdir()
            try:
                word, said, is_right = verdict(folder, home / "home")
            except Exception as error:  # noqa: BLE001 - the next folder is told, too
                word, said, is_right = "silent", f"{type(error).__name__}: {error}", False
            counts[word] += 1
            wrong += not is_right
            print(f"{'' if is_right else 'WRONG '}{word:9}{folder.parent.name}/{folder.name}: {said}", flush=True)
        print(", ".join(f"{count} {word}" for word, count in counts.most_common()), f"; {wrong} wrong")
    return 1 if wrong or counts["silent"] else 0


if __name__ == "__main__":
    sys.exit(main())
