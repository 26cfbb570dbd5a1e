"""Forks Python programs from a process that has imported what they import: a start costs milliseconds, not seconds.

    nursery.py FD KIND     serves requests at socket FD; KIND names what is imported before

Each fork is a process like any other: the child of the one who asked, with its own environment, folder, files, session
and signals; it runs the program as `__main__` and ends as an interpreter ends. `tests.support.programs` asks for it.

Settings are read by each fork anew, for they follow its environment. Modules that keep what they have read of either
are therefore not imported before.
"""

from __future__ import annotations

import array
import atexit
import contextlib
import ctypes
import fcntl
import gc
import importlib
import importlib.util
import io
import json
import os
import resource
import runpy
import signal
import socket
import sys
import threading
import time
import types
from importlib import metadata
from pathlib import Path
from typing import Any

CLONE_PARENT = 0x8000
SYS_CLONE = {"x86_64": 56, "aarch64": 220}
MOST_BYTES, MOST_FILES = 1 << 20, 64
HIGH = 512  # files wait above it for their places

ROOMS = [
    "numpy av PIL.Image pyarrow pyarrow.compute pyarrow.parquet pydantic websockets.asyncio.client tomlkit",
    "robotdata.rig.process robotdata.station.process robotdata.capture.sim robotdata.video.encode robotdata.spool",
]
PRODUCT = [
    "uvicorn.main uvicorn.lifespan.on uvicorn.loops.auto uvicorn.protocols.http.auto",
    "celery.bin.celery celery.bin.worker",
    "celery.apps.worker celery.concurrency.prefork celery.apps.beat channels.auth channels.routing kombu.transport",
    "robotdata.dataset robotdata.dataset.verify robotdata.export.encode robotdata.video.verify robotdata.imports",
]
DJANGO = [
    "recorder.api recorder.management.embedded recorder.worker.run recorder.worker.encode recorder.worker.recover",
    "django.contrib.auth.backends django.core.management.commands.migrate django.contrib.staticfiles.finders",
    "django.contrib.admin.sites django.template.loader django.views.generic django.test.signals",
]
DRIVERS = [
    "numpy av PIL.Image pyarrow pydantic websockets.asyncio.client robotdata.rig.process",
    "robotdata.devices.lerobot.robot robotdata.devices.lerobot.camera robotdata.devices.lerobot.teleoperator",
    "robotdata.devices.lerobot.processor",
]
SCALED_OUT = [
    "psycopg django.db.backends.postgresql.base django.contrib.postgres.aggregates",
    "redis redis.asyncio channels_redis.pubsub kombu.transport.redis",
]
READ_AT_IMPORT = ("robotdata.asgi", "robotdata.connections", "viewer.media_views", "pytest")


def main() -> None:
    """Serve until nobody can ask any more; a fork leaves the loop and runs its program instead."""
    end, kind = socket.socket(fileno=int(sys.argv[1])), sys.argv[2]
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for those who asked, and ends them
    globals()[f"import_{kind}"]()
    gc.collect()
    gc.freeze()
    assert len(list(Path("/proc/self/task").iterdir())) == 1, (
        "a library has started threads: they would be missing in each fork"
    )
    end.send(b"ready")
    live(*serve(end))


def live(asked: dict[str, Any], files: list[int]) -> None:
    """Run a program and end as an interpreter ends, but for what nobody notices: it frees no memory."""
    code = 1
    try:
        run_program(asked, files)
        code = 0
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else int(left.code is not None)
        if code and not isinstance(left.code, int):
            sys.stderr.write(f"{left.code}\n")
    except KeyboardInterrupt:
        sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]
        code = -signal.SIGINT
    except BaseException:  # noqa: BLE001 - the outermost frame
        sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    if code < 0:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    os._exit(code & 0xFF)


def import_all(lines: list[str]) -> None:
    for name in " ".join(lines).split():
        importlib.import_module(name)


def import_rooms() -> None:
    import_all(ROOMS)


def import_product() -> None:
    """Everything that web, worker and commands need, with the settings of a home that nobody uses."""
    import_all(ROOMS + PRODUCT)
    os.environ["DJANGO_SETTINGS_MODULE"] = "robotdata.settings"
    from django.apps import apps
    from django.conf import settings

    apps.populate(settings.INSTALLED_APPS)  # not `django.setup`: each fork sets up its own logging
    import_all(DJANGO)
    early = [name for name in READ_AT_IMPORT if name in sys.modules]
    assert not early, f"{early} keep what they have read of the settings"


def import_drivers() -> None:
    """All of LeRobot's drivers, and what a rig needs of them; in an environment with them."""
    import_all(DRIVERS)
    from robotdata.devices.lerobot.library import FAMILIES, load

    for role in FAMILIES:
        load(role, "")
    if importlib.util.find_spec("torch") is not None and any(metadata.distributions(name="torch")):
        import_all(["torch", "lerobot.processor"])


def import_datasets() -> None:
    """LeRobot's reader of datasets, in an environment with it; a program may declare torchvision's operations anew."""
    sys.path.append(str(Path(__file__).parents[2] / "bench"))
    import_all(["interop_lerobot", "torch.utils.data", "datasets", "pandas"])
    if (declared := getattr(sys.modules["interop_lerobot"], "_LIBRARY", None)) is not None:
        declared._destroy()


def import_scaled() -> None:
    """As `import_product`, for processes that share PostgreSQL and Redis."""
    import_product()
    import_all(SCALED_OUT)


