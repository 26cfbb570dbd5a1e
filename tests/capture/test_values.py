from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robotdata.capture.errors import ConfigError, DeviceError
from robotdata.capture.values import RowValues, StoredValue

INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")


def value(dtype: str, shape: list[int] | None = None, names: Any = None) -> StoredValue:
    return StoredValue("observation.x", {"dtype": dtype, "shape": shape or [1], "names": names})


@pytest.mark.parametrize(
    ("dtype", "shape", "given", "stored"),
    [
        ("float32", [2], [0.1, 2], [np.float32(0.1), 2]),
        ("float32", [1], 3, [3]),
        ("float32", [3], np.array([[1], [2], [3]], np.float64), [1, 2, 3]),
        ("float32", [2], [1e-300, -0.0], [0, 0]),
        ("float64", [1], 1e300, [1e300]),
        ("float16", [1], np.float64(0.1), [np.float16(0.1)]),
        ("int8", [2], [-128.0, 127], [-128, 127]),
        ("uint8", [1], True, [1]),
        ("uint64", [1], 2**64 - 1, [2**64 - 1]),
        ("int64", [1], -(2**63), [-(2**63)]),
        ("bool", [2], [1.0, False], [True, False]),
        ("float32", [2, 2], [[1, 2], [3, 4]], [1, 2, 3, 4]),
        ("float32", [2, 2], [1, 2, 3, 4], [1, 2, 3, 4]),
        ("string", [1], "left arm", ["left arm"]),
    ],
)
def test_it_stores_what_its_dtype_holds(dtype: str, shape: list[int], given: Any, stored: list[Any]) -> None:
    made = value(dtype, shape).convert(given, "observe")
    assert made.tolist() == stored and made.shape == (len(stored),)
    assert dtype == "string" or made.dtype == dtype


@pytest.mark.parametrize(
    ("dtype", "shape", "given", "words"),
    [
        ("float32", [2], [0, 1e39], "1e+39 for right of observation.x, which float32 cannot hold"),
        ("float16", [2], [7e4, 0], "70000.0 for left of observation.x, which float16 cannot hold"),
        ("float32", [2], [0, float("nan")], "nan for right of observation.x"),
        ("float32", [2], [True, False], "True"),
        ("float32", [2], ["1", "2"], "want float32"),
        ("float32", [2, 3], np.zeros((3, 2)), "declare (2, 3)"),
        ("float32", [2], [1], "1 value for observation.x; its features declare 2 values of float32"),
        ("int8", [2], [0, 128], "128 for right"),
        ("int8", [2], [1e10, 0], "10000000000.0 for left"),
        ("uint8", [2], [0, -1], "-1 for right"),
        ("int64", [2], np.array([2**63, 0], np.uint64), "9223372036854775808 for left"),
        ("uint64", [2], [2**63 + 1, 0], "9.223372036854776e+18 for left"),
        ("int32", [2], [0.25, 0], "0.25 for left"),
        ("bool", [2], [0, 2], "2 for right"),
        ("string", [1], 5, "want text"),
        ("float32", [2], None, "observe returns no observation.x"),
    ],
)
def test_it_names_the_element_and_the_value_that_does_not_fit(
    dtype: str, shape: list[int], given: Any, words: str
) -> None:
    names = ["left", "right"] if shape == [2] else None
    with pytest.raises(DeviceError) as refused:
        value(dtype, shape, names).convert(given, "observe")
    assert words in str(refused.value)


@given(dtype=st.sampled_from(INTEGERS), number=st.integers(-(2**66), 2**66))
def test_an_integer_is_stored_as_it_is_or_not_at_all(dtype: str, number: int) -> None:
    fits = np.iinfo(dtype).min <= number <= np.iinfo(dtype).max
    try:
        stored = value(dtype).convert(number, "observe")
    except DeviceError:
        assert not fits
    else:
        assert fits and stored.tolist() == [number]


@given(dtype=st.sampled_from(("float16", "float32", "float64", *INTEGERS)), number=st.floats(width=64))
def test_a_float_is_stored_as_near_as_its_dtype_can_or_not_at_all(dtype: str, number: float) -> None:
    try:
        (stored,) = value(dtype).convert(number, "observe").tolist()
    except DeviceError:
        return
    if dtype in INTEGERS:
        assert stored == number
    else:
        smallest = float(np.finfo(dtype).tiny)
        assert stored == pytest.approx(number, rel=float(np.finfo(dtype).eps), abs=smallest)


def test_an_action_is_checked_as_the_robot_gets_it() -> None:
    """A robot is sent float32, whatever is stored."""
    values = RowValues({"action": {"dtype": "float64", "shape": [1], "names": None}})
    assert values.sent_action([1e39]).tolist() == [1e39]
    with pytest.raises(DeviceError, match="beyond float32"):
        values.requested_action([1e39])
    stored, given = values.requested_action([0.1])
    assert (stored.dtype, stored.tolist(), given.dtype) == (np.float64, [0.1], np.float32)


@pytest.mark.parametrize(
    ("features", "words"),
    [
        ({}, "'action'"),
        ({"action": {"shape": [1]}}, "want a dtype and a shape"),
        ({"action": {"dtype": "float32", "shape": ["x"]}}, "want a dtype and a shape"),
        ({"action": {"dtype": "complex64", "shape": [1]}}, "has dtype 'complex64'"),
    ],
)
def test_features_that_cannot_be_recorded_are_named_before_the_first_tick(features: Any, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        RowValues(features)


def action_of(*names: str) -> dict[str, Any]:
    return {"action": {"dtype": "float32", "shape": [len(names)], "names": list(names)}}


def test_an_action_reaches_the_robot_by_name() -> None:
    values = RowValues(action_of("pan", "lift", "grip"), action_of("grip", "pan", "lift"))
    stored, given = values.requested_action([30, 10, 20])
    assert stored.tolist() == given.tolist() == [10, 20, 30], "in the robot's order, in the row as well"
    assert values.sent_action([10, 20, 30]).tolist() == [10, 20, 30]
    with pytest.raises(DeviceError, match="nan for grip of action"):
        values.requested_action([float("nan"), 0, 0])


@pytest.mark.parametrize("offered", [None, action_of("pan", "lift"), {"action": {"dtype": "float32", "shape": [2]}}])
def test_an_action_of_the_same_names_or_of_none_keeps_its_order(offered: Any) -> None:
    stored, given = RowValues(action_of("pan", "lift"), offered).requested_action([1, 2])
    assert stored.tolist() == given.tolist() == [1, 2]


@pytest.mark.parametrize("names", [("pan", "grip"), ("pan",), ("pan", "lift", "grip"), ("pan", "pan")])
def test_other_joints_are_refused_with_both_lists(names: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError) as refused:
        RowValues(action_of("pan", "lift"), action_of(*names))
    assert f"gives {', '.join(names)};" in str(refused.value) and "takes pan, lift." in str(refused.value)


@pytest.mark.parametrize("offered", [["pan"], {}, {"action": ["pan"]}])
def test_features_that_are_none_are_refused(offered: Any) -> None:
    with pytest.raises(ConfigError, match="want a feature 'action'"):
        RowValues(action_of("pan"), offered)


def test_a_robot_with_two_joints_of_one_name_is_driven_in_its_own_order_alone() -> None:
    stored, given = RowValues(action_of("x", "x"), action_of("x", "x")).requested_action([1, 2])
    assert stored.tolist() == given.tolist() == [1, 2]
    with pytest.raises(ConfigError, match="not the robot's"):
        RowValues(action_of("x", "x", "y"), action_of("x", "y", "x"))
