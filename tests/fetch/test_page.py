import gzip
from datetime import datetime, timezone
from functools import partial

import pytest

from transforms._shared.web.fetch import PAGE_TYPES, ElsewhereError, HttpFetcher
from transforms._shared.web.politeness import Politeness
from transforms.fetch.page import PageGetter
from transforms.fetch.robots import RobotsRules

NOON = datetime(2026, 3, 2, 12, tzinfo=timezone.utc)
SENTENCE = "The council of Pellworth voted on the new ferry pier, and the mayor spoke for an hour. "
STORY = "https://town.example/story"


def outcome_of(getter, url=STORY):
    got = getter.get(url)
    page = got.whole()
    assert (page.html == "") == (page.outcome != "fetched") == (not got.text_hash)
    assert page.fetched_at == NOON
    return page.outcome, page.access_state


def refresh_to(target, seconds=0):
    return f'<meta http-equiv="refresh" content="{seconds};url={target}">'


def test_a_page_comes_with_what_is_known_of_it(web, getter, html_page):
    html = html_page(head='<link rel="canonical" href="/story-of-the-pier">')
    page = getter.get(web.answer(STORY, html)).whole()
    assert (page.url, page.html, page.outcome) == (STORY, html, "fetched")
    assert page.canonical_link == "https://town.example/story-of-the-pier"
    assert (page.access_state, page.fetched_at) == ("unknown", NOON)
    assert web.requests == ["https://town.example/robots.txt", STORY]
    assert web.accepted[1] == PAGE_TYPES


def test_page_is_held_small(web, getter, html_page):
    got = getter.get(web.answer(STORY, html_page(SENTENCE * 1000)))
    assert got.page.html == ""
    assert len(got.packed) < len(got.whole().html) / 20


def test_secrets_in_addresses_are_redacted(web, getter, html_page):
    url = f"{STORY}?token=abc"
    head = f'<link rel="canonical" href="{url}">'
    page = getter.get(web.answer(url, html_page(head=head))).whole()
    assert page.url == page.canonical_link == f"{STORY}?token=REDACTED"
    failed = getter.get("https://town.example/gone?api_key=abc").page
    assert failed.url == "https://town.example/gone?api_key=REDACTED"


def test_redirects_are_noted(web, getter, html_page):
    web.answer("https://bit.ly/x", html_page(), at=STORY)
    assert getter.get("https://bit.ly/x").page.url == STORY


# What sites allow


def test_robots_is_asked_first_and_kept_to(web, getter, html_page):
    web.answer(STORY, html_page())
    web.answer("https://town.example/robots.txt", "User-agent: *\nDisallow: /story", "text/plain")
    assert outcome_of(getter) == ("robots", "feed_only")
    assert web.pages_asked == []


def test_robots_that_fails_forbids(web, getter, html_page):
    web.answer(STORY, html_page())
    web.fail("https://town.example/robots.txt", status=500)
    assert outcome_of(getter) == ("robots_unreachable", "feed_only")
    assert web.pages_asked == []


def test_a_redirect_does_not_lead_around_robots(web, getter, html_page):
    web.answer("https://bit.ly/x", html_page(), at=STORY)
    web.answer("https://town.example/robots.txt", "User-agent: *\nDisallow: /", "text/plain")
    assert outcome_of(getter, "https://bit.ly/x") == ("robots", "feed_only")


def test_crawl_delay_is_kept(web, getter, html_page, clock):
    web.answer("https://town.example/robots.txt", "User-agent: *\nCrawl-delay: 20", "text/plain")
    web.answer(STORY, html_page())
    getter.get(STORY)
    assert clock.now == 20  # after robots.txt
    getter.get(STORY)
    assert clock.now == 40


def test_a_host_that_others_lead_to_is_asked_by_its_own_rules(web, getter, html_page, clock):
    web.answer("https://town.example/robots.txt", "User-agent: *\nCrawl-delay: 10\n", "text/plain")
    for n in range(3):
        web.answer(f"{STORY}{n}", html_page(SENTENCE * (4 + n)))
        web.answers[f"https://bit.ly/{n}"] = ElsewhereError(f"{STORY}{n}")
        assert outcome_of(getter, f"https://bit.ly/{n}")[0] == "fetched"
    assert clock.now >= 20


def test_a_host_that_forbids_it_is_not_asked_whoever_leads_there(web, getter, html_page):
    web.answer("https://town.example/robots.txt", "User-agent: *\nDisallow: /\n", "text/plain")
    web.answers["https://bit.ly/x"] = ElsewhereError(STORY)
    assert outcome_of(getter, "https://bit.ly/x") == ("robots", "feed_only")
    assert STORY not in web.requests


