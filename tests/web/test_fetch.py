import base64
import gzip
import itertools
import shutil
import socket
import ssl
import subprocess
from functools import partial

import brotli
import httpx
import pytest
import zstandard

from transforms._shared.web.fetch import ElsewhereError, Fetched, FetchError, HttpFetcher

RSS = b"<rss><channel><title>Harbour news</title></channel></rss>"
PUBLIC = "93.184.216.34"
NAMES = {
    "public.example": [PUBLIC],
    "other.example": ["93.184.216.35"],
    "inside.example": ["10.0.0.5"],
    "metadata.example": ["169.254.169.254"],
    "mapped.example": ["::ffff:127.0.0.1"],
    "mixed.example": [PUBLIC, "127.0.0.1"],
    "127.0.0.1": ["127.0.0.1"],
    "::1": ["::1"],
}


def resolve(host, port):
    return NAMES[host]


local = partial(HttpFetcher, allow_private=True)


def refused(fetcher, url, **options) -> FetchError:
    with pytest.raises(FetchError) as caught:
        fetcher.fetch(url, **options)
    return caught.value


@pytest.fixture
def fetcher(to_server):
    return HttpFetcher(resolver=resolve, backend=to_server)


def test_an_answer_comes_with_its_type_and_charset(server):
    url = server.answer("/feed", RSS, Content_Type='application/rss+xml; charset="UTF-8"')
    assert local().fetch(url) == Fetched(
        url=url,
        content=RSS,
        content_type='application/rss+xml; charset="UTF-8"',
        charset="utf-8",
        received_bytes=len(RSS),
    )


def test_an_answer_without_a_type_has_none(server):
    fetched = local().fetch(server.answer("/feed", RSS))
    assert (fetched.content_type, fetched.charset) == ("", "")


def test_a_request_says_who_asks_and_sends_nothing_else(server, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    local().fetch(server.answer("/feed?a=1&b=%20", RSS) + "#part")
    (request,) = server.requests
    first, *headers = request.strip().split("\r\n")
    assert first == "GET /feed?a=1&b=%20 HTTP/1.1"
    fields = dict(line.split(": ", 1) for line in headers)
    assert sorted(fields) == ["Accept", "Accept-Encoding", "Host", "User-Agent"]
    assert fields["Accept-Encoding"] == "gzip, br, zstd"
    assert fields["User-Agent"].startswith("newsevents/")
    assert fields["User-Agent"].endswith(" (+feed reader)")


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(gzip.compress(RSS), id="one-member"),
        pytest.param(gzip.compress(RSS[:9]) + gzip.compress(RSS[9:]), id="two-members"),
        pytest.param(RSS, id="only-labelled"),
    ],
)
def test_gzip_is_taken_off(server, body):
    url = server.answer("/feed", body, Content_Encoding="gzip")
    assert local().fetch(url).content == RSS


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("br", brotli.compress(RSS)),
        ("br", RSS),
        ("zstd", zstandard.compress(RSS)),
        ("zstd", zstandard.compress(RSS[:9]) + zstandard.compress(RSS[9:])),
        ("zstd", RSS),
        ("gzip, br", brotli.compress(gzip.compress(RSS))),
        ("identity", RSS),
        ("gzip", gzip.compress(RSS) + b"\0\0\0"),
        ("gzip", b""),
    ],
)
def test_other_encodings_are_taken_off(server, encoding, body):
    url = server.answer("/feed", body, Content_Encoding=encoding)
    assert local().fetch(url).content == (RSS if body else b"")


def test_a_gzip_file_that_is_no_encoding_stays_packed(server):
    packed = gzip.compress(RSS)
    assert local().fetch(server.answer("/feed.gz", packed)).content == packed


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        pytest.param("gzip", gzip.compress(RSS)[:-9], id="cut-off"),
        pytest.param("gzip", b"\x1f\x8b\x08junk-junk-junk", id="damaged"),
        pytest.param("br", brotli.compress(RSS)[:-2], id="br-cut-off"),
        pytest.param("br", b"junk-junk-junk", id="br-damaged"),
        pytest.param("zstd", zstandard.compress(RSS)[:-2], id="zstd-cut-off"),
        pytest.param("zstd", b"\x28\xb5\x2f\xfdjunk", id="zstd-damaged"),
        pytest.param("compress", RSS, id="not-asked-for"),
        pytest.param("gzip, gzip, gzip", RSS, id="too-many"),
    ],
)
def test_a_broken_encoding_is_refused(server, encoding, body):
    url = server.answer("/feed", body, Content_Encoding=encoding)
    assert refused(local(), url).reason == "broken_encoding"


