"""Take a home with mutated inputs through start, sweep, pages, API and rebuild, and note all that goes wrong."""

from __future__ import annotations

import asyncio
import io
import os
import resource
import signal
import time
import traceback
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.fuzz_cases import Case
from tests.support.fuzz_home import CAMERA, GOOD_TAKE, SLUG, TICKS

MOST_CPU_S, MOST_MB = 5.0, 300
KILL_CPU_S, KILL_WALL_S = 20, 120
ROOT = Path(__file__).resolve().parent.parent
SHARED = ["/", "/newest/", "/rigs/", "/datasets/", "/operations/", "/trash/", "/api/episodes", "/api/datasets",
          "/api/sessions", "/api/trash", "/record/sim/", "/record/sim/takes/"]  # fmt: skip
VIEWS = ["", "cards/", "wall/", "wall/head/", "wall/ids/", "figures/", "operations/", "planned/", "revisions/",
         "tasks/", "overview/", "frames/"]  # fmt: skip

REACHED: dict[str, set[str]] = {
    "manifest": {"page", "api", "frame", "signals"},
    "rows": {"frame", "last frame", "signals"},
    "index": {"frame", "last frame", "strip"},
    "video": {"frame", "last frame", "strip"},
    "message": {"page", "api", "card"},
    "stats": {"page", "overview/", "figures/", "episode page"},
    "sidecar": {"page", "cards/", "wall/", "tasks/", "planned/", "episode page", "episode api"},
    "settings": {"page", "api", "figures/", "planned/"},
    "tasks": {"page", "api", "cards/", "tasks/", "overview/", "episode page", "episode api"},
    "data": {"overview/", "frames/", "episode page", "episode frame", "episode strip", "episode signals"},
    "mp4": {"page", "episode page", "episode frame", "episode strip", "episode video"},
}
"""What a change of each kind can reach; kinds that are not named reach everything."""


@dataclass
class Failure:
    """`kind`: what failed and where in the code; `case`: whose fault, -1 where the cases of a group share a page."""

    kind: str
    words: str
    case: int = -1