def serve(end: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Answer each request with the process that it made; returns in that process, with its request and files."""
    while True:
        data, control, _, _ = end.recvmsg(MOST_BYTES, socket.CMSG_SPACE(MOST_FILES * 4))
        if not data:
            os._exit(0)
        files = array.array("i")
        for _, _, part in control:
            files.frombytes(part)
        pid = fork_sibling()
        if pid == 0:
            return json.loads(data), list(files)
        for each in files:
            os.close(each)
        end.send(str(pid).encode())


def fork_sibling() -> int:
    """Fork a process whose parent is this one's parent, who can wait for it and is told of its end."""
    here = ctypes.pythonapi  # it holds the interpreter's lock during the call
    clone = ctypes.PyDLL(None, use_errno=True).syscall
    clone.restype = ctypes.c_long
    here.PyOS_BeforeFork()
    pid = int(clone(SYS_CLONE[os.uname().machine], CLONE_PARENT | signal.SIGCHLD, 0, 0, 0, 0))
    if pid == 0:
        here.PyOS_AfterFork_Child()
        return 0
    here.PyOS_AfterFork_Parent()
    if pid < 0:
        raise OSError(ctypes.get_errno(), "clone")
    return pid


def run_program(asked: dict[str, Any], files: list[int]) -> None:
    place_files(files, asked["places"])
    os.chdir(asked["cwd"])
    if asked["new_session"]:
        os.setsid()
    elif asked["group"] != os.getpgid(0):  # 0: a group of its own
        os.setpgid(0, asked["group"])
    resource.setrlimit(resource.RLIMIT_NOFILE, asked["open_files"])
    signal.signal(signal.SIGINT, signal.SIG_IGN if asked["deaf"] else signal.default_int_handler)
    use_environment(asked["env"])
    open_streams(unbuffered=bool(asked["env"].get("PYTHONUNBUFFERED")))
    write_command_line([sys.executable, *asked["words"]])
    forget_settings()
    if asked["starts_others"]:
        from tests.support import programs

        programs.serve_in_this_process(serve_nested)
    run_words(asked["words"])


def serve_nested(end: socket.socket) -> None:
    """Serve one program's own children; each fork runs its program here and ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in range(3):  # whoever reads what the program says is told of its end
        os.dup2(nowhere, number)
    os.close(nowhere)
    live(*serve(end))


def place_files(files: list[int], places: list[int]) -> None:
    """Give each file the number that it has where it was asked for, and close all others."""
    high = [fcntl.fcntl(each, fcntl.F_DUPFD, HIGH) for each in files]
    os.closerange(3, HIGH)
    for each, place in zip(high, places, strict=True):
        os.dup2(each, place)
    os.closerange(HIGH, HIGH + len(high) + 1)


def use_environment(env: dict[str, str]) -> None:
    before = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    rest = [each for each in sys.path[1:] if each not in before]
    os.environ.clear()
    os.environ.update(env)
    sys.path[1:] = [each for each in env.get("PYTHONPATH", "").split(os.pathsep) if each] + rest
    sys.dont_write_bytecode = bool(env.get("PYTHONDONTWRITEBYTECODE"))
    importlib.invalidate_caches()
    time.tzset()


def open_streams(*, unbuffered: bool) -> None:
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        raw = open(number, "rb" if number == 0 else "wb", 0 if unbuffered and number else -1, closefd=False)  # noqa: SIM115
        errors = "backslashreplace" if name == "stderr" else "strict"
        at_once = {"line_buffering": number == 2 or raw.isatty(), "write_through": unbuffered}
        stream = io.TextIOWrapper(raw, "utf-8", errors, **at_once)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def write_command_line(words: list[str]) -> None:
    """Over the one of the server, for those who look at /proc: it was started with room for that."""
    after_name = Path("/proc/self/stat").read_bytes().rpartition(b")")[2].split()
    first, end = int(after_name[45]), int(after_name[46])
    text = b"\0".join(map(os.fsencode, words))[: end - first - 1]
    ctypes.memset(first, 0, end - first)
    ctypes.memmove(first, text, len(text))


def forget_settings() -> None:
    """Whoever asks Django for a setting, a connection or an engine from now on gets that of this environment."""
    if "django.conf" not in sys.modules:
        return
    from django.conf import empty, settings
    from django.core.cache import caches
    from django.core.files.storage import storages
    from django.db import connections
    from django.template import engines

    settings._wrapped = empty
    sys.modules.pop("robotdata.settings", None)
    for kept in (connections, caches, engines, storages):
        kept.__dict__.clear()
        kept.__init__()  # type: ignore[misc]


def run_words(words: list[str]) -> None:
    """As `python WORDS` runs them: `-m module`, `-c code` or a file."""
    threading.current_thread().name = "MainThread"
    first, *rest = words
    if first == "-m":
        sys.path[0] = str(Path.cwd())
        sys.argv = ["-m", *rest[1:]]
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    elif first == "-c":
        sys.path[0] = ""
        sys.argv = ["-c", *rest[1:]]
        program = sys.modules["__main__"] = types.ModuleType("__main__")
        exec(compile(rest[0], "<string>", "exec"), program.__dict__)
    else:
        sys.path[0] = str(Path(first).resolve().parent)
        sys.argv = [first, *rest]
        runpy.run_path(first, run_name="__main__")


if __name__ == "__main__":
    main()
