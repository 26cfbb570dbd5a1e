"""Check what must be right before a take begins; each error says what is wrong, where, and what to do."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from robotdata.capture import clock
from robotdata.capture.rest import Rest
from robotdata.dataset.features import differences
from robotdata.numbers import count
from robotdata.rig.disk import REFUSE_TAKES
from robotdata.rig.problems import Problem, sentences
from robotdata.rig.protocol import REFUSE_MINUTES, Command, CommandRefused, RecordArgs
from robotdata.rig.recorder import TakeRecorder
from robotdata.rig.rig import Rig
from robotdata.rig.states import END_SESSION, NEXT, OF_THE_SERVER, REPLAY_ROWS, State

MAX_SAVING = 4
LATE_S = 8.0
"""A command that begins something is refused after so long: whoever sent it was told that the rig did not answer."""
_BEGINS = ("record", "rerecord", "replay", "follow", "finish_reset", "resume")
LONGEST_WAY_S = 5.0
"""A person's command is refused after so long on its way: the robot may be in another situation by now."""
_AT_ANY_AGE = ("annotate", "pause", REPLAY_ROWS)
"""Commands that move nothing, however late they are; an emergency stop does not even come by here."""
_CALM_IN = {
    "cancel": (State.CHECKING, State.COUNTDOWN, State.REPLAYING),
    "discard": (State.COUNTDOWN,),
    END_SESSION: tuple(state for state in State if state not in (State.RESETTING, State.PAUSED)),
}
"""States in which a late command only stops something. The end of a reset phase sends a robot to its teleoperator."""


def rests_after(args: RecordArgs | None, rest: Rest | None) -> bool:
    """Return whether the robot goes to its rest pose by itself once a take with these arguments ends."""
    return rest is not None and rest.at_reset and args is not None and args.reset_s is not None


def _is_calm(command: Command, state: State, meant: str | None, *, rests: bool) -> bool:
    """Return whether a command moves nothing even if whoever sent it has turned away since."""
    name = command.name
    if name in ("stop", "discard") and state == State.RECORDING:
        return meant is not None and command.args.get("take") == meant and not rests
    return name in _AT_ANY_AGE or state in _CALM_IN.get(name, ())


def check_allowed(
    command: Command, state: State, controls: Sequence[str], meant: str | None, *, rests: bool = False
) -> None:
    """Raise CommandRefused unless `controls` has the command, and the take that it names is the one that it ends.

    `meant` is the id of the take that stop, discard and rerecord act on now; None if there is none. `rests` says
    whether the robot goes to its rest pose when that take ends. A command that is too late must be a calm one.
    """
    name, named = command.name.replace("_", " "), command.args.get("take")
    if command.way_s > LONGEST_WAY_S and not _is_calm(command, state, meant, rests=rests):
        way = f"the command was about {command.way_s:.0f} s on its way to the rig, which does not act on it any more"
        raise CommandRefused("late", f"cannot {name}: {way}. Look at what the rig does now, then do it again")
    if command.name in _BEGINS and clock.monotonic() - command.came > LATE_S:
        raise CommandRefused("busy", f"cannot {name}: the rig was too slow to begin it in time; do it again")
    if command.name not in (*controls, *OF_THE_SERVER):
        allowed = ", ".join(controls) or "nothing now"
        raise CommandRefused("not_allowed", f"cannot {name} while the rig is {state}; allowed now: {allowed}")
    if command.name in ("stop", "discard", "rerecord") and named and meant and named != meant:
        raise CommandRefused("not_allowed", f"cannot {name}: take {named!r:.40} has already ended")


def check_can_end(state: State) -> None:
    """Raise CommandRefused if a take of the session that ends is being recorded, or begins soon."""
    if state in (State.COUNTDOWN, State.RECORDING):
        raise CommandRefused("not_allowed", f"cannot end the session while the rig is {state}: stop the take first")


def session_of(args: Mapping[str, Any]) -> str:
    """Return the `session` that the arguments name. Raises CommandRefused if there is none."""
    session = args.get("session")
    if not isinstance(session, str) or not session:
        raise CommandRefused("bad_args", f"session: is missing; want the id of one, got {session!r:.60}")
    return session


