"""Choose the action of each tick: the teleoperator's, or that of a move that the robot makes by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robotdata.capture.approach import Approach
from robotdata.capture.playback import Playback
from robotdata.capture.rest import STATE, Rest, RestMove


class Steering:
    """Moves the robot to its rest pose or through a replay; afterwards it returns slowly to the teleoperator.

    With an `approach` it also goes to the teleoperator slowly once it is connected. Any thread may call what begins and
    ends a move; it has its effect at the next tick. Raises ConfigError if the robot cannot move to its rest pose.
    """

    def __init__(
        self,
        rest: Rest | None,
        features: Mapping[str, Mapping[str, Any]],
        fps: float,
        approach: Approach | None = None,
    ) -> None:
        self.approach = approach
        self.rest_move = RestMove(rest, features, fps) if rest is not None else None
        self._rests_at_reset = rest is not None and rest.at_reset
        self._rests = self._is_resting = False
        self._replay: Playback | None = None
        self._played: Playback | None = None  # `_replay` as of this tick
        self._returning: RestMove | Playback | Approach | None = None  # from where the robot comes
        self._resumes: RestMove | Playback | Approach | None = None  # how it returns after a disconnection

    # -- for other threads

    def begin_reset(self) -> None:
        """Let the robot go to its rest pose if it is to rest in a reset phase."""
        self._rests = self._rests_at_reset

    def end_reset(self) -> None:
        """Let the robot follow the teleoperator again after its rest."""
        self._rests = False

    def begin_replay(self, playback: Playback) -> None:
        """Let the robot do what `playback` says, and afterwards hold still, until `end_replay`."""
        self._replay = playback

    def end_replay(self) -> None:
        """Let the robot follow the teleoperator again, to which it moves slowly."""
        self._replay = None

    def forget(self) -> None:
        """Forget the moves: the robot was disconnected. If it was in one, it returns slowly from where it then is.

        With an `approach` it does so in any case.
        """
        self._resumes = self._replay or self._returning or self._resumes or self.approach
        self._returning = self._replay = self._played = None

    @property
    def approaching(self) -> tuple[str, float] | None:
        """Return the joint that is furthest from the teleoperator, and by how much, while the robot approaches it."""
        return self.approach.away if self.approach is not None and self._returning is self.approach else None

    # -- for the control loop

    def take_over(self) -> bool:
        """Begin and end the moves at a new tick; return whether the teleoperator drives again from this tick on."""
        moved = self._is_resting or self._played is not None
        self._is_resting, self._played = self._rests, self._replay
        return moved and not self._is_resting and self._played is None

    def action(self, values: Mapping[str, NDArray[Any]], requested: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the action to send; `values` has the observation, `requested` is the teleoperator's action."""
        if self._resumes is not None:
            self._resumes.begin_at(values[STATE])
            self._returning, self._resumes = self._resumes, None
        if self._played is not None:
            self._returning = self._played
            return self._played.action(values[STATE], requested)
        if self._is_resting and self.rest_move is not None:
            if self._returning is not self.rest_move:
                self.rest_move.begin()
            self._returning = self.rest_move
            return self.rest_move.towards_rest(values[STATE])
        if self._returning is not None:
            action = self._returning.towards(requested)
            if self._returning.arrived(requested):
                self._returning = None
            return action
        return requested
