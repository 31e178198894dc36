"""Coders that rebuild our record classes in any worker process.

Beam's RowCoder hands other processes anonymous named tuples, while every in-process test passes;
so each record gets an explicit coder. Records are never keys, hence need no deterministic coder.
"""

import pickle
from dataclasses import fields, is_dataclass
from typing import Any

from apache_beam import coders

import schemas


class RecordCoder(coders.Coder):
    """Encode a frozen dataclass as the pickled tuple of its fields."""

    def __init__(self, record: type) -> None:
        self._record = record
        self._names = tuple(field.name for field in fields(record))

    def encode(self, value: Any) -> bytes:
        return pickle.dumps(tuple(getattr(value, name) for name in self._names), protocol=5)

    def decode(self, encoded: bytes) -> Any:
        return self._record(*pickle.loads(encoded))

    def estimate_size(self, value: Any) -> int:
        """Give about the length of the encoded record: engines ask often, and encoding is slow."""
        return _about(value)

    def is_deterministic(self) -> bool:
        return False

    def to_type_hint(self) -> type:
        return self._record

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RecordCoder) and self._record is other._record

    def __hash__(self) -> int:
        return hash((RecordCoder, self._record))


def _about(value: Any) -> int:
    if isinstance(value, (str, bytes)):
        return len(value) + 4
    if isinstance(value, tuple):
        return 4 + len(value) * _about(value[0]) if value else 4  # they are of one kind
    if is_dataclass(value):
        return 60 + sum(map(_about, vars(value).values())) if hasattr(value, "__dict__") else 60
    return 10


def _factory(record: type) -> Any:
    class _Coder(RecordCoder):
        def __init__(self) -> None:
            super().__init__(record)

        def __reduce__(self) -> Any:
            return RecordCoder, (record,)

    return _Coder


def register_record_coders() -> None:
    """Give every record of ``schemas`` its coder; safe to call more than once."""
    for name in schemas.__all__:
        record = getattr(schemas, name)
        if is_dataclass(record) and isinstance(record, type):
            coders.registry.register_coder(record, _factory(record))
