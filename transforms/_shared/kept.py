"""What a stage keeps for each key: a log in Beam's state, and what that adds up to here."""

import pickle
import secrets
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

_T = TypeVar("_T")
_LEAST_TRIMMED = 1000  # records; a shorter log is left alone


@dataclass
class _Held(Generic[_T]):
    value: _T
    token: bytes | None
    length: int  # records in the log


class Kept(Generic[_T]):
    """Objects that decide, one for each key, kept in step with a log in Beam's state.

    The log only grows by what is new, so an article costs a write of its own size however full
    the window is. This process holds on to the object; when the state was written by another
    one, or a bundle failed, the tokens differ and the object is made again from the log.

    Args:
        make: makes an empty object.
        replay: lets an object learn a record of the log.
        seeds: gives the records a key starts with.
        live: says whether a record is still of use; the log is freed of the others when it has
            become twice as long as what was of use.
    """

    def __init__(
        self,
        make: Callable[[], _T],
        replay: Callable[[_T, Any], None],
        seeds: Callable[[str], Iterable[Any]],
        live: Callable[[_T, Any], bool],
    ) -> None:
        self._make = make
        self._replay = replay
        self._seeds = seeds
        self._live = live
        self._held: dict[str, _Held[_T]] = {}
        self._trim_at: dict[str, int] = {}

    def of(self, key: str, log: Any, version: Any) -> _T:
        """Give the object of a key, as the state says it is.

        Args:
            log: a bag of bytes.
            version: a value of bytes.
        """
        token = version.read()
        held = self._held.get(key)
        if held is not None and held.token == token and token is not None:
            return held.value
        held = self._held[key] = _Held(self._make(), token, 0)
        if token is not None:
            for record in log.read():
                self._replay(held.value, _unpacked(record))
                held.length += 1
            return held.value
        for record in self._seeds(key):
            self._replay(held.value, record)
            log.add(_packed(record))
            held.length += 1
        self._sign(held, version)
        return held.value

    def append(self, key: str, records: Iterable[Any], log: Any, version: Any) -> None:
        """Write what the object of a key learned since ``of`` gave it."""
        held = self._held[key]
        for record in records:
            log.add(_packed(record))
            held.length += 1
        if held.length > self._trim_at.setdefault(key, _LEAST_TRIMMED):
            all_of_it = list(log.read())
            last = len(all_of_it) - 1  # it may say how far the object has counted
            live = [
                record
                for place, record in enumerate(all_of_it)
                if place == last or self._live(held.value, _unpacked(record))
            ]
            log.clear()
            for packed in live:
                log.add(packed)
            held.length = len(live)
            self._trim_at[key] = max(_LEAST_TRIMMED, 2 * len(live))
        self._sign(held, version)

    @staticmethod
    def _sign(held: _Held[_T], version: Any) -> None:
        # Drawn, not counted: two attempts at one bundle must not give the same.
        held.token = secrets.token_bytes(8)
        version.write(held.token)


def _packed(record: Any) -> bytes:
    return zlib.compress(pickle.dumps(record, protocol=5), 1)


def _unpacked(packed: bytes) -> Any:
    return pickle.loads(zlib.decompress(packed))
