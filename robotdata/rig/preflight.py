"""Check a rig before its first take: a test recording by the real loop, cameras and writer, judged and thrown away.

The rig is in the state `checking` meanwhile. Devices are not told of a take, so the robot does what it does in `idle`.
Whatever fails is a check of the result; nothing is waited for without a limit.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from robotdata.capture import clock
from robotdata.capture.loop_time import LoopCounters
from robotdata.capture.session import describe_error
from robotdata.rig import checks
from robotdata.rig.facts import facts_of
from robotdata.rig.judge import Test, judge
from robotdata.rig.preflight_checks import not_recorded
from robotdata.rig.preflight_info import DEFAULT_S, LEAST_S, MOST_S, CheckInfo, PreflightArgs, PreflightInfo, check
from robotdata.rig.protocol import Command, CommandRefused, RecordArgs
from robotdata.rig.recorder import TakeEnd, TakeRecorder
from robotdata.rig.scratch import remove_if_empty, scratch_of, throw_away
from robotdata.rig.states import PREFLIGHT, State
from robotdata.spool import new_take_id

if TYPE_CHECKING:
    from robotdata.rig.machine import Machine

log = logging.getLogger(__name__)
JUDGE_S = 60.0
"""Judging may take so long; then the rig can record again, and the result says that it did not end."""
_WAKE_S = 0.25
_LONGEST = 200
_NOBODY = RecordArgs("", "", "test recording", "", None, 0.0, None, None, None)


def parse_preflight(args: Mapping[str, Any]) -> PreflightArgs:
    """Return the checked arguments of `preflight`. Raises CommandRefused(bad_args), naming the argument."""
    seconds, offset = args.get("seconds", DEFAULT_S), args.get("clock_offset_s")
    if not _is_number(seconds) or not LEAST_S <= seconds <= MOST_S:
        raise CommandRefused("bad_args", f"seconds: want {LEAST_S:g} to {MOST_S:g}, got {seconds!r:.60}")
    if offset is not None and (not _is_number(offset) or not abs(offset) < 1e11):
        raise CommandRefused("bad_args", f"clock_offset_s: want seconds or null, got {offset!r:.60}")
    expect = args.get("expect")
    if expect is not None and not isinstance(expect, dict):
        raise CommandRefused("bad_args", "expect: want an object with fps and features, or null")
    texts = {}
    for name, limit in (("dataset", _LONGEST), ("problem", 5 * _LONGEST)):
        text = args.get(name)
        if text is not None and (not isinstance(text, str) or len(text) > limit):
            raise CommandRefused("bad_args", f"{name}: want text of at most {limit} characters, got {text!r:.60}")
        texts[name] = text or ""
    return PreflightArgs(float(seconds), expect=expect, clock_offset_s=offset, **texts)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


@dataclass(eq=False)
class Run:
    """One preflight. `result` is set once, by the thread that judges; `left` if nobody waits for that any more."""

    args: PreflightArgs
    take: TakeRecorder
    test: Test
    ends_at: float
    judge: threading.Thread | None = None
    result: list[CheckInfo] | None = None
    left: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """What a preflight found, and when it ended (monotonic seconds)."""

    state: str
    args: PreflightArgs
    ended: float
    checks: list[CheckInfo] = field(default_factory=list)


class Preflight:
    """The preflights of one machine, which calls every method with its lock held, but `info` and `wait`."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._run: Run | None = None
        self._result: Result | None = None
        self._beginning = threading.Lock()

    def takes(self, name: str) -> bool:
        """Return whether a command that is allowed now is one of a preflight's."""
        return name == PREFLIGHT or (name == "cancel" and self._machine.state == State.CHECKING)

    def execute(self, command: Command) -> None:
        """Begin a test recording: the rig is checking. Or give it up. Raises CommandRefused."""
        if command.name == "cancel":
            self._machine.move(State.IDLE)
            return
        seconds = self.begin(command.args)
        self._machine.move(State.CHECKING, seconds, seconds)

    def advance(self) -> None:
        """Go one step on, if the rig is checking; called at every step of the machine."""
        if self._machine.state == State.CHECKING and self.step():
            self._machine.move(State.IDLE)

    def begin(self, args: Mapping[str, Any]) -> float:
        """Begin a test recording; return its length in seconds. Raises CommandRefused."""
        parsed, rig = parse_preflight(args), self._machine.rig
        folder = scratch_of(rig.spool, rig.config.name) / new_take_id()
        take = TakeRecorder(
            folder,
            facts_of(rig, _NOBODY),
            rig.features,
            rig.take_cameras,
            on_trouble=self._trouble,
            on_done=lambda take: self._done(take, folder),
        )
        run = Run(parsed, take, Test(rig, folder, parsed), clock.monotonic() + parsed.seconds)
        with self._beginning:
            checks.start_take(take, rig.config.name)
            rig.loop.await_current_frames(_WAKE_S)
            run.test.begin()
            run.ends_at = clock.monotonic() + parsed.seconds
            rig.loop.swap_sink(take, is_take=False)
            self._run = run
        return parsed.seconds

    def step(self) -> bool:
        """End the test recording when it is due, and see whether it was judged; return whether all is done."""
        run, now = self._run, clock.monotonic()
        if run is None:
            return True
        if run.judge is None:
            if now >= run.ends_at or run.take.error is not None:
                self._judge(run)
                run.ends_at = now + JUDGE_S
            return False
        result = run.result
        if result is None and now >= run.ends_at:
            text = f"The test recording was not judged within {JUDGE_S:g} s: the disk may not answer"
            run.left, result = True, [not_recorded(text)]
        if result is None:
            return False
        self._run, self._result = None, Result("done", run.args, now, result)
        return True

    def leave(self) -> None:
        """Give the preflight up, if one runs: somebody cancelled it, or the rig stopped. Returns at once."""
        run, self._run = self._run, None
        if run is None:
            return
        run.left = True
        if run.judge is None:
            self._end_recording(run)
        problem = self._machine.problem
        if problem is not None:
            stopped = check("stopped", "bad", problem.device, problem.text, camera=problem.camera)
            self._result = Result("stopped", run.args, clock.monotonic(), [stopped])

    def info(self) -> PreflightInfo | None:
        """Return what a status says of the newest preflight; None before the first."""
        run, result = self._run, self._result
        if run is not None:
            return {"state": "running", "seconds": run.args.seconds, "dataset": run.args.dataset, "age_s": None}
        if result is None:
            return None
        return {
            "state": result.state,
            "seconds": result.args.seconds,
            "dataset": result.args.dataset,
            "age_s": round(clock.monotonic() - result.ended, 1),
            "checks": result.checks,
        }

    # -- the end of a test recording

    def _end_recording(self, run: Run) -> LoopCounters:
        counters = self._machine.rig.loop.counters()
        self._machine.rig.loop.swap_sink(None, is_take=False)
        run.take.end(TakeEnd("preflight", counters))
        return counters

    def _judge(self, run: Run) -> None:
        run.test.end(self._end_recording(run))
        run.judge = threading.Thread(target=self._judge_apart, args=(run,), name="preflight", daemon=True)
        try:
            run.judge.start()
        except RuntimeError as error:
            run.left = True
            run.result = [not_recorded(f"The rig cannot start more threads ({error})")]

    def _judge_apart(self, run: Run) -> None:
        """Judge in a thread of its own; the result is there once nothing of the recording is left."""
        try:
            found = judge(run.test, run.take)
        except Exception as error:
            log.exception("the test recording %s", run.take.id)
            found = [not_recorded(f"The test recording could not be judged: {describe_error(error)}")]
        if run.take.wait(0):
            why = throw_away(run.test.folder)
            if why:
                text = f"The test recording could not be deleted ({why}); the rig deletes it when it starts again"
                found = [not_recorded(text, "scratch"), *found]
            remove_if_empty(run.test.folder.parent)
        else:
            run.left = True  # the take's thread throws it away, if it ever ends
        run.result = found

    def _trouble(self, take: TakeRecorder, error: Exception) -> None:
        log.warning("test recording: %s", error)  # `step` sees it in `take.error`

    def _done(self, take: TakeRecorder, folder: Path) -> None:
        """Throw away, in the take's thread, what nobody judges."""
        run = self._run
        if run is None or run.take is not take or run.left:
            throw_away(folder)
        with self._beginning:  # another test recording may be about to make its folder there
            if self._run is None:
                remove_if_empty(folder.parent)
