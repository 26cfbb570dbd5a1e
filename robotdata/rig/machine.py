"""The state machine of a rig: commands, timers and failures move it from state to state."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from robotdata.capture import clock
from robotdata.capture.session import describe_error
from robotdata.rig import checks
from robotdata.rig.events import DeviceEvents
from robotdata.rig.facts import facts_of
from robotdata.rig.outcomes import Outcomes
from robotdata.rig.pace import Pace
from robotdata.rig.preflight import Preflight
from robotdata.rig.problems import Problem, sentences
from robotdata.rig.protocol import Command, CommandRefused, RecordArgs, parse_record
from robotdata.rig.recorder import TakeEnd, TakeRecorder, keep_remark
from robotdata.rig.remarks import parse_remark
from robotdata.rig.replaying import Replaying
from robotdata.rig.rig import Rig
from robotdata.rig.states import AWAKE, EMERGENCY_STOP, END_SESSION, State, allowed_now
from robotdata.rig.watch import DeviceWatch
from robotdata.spool import SpoolError, SpoolFull, new_take_id
from robotdata.spool.annotation import RERECORD

log = logging.getLogger(__name__)
_STEP_S, _IDLE_STEP_S, _WAKE_S = 0.05, 0.1, 0.25
_REJECT = {"verdict": "reject"}


class Machine:
    """Changes a rig's state; nothing else does. Any thread may call any method; all but `stop` return soon.

    It calls `on_change()` after the status changed, and `on_take(event, manifest)` after a take began or ended.
    """

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.on_change: Callable[[], None] = lambda: None
        self.on_take: Callable[[str, Mapping[str, Any]], None] = lambda event, manifest: None
        self.state = State.CONNECTING
        self.since = clock.wall()
        self.message: str | None = None
        self.problem: Problem | None = None  # the reason for State.ERROR
        self.devices, self.events = DeviceWatch(rig), DeviceEvents(self)
        self.preflight, self.replaying = Preflight(self), Replaying(self)
        self.take: TakeRecorder | None = None
        self.saving: list[TakeRecorder] = []
        self.ends_at: float | None = None  # monotonic
        self.total_s: float | None = None
        self.pause_armed = False
        self.last: TakeRecorder | None = None  # the take that has ended last
        self._args: RecordArgs | None = None
        self._last_args: RecordArgs | None = None  # of the newest take, without its id
        self._left_s: float | None = None
        self._after_pause, self._outcomes, self._lock = State.IDLE, Outcomes(), threading.RLock()
        self._stopping, self._pace = threading.Event(), Pace(rig.loop.events)
        self._thread = threading.Thread(target=self._run, name="rig-machine", daemon=True)

    # -- for other threads

    def start(self) -> None:
        """Connect the devices and run, in a thread of its own."""
        self.rig.start_cameras()
        self._thread.start()

    def stop(self, timeout_s: float = 20.0) -> bool:
        """End the current take, stop the devices, wait for all takes; return whether all are durable in time."""
        with self._lock:
            if self.state == State.RECORDING:
                self._end_take("shutdown")
            self._stopping.set()
            if self.state != State.ERROR:
                self.move(State.SAVING)  # not idle: the control loop ends now
            saving = list(self.saving)
        end = clock.monotonic() + timeout_s
        self.rig.stop()  # first, because the robot moves; the takes' own threads write meanwhile
        return all([take.wait(max(0.0, end - clock.monotonic())) for take in saving])

    def refresh(self) -> None:
        """Update the state from the devices now, instead of at the next step."""
        with self._lock:
            if not self._stopping.is_set() and self._watch_devices():
                self.on_change()

    @property
    def controls(self) -> list[str]:
        """Return the commands that are allowed now, without `emergency_stop`, which always is."""
        with self._lock:
            if self._stopping.is_set():
                return []
            possible = {"rerecord": self.take or (self.last and self._last_args), "annotate": self.take or self.saving}
            return allowed_now(self.state, possible, pause_armed=self.pause_armed)

    def emergency_stop(self) -> None:
        """Stop the robot now, in any state; the state becomes ERROR at the next step. Waits for nothing and nobody."""
        self.rig.loop.emergency_stop()
        self._pace.wake()  # that step is now
        self.on_change()

    def execute(self, command: Command, stops: int | None = None) -> None:
        """Execute a command; for a known command or take id only repeat the outcome. Raises CommandRefused.

        `stops` is what `devices.stops` was when the command came, if that was not now.
        """
        if command.name == EMERGENCY_STOP:
            self.emergency_stop()
            return
        with self._lock:
            problem, stops = self.problem, self.devices.stops if stops is None else stops
            self.refresh()
            seen = stops if self.problem is problem else -1  # this problem is new: nobody has seen it
            self._outcomes.once(command, partial(self._execute, command, seen))

    # -- commands

    def _execute(self, command: Command, seen: int) -> None:
        name = command.name
        meant = self.take or (self.last if name == "rerecord" else None)
        rests = checks.rests_after(self._args, self.rig.config.rest)
        checks.check_allowed(command, self.state, self.controls, meant.id if meant else None, rests=rests)
        if name == "record":
            self._record(parse_record(command.args))
            self.events.record_args = command.args
        elif name == "annotate":
            keep_remark(parse_remark(command.args), [self.take, *self.saving])
        elif name == "clear_error":
            self._clear_error(command.args.get("since"), seen)
        elif self.preflight.takes(name):
            self.preflight.execute(command)
        elif self.replaying.takes(name):
            self.replaying.execute(command)
        elif name == END_SESSION:
            self._end_session(checks.session_of(command.args))
        else:
            getattr(self, f"_{name}")()
        self.on_change()

    def _record(self, args: RecordArgs) -> None:
        checks.check_take_id(args.take, self.rig.spool)
        checks.check_features(args.expect, self.rig.features, self.rig.config.fps)
        checks.check_can_begin(self.rig, len(self.saving), self.devices.missing_cameras())
        self.message, self._args = None, args
        self._count_down(args.countdown_s)

    def _stop(self) -> None:
        self._end_take("stop")

    def _discard(self) -> None:
        if self.state == State.COUNTDOWN:
            self._cancel()
        else:
            self._end_take("discard", _REJECT)

    def _rerecord(self) -> None:
        if self.take is not None:
            self._end_take("rerecord", _REJECT, stay=True)
        elif self.last is not None:
            checks.check_can_begin(self.rig, len(self.saving), self.devices.missing_cameras())
            self.rig.loop.forget_frames()
            self.last.annotate_later(RERECORD, lambda _: _REJECT, self.annotated)
            self._args = self._last_args
        self._next_take(self._args.countdown_s if self._args else 0.0)

    def _finish_reset(self) -> None:
        self._next_take(0.0)

    def _pause(self) -> None:
        if self.state == State.RECORDING:
            self.pause_armed = True
            return
        self._after_pause, self._left_s = self.state, max(0.0, (self.ends_at or 0.0) - clock.monotonic())
        self.move(State.PAUSED)

    def _resume(self) -> None:
        if self.state == State.RECORDING:
            self.pause_armed = False
        elif self._after_pause == State.RESETTING:
            self.move(State.RESETTING, self._left_s, self.total_s)
        elif self._after_pause == State.COUNTDOWN and self._args is not None:
            self._next_take(self._args.countdown_s)
        else:
            self.move(State.IDLE)

    def _cancel(self) -> None:
        self._args = self.events.record_args = None
        self.move(State.IDLE)

    def _end_session(self, session: str) -> None:
        args = self._args or self._last_args
        if args is None or args.session != session:
            return
        checks.check_can_end(self.state)
        self._args = self._last_args = self.events.record_args = None
        if self.state in (State.RESETTING, State.PAUSED):
            self.move(State.IDLE)

    def _clear_error(self, since: Any, seen: int) -> None:
        checks.check_since(since, self.problem)
        if not self.rig.loop.allow_start(seen):
            raise checks.another_error()
        self.message = self.problem = None
        self.devices.retry()
        self.move(State.CONNECTING)

    # -- takes

    def _count_down(self, seconds: float) -> None:
        if seconds > 0:
            self.move(State.COUNTDOWN, seconds, seconds)
        else:
            self._begin_take()

    def _next_take(self, countdown_s: float) -> None:
        """Begin another take with the same arguments; if that is refused, set `message` and become idle."""
        if self._args is None:
            self.move(State.IDLE)
            return
        try:
            checks.check_can_begin(self.rig, len(self.saving), self.devices.missing_cameras())
            self._count_down(countdown_s)
        except CommandRefused as refusal:
            self.message = refusal.message
            self.move(State.IDLE)

    def _begin_take(self) -> None:
        args = self._args
        assert args is not None
        take = TakeRecorder(
            self.rig.spool / (args.take or new_take_id()),
            facts_of(self.rig, args),
            self.rig.features,
            self.rig.take_cameras,
            on_ready=self._take_ready,
            on_trouble=self._disk_trouble,
            on_done=self._take_done,
        )
        self._args = self._last_args = replace(args, take=None)  # the next take gets a new id
        checks.start_take(take, self.rig.config.name)
        self.take = take
        self.rig.loop.await_current_frames(_WAKE_S)
        self.rig.loop.swap_sink(take)
        self.move(State.RECORDING, args.episode_s, args.episode_s)

    def _end_take(
        self, reason: str, curation: Mapping[str, Any] | None = None, *, stay: bool = False, lost: str | None = None
    ) -> None:
        """End the current take, whose thread writes the rest. `stay`: keep the state. `lost`: key of a lost camera."""
        take, self.take = self.take, None
        if take is None:
            return
        counters = self.rig.loop.counters()
        self.rig.loop.swap_sink(None)
        if lost is not None:
            take.mark_lost(lost)
        if reason == EMERGENCY_STOP:
            take.mark_emergency()
        if take.ticks == 0:
            curation, self.message = _REJECT, "0 frames, not saved: the take ended before its first frame"
        if curation:
            self.rig.loop.forget_frames()
        self.last = take
        self.saving.append(take)
        take.end(TakeEnd(reason, counters, curation or {}))
        if not stay:
            self._after_take(reason)

    def _after_take(self, reason: str) -> None:
        armed, self.pause_armed = self.pause_armed, False
        series = self._args is not None and reason in ("stop", "timer", "discard")
        self._left_s = self.total_s = self._args.reset_s if series and self._args is not None else None
        if self._left_s is not None:
            self.rig.loop.begin_reset()
        if armed:
            self._after_pause = State.IDLE if self._left_s is None else State.RESETTING
            self.move(State.PAUSED)
        elif self._left_s is not None:
            self.move(State.RESETTING, self._left_s, self._left_s)
        else:
            self.move(State.SAVING)

    def _take_done(self, take: TakeRecorder) -> None:
        """Take note, in the take's thread, that the take is durable or has failed with `take.error`."""
        with self._lock:
            if take in self.saving:
                self.saving.remove(take)
            if take.manifest is None:
                self.message = str(take.error)
                self.last = None if self.last is take else self.last
            else:
                rejected = take.manifest["curation"]["verdict"] == "reject"
                self.on_take("discarded" if rejected else "saved", take.manifest)
            if self.state == State.SAVING and not self.saving and not self._stopping.is_set():
                self.move(State.IDLE)
            self.on_change()

    def annotated(self, result: Mapping[str, Any] | SpoolError) -> None:
        """Tell that a take that had ended was annotated, or why it could not be; called in a thread of the take's."""
        if isinstance(result, SpoolError):
            self.message = str(result)
        else:
            rejected = result["curation"]["verdict"] == "reject"
            self.on_take("discarded" if rejected else "saved", result)
        self.on_change()

    def _take_ready(self, take: TakeRecorder) -> None:
        """Announce a take only once its folder exists; a failed start would never be closed on the server."""
        self.on_take("started", {**take.facts, "id": take.id, "state": "recording", "ticks": 0})

    # -- failures

    def _disk_trouble(self, take: TakeRecorder, error: SpoolError) -> None:
        with self._lock:
            self.message = str(error)
            if self.take is take:
                self._end_take("disk_full" if isinstance(error, SpoolFull) else "not_written")
            self.on_change()

    def _watch_devices(self) -> bool:
        """Move the rig to the state that its devices demand; return whether that is another state."""
        before, connecting = self.state, self.state == State.CONNECTING
        self.devices.log_changes(self.problem, connecting=connecting)
        if (stop := self.devices.emergency(self.problem)) is not None:
            self._loop_ended(stop)
            return True
        if self.state == State.ERROR:
            return False
        if connecting and self.devices.connect():
            self.message = None
            self.move(State.IDLE)
        elif (problem := self.devices.loop_problem(connecting=connecting)) is not None:
            self._loop_ended(problem)
        elif connecting and self.devices.wait_s > 1:
            self.message = "Connecting failed several times; trying again in a few seconds"
        return self.state != before

    def _loop_ended(self, problem: Problem) -> None:
        """End and keep the take and enter State.ERROR: only a person may start a robot again."""
        kept = [f"The take was saved up to frame {self.take.ticks}"] if self.take and self.take.ticks else []
        self._end_take(problem.code, stay=True, lost=problem.camera)
        self._args, self.pause_armed = None, False
        if self.problem is None or self.problem.text != problem.text:
            self.message = sentences(problem.text, *kept)
        self.problem = problem
        self.move(State.ERROR)

    def _watch_cameras(self) -> None:
        if (lost := self.devices.lost_camera()) is not None:
            name, key, reason = lost
            self.message = f"Camera {name} stopped during recording: {reason}. The take was ended"
            self._end_take("camera_lost", lost=key)

    # -- time

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._pace.wait(_IDLE_STEP_S if self.state == State.IDLE else _STEP_S, self.ends_at)
            try:
                with self._lock:
                    if not self._stopping.is_set() and self._step():
                        self.on_change()
            except BaseException as error:
                message = f"Internal error: {describe_error(error)}. See the rig's log"
                if self.message != message:
                    log.exception("rig %s", self.rig.config.name)
                self.message = message

    def _step(self) -> bool:
        """Act on devices, cameras and timers; return whether the state changed."""
        before = self.state
        self._watch_devices()
        self.events.act()
        if self.state == State.RECORDING:
            self._watch_cameras()
        self.preflight.advance()
        self.replaying.step()
        due = self.ends_at is not None and clock.monotonic() >= self.ends_at
        if due and self.state in (State.COUNTDOWN, State.RESETTING):
            self._next_take(0.0)
        elif due and self.state == State.RECORDING:
            self._end_take("timer")
        return self.state != before

    def move(self, new: State, seconds: float | None = None, total_s: float | None = None) -> None:
        """Enter a state, with its timer; the caller holds the lock, or is the machine."""
        checks.check_move(self.state, new)
        if self.state == State.CHECKING:
            self.preflight.leave()
        if new not in (State.RESETTING, State.PAUSED):
            self.rig.loop.end_reset()
        self.state, self.since = new, clock.wall()
        self.rig.loop.wake_cameras(new in AWAKE)
        self.ends_at = None if seconds is None else clock.monotonic() + seconds
        self.total_s = self.total_s if new == State.PAUSED else total_s
        self._pace.wake()