def test_hosts_that_lead_to_each_other_end(web, getter):
    web.answers["https://bit.ly/x"] = ElsewhereError(STORY)
    web.answers[STORY] = ElsewhereError("https://bit.ly/x")
    assert outcome_of(getter, "https://bit.ly/x")[0] == "too_many_redirects"


def test_a_long_crawl_delay_means_no_page(web, getter, html_page):
    web.answer("https://town.example/robots.txt", "User-agent: *\nCrawl-delay: 61", "text/plain")
    web.answer(STORY, html_page())
    assert outcome_of(getter) == ("long_crawl_delay", "feed_only")
    assert web.pages_asked == []


@pytest.mark.parametrize(
    ("status", "header", "seconds"),
    [(429, {}, 600), (429, {"retry_after": "45"}, 45), (503, {"retry_after": "30"}, 30)],
)
def test_a_site_that_has_had_enough_is_left_alone(
    web, getter, html_page, clock, status, header, seconds
):
    web.fail(STORY, status=status, **header)
    assert outcome_of(getter)[0] == f"http_{status}"
    other = web.answer("https://www.town.example/other", html_page())
    clock.now += seconds - 1
    assert outcome_of(getter, other) == ("backing_off", "feed_only")
    clock.now += 1
    assert outcome_of(getter, other)[0] == "fetched"


def test_a_site_in_trouble_is_not_left_alone(web, getter, html_page):
    web.fail(STORY, status=503)
    assert outcome_of(getter)[0] == "http_503"
    assert outcome_of(getter, web.answer("https://town.example/b", html_page()))[0] == "fetched"


# Failures and walls


@pytest.mark.parametrize(
    ("status", "access_state"),
    [(401, "blocked"), (402, "paywall"), (403, "blocked"), (404, "feed_only"), (410, "feed_only"),
     (429, "blocked"), (451, "blocked"), (500, "feed_only"), (999, "feed_only")],
)  # fmt: skip
def test_status_says_why_and_what_it_means(web, getter, status, access_state):
    web.fail(STORY, status=status)
    assert outcome_of(getter) == (f"http_{status}", access_state)


@pytest.mark.parametrize(
    "reason",
    ["private_address", "too_large", "deadline", "unknown_host", "connection_failed",
     "too_many_redirects", "broken_encoding", "tls_failed"],
)  # fmt: skip
def test_failed_request_says_why(web, getter, reason):
    web.fail(STORY, reason)
    assert outcome_of(getter) == (reason, "feed_only")


def test_not_modified_is_no_page(web, getter):
    web.answer(STORY, status=304)
    assert outcome_of(getter) == ("http_304", "feed_only")


def test_challenge_of_a_refusal_is_a_wall(web, getter):
    web.fail(STORY, status=403, cf_mitigated="challenge")
    assert outcome_of(getter) == ("bot_wall", "blocked")


@pytest.mark.parametrize(
    ("title", "body", "expected"),
    [
        ("Just a moment...", "<script>_cf_chl_opt={}</script>", ("bot_wall", "blocked")),
        ("Before you continue", "We use cookies. Accept?", ("consent_wall", "consent_wall")),
        ("Log in", "<input type=password>", ("login_wall", "paywall")),
    ],
)
def test_walls_are_no_pages(web, getter, title, body, expected):
    web.answer(STORY, f"<html><head><title>{title}</title></head><body>{body}</body></html>")
    assert outcome_of(getter) == expected


def test_a_wall_that_reloads_is_not_followed(web, getter):
    head = refresh_to("/story?bm-verify=AAQ", 5)
    web.answer(STORY, f"<html><head>{head}</head><body></body></html>")
    assert outcome_of(getter) == ("bot_wall", "blocked")
    assert web.pages_asked == [STORY]


def test_what_nobody_thought_of_is_an_outcome_too(web, getter):
    web.answers[STORY] = RecursionError("too deep")
    assert outcome_of(getter) == ("failed", "feed_only")


@pytest.mark.parametrize("url", ["", "ftp://town.example/a", "http://[broken", "file:///etc/hosts"])
def test_addresses_that_are_none_are_not_asked(web, getter, url):
    assert outcome_of(getter, url) == ("unsupported_scheme", "feed_only")
    assert web.requests == []


# What a page is


