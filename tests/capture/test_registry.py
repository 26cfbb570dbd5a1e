from __future__ import annotations

import logging
from typing import Any

import pytest

from robotdata.capture.devices import DeviceContext
from robotdata.capture.errors import ConfigError
from robotdata.capture.options import Options
from robotdata.capture.registry import Registry


@pytest.mark.parametrize("error", [NameError("name 'open_bus' is not defined"), OSError(5, "Input/output error")])
def test_a_device_that_cannot_be_made_is_named_with_its_traceback_in_the_log(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    def make(context: DeviceContext, options: Options) -> Any:
        raise error

    registry = Registry()
    registry.add("robot", "broken", make)
    with caplog.at_level(logging.ERROR), pytest.raises(ConfigError) as refused:
        registry.robot("broken", DeviceContext("x", 30), Options({}, "arm.toml: robot"))
    assert "arm.toml: robot" in str(refused.value) and type(error).__name__ in str(refused.value)
    assert [record.exc_info is not None for record in caplog.records] == [True]