@pytest.mark.parametrize(
    ("status", "replayable"),
    [("404 Not Found", False), ("410 Gone", False), ("429 Slow", True), ("503 Busy", True)],
)
def test_other_statuses_are_refused(server, status, replayable):
    error = refused(local(), server.answer("/feed", RSS, status=status))
    assert (error.reason, error.replayable) == ("http_status", replayable)
    assert status[:3] in error.message


def test_a_redirect_without_a_target_is_a_status(server):
    assert refused(local(), server.answer("/", status="302 Found")).reason == "http_status"


@pytest.mark.parametrize(
    "url", ["ftp://a.example/", "file:///etc/passwd", "gopher://x/", "feed", ""]
)
def test_only_http_is_fetched(fetcher, url):
    assert refused(fetcher, url).reason == "unsupported_scheme"


def test_a_url_that_cannot_be_parsed_is_refused(fetcher):
    assert refused(fetcher, "http://a.example:port/").reason == "bad_url"
    assert refused(fetcher, "http://xn--\udcff.example/").reason == "bad_url"


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See", "307 Temp", "308 Perm"])
def test_redirects_are_followed(server, fetcher, to_server, status):
    server.answer("/old", status=status, Location="https-less/../new?x=1#top")
    server.answer("/new?x=1", RSS)
    assert fetcher.fetch("http://public.example/old").url == "http://public.example/new?x=1"
    assert to_server.addresses == [PUBLIC, PUBLIC]


def test_a_redirect_may_lead_to_another_public_host(server, fetcher, to_server):
    server.answer("/old", status="301 Moved", Location="http://other.example/new")
    server.answer("/new", RSS)
    assert fetcher.fetch("http://public.example/old").url == "http://other.example/new"
    assert to_server.addresses == [PUBLIC, "93.184.216.35"]


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("http://inside.example/", "private_address"),
        ("http://metadata.example/latest", "private_address"),
        ("http://mapped.example/", "private_address"),
        ("http://mixed.example/", "private_address"),
        ("http://127.0.0.1/", "private_address"),
        ("http://[::1]:8080/", "private_address"),
        ("file:///etc/passwd", "unsupported_scheme"),
        ("ftp://public.example/", "unsupported_scheme"),
        ("http://a.example:port/", "bad_url"),
    ],
)
def test_a_redirect_to_somewhere_forbidden_is_not_followed(
    server, fetcher, to_server, target, reason
):
    server.answer("/old", status="302 Found", Location=target)
    assert refused(fetcher, "http://public.example/old").reason == reason
    assert to_server.addresses == [PUBLIC]


@pytest.mark.parametrize("host", ["inside.example", "mixed.example", "127.0.0.1"])
def test_a_private_address_takes_the_operators_word(server, fetcher, to_server, host):
    server.answer("/feed", RSS)
    error = refused(fetcher, f"http://{host}/feed")
    assert (error.reason, to_server.addresses) == ("private_address", [])
    fetcher.allow_private = True
    assert fetcher.fetch(f"http://{host}/feed").content == RSS


@pytest.mark.parametrize(
    "address",
    ["169.254.169.254", "fe80::1", "fd00:ec2::254", "::ffff:169.254.169.254", "0.0.0.0", "::",  # noqa: S104
     "64:ff9b::a9fe:a9fe", "64:ff9b:1::a9fe:a9fe", "168.63.129.16", "fd20:ce::254",
     "224.0.0.1", "100.100.100.200", "no address"],
)  # fmt: skip
def test_the_metadata_of_a_cloud_is_never_reached(to_server, address):
    fetcher = HttpFetcher(allow_private=True, resolver=lambda *_: [address], backend=to_server)
    assert refused(fetcher, "http://a.example/").reason == "private_address"
    assert to_server.addresses == []


def test_the_connection_goes_to_the_address_that_was_checked(server, to_server):
    server.answer("/feed", RSS)
    answers = iter([[PUBLIC], ["127.0.0.1"]])
    fetcher = HttpFetcher(resolver=lambda host, port: next(answers), backend=to_server)
    fetcher.fetch("http://rebinding.example/feed")
    assert to_server.addresses == [PUBLIC]


@pytest.mark.parametrize(
    ("statuses", "moved"),
    [
        (("301 Moved", "308 Perm"), True),
        (("301 Moved", "302 Found"), False),
        (("307 Temp", "301 Moved"), False),
    ],
)
def test_a_feed_has_moved_when_every_redirect_says_so(server, fetcher, statuses, moved):
    server.answer("/0", status=statuses[0], Location="/1")
    server.answer("/1", status=statuses[1], Location="/2")
    server.answer("/2", RSS)
    fetched = fetcher.fetch("http://public.example/0")
    assert fetched.moved_to == ("http://public.example/2" if moved else "")