def check_since(since: Any, problem: Problem | None) -> None:
    """Raise CommandRefused unless `since` is that of `problem`, the rig's error now; None: whichever it is."""
    if since is None:
        return
    if isinstance(since, bool) or not isinstance(since, int | float):
        raise CommandRefused("bad_args", f"since: want that of the error that is to be cleared, got {since!r:.60}")
    if problem is not None and since != problem.since:
        raise another_error()


def another_error() -> CommandRefused:
    """Return the refusal of a command that was meant for an earlier error."""
    return CommandRefused("not_allowed", "cannot clear the error: it is another one now, look at it")


def check_take_id(take_id: str | None, spool: Path) -> None:
    """Raise CommandRefused unless `take_id` is None or a UUID that no folder of the spool has."""
    if take_id is None:
        return
    try:
        valid = str(uuid.UUID(take_id)) == take_id
    except ValueError:
        valid = False
    if not valid:
        raise CommandRefused("bad_args", f"take: want a UUID, got {take_id!r}")
    if (spool / take_id).exists():
        raise CommandRefused(
            "bad_args", f"take {take_id} is on this rig's disk already; use a new id for the next take"
        )


def check_features(expected: Mapping[str, Any] | None, features: Mapping[str, Any], fps: float) -> None:
    """Raise CommandRefused unless the rig's features and fps match the `expected` ones of the dataset (None: any)."""
    if expected is None:
        return
    try:
        mismatches = differences(features, expected["features"], fps, float(expected["fps"]))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CommandRefused("bad_args", f"expect: want fps and features of a dataset ({error!r:.80})") from error
    if mismatches:
        table = [{"what": each.what, "rig": each.rig, "dataset": each.dataset} for each in mismatches]
        summary = "; ".join(f"{each.what}: rig {each.rig}, dataset {each.dataset}" for each in mismatches[:4])
        raise CommandRefused(
            "mismatch",
            f"this rig doesn't match the dataset: {summary}. Record into another dataset, or edit the rig file",
            differences=table,
        )


def obstacles(rig: Rig, saving: int, missing: Sequence[Problem]) -> list[Problem]:
    """Return why no take can begin now, the worst first: too little disk space, missing cameras, a slow disk.

    `saving` is the number of takes that are still being written, `missing` the problems of missing cameras.
    """
    problems, now = [], clock.wall()
    minutes = rig.disk.minutes_left
    if minutes < REFUSE_MINUTES:
        reason = f"{rig.spool} has room for {minutes:.1f} minutes of recording, want at least {REFUSE_MINUTES:g}"
        remedy = "Empty the trash or free some space"
        problems.append(Problem("disk_full", "disk", reason, remedy, now, text=f"{reason}. {remedy}"))
    takes = rig.disk.takes_left
    if takes is not None and takes < REFUSE_TAKES:
        reason = (
            f"{rig.spool} has room for too few files (inodes), enough for {count(takes, 'take')}, want {REFUSE_TAKES}"
        )
        remedy = "Empty the trash or delete files from that disk"
        problems.append(Problem("disk_full", "disk", reason, remedy, now, text=f"{reason}. {remedy}"))
    problems += missing
    if saving >= MAX_SAVING:
        reason, remedy = f"{saving} takes are still being saved: the disk is slow", "Wait a moment"
        problems.append(Problem("busy", "disk", reason, remedy, now, text=f"{reason}. {remedy}"))
    return problems


def check_can_begin(rig: Rig, saving: int, missing: Sequence[Problem]) -> None:
    """Raise CommandRefused if a take cannot begin, with the worst obstacle and the others of the same code."""
    problems = obstacles(rig, saving, missing)
    if problems:
        texts = [problem.text for problem in problems if problem.code == problems[0].code]
        raise CommandRefused(problems[0].code, sentences(*texts))


def start_take(take: TakeRecorder, rig: str) -> None:
    """Start the take's thread. Raises CommandRefused if the system cannot start one."""
    try:
        take.start()
    except RuntimeError as error:
        raise CommandRefused(
            "no_threads",
            f"rig {rig} cannot start a take: the rig cannot start more threads ({error}). End other programs "
            "or raise the limit (`ulimit -u`, the container's limit of processes), then record again",
        ) from error


def check_move(state: State, new: State) -> None:
    """Raise ValueError for a change of states that no rig makes: a mistake of this program."""
    if new not in NEXT[state] and new != state:
        raise ValueError(f"a rig cannot go from {state} to {new}")