@pytest.mark.parametrize(
    ("content", "content_type", "outcome"),
    [
        (b"%PDF-1.7 " + b"x" * 500, "application/pdf", "not_html"),
        (b"%PDF-1.7 <html>" + b"x" * 500, "text/html", "not_html"),
        (b"\x89PNG\r\n\x1a\n" + b"\x00" * 500, "image/png", "not_html"),
        (b"\xff\xd8\xff\xe0" + b"\x00" * 500, "text/html", "not_html"),
        (b"PK\x03\x04" + b"x" * 500, "", "not_html"),
        (b'{"title": "A pier"}' * 20, "application/json", "not_html"),
        (b'{"title": "A pier"}' * 20, "text/html", "not_html"),
        (b"plain words, no markup " * 20, "text/plain", "not_html"),
        (b"<rss><channel><title>A pier</title></channel></rss>", "text/xml", "not_html"),
        (b"", "text/html", "too_small"),
        (b" \r\n\t ", "text/html", "too_small"),
        (b"\x00" * 300, "text/html", "undecodable"),
        (b"<html><body><div id=app></div></body></html>", "text/html", "too_small"),
        (b"<html>" + bytes(range(256)) * 40, "text/html", "undecodable"),
        (b"<p>" + b"x" * 4_194_302, "text/html", "too_large"),
    ],
    ids=["pdf", "pdf called html", "png", "jpeg called html", "zip", "json", "json called html",
         "text", "feed", "empty", "spaces", "nul", "no text", "noise", "large"],
)  # fmt: skip
def test_what_is_no_page_is_not_taken_for_one(web, getter, content, content_type, outcome):
    web.answer(STORY, content, content_type)
    assert outcome_of(getter) == (outcome, "feed_only")


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/xml; q=1", "TEXT/HTML"])
def test_html_is_known_by_its_content_when_the_type_says_little(
    web, getter, html_page, content_type
):
    web.answer(STORY, html_page(), content_type)
    assert outcome_of(getter) == ("fetched", "unknown")


def test_page_without_visible_text_but_with_data_is_kept(web, getter):
    data = '{"@type": "NewsArticle", "articleBody": "The council voted."}'
    web.answer(STORY, f'<html><script type="application/ld+json">{data}</script><body></html>')
    assert outcome_of(getter) == ("fetched", "unknown")


@pytest.mark.parametrize("data", ["{", "[[[", '{"@graph": ' * 5000, "\x00", '"' * 10_000])
def test_broken_data_of_a_page_does_not_matter(web, getter, html_page, data):
    head = f'<script type="application/ld+json">{data}</script>'
    web.answer(STORY, html_page(head=head))
    assert outcome_of(getter)[0] == "fetched"


CAFE = "Das Café der Bürger von Köln öffnet früh und schließt spät. " * 4


@pytest.mark.parametrize(
    ("codec", "head", "charset"),
    [
        ("utf-8-sig", '<meta charset="iso-8859-1">', "latin-1"),
        ("utf-8", '<meta charset="utf-8">', "latin-1"),
        ("latin-1", '<meta http-equiv=Content-Type content="text/html; charset=ISO-8859-1">',
         "utf-8"),
        ("cp1252", "", "windows-1252"),
        ("utf-8", "", "us-ascii"),
        ("utf-16", "", "utf-8"),
        ("cp1252", '<meta charset="utf-8">', "utf-8"),
    ],
    ids=["mark before meta", "meta before header", "meta before header again", "header",
         "lying header", "utf-16", "lying meta and header"],
)  # fmt: skip
def test_charset_is_what_the_bytes_are(web, getter, html_page, codec, head, charset):
    web.answer(STORY, html_page(CAFE, head).encode(codec), charset=charset)
    assert CAFE in getter.get(STORY).whole().html


def test_a_few_nuls_are_taken_out(web, getter, html_page):
    web.answer(STORY, html_page(SENTENCE * 4 + "\x00end"))
    assert "\x00" not in getter.get(STORY).whole().html


# Where a page leads


def test_refresh_is_followed_and_the_last_page_counts(web, getter, html_page):
    web.answer("https://bit.ly/x", f"<html><head>{refresh_to('https://a.example/1')}</head></html>")
    web.answer("https://a.example/1", html_page(head=refresh_to("/2", 10)))
    last = web.answer("https://a.example/2", html_page())
    page = getter.get("https://bit.ly/x").whole()
    assert (page.url, page.outcome) == (last, "fetched")


def test_late_refresh_is_a_reload(web, getter, html_page):
    web.answer(STORY, html_page(head=refresh_to("/other", 11)))
    assert getter.get(STORY).page.url == STORY


def test_more_than_two_refreshes_are_not_followed(web, getter, html_page):
    for number in range(5):
        url = f"https://town.example/{number}"
        web.answer(url, html_page(head=refresh_to(f"/{number + 1}")))
    assert outcome_of(getter, "https://town.example/0") == ("too_many_refreshes", "feed_only")
    assert len(web.pages_asked) == 3


def test_circle_of_refreshes_ends(web, getter, html_page):
    web.answer(STORY, html_page(head=refresh_to("/b")))
    web.answer("https://town.example/b", html_page(head=refresh_to("/story#again")))
    assert outcome_of(getter) == ("refresh_loop", "feed_only")
    assert web.pages_asked == [STORY, "https://town.example/b"]


