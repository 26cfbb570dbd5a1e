"""Homes for the pictures of all pages: empty, with one take, with 300, with what goes wrong, with long names.

`python bench/page_states.py HOME STATE` fills a home before the product starts there; `addresses` says which pages a
state has.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

STATES = ("empty", "one", "many", "error", "long")
ENCODING = {"codec": "h264", "crf": 23, "g": 2, "preset": "ultrafast", "pix_fmt": "yuv420p"}
LONG_TITLE = "Bimanual kitchen rearrangement with deformable objects, second campaign in spring, the north bench arm"
LONG_TASKS = ("Pick up the transparent measuring cup from the drying rack " * 4, "a_name_without_any_space_" * 8)
LONG_CAMERAS = ("front", "overhead_wide_angle_fisheye_calibrated", "left", "right", "side_left", "side_right")
LONG_RIG = "left-follower-arm-of-the-north-bench-in-room-2"
RIG = '[rig]\nname = "{name}"\nfps = 15\n[robot]\nkind = "sim"\n[teleoperator]\nkind = "autopilot"\n'
CAMERA = '[cameras.{name}]\nkind = "sim"\nwidth = 640\nheight = 480\nfps = 15\n'
PHONE = '[cameras.phone]\nkind = "browser"\nwidth = 640\nheight = 480\nfps = 15\n'
ARM = """rig.fps = 30
robot = { kind = "lerobot", type = "so101_follower", port = "/dev/ttyACM0", id = "my_follower" }
teleoperator = { kind = "lerobot", type = "so101_leader", port = "/dev/ttyACM1", id = "my_leader" }

[cameras.wrist]
kind = "pyav"
url = "v4l2:/dev/video0"
width = 640
height = 480
fps = 30
"""
"""A rig file of the station that is never started: it is edited and calibrated."""
GONE = '[cameras.wrist]\nkind = "pyav"\nurl = "v4l2:/dev/video77"\nwidth = 640\nheight = 480\nfps = 15\n'
EVERYWHERE = {
    "home": "/",
    "record": "/record/",
    "rigs": "/rigs/",
    "rig-add": "/rigs/add/",
    "rig-add-sim": "/rigs/add/?from=sim",
    "rig-drivers": f"/rigs/drivers/?station={quote(socket.gethostname())}",
    "datasets": "/datasets/",
    "encoding": "/operations/",
    "trash": "/trash/",
    "disk": "/disk/",
    "import": "/import/",
    "keys": "/keys/",
    "help": "/help/",
    "help-search": "/help/?q=emergency",
    "help-page": "/help/curation/",
    "about": "/about/",
    "account": "/account/",
    "api": "/api/docs",
    "offline": "/offline/",
    "not-found": "/datasets/nothing-here/",
}
SIGNED_OUT = {"sign-in": "/sign-in/", "sign-in-used": "/sign-in/?code=used", "offline-signed-out": "/offline/"}
"""Pages for a browser that nobody has signed in at."""
SCALE = {"units": ["°"] * 5 + ["%"], "limits": [[-1.7, 2.2]] * 5 + [[-5.0, 5.0]]}
"""What a rig says of the joints of a take."""
OF_A_DATASET = ("overview", "frames", "edit", "use", "history", "files", "settings")
VIEWS = ("review", "kept", "committed", "all")


def rig_of(state: str) -> str | None:
    """Return the rig file of a state; None for the rig that a new user gets."""
    cameras = "".join(CAMERA.format(name=name) for name in ("front", "top"))
    match state:
        case "empty":
            return None
        case "error":
            return RIG.format(name="bench-1") + cameras + GONE + PHONE
        case "long":
            named = "".join(CAMERA.format(name=name) for name in LONG_CAMERAS[:4])
            return RIG.format(name=LONG_RIG) + named
    return RIG.format(name="bench-1") + cameras


def addresses(facts: dict[str, Any]) -> dict[str, str]:
    """Return every page of a state by its short name; `facts` are what `fill` returned."""
    pages = dict(EVERYWHERE)
    for rig in facts.get("arms", ()):
        pages |= {"rig-edit": f"/rigs/{rig}/edit/", "rig-calibrate": f"/rigs/{rig}/calibrate/"}
    if phone := facts.get("phone"):
        pages |= {"camera": f"/camera/{phone}/phone/", "camera-not-found": f"/camera/{phone}/top/"}
    if slug := facts["slug"]:
        pages["wall-no-match"] = f"/datasets/{slug}/?view=all&q=nothing+like+this"
        pages |= {f"wall-{view}": f"/datasets/{slug}/?view={view}" for view in VIEWS}
        pages |= {f"dataset-{tab}": f"/datasets/{slug}/{tab}/" for tab in OF_A_DATASET}
        first, *others = facts["takes"]
        pages["player"] = f"/episodes/{first}/?list=all"
        if others:
            pages["compare"] = f"/compare/?a={first}&b={others[0]}"
        if facts.get("encode"):
            pages["player-committed"] = f"/episodes/{facts['keep'][-1]}/?list=committed"
    if gone := facts.get("gone"):
        pages["dataset-trashed"] = f"/datasets/{gone}/"
    return pages


def fill(home: Path, state: str) -> dict[str, Any]:
    """Fill the home in a process of its own; return `slug`, some `takes`, and what the product is asked afterwards.

    `keep` and `reject` are takes, `annotate` is by take what is patched, `encode` is a dataset.
    """
    env = {**os.environ, "ROBOTDATA_HOME": str(home), "PYTHONPATH": str(ROOT), "ROBOTDATA_LOG": "ERROR"}
    command = [sys.executable, __file__, str(home), state]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    home, state = Path(sys.argv[1]), sys.argv[2]
    os.environ["DJANGO_SETTINGS_MODULE"] = "robotdata.settings"
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    for folder in ("spool", "datasets"):
        (home / folder).mkdir(exist_ok=True)
    facts = {"slug": "", "takes": [], **FILL[state](home)}
    sys.stdout.write(json.dumps(facts) + "\n")


def _empty(home: Path) -> dict[str, Any]:
    return {}


def _arm(home: Path, name: str) -> dict[str, Any]:
    """Write the file of a rig that the station keeps and does not run."""
    (home / "rigs").mkdir(mode=0o700)
    (home / f"rigs/{name}.toml").write_text(f'rig.name = "{name}"\n{ARM}')
    return {"arms": [name]}


def _one(home: Path) -> dict[str, Any]:
    take = _takes(home, "pick-up-cubes", "Pick up cubes", ["Put the red cube on the mat"])
    return {"slug": "pick-up-cubes", "takes": take, **_arm(home, "so101")}


def _many(home: Path) -> dict[str, Any]:
    """300 takes of every verdict; five are encoded once the product runs."""
    import desk_home

    from recorder.models import Dataset, Episode

    desk_home.fill(home, 300, SCALE)
    Dataset.objects.update(encoding=ENCODING)
    rows = list(Episode.objects.order_by("recorded_at"))
    for number, row in enumerate(rows):
        row.recorded_at = _ago(minutes=20 * (len(rows) - number))
    Episode.objects.bulk_update(rows, ["recorded_at"])
    ids = [str(row.pk) for row in rows]
    asked = {"keep": ids[:5], "reject": ids[6:270:3], "encode": "bench"}
    return {"slug": "bench", "takes": ids[-4:], **asked, **_arm(home, "so101")}


def _error(home: Path) -> dict[str, Any]:
    """A take without one camera's file, folders that cannot be opened, a rig that is away, a dataset in the trash."""
    from django.utils import timezone

    from recorder.models import Dataset, Rig

    ids = _takes(home, "cups", "Cups", ["Pick up the cup"] * 3)
    for file in (home / "spool" / ids[1]).glob("*top*"):
        file.write_bytes(b"")
    for folder in ("photos", "damaged/meta"):
        (home / "datasets" / folder).mkdir(parents=True)
    (home / "datasets/damaged/meta/info.json").write_text("{")
    (home / "spool/not-a-take").mkdir()
    Rig.objects.create(name="arm-2", robot_type="so101_follower", last_seen_at=_ago(hours=50))
    Dataset.objects.create(slug="gone-1", title="Gone", trashed_at=timezone.now(), trashed_slug="gone")
    broken = _arm(home, "arm-3")
    (home / "rigs/arm-3.toml").write_text(ARM.replace("so101_follower", "so999_follower") + "fps = \n")
    asked = {"keep": ids[1:], "encode": "cups"}
    return {"slug": "cups", "takes": ids, **asked, **broken, "phone": "bench-1", "gone": "gone"}


