from __future__ import annotations

import logging
from typing import Any

import pytest

from robotdata.rig.announcer import Announcer


def status(*texts: str, message: str | None = None) -> Any:
    warnings = [{"code": "lost", "camera": f"camera {n}", "text": text} for n, text in enumerate(texts)]
    return {"warnings": [*warnings, {"code": "rate", "camera": None, "text": "27 Hz"}], "message": message}


def test_the_terminal_says_each_reason_once_per_change(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "robotdata.rig.announcer")
    announcer = Announcer()

    def said(*looks: Any) -> list[str]:
        caplog.clear()
        for look in looks:
            announcer.look(look)
        return caplog.messages

    assert said(status("refused for 1 s"), status()) == [], "a hiccup"
    assert said(*[status(f"front refused for {n} s") for n in range(4)]) == ["front refused for 1 s"]
    assert said(*[status("front: no such file", "wrist is gone")] * 3) == ["front: no such file", "wrist is gone"]
    assert said(status(), status()) == ["front: no such file: that is over", "wrist is gone: that is over"]
    assert said(*[status(message="robot of rig a: no answer")] * 3) == ["robot of rig a: no answer"]
