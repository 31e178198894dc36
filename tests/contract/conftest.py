"""Build a filled example of any record from the types of its fields."""

from dataclasses import fields, is_dataclass
from datetime import datetime, timezone
from types import UnionType
from typing import get_args, get_origin, get_type_hints

import numpy as np
import pytest

import schemas

_LEAVES = {
    str: "text",
    int: 3,
    float: 0.25,
    bool: True,
    bytes: np.array([0.5, -0.5, 0.5, 0.5], dtype="<f4").tobytes(),
    datetime: datetime(2024, 5, 1, 12, tzinfo=timezone.utc),
    frozenset[str]: frozenset({"text"}),
}


def build(kind):
    if get_origin(kind) is tuple:
        return (build(get_args(kind)[0]),)
    if get_origin(kind) is UnionType:
        return build(get_args(kind)[0])
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        return kind(**{field.name: build(hints[field.name]) for field in fields(kind)})
    return _LEAVES[kind]


@pytest.fixture
def build_record():
    """``build_record(cls)``: a record of that class with no field empty."""
    return build


def record_classes():
    found = [getattr(schemas, name) for name in schemas.__all__]
    return [item for item in found if is_dataclass(item)]


def pytest_generate_tests(metafunc):
    if "record_class" in metafunc.fixturenames:
        classes = record_classes()
        metafunc.parametrize("record_class", classes, ids=[item.__name__ for item in classes])


@pytest.fixture
def all_record_classes():
    return record_classes()