def _long(home: Path) -> dict[str, Any]:
    takes = _takes(home, "long", LONG_TITLE, [LONG_TASKS[n % 2] for n in range(4)], cameras=LONG_CAMERAS)
    label = "occluded by the left sleeve of the operator for over a second"
    said = {"labels": [label, "x" * 60], "note": "word " * 100}
    about = {"slug": "long", "rig": LONG_RIG, "takes": takes, "annotate": dict.fromkeys(takes[:2], said)}
    about |= _arm(home, "left-follower-arm-of-the-north-bench-in-room-3-b")
    return {**about, "reject": takes[2:3], "keep": takes[3:], "encode": "long"}


def _takes(home: Path, slug: str, title: str, tasks: list[str], **more: Any) -> list[str]:
    from recorder.actor import WORKER
    from recorder.catalog.takes import index_take
    from recorder.models import Dataset
    from tests.support.takes import make_take

    Dataset.objects.create(slug=slug, title=title, encoding=ENCODING)
    ids = []
    for number, task in enumerate(tasks):
        operator = "olga" if slug != "long" else "Wilhelmina Featherstonehaugh-Cholmondeley of the night shift"
        folder = make_take(home / "spool", 60, episode=number, dataset=slug, task=task, operator=operator, **more)
        index_take(take_id=folder.name, actor=WORKER)
        ids.append(folder.name)
    return ids


def _ago(**time: float) -> Any:
    from django.utils import timezone

    return timezone.now() - timedelta(**time)


FILL = {"empty": _empty, "one": _one, "many": _many, "error": _error, "long": _long}


if __name__ == "__main__":
    main()
