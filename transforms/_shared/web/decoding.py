"""Take the transfer's compression off an answer, within bounds."""

import zlib
from collections.abc import Callable, Iterator
from io import BytesIO

import brotli
import zstandard

from transforms._shared.rejects import RejectError

ACCEPTED = "gzip, br, zstd"
_PIECE = 64 * 1024
_FREE_BYTES = 4 * 1024 * 1024  # the ratio is not looked at before this much has come out
_MAX_RATIO = 250  # news text compresses 3 to 30 times, a decompression bomb 1,000 times and more
_MAX_CODINGS = 2  # applied one after the other
_MAX_PARTS = 1000  # gzip members or zstd frames, which may be empty and still take time
_ZSTD_WINDOW = 8 * 1024 * 1024  # RFC 9659: more must not be asked of a client
_GZIP_ONLY = 16 + zlib.MAX_WBITS
_GZIP_MARK, _ZSTD_MARK = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


def decoded(content: bytes, content_encoding: str, max_bytes: int) -> bytes:
    """Give the content behind the header ``Content-Encoding``.

    Plain content under a label that says otherwise is given as it is.

    Raises:
        RejectError: ``broken_encoding`` for an unknown coding and for data that is damaged or cut
            off; ``too_large`` when more than ``max_bytes`` come out, or far more than went in.
    """
    codings = [name.strip().lower() for name in content_encoding.split(",")]
    codings = [name for name in codings if name not in ("", "identity")]
    if len(codings) > _MAX_CODINGS or (unknown := [n for n in codings if n not in _UNPACKERS]):
        named = ", ".join(codings if len(codings) > _MAX_CODINGS else unknown)[:60]
        raise RejectError(
            "broken_encoding", f"the server used the encoding {named!r}, which was not asked for"
        )
    for name in reversed(codings):
        content = _unpacked(content, _UNPACKERS[name], max_bytes)
    return content


def _unpacked(
    content: bytes, unpack: Callable[[bytes], Iterator[bytes] | None], max_bytes: int
) -> bytes:
    pieces = unpack(content) if content else None
    if pieces is None:
        return content
    out: list[bytes] = []
    size = 0
    try:
        for piece in pieces:
            out.append(piece)
            size += len(piece)
            if size > max_bytes:
                raise RejectError("too_large", f"the answer has more than {max_bytes:,} bytes")
            if size > max(_FREE_BYTES, len(content) * _MAX_RATIO):
                raise RejectError(
                    "too_large", f"the answer grows more than {_MAX_RATIO} times when unpacked"
                )
    except EOFError as error:
        raise RejectError(
            "broken_encoding", "the compressed answer is cut off", replayable=True
        ) from error
    except (zlib.error, brotli.error, zstandard.ZstdError) as error:
        raise RejectError(
            "broken_encoding", f"the compressed answer is damaged: {error}", replayable=True
        ) from error
    return b"".join(out)


def _gunzip(content: bytes) -> Iterator[bytes] | None:
    return _gunzipped(content) if content.startswith(_GZIP_MARK[:1]) else None


def _gunzipped(content: bytes) -> Iterator[bytes]:
    # In pieces: zlib copies what it leaves over, for each member.
    place = 0
    for _ in range(_MAX_PARTS):
        inflate = zlib.decompressobj(_GZIP_ONLY)
        while not inflate.eof:
            taken = inflate.unconsumed_tail
            if not taken:
                taken = content[place : place + _PIECE]
                place += len(taken)
            piece = inflate.decompress(taken, _PIECE)
            yield piece
            if not piece and not taken and not inflate.eof:
                raise EOFError
        place -= len(inflate.unused_data)
        if not content.startswith(_GZIP_MARK, place):
            return  # some servers pad
    raise _too_many_parts()


def _unbrotli(content: bytes) -> Iterator[bytes] | None:
    # Brotli has no mark of its own: plain text under its label is told by what markup begins with.
    return None if content.lstrip()[:1] in (b"<", b"{") else _unbrotlied(content)


def _unbrotlied(content: bytes) -> Iterator[bytes]:
    decompressor = brotli.Decompressor()
    yield decompressor.process(content, output_buffer_limit=_PIECE)
    while not decompressor.is_finished():
        piece = decompressor.process(b"", output_buffer_limit=_PIECE)
        if not piece and decompressor.can_accept_more_data():
            raise EOFError
        yield piece


def _unzstd(content: bytes) -> Iterator[bytes] | None:
    return _unzstded(content) if content.startswith(_ZSTD_MARK) else None


def _unzstded(content: bytes) -> Iterator[bytes]:
    decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
    with decompressor.stream_reader(BytesIO(content), read_across_frames=True) as reader:
        while piece := reader.read(_PIECE):
            yield piece
    if not _ends_whole(content):
        raise EOFError


def _ends_whole(content: bytes) -> bool:
    """Say whether the last frame is whole; the reader gives what there is and says nothing."""
    place = 0
    for _ in range(_MAX_PARTS):
        if place >= len(content):
            return True
        one = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).decompressobj()
        while not one.eof:
            piece = content[place : place + _PIECE]
            if not piece:
                return False
            one.decompress(piece)
            place += len(piece)
        place -= len(one.unused_data)
    raise _too_many_parts()


def _too_many_parts() -> RejectError:
    return RejectError(
        "broken_encoding", f"the compressed answer has more than {_MAX_PARTS:,} parts"
    )


_UNPACKERS: dict[str, Callable[[bytes], Iterator[bytes] | None]] = {
    "gzip": _gunzip,
    "x-gzip": _gunzip,
    "br": _unbrotli,
    "zstd": _unzstd,
}
