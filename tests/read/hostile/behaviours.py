"""What the server can do to those who ask it for a feed, and what has to come of it.

Each behaviour stands for something that a feed reader has met or will meet. ``kept`` and
``dropped`` count items.
"""

import gzip
import json
import random
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import cache

import brotli
import zstandard
from server import Asked, Piece, Play, Reset

HANG = 600.0
SLOW = 0.1  # seconds between two pieces of a drip
NEWS = "http://www.google.com/schemas/sitemap-news/0.9"
XML = b'<?xml version="1.0" encoding="utf-8"?>'


@dataclass(frozen=True)
class Behaviour:
    """One way to answer, and the row of the log it has to lead to."""

    name: str
    play: Play
    outcome: str
    kept: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)
    known: int = 0
    hangs: bool = False  # it only ends with the deadline
    options: str = ""  # of the feed, as an operator writes them
    address: str = ""  # other than http://NAME.example/NAME

    @property
    def url(self) -> str:
        return self.address or f"http://{self.name}.example/{self.name}"

    @property
    def line(self) -> str:
        return f"{self.url} {self.options}".strip()


BEHAVIOURS: dict[str, Behaviour] = {}

# What names lead to: one list for each look-up, the last for all that follow.
NAMES: dict[str, list[list[str]]] = {
    "inside.example": [["10.0.0.5"]],
    "metadata.example": [["169.254.169.254"]],
    "mapped.example": [["::ffff:127.0.0.1"]],
    "nat64.example": [["64:ff9b::a00:5"]],
    "six.example": [["fd12:3456::1"]],
    "rebinding.example": [["93.184.216.34"], ["127.0.0.1"]],
    "mixed-addresses.example": [["93.184.216.34", "192.168.1.1"]],
    "no-address.example": [[]],
}


def add(name: str, outcome: str, play: Play | bytes, **more: object) -> None:
    """Take in a behaviour; bytes are a whole feed under status 200."""
    assert name not in BEHAVIOURS, name
    playing = answering(play) if isinstance(play, bytes) else play
    BEHAVIOURS[name] = Behaviour(name, playing, outcome, **more)  # type: ignore[arg-type]


