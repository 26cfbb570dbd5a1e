"""The gate breaks the first call of each operation, and the last of all, as strace counts them."""

from __future__ import annotations

from pathlib import Path

from tests.support.each_call import choose, operation
from tests.support.nth_call import CALLS

HOME = Path("/dev/shm/home")
TRACE = """\
70 pwrite64(3</dev/shm/home/.dataset.lock>, "{\\"pid\\": 70}", 28, 0) = 28
70 write(5</dev/shm/home/work/cubes@3654/next/data/file-000.parquet>, "PAR1 rename(", 1217) = 1217
70 write(5</dev/shm/home/work/cubes@3654/next/data/file-001.parquet>, "PAR1", 3063) = 3063
71 write(6</dev/shm/home/work/cubes@3654/next/videos/.file-000.mp4.1d29.part>, "ftyp", 48 <unfinished ...>
70 fsync(5</dev/shm/home/work/cubes@3654/next/data/file-000.parquet>) = 0
71 <... write resumed>) = 48
70 renameat2(AT_FDCWD</root>, "/dev/shm/home/work/next", AT_FDCWD</root>, "/dev/shm/home/cubes", RENAME_EXCHANGE) = 0
70 write(4</dev/shm/home/work/cubes@3654/next/data/file-002.parquet>, "PAR1", 8) = 8
70 write(1</root/said>, "committed\\n", 10) = 10
70 write(1</root/said>, "and more\\n", 9) = 9
"""


def test_each_operation_is_chosen_once_and_the_last_call() -> None:
    # The second thread counts its own calls; what is written outside of the home is one operation.
    writes = [("pwrite64", 1), ("write", 5), ("write", 1), ("write", 4)]
    assert choose(TRACE, HOME, CALLS["write"].split(",")) == writes
    assert choose(TRACE, HOME, CALLS["fsync"].split(",")) == [("fsync", 1)]
    assert choose(TRACE, HOME, CALLS["rename"].split(",")) == [("renameat2", 1)]
    assert choose(TRACE, HOME, CALLS["unlink"].split(",")) == []


def test_an_operation_is_told_by_the_call_and_the_kinds_of_its_files() -> None:
    swap = 'AT_FDCWD</root>, "/dev/shm/home/work/a1/next", AT_FDCWD</root>, "/dev/shm/home/cubes", RENAME_EXCHANGE) = 0'
    assert operation("renameat2", swap, HOME) == "renameat2 work/ cubes RENAME_EXCHANGE"
    assert operation("unlinkat", '7</dev/shm/home/work>, "left-3.json", 0) = 0', HOME) == "unlinkat work/.json"
    log = '9</dev/shm/home/rows-0007.log>, "/dev/shm/home/x", 9) = 9'
    assert operation("write", log, HOME) == "write rows-#.log"
    assert operation("fsync", "4</dev/shm/home>) = 0", HOME) == "fsync ."
