"""Run a short program as a child: what it does may hang, crash or fill the memory, and the station lives on."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from robotdata.capture import clock
from robotdata.files.plain_json import read_json
from robotdata.supervisor import Lifeline, end_group, ending_of

TOKEN = "ROBOTDATA_RIG_TOKEN"
_MOST_BYTES = 4 << 20
_LAST_S = 2.0
_LOOK_S = 0.05
_ENDING_S = 7.0
"""Seconds between SIGTERM and SIGKILL."""


class ProgramFailed(RuntimeError):
    """The program cannot be started, hangs, or has ended without a result; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a program wrote: JSON objects, one in each line of its output, and the last line of its errors."""

    objects: list[dict[str, Any]]
    code: int
    last_error: str
    timed_out: bool = False


async def start_child(
    lifeline: Lifeline, module: str, args: Sequence[str], *, python: str = sys.executable, longest_line: int = 65_536
) -> asyncio.subprocess.Process:
    """Start `python -m module` in a session of its own, with pipes and without the rigs' token.

    `longest_line` bounds what `readline` of its output takes, in bytes. Raises ProgramFailed.
    """
    try:
        return await asyncio.create_subprocess_exec(
            *lifeline.command(module, args, python=python),
            env={key: value for key, value in os.environ.items() if key != TOKEN},
            pass_fds=(lifeline.fd,),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
            limit=longest_line,
        )
    except (OSError, ValueError) as error:
        raise ProgramFailed(f"{python} cannot be started: {error}") from error


class Programs:
    """Runs modules of robotdata as children that end with this process."""

    def __init__(self, lifeline: Lifeline) -> None:
        self._lifeline = lifeline

    async def run(
        self, module: str, args: Sequence[str], *, seconds: float, python: str = "", stdin: bytes = b""
    ) -> Result:
        """Run `python -m module` and return its result after at most `seconds` and a little; then it is ended.

        Raises ProgramFailed if it cannot be started.
        """
        process = await start_child(self._lifeline, module, args, python=python or sys.executable)
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        reading = [asyncio.create_task(_read(stream)) for stream in (process.stdout, process.stderr)]
        timed_out = False
        try:
            process.stdin.write(stdin)
            process.stdin.close()
            timed_out = not await _ends(process, seconds)
        finally:  # also if this station ends: a robot that is being checked is released first
            if process.returncode is None:
                process.terminate()
                await _ends(process, _ENDING_S)
            end_group(process.pid)
        await _ends(process, _LAST_S)  # a driver that hangs in the kernel keeps its process
        code = process.returncode if process.returncode is not None else -signal.SIGKILL
        await asyncio.wait(reading, timeout=_LAST_S)
        output, errors = (task.result() if task.done() else b"" for task in reading)
        for task in reading:
            task.cancel()
        lines = errors.decode("utf-8", "replace").split("\n")
        return Result(
            _objects(output), code, next((line.strip() for line in reversed(lines) if line.strip()), ""), timed_out
        )


def why(result: Result) -> str:
    """Return why a program gave no result, for a message."""
    return result.last_error[:300] or ending_of(result.code)


async def _ends(process: asyncio.subprocess.Process, seconds: float) -> bool:
    """Wait for the end of a process, and return whether it has ended.

    No task waits for it, because the loop cancels every task at its own end.
    """
    end = clock.monotonic() + seconds
    while process.returncode is None and clock.monotonic() < end:
        await asyncio.sleep(_LOOK_S)
    return process.returncode is not None


async def _read(stream: asyncio.StreamReader) -> bytes:
    """Return what comes, of which only so much is kept."""
    kept = b""
    while data := await stream.read(1 << 16):
        kept = (kept + data)[-_MOST_BYTES:]
    return kept


def _objects(output: bytes) -> list[dict[str, Any]]:
    objects = []
    for line in output.split(b"\n"):
        try:
            value = read_json(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            objects.append(value)
    return objects
