"""Play a recording back to the rig's robot: begin it, watch it, and stop it as soon as anything is wrong."""

from __future__ import annotations

import contextlib
import logging
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from robotdata.capture.playback import DONE, WAITING, CannotPlay, OtherJoints, Playback, Recording
from robotdata.capture.processors import OBSERVATION, ROBOT
from robotdata.rig.protocol import Command, CommandRefused, as_command
from robotdata.rig.recordings import recording_of_take
from robotdata.rig.replay_args import ReplayArgs, SentRows, parse_replay
from robotdata.rig.replay_info import ReplayInfo
from robotdata.rig.states import REPLAY_ROWS, State
from robotdata.rig.watchers import DEVICE, FIRST_S, SILENT_S, Watchers
from robotdata.spool import NoTake, SpoolError

if TYPE_CHECKING:
    from robotdata.rig.machine import Machine

log = logging.getLogger(__name__)
COMMANDS = ("replay", "follow", REPLAY_ROWS)
STATES = (State.REPLAYING, State.HOLDING)
_STOPPED = "The replay was stopped"
_LOST = "The connection to the server was lost, so the replay was stopped"
_UNSEEN = f"No page has shown the replay for {SILENT_S:g} s, so it was stopped: nobody could have stopped the robot"
_NOBODY = f"No page has shown the replay within {FIRST_S:g} s, so it did not begin: nobody could have stopped the robot"


class Replaying:
    """The replays of a machine, which calls all but `link_lost` and `info` with its lock.

    A replay ends in State.HOLDING: the robot holds its pose, and no action of the teleoperator is sent, however far its
    leader was moved meanwhile, until a person lets it `follow` again.
    """

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.is_linked: Callable[[], bool] = lambda: True  # whether anybody could stop a replay over the link
        self._watchers = Watchers()
        machine.rig.inputs.hear(DEVICE, self._watchers.hear)
        self._sent = SentRows()
        self._playback: Playback | None = None
        self._args: ReplayArgs | None = None
        self._why = _STOPPED

    def takes(self, name: str) -> bool:
        """Return whether a command that is allowed now is one of a replay's."""
        return name in COMMANDS or (name == "cancel" and self._machine.state == State.REPLAYING)

    def execute(self, command: Command) -> None:
        """Execute a command of a replay. Raises CommandRefused."""
        if command.name == REPLAY_ROWS:
            self._sent.add(command.args)
        elif command.name == "replay":
            self._begin(parse_replay(command.args))
        elif command.name == "cancel":
            self._hold(self._why)
        else:
            self._machine.rig.loop.steering.end_replay()
            self._machine.message = None
            self._machine.move(State.IDLE)

    def step(self) -> None:
        """Begin to move once a page watches. Hold the robot still once the replay has ended or nobody watches it.

        Also if it began while the connection was being lost.
        """
        playback, args = self._playback, self._args
        if playback is None or args is None or self._machine.state != State.REPLAYING:
            return
        if playback.phase == DONE:
            self._hold("The replay has ended")
        elif not self.is_linked():
            self._hold(_LOST)
        elif args.unwatched:
            return
        elif self._watchers.are_there:
            playback.go()
        elif playback.phase != WAITING:
            self._hold(_UNSEEN)
        elif self._watchers.are_late:
            self._hold(_NOBODY)

    def link_lost(self) -> None:
        """Stop the replay: nobody who watches it could stop it now. Any thread may call it."""
        if self._machine.state == State.REPLAYING:
            self._why = _LOST
            with contextlib.suppress(CommandRefused):  # it has just ended
                self._machine.execute(as_command("cancel"))
            self._why = _STOPPED

    def info(self) -> ReplayInfo | None:
        """Return what the status says; None unless a replay is being played or was played last."""
        playback, args = self._playback, self._args
        if playback is None or args is None or self._machine.state not in STATES:
            return None
        away = playback.away
        return {
            "phase": playback.phase,
            "speed": args.factor,
            "unwatched": args.unwatched,
            "row": playback.row,
            "rows": playback.rows,
            "left_s": round(playback.left_s, 1),
            "episode": args.episode,
            "task": args.task,
            "away_joint": away[0] if away else None,
            "away": round(away[1], 1) if away else None,
        }

    def _begin(self, args: ReplayArgs) -> None:
        rig = self._machine.rig
        if {each.place for each in rig.config.processors} & {ROBOT, OBSERVATION}:
            problem = "its processors change what the robot gets or observes, so the way to the first pose is unknown"
            raise CommandRefused("bad_args", f"this rig cannot play a recording: {problem}")
        recording = self._sent.take(args.rows) if args.rows else self._of_take(args)
        try:
            playback = Playback(
                recording,
                rig.features,
                rig.config.fps,
                factor=args.factor,
                limit=rig.config.replay_speed,
                rest=rig.config.rest,
            )
        except OtherJoints as error:
            raise CommandRefused("mismatch", f"other joints: {error}", differences=joints_apart(error)) from error
        except CannotPlay as error:
            raise CommandRefused("bad_args", f"this recording cannot be played: {error}") from error
        log.info("replay of %d rows at %g times the recorded speed", playback.rows, args.factor)
        self._watchers.begin()
        if not args.unwatched:
            playback.wait()
        self._playback, self._args = playback, args
        self._machine.message = None
        rig.loop.steering.begin_replay(playback)
        self._machine.move(State.REPLAYING)

    def _of_take(self, args: ReplayArgs) -> Recording:
        """Return the recording of a take in the rig's spool. Raises CommandRefused."""
        try:
            folder = self._machine.rig.spool / str(uuid.UUID(args.take))
        except ValueError:
            raise CommandRefused("bad_args", f"take: want a UUID, got {args.take!r:.60}") from None
        try:
            return recording_of_take(folder, args.first, args.last)
        except NoTake:
            raise CommandRefused("no_take", f"this rig has no take {args.take}; send its rows") from None
        except OtherJoints as error:
            raise CommandRefused("mismatch", f"other joints: {error}", differences=joints_apart(error)) from error
        except (CannotPlay, SpoolError) as error:
            raise CommandRefused("bad_args", f"this take cannot be played: {error}") from error

    def _hold(self, why: str) -> None:
        if self._playback is not None:
            self._playback.stop()
        remedy = "The robot holds still. Once you let the teleoperator drive, the robot moves to it slowly"
        self._machine.message = f"{why}. {remedy}"
        self._machine.move(State.HOLDING)


def joints_apart(error: OtherJoints) -> list[dict[str, Any]]:
    """Return the table of the joints that only one of recording and robot has."""
    names = dict.fromkeys([*error.recorded, *error.robot])
    table: list[dict[str, Any]] = []
    for name in names:
        on_rig, recorded = name in error.robot, name in error.recorded
        if not (on_rig and recorded):
            table.append({"what": name, "rig": "yes" if on_rig else "no", "dataset": "yes" if recorded else "no"})
    return table
