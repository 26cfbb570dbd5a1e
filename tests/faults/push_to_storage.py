"""Push the dataset in a folder to a storage at an address; prints what was compared."""

from __future__ import annotations

import sys
from pathlib import Path

from robotdata.dataset.exchange.progress import Watch
from robotdata.dataset.storage.client import Access, Storage
from robotdata.dataset.storage.names import parse_target
from robotdata.dataset.storage.push import push
from tests.support.fake_s3 import KEY, SECRET
from tests.support.hub_steps import contents
from tests.support.storage_steps import TARGET

if __name__ == "__main__":
    root, url = sys.argv[1:]
    outcome = push(Storage(Access(url, "", KEY, SECRET)), contents(Path(root)), parse_target(TARGET), Watch())
    sys.stdout.write(f"{outcome.compared} {outcome.sent_files}\n")