def test_each_page_on_the_way_is_asked_for_at_its_own_robots(web, getter, html_page):
    web.answer(STORY, html_page(head=refresh_to("https://city.example/b")))
    web.answer("https://city.example/b", html_page())
    web.answer("https://city.example/robots.txt", "User-agent: *\nDisallow: /b", "text/plain")
    assert outcome_of(getter) == ("robots", "feed_only")
    assert web.pages_asked == [STORY]


def test_short_link_that_leads_nowhere_is_no_page(web, getter, html_page):
    web.answer("https://bit.ly/x", html_page())
    assert outcome_of(getter, "https://bit.ly/x") == ("unresolved", "feed_only")


@pytest.mark.parametrize("front", ["https://town.example/", "https://town.example"])
def test_page_that_leads_to_the_front_page_is_gone(web, getter, html_page, front):
    web.answer(STORY, html_page(), at=front)
    assert outcome_of(getter) == ("front_page", "feed_only")


def test_short_link_for_browsers_without_scripts_is_followed(web, getter, html_page):
    head = f"<noscript>{refresh_to(STORY)}</noscript>"
    web.answer("https://t.co/x", f"<html><head>{head}</head><body></body></html>")
    web.answer(STORY, html_page())
    assert getter.get("https://t.co/x").page.url == STORY


# With the real client


@pytest.fixture
def real(server):
    """``real(fetcher)``: gets pages with a real client; the server has no robots.txt."""
    server.answer("/robots.txt", status="404 Not Found")

    def make(fetcher=None):
        client = fetcher or HttpFetcher(allow_private=True, max_bytes=1_000_000)
        politeness = Politeness(pause_seconds=0.0)
        robots = RobotsRules(client, politeness, lambda: 0.0)
        return PageGetter(client, robots, politeness, lambda: NOON)

    return make


def test_real_page_comes_through_redirect_refresh_and_compression(server, real, html_page):
    server.answer("/1", status="302 Found", Location="/2")
    server.answer("/2", html_page(head=refresh_to("/3")).encode(), Content_Type="text/html")
    body = gzip.compress(html_page(CAFE).encode("latin-1"))
    server.answer("/3", body, Content_Type="text/html; charset=iso-8859-1", Content_Encoding="gzip")
    page = real().get(f"{server.url}/1").whole()
    assert (page.url, page.outcome) == (f"{server.url}/3", "fetched")
    assert CAFE in page.html


@pytest.mark.parametrize(
    ("status", "headers", "outcome"),
    [
        ("304 Not Modified", {}, "http_304"),
        ("403 Forbidden", {}, "http_403"),
        ("403 Forbidden", {"cf_mitigated": "challenge"}, "bot_wall"),
        ("404 Not Found", {}, "http_404"),
        ("410 Gone", {}, "http_410"),
        ("429 Too Many Requests", {"Retry_After": "Mon, 02 Mar 2026 12:10:00 GMT"}, "http_429"),
    ],
)
def test_real_failures_say_why(server, real, status, headers, outcome):
    url = server.answer("/a", b"<html>gone</html>", status=status, **headers)
    assert real().get(url).page.outcome == outcome


def test_real_page_larger_than_the_cap_is_not_read(server, real):
    server.answer("/a")
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<p>"
    server.answers["/a"] = [head, *[b"x" * 65_536] * 256]
    assert real().get(f"{server.url}/a").page.outcome == "too_large"


def test_real_bomb_is_not_unpacked(server, real):
    bomb = gzip.compress(b"x" * 50_000_000)
    url = server.answer("/a", bomb, Content_Type="text/html", Content_Encoding="gzip")
    assert real().get(url).page.outcome == "too_large"


def test_refresh_to_a_private_host_is_refused(server, to_server, real, html_page):
    names = {"town.example": ["93.184.216.34"], "inside.example": ["10.0.0.5"]}
    fetcher = HttpFetcher(resolver=lambda host, port: names[host], backend=to_server)
    head = refresh_to("http://inside.example/admin")
    server.answer("/a", html_page(head=head).encode(), Content_Type="text/html")
    page = real(fetcher).get("http://town.example/a").page
    assert (page.outcome, page.access_state) == ("private_address", "feed_only")
    assert set(to_server.addresses) == {"93.184.216.34"}


def test_real_robots_redirect_is_followed(server, real, html_page):
    server.answer("/robots.txt", status="301 Moved", Location="/r.txt")
    server.answer("/r.txt", b"User-agent: newsevents\nDisallow: /a")
    get = partial(real().get)
    url = server.answer("/a", html_page().encode(), Content_Type="text/html")
    assert get(url).page.outcome == "robots"