class Look:
    """One walk through a home; `say` is told each step before it is begun.

    `strict`: nothing was changed, so every answer but the one that was asked for is a failure.
    """

    def __init__(self, home: Path, cases: list[Case], say: Callable[[str], None], *, strict: bool = False) -> None:
        self.home = home
        self.cases = cases
        self.say = say
        self.strict = strict
        self.failures: list[Failure] = []
        self.slugs = [SLUG, *(case.target for case in cases if case.is_dataset)]
        self.takes = [case for case in cases if not case.is_dataset]

    def walk(self, group: int) -> None:
        """All of it; every third group is met by a starting rig first, every fourth is rebuilt at the end."""
        if group % 3 == 0:
            self.step("rig starts", self._rig)
        if not self.step("start", lambda: self._command("recover", deep=group % 4 == 1)):
            return
        if [case for case in self.takes if case.card]:
            self.messages()
        self.step("sweep", self._sweep)
        self.client = self._signed_in()
        for case in self.takes:
            self.a_take(case)
        for case in self.cases:
            if case.is_dataset:
                self.a_dataset(case)
        self.shared()
        if group % 4 == 0 and self.step("rebuild", lambda: self._command("rebuild")):
            self.client = self._signed_in()
            for address in ("/", f"/datasets/{SLUG}/", "/api/episodes"):
                self.get(f"rebuilt {address}", address)

    def step(self, name: str, work: Callable[[], Any], case: int = -1) -> bool:
        """Do one piece of work; what it raises, and what it costs too much, is a failure."""
        self.say(name)
        signal.setitimer(signal.ITIMER_PROF, KILL_CPU_S)
        signal.alarm(KILL_WALL_S)
        began, peak = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        count = len(self.failures)
        try:
            work()
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is what is looked for
            self.failures.append(Failure(f"{name}: {_where(error)}", str(error)[:200], case))
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.alarm(0)
        taken = time.process_time() - began
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak) / 1024
        if taken > MOST_CPU_S:
            self.failures.append(Failure(f"{name}: over {MOST_CPU_S:.0f} s CPU", f"{taken:.1f} s", case))
        if grown > MOST_MB:
            self.failures.append(Failure(f"{name}: over {MOST_MB} MB", f"{grown:.0f} MB", case))
        return len(self.failures) == count

    def get(self, name: str, address: str, case: int = -1, **headers: str) -> None:
        def ask() -> None:
            response = self.client.get(address, headers=headers)
            data = asyncio.run(_drain(response)) if response.streaming else response.content
            if response.status_code >= (300 if self.strict else 500):
                raise Answered(f"{response.status_code} {data[:200]!r}")

        self.step(name, ask, case)

    def a_take(self, case: Case) -> None:
        from recorder.quality.assess import assess_by_id

        pk, number = case.target, case.number
        media = f"/media/{pk}"
        asked = {
            "page": f"/episodes/{pk}/",
            "card": f"/episodes/{pk}/card/",
            "api": f"/api/episodes/{pk}",
            "frame": f"{media}/frame/{CAMERA}/0.jpg",
            "last frame": f"{media}/frame/{CAMERA}/{TICKS - 1}.jpg",
            "strip": f"{media}/strip/{CAMERA}.jpg?count=4&height=48",
            "signals": f"{media}/signals.bin",
        }
        if case.kind != "message":
            self.step("take measure", lambda: assess_by_id(pk), number)
        for name in self._chosen(case, asked):
            self.get(f"take {name}", asked[name], number)

    def a_dataset(self, case: Case) -> None:
        from recorder.models import Episode

        slug, number = case.target, case.number
        asked = {view or "page": f"/datasets/{slug}/{view}" for view in VIEWS} | {"api": f"/api/datasets/{slug}"}
        for name in self._chosen(case, asked):
            self.get(f"dataset {name}", asked[name], number)
        for pk in Episode.objects.filter(dataset__slug=slug).values_list("pk", flat=True)[:2]:
            media = f"/media/{pk}"
            asked = {
                "episode page": f"/episodes/{pk}/",
                "episode api": f"/api/episodes/{pk}",
                "episode frame": f"{media}/frame/{CAMERA}/1.jpg",
                "episode strip": f"{media}/strip/{CAMERA}.jpg?count=4&height=48",
                "episode signals": f"{media}/signals.bin",
                "episode video": f"{media}/video/{CAMERA}.mp4",
            }
            for name in self._chosen(case, asked):
                self.get(name, asked[name], number, **({"range": "bytes=0-999"} if name.endswith("video") else {}))

    def _chosen(self, case: Case, asked: dict[str, str]) -> list[str]:
        """What a change of this kind can reach; everything for every eighth case, and where nothing is known."""
        reached = REACHED.get(case.kind)
        return (
            list(asked)
            if self.strict or reached is None or case.number % 8 == 0
            else [n for n in asked if n in reached]
        )

    def shared(self) -> None:
        """Pages that show many takes at once, and the good ones among the bad."""
        for address in SHARED:
            self.get(address, address)
        for view in VIEWS:
            self.get(f"datasets/{SLUG}/{view}", f"/datasets/{SLUG}/{view}")
        self.step("the good take", lambda: self._good_take())

    def messages(self) -> None:
        """What rigs say of these takes, each followed by a good take that must be listed."""
        for case in self.takes:
            if case.card:
                self.step("rig message", lambda case=case: asyncio.run(_say_of_take(case.card)), case.number)

    def _good_take(self) -> None:
        for address in (f"/api/episodes/{GOOD_TAKE}", f"/media/{GOOD_TAKE}/frame/{CAMERA}/0.jpg"):
            response = self.client.get(address)
            if response.status_code != 200:
                raise Answered(f"{address}: {response.status_code} {response.content[:200]!r}")

    def _rig(self) -> None:
        from robotdata.rig.process import recover_leftovers

        recover_leftovers(self.home / "spool")

    def _command(self, name: str, **options: Any) -> None:
        from django.core.management import call_command

        # As strict as a terminal of UTF-8: what cannot be printed ends the start.
        with redirect_stdout(io.TextIOWrapper(io.BytesIO(), "utf-8")) as out:
            call_command(name, quiet=True, stdout=out, stderr=out, **options)

    def _sweep(self) -> None:
        from recorder.worker import sweep

        sweep.sweep()

    def _signed_in(self) -> Any:
        from django.contrib.auth import get_user_model
        from django.test import Client

        client = Client(SERVER_NAME="localhost")
        client.force_login(get_user_model().objects.get(username="olga"))
        return client


class Answered(Exception):
    """A page answered with an error of its own."""


async def _drain(response: Any) -> bytes:
    if response.is_async:
        return b"".join([piece async for piece in response.streaming_content])
    return b"".join(response.streaming_content)


async def _say_of_take(text: str) -> None:
    from channels.db import database_sync_to_async

    from recorder.actor import Actor, ActorKind
    from recorder.live.rig_messages import BadMessage, UnknownMessage, read_message
    from recorder.live.rig_writer import RigRows
    from recorder.models import Episode

    try:
        message = read_message(text)
    except (BadMessage, UnknownMessage):
        return
    card = getattr(message, "take", None)
    if card is None or not hasattr(card, "model_dump"):
        return
    take = card.model_dump(mode="json")
    await database_sync_to_async(Episode.objects.filter(pk=GOOD_TAKE).delete)()
    rows = RigRows(name="sim", actor=Actor("sim", ActorKind.RIG), connection="fuzz")
    try:
        await rows.take(take["id"], take)
        await rows.take(GOOD_TAKE, None)
        for _ in range(300):
            if await database_sync_to_async(Episode.objects.filter(pk=GOOD_TAKE).exists)():
                return
            await asyncio.sleep(0.01)
        raise Answered("after this message no take of the rig is listed any more")
    finally:
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()


def _where(error: BaseException) -> str:
    """The error's type and the last place in our code that it came through."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if frame.filename.startswith(str(ROOT)) and "/bench/" not in frame.filename]
    last = (ours or list(frames))[-1]
    name = type(error).__name__
    if isinstance(error, Answered):
        return f"{name} {str(error)[:60]}"
    return f"{name} at {os.path.relpath(last.filename, ROOT)}:{last.lineno} {last.name}"