def test_a_redirect_to_another_host_can_be_left_to_the_caller(server, fetcher):
    server.answer("/a", status="302 Found", Location="/b")
    server.answer("/b", status="302 Found", Location="http://other.example/c?token=x#y")
    with pytest.raises(ElsewhereError) as caught:
        fetcher.fetch("http://public.example/a", follow_elsewhere=False)
    assert caught.value.location == "http://other.example/c?token=x"
    assert "token=REDACTED" in caught.value.message
    assert len(server.requests) == 2


def test_redirects_in_a_circle_end_at_once(server, fetcher):
    server.answer("/0", status="302 Found", Location="/1")
    server.answer("/1", status="302 Found", Location="/0")
    assert refused(fetcher, "http://public.example/0").reason == "too_many_redirects"
    assert len(server.requests) == 2


def test_own_headers_go_to_the_server_that_was_asked_only(server, fetcher):
    server.answer("/a", status="302 Found", Location="/b")
    server.answer("/b", status="302 Found", Location="http://other.example/c")
    server.answer("/c", RSS)
    fetcher.fetch("http://public.example/a", [("If-None-Match", '"x"')])
    assert ['If-None-Match: "x"' in request for request in server.requests] == [True, True, False]


def test_not_modified_is_an_answer(server):
    url = server.answer("/feed", status="304 Not Modified", ETag='"x"')
    fetched = local().fetch(url)
    assert (fetched.status, fetched.content, fetched.headers["etag"]) == (304, b"", '"x"')


def test_a_failure_says_what_the_server_said(server):
    url = server.answer("/feed", status="429 Slow", Retry_After="120", Set_Cookie="id=1")
    error = refused(local(), url)
    assert (error.status, error.headers) == (429, {"retry-after": "120"})


def test_the_number_of_redirects_is_bounded(server, to_server):
    for n in range(4):
        server.answer(f"/{n}", status="302 Found", Location=f"/{n + 1}")
    server.answer("/4", RSS)
    patient = HttpFetcher(max_redirects=4, resolver=resolve, backend=to_server)
    assert patient.fetch("http://public.example/0").content == RSS
    hasty = HttpFetcher(max_redirects=3, resolver=resolve, backend=to_server)
    assert refused(hasty, "http://public.example/0").reason == "too_many_redirects"


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        pytest.param({}, b"x" * 1001, id="body"),
        pytest.param({"Content_Length": "1001"}, b"", id="announced"),
        pytest.param({"Content_Encoding": "gzip"}, gzip.compress(b"x" * 1001), id="unpacked"),
        pytest.param({"Content_Encoding": "gzip"}, gzip.compress(b"x" * 10**7), id="bomb"),
        pytest.param({"Content_Encoding": "gzip"}, gzip.compress(b"x") * 100, id="packed"),
    ],
)
def test_a_large_answer_is_refused(server, headers, body):
    url = server.answer("/feed", body, **headers)
    assert refused(local(max_bytes=1000), url).reason == "too_large"


def test_an_answer_of_just_the_largest_size_is_taken(server):
    url = server.answer("/feed", b"x" * 1000)
    assert len(local(max_bytes=1000).fetch(url).content) == 1000
    url = server.answer("/feed", gzip.compress(b"x" * 1000), Content_Encoding="gzip")
    assert len(local(max_bytes=1000).fetch(url).content) == 1000


class TickingClock:
    """A clock on which every look costs seconds."""

    def __init__(self, seconds: float) -> None:
        self.now = 0.0
        self.seconds = seconds

    def __call__(self) -> float:
        self.now += self.seconds
        return self.now


def test_a_body_that_drips_on_meets_the_deadline(server):
    server.answers["/"] = itertools.chain([b"HTTP/1.1 200 OK\r\n\r\n"], itertools.repeat(b"x" * 99))
    fetcher = local(timeout_seconds=30, max_bytes=10**9, monotonic=TickingClock(1))
    error = refused(fetcher, server.url + "/")
    assert (error.reason, error.replayable) == ("deadline", True)


def test_headers_that_drip_on_meet_the_deadline(server):
    server.answers["/"] = itertools.chain([b"HTTP/1.1 200 OK\r\n"], itertools.repeat(b"A: b\r\n"))
    fetcher = local(timeout_seconds=30, monotonic=TickingClock(7))
    assert refused(fetcher, server.url + "/").reason == "deadline"


def test_redirects_share_one_deadline(server, to_server):
    for n in range(20):
        server.answer(f"/{n}", status="302 Found", Location=f"/{n + 1}")
    fetcher = HttpFetcher(
        timeout_seconds=30,
        max_redirects=99,
        resolver=resolve,
        monotonic=TickingClock(1),
        backend=to_server,
    )
    assert refused(fetcher, "http://public.example/0").reason == "deadline"
    assert 1 < len(server.requests) < 20


