"""What the fault tests share: one warm server for all of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults import warm
from tests.faults.nth_call import need_strace


@pytest.fixture(scope="session")
def warm_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[warm.Server]:
    """Forks of it are broken; skips where the machine has no strace."""
    need_strace()
    with warm.server(tmp_path_factory.mktemp("server")) as server:
        yield server
