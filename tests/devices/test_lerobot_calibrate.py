"""What a calibration that is stopped says of the files of a device with several arms."""

from __future__ import annotations

from pathlib import Path

import pytest

from robotdata.devices.lerobot.calibrate import kept_files, stopped


@pytest.mark.parametrize("before", ["{}", None])
def test_a_stop_in_the_second_arm_says_that_the_first_one_is_saved(tmp_path: Path, before: str | None) -> None:
    left, right = tmp_path / "left.json", tmp_path / "right.json"
    for path in (left, right) if before is not None else ():
        path.write_text(before or "")
    with pytest.raises(KeyboardInterrupt) as stop, kept_files([left, right]):
        left.write_text('{"gripper": 1}')
        raise KeyboardInterrupt
    words = stopped(stop.value)
    assert f"{left} has the new calibration." in words and f"{right} was not changed." in words
    assert len(list(tmp_path.glob("*.old"))) == (1 if before else 0)


def test_a_stop_before_the_device_answers_speaks_of_no_file() -> None:
    assert stopped(KeyboardInterrupt()) == "Stopped. Calibrate again if the motors differ from their file."