def head(status: str = "200 OK", *lines: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", "Connection: close", *lines, "", ""]).encode()


def answering(body: bytes | Callable[[], bytes], status: str = "200 OK", *lines: str) -> Play:
    """Give always the same; a large body is a function, made when it is first asked for."""
    made = cache(body) if callable(body) else lambda: body
    return lambda asked: [head(status, *lines), made()]


def encoded(coding: str, body: bytes | Callable[[], bytes]) -> Play:
    return answering(body, "200 OK", f"Content-Encoding: {coding}")


def redirecting(target: str, status: str = "302 Found") -> Play:
    return answering(b"", status, f"Location: {target}")


def raw(*pieces: Piece) -> Play:
    return lambda asked: pieces


def item(number: int, more: str = "") -> str:
    return (
        f"<item><title>Story {number} of the harbour</title><link>https://news.example/{number}"
        f"</link><guid>g{number}</guid>{more}</item>"
    )


def rss(items: Iterable[str] | int = 3, before: bytes = XML) -> bytes:
    listed = map(item, range(items)) if isinstance(items, int) else items
    channel = "<channel><title>Harbour</title><link>https://news.example/</link>"
    spaces = 'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:atom="http://www.w3.org/2005/Atom"'
    feed = f'<rss version="2.0" {spaces}>{channel}{"".join(listed)}</channel></rss>'
    return before + feed.encode("utf-8", "surrogatepass")


def atom(entries: str, head_part: str = "") -> bytes:
    spaces = 'xmlns="http://www.w3.org/2005/Atom" xmlns:at="http://purl.org/atompub/tombstones/1.0"'
    return XML + f"<feed {spaces}><title>Harbour</title>{head_part}{entries}</feed>".encode()


def json_feed(items: object, **more: object) -> bytes:
    feed = {"version": "https://jsonfeed.org/version/1.1", "title": "Harbour", "items": items}
    return json.dumps({**feed, **more}).encode()


def sitemap(urls: str) -> bytes:
    spaces = f'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:news="{NEWS}"'
    return XML + f"<urlset {spaces}>{urls}</urlset>".encode()


def opml(urls: Iterable[str]) -> bytes:
    lines = "".join(f'<outline type="rss" xmlUrl="{url}"/>' for url in urls)
    return XML + f'<opml version="2.0"><body>{lines}</body></opml>'.encode()


def page(title: str, body: str) -> bytes:
    start = f"<!DOCTYPE html><html><head><title>{title}</title></head>"
    return f"{start}<body>{body}</body></html>".encode()


def forever(piece: bytes, pause: float = 0.0) -> Iterator[Piece]:
    while True:
        yield piece
        if pause:
            yield pause


def after(first: bytes, rest: Callable[[], Iterable[Piece]]) -> Play:
    def play(asked: Asked) -> Iterator[Piece]:
        yield first
        yield from rest()

    return play


FEED = rss()

# --- how it answers ---

add("never-answers", "DEADLINE", raw(HANG), hangs=True)
add(
    "slow-drip-headers",
    "DEADLINE",
    after(b"HTTP/1.1 200 OK\r\n", lambda: forever(b"X-A: b\r\n", SLOW)),
    hangs=True,
)
add(
    "slow-drip-status-line",
    "DEADLINE",
    after(b"HTTP/1.1 200 ", lambda: forever(b"O", SLOW)),
    hangs=True,
)
add("slow-drip-body", "DEADLINE", after(head(), lambda: forever(b"<", SLOW)), hangs=True)
add(
    "slow-drip-chunks",
    "DEADLINE",
    after(head("200 OK", "Transfer-Encoding: chunked"), lambda: forever(b"1\r\n<\r\n", SLOW)),
    hangs=True,
)
add(
    "feed-and-then-silence",
    "DEADLINE",
    raw(head("200 OK", "Content-Length: 9999"), FEED, HANG),
    hangs=True,
)
add(
    "endless-continue",
    "DEADLINE",
    after(b"", lambda: forever(b"HTTP/1.1 100 Continue\r\n\r\n", SLOW)),
    hangs=True,
)
add(
    "endless-redirects-that-drip",
    "DEADLINE",
    lambda asked: [
        1.6,  # six of them take longer than the deadline of 5
        head("302 Found", f"Location: /endless-redirects-that-drip/{asked.number}"),
    ],
    hangs=True,
)
add("endless-body", "TOO_BIG", after(head(), lambda: forever(b"<item>" * 20_000)))
add("endless-headers", "TEMP", after(b"HTTP/1.1 200 OK\r\n", lambda: forever(b"X: y\r\n" * 999)))
add("one-endless-header", "TEMP", after(b"HTTP/1.1 200 OK\r\nX: ", lambda: forever(b"y" * 9999)))
add(
    "continue-and-then-a-feed",
    "NEW",
    raw(
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", head(), FEED
    ),
    kept=3,
)
add(
    "switching-protocols",
    "TEMP",
    raw(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", FEED),
)
add("no-status-line", "TEMP", raw(b"Content-Type: text/xml\r\n\r\n", FEED))
add("http-0.9", "TEMP", raw(FEED))
add("status-of-seven-digits", "TEMP", raw(b"HTTP/1.1 2000000 OK\r\n\r\n", FEED))
add("nothing-at-all", "TEMP", raw())
add("connection-reset", "TEMP", raw(b"HTTP/1.1 200 OK\r\n", Reset()))
add(
    "reset-in-the-body",
    "TEMP",
    raw(head("200 OK", "Content-Length: 9999"), FEED[:200], 0.05, Reset()),
)
add(
    "tls-on-a-plain-port",
    "SOFT",
    FEED,
    address="https://tls-on-a-plain-port.example:8443/tls-on-a-plain-port",
)
add("self-signed", "SOFT", FEED, address="https://self-signed.example/self-signed")
add(
    "content-length-too-short",
    "NEW",
    raw(head("200 OK", f"Content-Length: {len(FEED) - 200}"), FEED),
    kept=1,
    dropped={"truncated_feed": 1},
)
add(
    "content-length-too-long", "TEMP", raw(head("200 OK", f"Content-Length: {len(FEED) + 9}"), FEED)
)
add(
    "content-length-of-a-petabyte",
    "TOO_BIG",
    raw(head("200 OK", f"Content-Length: {10**15}"), FEED),
)
add(
    "two-content-lengths",
    "TEMP",
    raw(head("200 OK", "Content-Length: 5", "Content-Length: 7"), FEED),
)
add("negative-content-length", "TEMP", raw(head("200 OK", "Content-Length: -5"), FEED))
add(
    "chunk-of-no-length", "TEMP", raw(head("200 OK", "Transfer-Encoding: chunked"), b"zz\r\n", FEED)
)
add("cut-in-a-chunk", "TEMP", raw(head("200 OK", "Transfer-Encoding: chunked"), b"fff\r\n", FEED))
add("no-such-name", "SOFT", FEED, address="http://no-address.example/no-such-name")

# --- what it says of the answer ---

for code in (
    "204 No Content",
    "206 Partial Content",
    "500 Internal Server Error",
    "300 Choices",
    "999 Request Denied",
    "304 Not Modified",
):
    add(f"status-{code[:3]}", "SOFT", answering(FEED if code[0] in "25" else b"", code))
for code in ("404 Not Found", "410 Gone", "400 Bad Request", "418 I am a teapot"):
    add(f"status-{code[:3]}", "HARD", answering(FEED, code))
for code in ("401 Unauthorized", "402 Pay", "403 Forbidden", "451 Unavailable For Legal Reasons"):
    add(f"status-{code[:3]}", "BLOCKED", answering(FEED, code))
for code in ("503 Service Unavailable", "502 Bad Gateway", "429 Too Many Requests"):
    add(f"status-{code[:3]}", "TEMP", answering(FEED, code))
add("retry-after-seconds", "TEMP", answering(b"", "429 Slow", "Retry-After: 7200"))
add(
    "retry-after-date",
    "TEMP",
    lambda asked: [head("429 Slow", f"Retry-After: {formatdate(time.time() + 7200, usegmt=True)}")],
)
add("retry-after-garbage", "TEMP", answering(b"", "429 Slow", "Retry-After: soon, -1 \u0663"))
add("retry-after-a-century", "TEMP", answering(b"", "503 Busy", "Retry-After: " + "9" * 40))
add(
    "retry-after-the-year-one",
    "TEMP",
    answering(b"", "503 Busy", "Retry-After: Mon, 01 Jan 0001 00:00:00 +2359"),
)
add(
    "bogus-etag",
    "NEW",
    answering(
        FEED,
        "200 OK",
        'ETag: W/"\u00e9\u20ac\t' + "x" * 990 + " " * 9 + 'x"',
        "Last-Modified: yesterday",
    ),
    kept=3,
)
add(
    "cookie-games",
    "SOFT",
    lambda asked: [
        head(
            "302 Found",
            f"Location: /cookie-games?again={asked.number}",
            f"Set-Cookie: id={asked.number}",
        )
    ],
)
add(
    "impossible-caching",
    "NEW",
    answering(
        FEED,
        "200 OK",
        "Cache-Control: max-age=" + "9" * 40,
        "Expires: Fri, 31 Dec 9999 23:59:59 -2359",
        "Age: -5",
        "Date: 0",
    ),
    kept=3,
)
add(
    "lying-charset",
    "NEW",
    answering(
        rss([item(1, "<description>D\u00e9j\u00e0 vu</description>")]),
        "200 OK",
        "Content-Type: text/xml; charset=utf-16",
    ),
    kept=1,
)
add(
    "unknown-charset",
    "NEW",
    answering(FEED, "200 OK", "Content-Type: text/xml; charset=klingon"),
    kept=3,
)
add("wrong-content-type", "NEW", answering(FEED, "200 OK", "Content-Type: image/png"), kept=3)
add("unknown-encoding", "SOFT", encoded("compress", FEED))
add("three-encodings", "SOFT", encoded("gzip, gzip, gzip", FEED))
add("gzip-in-gzip", "NEW", encoded("gzip", gzip.compress(gzip.compress(FEED))), kept=3)
add(
    "gzip-five-times",
    "NOT_A_FEED",
    gzip.compress(gzip.compress(gzip.compress(gzip.compress(gzip.compress(FEED))))),
)
add("truncated-gzip", "SOFT", encoded("gzip", gzip.compress(FEED)[:-20]))
add("gzip-of-a-million-members", "SOFT", encoded("gzip", lambda: gzip.compress(b"") * 250_000))
add("zstd-of-a-million-frames", "SOFT", encoded("zstd", lambda: zstandard.compress(b"") * 400_000))
add("gzip-file-of-a-million-members", "SOFT", answering(lambda: gzip.compress(b"") * 250_000))
add("gzip-bomb", "TOO_BIG", encoded("gzip", lambda: _zeros_gzipped(200)))
add("gzip-file-bomb", "TOO_BIG", answering(lambda: gzip.compress(b"<rss>") + _zeros_gzipped(200)))
add("brotli-bomb", "TOO_BIG", encoded("br", lambda: brotli.compress(b" " * (100 << 20), quality=1)))
add("zstd-bomb", "TOO_BIG", encoded("zstd", lambda: zstandard.compress(b" " * (100 << 20))))
add("zstd-window-of-a-gigabyte", "SOFT", encoded("zstd", lambda: _wide_zstd()))


def _zeros_gzipped(mebibytes: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(packer.compress(b" " * (1 << 20)) for _ in range(mebibytes)) + packer.flush()


def _wide_zstd() -> bytes:
    parameters = zstandard.ZstdCompressionParameters(window_log=27)
    packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    return packer.compress(FEED) + packer.flush()


# --- where it leads ---

add("redirect-loop", "SOFT", redirecting("/redirect-loop"))
add(
    "redirect-chain-too-long",
    "SOFT",
    lambda asked: [head("302 Found", f"Location: /redirect-chain-too-long/{asked.number}")],
)
add("redirect-to-nowhere", "SOFT", answering(b"", "302 Found"))
for name, target, outcome in (
    ("private-host", "http://inside.example/", "SSRF_DENIED"),
    ("metadata", "http://169.254.169.254/latest/meta-data/", "SSRF_DENIED"),
    ("metadata-by-name", "http://metadata.example/latest/", "SSRF_DENIED"),
    ("localhost-by-name", "http://mapped.example/", "SSRF_DENIED"),
    ("ipv4-mapped", "http://[::ffff:169.254.169.254]/", "SSRF_DENIED"),
    ("decimal-address", "http://2130706433/", "SSRF_DENIED"),
    ("hexadecimal-address", "http://0x7f.1/", "SSRF_DENIED"),
    ("nat64", "http://nat64.example/", "SSRF_DENIED"),
    ("nat64-address", "http://[64:ff9b::7f00:1]/", "SSRF_DENIED"),
    ("6to4-address", "http://[2002:7f00:1::]/", "SSRF_DENIED"),
    ("private-ipv6", "http://six.example/", "SSRF_DENIED"),
    ("loopback-ipv6", "http://[::1]:6379/", "SSRF_DENIED"),
    ("nothing", "http://0.0.0.0/", "SSRF_DENIED"),
    ("carrier-grade-nat", "http://100.64.0.1/", "SSRF_DENIED"),
    ("file", "file:///etc/passwd", "HARD"),
    ("ftp", "ftp://public.example/feed", "HARD"),
    ("gopher", "gopher://127.0.0.1:6379/_FLUSHALL", "HARD"),
    ("data", "data:text/xml,<rss/>", "HARD"),
    ("bad-port", "http://public.example:port/", "HARD"),
    ("bad-ipv6", "http://[::bad", "HARD"),
    ("url-of-70-kilobytes", "http://public.example/" + "a" * 70_000, "HARD"),
    ("credentials", "http://root:hunter2@inside.example/?password=hunter2", "SSRF_DENIED"),
):
    add(f"redirect-to-{name}", outcome, redirecting(target))
add(
    "redirect-that-injects-headers",
    "NEW",
    lambda asked: (
        [
            head(
                "302 Found",
                "Location: /redirect-that-injects-headers/%0d%0aX-Evil:%201\r\nX-Evil: 1",
            )
        ]
        if asked.number == 1
        else [head("400 Bad Request") if "x-evil" in asked.headers else head(), FEED]
    ),
    kept=3,
)
add("redirect-with-control-characters", "TEMP", redirecting("http://public.example/\x0bX-Evil: 1"))
add(
    "redirect-with-credentials",
    "NEW",
    lambda asked: (
        [head("302 Found", "Location: http://me:hunter2@other.example/redirect-with-credentials/2")]
        if asked.number == 1
        else [head("401 Unauthorized") if "authorization" in asked.headers else head(), FEED]
    ),
    kept=3,
)
add(
    "mixed-addresses", "SSRF_DENIED", FEED, address="http://mixed-addresses.example/mixed-addresses"
)
add(
    "rebinding",
    "SSRF_DENIED",
    lambda asked: [head("302 Found", f"Location: /rebinding/{asked.number}")],
)
add(
    "redirect-keeps-no-secret",
    "NEW",
    lambda asked: (
        [head("302 Found", "Location: http://elsewhere.example/redirect-keeps-no-secret/2")]
        if asked.number == 1
        else [head("401 Unauthorized") if "x-key" in asked.headers else head(), FEED]
    ),
    kept=3,
    options='header="X-Key: ${FEED_KEY}"',
)

# --- what tells our secrets back ---

SECRET_OPTIONS = 'header="X-Key: ${FEED_KEY}"'


def _echoing(*lines: str, status: str = "200 OK", body: str = "") -> Play:
    def play(asked: Asked) -> list[Piece]:
        key = asked.headers.get("x-key", "")
        return [
            head(status, *(line.replace("KEY", key) for line in lines)),
            body.replace("KEY", key).encode(),
        ]

    return play


_WITH_KEY = "<description>asked with KEY</description>"
add(
    "secret-in-the-validators",
    "NEW",
    _echoing('ETag: "KEY"', "Last-Modified: KEY", body=FEED.decode()),
    kept=3,
    options=SECRET_OPTIONS,
)
add(
    "secret-in-a-page",
    "NOT_A_FEED",
    _echoing(body=page("No KEY", "You sent KEY").decode()),
    options=SECRET_OPTIONS,
)
add(
    "secret-in-a-cut-feed",
    "NEW",
    _echoing(body=rss([item(1, _WITH_KEY), item(2, _WITH_KEY)]).decode()[:-170]),
    kept=1,
    dropped={"truncated_feed": 1},
    options=SECRET_OPTIONS,
)
add("secret-in-a-broken-header", "TEMP", _echoing("KEY KEY\x01: KEY"), options=SECRET_OPTIONS)
add(
    "secret-in-a-bad-redirect",
    "HARD",
    _echoing("Location: gopher://KEY/", status="302 Found"),
    options=SECRET_OPTIONS,
)
add(
    "secret-in-a-move",
    "NEW",
    lambda asked: (
        [head("301 Moved", f"Location: /secret-in-a-move/{asked.headers['x-key']}")]
        if asked.path.count("/") == 1
        else [head(), FEED]
    ),
    kept=3,
    options=SECRET_OPTIONS,
)
add(
    "secret-in-the-address",
    "HARD",
    answering(b"", "404 Not Found"),
    address="http://secret-in-the-address.example/secret-in-the-address?page=${FEED_KEY}",
)

# --- what it shows instead of a feed ---

COOKIES = (
    "We and our partners use cookies to store personal data for advertising. Accept all. "
    "Reject all. We ask for your consent to process your data with our 812 vendors."
)
add(
    "cookie-wall",
    "WALL",
    page("Before you continue", f"<p>{COOKIES}</p><button>Accept all</button>"),
)
add(
    "consent-page",
    "WALL",
    page("Privacy settings", f"<form action='https://consent.google.com/save'>{COOKIES}</form>"),
)
add(
    "login-page",
    "WALL",
    page("Log in", "<form>Name <input name=u> Password <input type=password></form>"),
)
add(
    "bot-challenge",
    "WALL",
    page(
        "Just a moment...",
        "<div id='challenge-stage'>Enable JavaScript and cookies to continue</div>",
    ),
)
add(
    "cf-mitigated-403",
    "WALL",
    answering(page("Just a moment...", ""), "403 Forbidden", "cf-mitigated: challenge"),
)
add("cf-mitigated-503", "WALL", answering(b"", "503 Busy", "CF-Mitigated: Challenge"))
add(
    "home-page",
    "NOT_A_FEED",
    page("Harbour news", "<h1>News</h1>" + "<p>A ferry was late again today.</p>" * 200),
)
add(
    "html-labelled-feed",
    "NOT_A_FEED",
    answering(
        page("Oops", "<p>Something went wrong.</p>"), "200 OK", "Content-Type: application/rss+xml"
    ),
)
add("json-error", "NOT_A_FEED", b'{"error": {"code": 429, "message": "rate limit"}}')
add("json-lines", "NOT_A_FEED", b'{"a": 1}\n{"a": 2}\n')
add("plain-words", "NOT_A_FEED", b"Too many connections to the database.")
add("a-picture", "NOT_A_FEED", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20)
add("random-bytes", "NOT_A_FEED", random.Random(1).randbytes(50_000))
add("other-xml", "NOT_A_FEED", XML + b"<catalogue><book>One</book></catalogue>")
add("empty-body", "EMPTY", b"")
add("white-space", "EMPTY", b" \r\n\t" * 5000)
add("feed-without-items", "EMPTY", rss(0))
add("items-that-say-nothing", "EMPTY", rss(["<item><guid>1</guid></item>"] * 4))
add("nul-bytes-only", "NOT_A_FEED", b"\0" * 5000)

# --- what is wrong with the feed ---

add("nul-bytes-inside", "NEW", FEED.replace(b"harbour", b"har\0bour"), kept=3)
add("control-characters", "NEW", FEED.replace(b"harbour", b"\x1b[31mhar\x07bour\x7f"), kept=3)
add("utf-16", "NEW", rss(3, b"").decode().encode("utf-16"), kept=3)
add("utf-16-without-a-mark", "NEW", rss(3, b"").decode().encode("utf-16-le"), kept=3)
add(
    "windows-1252-labelled-utf-8",
    "NEW",
    answering(
        rss([item(1, "<description>\u201cD\u00e9j\u00e0 vu\u201d at the caf\u00e9</description>")])
        .decode()
        .encode("cp1252"),
        "200 OK",
        "Content-Type: text/xml; charset=utf-8",
    ),
    kept=1,
)
add("cut-in-half", "NEW", FEED[: len(FEED) * 3 // 5], kept=1, dropped={"truncated_feed": 1})
add("two-feeds-in-one", "NEW", FEED + FEED, kept=3, known=3)
add("junk-before", "NEW", b"<br />\n<b>Warning</b>: mysql_connect()\n" + FEED, kept=3)
add("unclosed-item", "NEW", FEED.replace(b"</item>", b"", 1), kept=3)
LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
add(
    "billion-laughs",
    "SOFT",
    rss(
        [item(1, "<description>&l9;</description>")],
        XML + f'<!DOCTYPE r [<!ENTITY l0 "lol">{LAUGHS}]>'.encode(),
    ),
)
add(
    "quadratic-blowup",
    "SOFT",
    rss(
        [item(1, f"<description>{'&a;' * 20_000}</description>")],
        XML + b'<!DOCTYPE r [<!ENTITY a "' + b"A" * 50_000 + b'">]>',
    ),
)
add(
    "short-entity-used-often",
    "SOFT",
    rss(
        [item(1, f"<description>{'&a;' * 90_000}</description>")],
        XML + b'<!DOCTYPE r [<!ENTITY a "' + b"A" * 60 + b'">]>',
    ),
)
for name, target in (("file", "file:///etc/passwd"), ("http", "http://169.254.169.254/latest/")):
    add(
        f"external-entity-{name}",
        "SOFT",
        rss(
            [item(1, "<description>&x;</description>")],
            XML + f'<!DOCTYPE r [<!ENTITY x SYSTEM "{target}">]>'.encode(),
        ),
    )
add("external-dtd", "NEW", rss(3, XML + b'<!DOCTYPE rss SYSTEM "http://10.0.0.5/rss.dtd">'), kept=3)
add(
    "parameter-entity",
    "NEW",
    rss(3, XML + b'<!DOCTYPE rss [<!ENTITY % x SYSTEM "http://10.0.0.5/"> %x;]>'),
    kept=3,
)
add(
    "plain-dtd",
    "NEW",
    rss(3, XML + b'<!DOCTYPE rss PUBLIC "-//Netscape//DTD RSS 0.91//EN" "x.dtd">'),
    kept=3,
)
add(
    "a-hundred-thousand-items",
    "NEW",
    answering(lambda: rss(map("<item><title>t{}</title></item>".format, range(100_000)))),
    kept=5000,
    dropped={"too_many_entries": 95_000},
)
add("a-million-tags", "TOO_BIG", answering(lambda: rss([item(1, "<x></x>" * 500_000)])))
add(
    "nested-100000-deep",
    "NEW",
    answering(lambda: rss([item(1, "<x>" * 50_000 + "</x>" * 50_000), item(2)])),
    kept=2,
)
add(
    "items-in-items",
    "NEW",
    answering(lambda: rss(["<item><title>t</title>"] * 2000)),
    kept=1,
    known=1999,
)
add(
    "a-hundred-thousand-attributes",
    "NEW",
    answering(
        lambda: rss(
            [item(1, "<x " + " ".join(f'a{n}="v"' for n in range(100_000)) + "/>"), item(2)]
        )
    ),
    kept=2,
)
add(
    "attributes-in-many-tags",
    "NEW",
    answering(
        lambda: rss(
            [item(1, ("<x " + " ".join(f'a{n}="v"' for n in range(3000)) + "/>") * 100), item(2)]
        )
    ),
    kept=2,
)
add(
    "ten-thousand-categories",
    "NEW",
    rss([item(1, "".join(f"<category>c{n}</category>" for n in range(10_000)))]),
    kept=1,
)
add(
    "ten-thousand-authors",
    "NEW",
    rss([item(1, "".join(f"<dc:creator>c{n}</dc:creator>" for n in range(10_000)))]),
    kept=1,
)
add(
    "author-of-a-megabyte",
    "NEW",
    answering(lambda: rss([item(1, f"<author>{'a' * 1_000_000}</author>")])),
    kept=1,
)
add(
    "author-of-many-addresses",
    "NEW",
    answering(lambda: rss([item(1, f"<author>{'a@b.c ' * 100_000}</author>")])),
    kept=1,
)
add(
    "title-of-a-megabyte",
    "NEW",
    answering(lambda: rss([f"<item><title>{'word ' * 200_000}</title></item>"])),
    kept=1,
)
add(
    "date-of-a-megabyte",
    "NEW",
    answering(lambda: rss([item(1, f"<pubDate>{'1 ' * 500_000}</pubDate>")])),
    kept=1,
)
add(
    "unclosed-tags",
    "NEW",
    answering(lambda: rss([item(1, "<description>" + "<a <b " * 20_000), item(2)])),
    kept=1,
    dropped={"malformed_feed": 1},
)
add("no-guids", "NEW", FEED.replace(b"<guid>", b"<!--").replace(b"</guid>", b"-->"), kept=3)
add(
    "no-guids-no-links",
    "NEW",
    rss([f"<item><title>Story {n}</title></item>" for n in range(4)]),
    kept=4,
)
add("duplicate-guids", "NEW", rss([item(n).replace(f"g{n}", "same") for n in range(10)]), kept=10)
add("the-same-item-ten-times", "NEW", rss([item(1)] * 10), kept=1, known=9)
add(
    "the-same-link-for-all",
    "NEW",
    rss([item(n).replace(f"news.example/{n}", "news.example/") for n in range(10)]),
    kept=10,
)
add("undated", "NEW", FEED, kept=3)
add(
    "impossible-dates",
    "NEW",
    rss(
        [
            item(n, f"<pubDate>{date}</pubDate>")
            for n, date in enumerate(
                (
                    "Fri, 31 Dec 9999 23:59:59 AKST",
                    "Mon, 01 Jan 0001 00:00:00 KST",
                    "Thu, 32 Foo 2024 25:61:61 GMT",
                    "0001-01-01T00:00:00+23:59",
                    "9999-12-31T23:59:59-23:59",
                    "99999999999999999999",
                    "NaN",
                    "-1",
                    "2999-01-01",
                    "\u0661\u0662 \u0645\u0627\u064a\u0648",
                    "1 Mar 26",
                    "2024-02-30T00:00:00Z",
                    "",
                )
            )
        ]
    ),
    kept=13,
)
add(
    "impossible-json-dates",
    "NEW",
    json_feed(
        [
            {"id": str(n), "title": "t", "date_published": date}
            for n, date in enumerate(
                ("9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", 1e308, [], "x")
            )
        ]
    ),
    kept=5,
)
add(
    "hostile-links",
    "NEW",
    rss(
        [
            f"<item><title>t{n}</title><link>{link}</link></item>"
            for n, link in enumerate(
                (
                    "javascript:alert(1)",
                    "data:text/html,x",
                    "file:///etc/passwd",
                    "http://[",
                    "/relative",
                    "//host.example/x",
                    "http://169.254.169.254/",
                    "http://" + "a" * 5000,
                    "\u202ehttp://x",
                    " ",
                    "mailto:x@y.z",
                )
            )
        ]
    ),
    kept=11,
)
add(
    "atom-with-deleted-entries",
    "NEW",
    atom(
        '<entry><title>One</title><id>1</id><link href="https://news.example/1"/></entry>'
        '<at:deleted-entry ref="2" when="2024-05-01T00:00:00Z"/>'
        '<at:deleted-entry ref="3" when="x"/>'
    ),
    kept=1,
)
add(
    "rdf",
    "NEW",
    XML
    + b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/">'
    b"<channel><title>H</title></channel><item><title>A</title><link>https://news.example/a</link></item>"
    b"<item><title>B</title><link>https://news.example/b</link></item></rdf:RDF>",
    kept=2,
)
add(
    "xml-base-of-a-file",
    "NEW",
    atom('<entry xml:base="file:///etc/"><title>A</title><link href="passwd"/></entry>'),
    kept=1,
)
add(
    "json-feed-of-wrong-types",
    "NEW",
    json_feed(
        [
            1,
            None,
            "x",
            [],
            {},
            {"title": ["a"]},
            {"title": {"value": "b"}},
            {"id": {"x": 1}, "content_html": 5},
            {"title": "t", "url": {"href": 7}, "authors": 5, "tags": 1, "date_published": {}},
        ],
        authors="x",
        home_page_url=[],
    ),
    kept=4,
    dropped={"bad_item": 4, "empty_entry": 1},
)
add(
    "json-feed-nested-100000-deep",
    "SOFT",
    b'{"version":"https://jsonfeed.org/version/1.1","items":' + b"[" * 100_000,
)
add(
    "json-feed-values-900-deep",
    "NEW",
    json_feed([{"title": "t"}, {"title": "u", "summary": "DEEP"}]).replace(
        b'"DEEP"', b'{"value":' * 900 + b"1" + b"}" * 900
    ),
    kept=2,
)
add(
    "json-feed-items-900-deep",
    "NEW",
    json_feed([{"title": "t"}, "DEEP"]).replace(b'"DEEP"', b"[" * 900 + b"]" * 900),
    kept=1,
    dropped={"bad_item": 1},
)
add(
    "json-feed-half-characters",
    "NEW",
    json_feed([{"title": "\ud800x", "id": "\udfff", "url": "http://\ud800"}]),
    kept=1,
)
add(
    "json-feed-huge-number",
    "SOFT",
    json_feed([{"title": "t", "id": "N"}]).replace(b'"N"', b"9" * 5000),
)
add("json-feed-items-that-are-none", "NOT_A_FEED", json_feed({"title": "t"}))

# --- lists of feeds ---

SITEMAP_URL = (
    "<url><loc>https://news.example/{0}</loc><news:news><news:title>Story {0}</news:title>"
    "<news:publication_date>2024-05-01</news:publication_date></news:news></url>"
)
add(
    "news-sitemap",
    "NEW",
    sitemap("".join(SITEMAP_URL.format(n) for n in range(3)) + "<url><loc>x</loc></url>"),
    kept=3,
    dropped={"no_title": 1},
)
add(
    "news-sitemap-cut-off",
    "NEW",
    sitemap("".join(SITEMAP_URL.format(n) for n in range(3)))[:-60],
    kept=2,
    dropped={"truncated_feed": 1},
)
add(
    "news-sitemap-with-entities",
    "SOFT",
    sitemap(SITEMAP_URL.format(1)).replace(XML, XML + b'<!DOCTYPE u [<!ENTITY a "b">]>'),
)
add(
    "sitemap-without-news",
    "NOT_A_FEED",
    b'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"><url><loc>https://a/</loc></url></urlset>',
)
add(
    "opml-listing-itself",
    "NEW",
    opml(["http://opml-listing-itself.example/opml-listing-itself"]),
    kept=1,
)
add(
    "opml-without-end",
    "NEW",
    lambda asked: [
        head(),
        opml([f"http://opml-without-end.example/opml-without-end/{asked.number}"]),
    ],
    kept=1,
)
add(
    "opml-of-20000-feeds",
    "TOO_BIG",
    answering(lambda: opml(f"http://f{n}.example/" for n in range(20_000))),
)
add(
    "opml-of-bad-addresses",
    "NEW",
    opml(
        (
            "file:///etc/passwd",
            "/etc/passwd",
            "javascript:1",
            "http://[bad",
            "http://10.0.0.7/inside",
            "ftp://a.example/",
        )
    ),
    kept=1,
)
add(
    "opml-naming-variables",
    "NEW",
    opml(
        (
            "http://variables.example/variables?home=${HOME}&amp;key=${FEED_KEY}",
            "http://variables.example/variables header=&quot;X-Key: ${FEED_KEY}&quot;",
        )
    ),
    kept=2,
)
add(
    "opml-with-entities",
    "SOFT",
    opml(["http://a.example/"]).replace(XML, XML + b'<!DOCTYPE o [<!ENTITY a "b">]>'),
)
add("opml-of-nothing", "EMPTY", opml([]))
INDEX = '<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{}</sitemapindex>'
add(
    "sitemap-index-of-private-and-own-addresses",
    "NEW",
    INDEX.format(
        "".join(
            f"<sitemap><loc>{url}</loc></sitemap>"
            for url in (
                "http://10.0.0.6/news.xml",
                "/sitemap-index-of-private-and-own-addresses?news",
                "file:///etc/news",
            )
        )
    ).encode(),
    kept=2,
)
add(
    "sitemap-index-of-bad-addresses",
    "EMPTY",
    INDEX.format(
        "<sitemap><loc>http://[bad</loc></sitemap><sitemap><loc>//[</loc></sitemap>"
    ).encode(),
)

# What lists name, and what is asked for in tests of their own.
HELPERS: dict[str, Play] = {
    "variables": answering(FEED),
    "latest": answering(FEED),
    "good": lambda asked: [head(), rss([item(int(asked.path.rpartition("/")[2]))])],
}