def test_a_server_that_says_nothing_meets_the_deadline(server):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        assert refused(local(timeout_seconds=0.1), url).reason == "deadline"


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"", id="closed-at-once"),
        pytest.param(b"this is no http\r\n\r\n", id="no-http"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nshort", id="cut-off"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", id="bad-length"),
    ],
)
def test_a_broken_answer_is_a_failed_connection(server, answer):
    server.answers["/"] = [answer]
    error = refused(local(), server.url + "/")
    assert (error.reason, error.replayable) == ("connection_failed", True)


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is needed to make a certificate")
def test_the_certificate_has_to_be_trusted_and_for_the_name_in_the_url(
    server, fetcher, tmp_path, monkeypatch
):
    key, certificate = str(tmp_path / "key.pem"), str(tmp_path / "certificate.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x", "-addext",
         "subjectAltName=DNS:public.example", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    server.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.tls.load_cert_chain(certificate, key)
    server.answer("/", RSS)

    error = refused(fetcher, "https://public.example/")
    assert (error.reason, "self-signed" in error.message) == ("tls_failed", True)

    trusting = ssl.create_default_context(cafile=certificate)
    monkeypatch.setattr(httpx, "create_ssl_context", lambda trust_env: trusting)
    other = HttpFetcher(resolver=resolve, backend=fetcher.backend)
    assert other.fetch("https://public.example/").content == RSS
    error = refused(other, "https://other.example/")
    assert (error.reason, "mismatch" in error.message) == ("tls_failed", True)


def test_a_closed_port_is_a_failed_connection(to_server):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
    assert refused(local(), f"http://127.0.0.1:{port}/").reason == "connection_failed"


def test_the_next_address_is_tried_when_one_does_not_answer(server):
    server.answer("/feed", RSS)
    # Nothing listens on the second loopback address.
    fetcher = local(resolver=lambda host, port: ["127.0.0.2", "127.0.0.1"])
    assert fetcher.fetch(f"http://two.example:{server.port}/feed").content == RSS


def test_login_goes_to_its_own_host_only(server, fetcher):
    server.answer("/a", status="302 Found", Location="/b")
    server.answer("/b", status="302 Found", Location="http://evil:pw@other.example/c")
    server.answer("/c", RSS)
    fetched = fetcher.fetch("http://us%65r:p%40ss@public.example/a")
    login = "Authorization: Basic " + base64.b64encode(b"user:p@ss").decode()
    assert [login in request for request in server.requests] == [True, True, False]
    assert "Authorization" not in server.requests[2]
    assert fetched.url == "http://other.example/c"


def test_messages_never_hold_credentials(server):
    url = server.answer("/feed?token=hidden&page=2", status="503 Busy")
    error = refused(local(), url.replace("http://", "http://user:hidden@"))
    assert "hidden" not in error.message
    assert "/feed?token=REDACTED&page=2" in error.message


def test_a_post_gives_the_status_and_reads_no_answer(server):
    server.answers["/in"] = itertools.chain(
        [b"HTTP/1.1 202 Accepted\r\nContent-Length: 99999999999\r\n\r\n"], [b"x"] * 10
    )
    assert local(timeout_seconds=5.0).post(server.url + "/in", b"hello", [("X-A", "b")]) == 202
    (request,) = server.requests
    assert request.startswith("POST /in HTTP/1.1\r\n")
    assert request.endswith("\r\n\r\nhello")
    assert "X-A: b\r\n" in request


@pytest.mark.parametrize(
    ("status", "replayable"),
    [("503 Busy", True), ("429 Slow", True), ("408 Late", True), ("400 No", False),
     ("302 Found", False), ("204 No Content", None)],
)  # fmt: skip
def test_a_post_that_is_not_taken_says_whether_to_try_again(server, status, replayable):
    url = server.answer("/in?secret=1", status=status, Retry_After="7")
    if replayable is None:
        assert local().post(url, b"", []) == 204
        return
    with pytest.raises(FetchError) as caught:
        local().post(url, b"", [])
    error = caught.value
    assert (error.reason, error.status) == ("http_status", int(status[:3]))
    assert error.replayable is replayable
    assert error.headers["retry-after"] == "7"
    assert "secret" not in str(error)


def test_a_post_to_an_address_inside_is_refused(fetcher, server):
    with pytest.raises(FetchError) as caught:
        fetcher.post("http://inside.example/path", b"", [])
    assert caught.value.reason == "private_address"
    assert "/path" not in str(caught.value)
    assert server.requests == []
