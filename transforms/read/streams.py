"""Byte streams that never give more than they are allowed to."""

import codecs
import gzip
import io
import zlib
from abc import abstractmethod

from transforms._shared.rejects import RejectError

_BUFFER_BYTES = 64 * 1024
_FREE_BYTES = 10 * 1024 * 1024  # the ratio is not looked at before this much has come out
_MAX_RATIO = 250  # news text compresses 3 to 30 times, a decompression bomb about 1,000 times


def read_up_to(stream: io.BufferedIOBase, count: int) -> bytes:
    """Read ``count`` bytes, fewer only at the end of the stream."""
    pieces = []
    while count > 0 and (piece := stream.read(count)):
        pieces.append(piece)
        count -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


class Peeked:
    """Look at the beginning of a stream without losing it, or what comes before damage.

    ``head`` is what has been looked at, ``complete`` says that it is everything.
    """

    def __init__(self, stream: io.BufferedIOBase) -> None:
        self._pieces: list[bytes] = []
        self._rest = stream
        self._size = 0
        self.complete = False

    def more(self, count: int) -> bytes:
        """Look ``count`` bytes further, fewer at the end or at damage; gives the new bytes."""
        wanted = self._size + count
        first = len(self._pieces)
        while self._size < wanted and not self.complete:
            try:
                piece = self._rest.read1(wanted - self._size)
            except RejectError as error:
                if not self._size:
                    raise
                self._rest = io.BufferedReader(_Failing(error))
                break
            self.complete = not piece
            self._pieces.append(piece)
            self._size += len(piece)
        return b"".join(self._pieces[first:])

    @property
    def head(self) -> bytes:
        return b"".join(self._pieces)

    def rejoined(self, head: bytes) -> io.BufferedIOBase:
        """Give the stream from its beginning again."""
        return io.BufferedReader(_Rejoined(head, self._rest), _BUFFER_BYTES)


def gunzip(stream: io.BufferedIOBase, max_bytes: int) -> io.BufferedIOBase:
    """Give the decompressed stream of a gzip file with one or more members.

    Reading from it raises RejectError: ``too_large`` when more than ``max_bytes`` come out or the
    ratio is that of a decompression bomb, ``broken_gzip`` when the data is damaged or cut off;
    all that could be read before has been given by then.
    """
    return io.BufferedReader(_Gunzip(stream, max_bytes), _BUFFER_BYTES)


def to_utf8(stream: io.BufferedIOBase, encoding: str) -> io.BufferedIOBase:
    """Give ``stream``, written in ``encoding``, as UTF-8; wrong units become U+FFFD."""
    return io.BufferedReader(_Recoded(stream, encoding), _BUFFER_BYTES)


class _Readable(io.RawIOBase):
    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        piece = self._next(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)

    @abstractmethod
    def _next(self, count: int) -> bytes:
        """Give the next bytes, at most so many; none at the end."""


class _Failing(_Readable):
    """Say again what is wrong with the rest of a stream."""

    def __init__(self, error: RejectError) -> None:
        self._error = error

    def _next(self, count: int) -> bytes:
        raise self._error


class _Rejoined(_Readable):
    def __init__(self, head: bytes, rest: io.BufferedIOBase) -> None:
        self._head = memoryview(head)
        self._rest = rest

    def _next(self, count: int) -> bytes:
        if not self._head:
            return self._rest.read(count)
        piece, self._head = bytes(self._head[:count]), self._head[count:]
        return piece


class _Gunzip(_Readable):
    def __init__(self, stream: io.BufferedIOBase, max_bytes: int) -> None:
        self._compressed = _Counted(stream)
        self._file = gzip.GzipFile(fileobj=self._compressed, mode="rb")
        self._max_bytes = max_bytes
        self._given = 0

    def _next(self, count: int) -> bytes:
        try:
            piece = bytes(self._file.read1(count))
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise RejectError(
                "broken_gzip", f"the gzip data is damaged or cut off ({error}); send it again"
            ) from error
        self._given += len(piece)
        if self._given > self._max_bytes:
            raise RejectError(
                "too_large", f"more than {self._max_bytes:,} bytes come out of the gzip data"
            )
        if self._given > max(_FREE_BYTES, self._compressed.count * _MAX_RATIO):
            raise RejectError(
                "too_large", f"the gzip data grows more than {_MAX_RATIO} times when unpacked"
            )
        return piece


class _Counted(_Readable):
    """Count what a decompressor takes."""

    def __init__(self, stream: io.BufferedIOBase) -> None:
        self._stream = stream
        self.count = 0

    def _next(self, count: int) -> bytes:
        piece = self._stream.read(count)
        self.count += len(piece)
        return piece


class _Recoded(_Readable):
    def __init__(self, stream: io.BufferedIOBase, encoding: str) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")
        self._waiting = b""

    def _next(self, count: int) -> bytes:
        while not self._waiting:
            piece = self._stream.read(_BUFFER_BYTES)
            self._waiting = self._decoder.decode(piece, final=not piece).encode("utf-8", "replace")
            if not piece:
                break
        given, self._waiting = self._waiting[:count], self._waiting[count:]
        return given
