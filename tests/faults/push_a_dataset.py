"""Push the dataset in a folder to a Hub at an address; prints what was compared."""

from __future__ import annotations

import sys
from pathlib import Path

from robotdata.dataset.exchange.progress import Watch
from robotdata.dataset.hub.client import Access, Hub
from robotdata.dataset.hub.push import PushRequest, push
from tests.support.fake_hub_parts import TOKEN
from tests.support.hub_steps import REPO, contents

if __name__ == "__main__":
    root, url, way = sys.argv[1:]
    request = PushRequest(REPO, "Cubes", "the-one-push", pull_request=way == "pull request", first_card="# Cubes\n")
    outcome = push(Hub(Access(url, TOKEN)), contents(Path(root)), request, Watch())
    sys.stdout.write(f"{outcome.compared} {outcome.sent_files}\n")
